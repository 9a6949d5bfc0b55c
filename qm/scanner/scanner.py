"""The scanner: opportunities are born, are told again, and are over."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import isfinite, nan
from typing import Final, NamedTuple

from qm.clock import SECOND
from qm.errors import UsageError
from qm.market.features import Features
from qm.model.events import Check, Entry, Event, Hit, HitEnded, HitRefreshed, HitRejected, SessionStarted, Watched
from qm.model.instrument import SymbolTable
from qm.radar.ranking import Ranking
from qm.scanner.order import largest, values
from qm.scanner.presets import Scan
from qm.scanner.program import Mask, Program

Key = tuple[str, str]
"""Scan and symbol; a find that is alive is not born a second time."""
News = Hit | HitRefreshed | HitEnded


ROOM: Final = ("full", "cooling_off")
"""Why a find was rejected that time alone can mend."""


class Opportunity(NamedTuple):
    """A find that is alive."""

    seq: int
    """`seq` of its Hit."""
    since: int
    """ns UTC."""
    told: float
    """Price at which it was told last, $."""
    rejected: str = ""
    """Why nobody followed it up; empty when somebody did, or nobody was asked yet."""
    told_at: int = 0
    """When it was told last, ns UTC."""
    mark: float | None = None
    """The scan's `rearm_by` when it was told last; None where it is not known, or there is none."""


class Over(NamedTuple):
    """A find that was alive today."""

    at: int
    """ns UTC."""
    told: float
    """Price at which it was told last, $."""
    mark: float | None = None
    """The scan's `rearm_by` when it was told last."""


class _Alive(NamedTuple):
    """The finds of one scan that are alive, in columns, in the order in which they were born."""

    table: SymbolTable
    symbols: list[str]
    rows: list[int]
    since: list[int]


class Scanner:
    """Asks every scan at every beat that it wants, and keeps the opportunities that are alive.

    A find lives for at least its scan's `hold_s`, and is over the first time after that at which the scan is asked and
    the condition does not hold, its looser limits where it has some. While it holds nothing is stated, unless since it
    was told last its price has risen by `rearm_pct`, its scan's `rearm_by` has grown, or `rearm_s` have passed.
    Everything that decides is in the entries and in the market of the beat: a scanner that was folded from the journal
    goes on exactly as the one that wrote it.
    """

    def __init__(self, scans: Sequence[Scan]) -> None:
        self.scans = tuple(scans)
        self._active: dict[str, dict[str, Opportunity]] = {scan.name: {} for scan in self.scans}
        """By scan and symbol."""
        if len(self._active) != len(self.scans):
            raise UsageError("Two scans have the same name.", "List each scan once.")
        # Most scans have one limit to each comparison: they are asked once for both.
        self._staying = {scan.name: scan.condition.staying() for scan in self.scans}
        self._alike = {scan.name for scan in self.scans if self._staying[scan.name] == scan.condition}
        self._asks = {scan.name: scan.asks for scan in self.scans}
        self._programs: dict[tuple[str, ...], Program] = {}
        """By the scans that are asked together: in the hours of a day there are few sets of them."""
        self._columns: dict[str, _Alive] = {}
        """By scan, as long as nothing is born or over."""
        self._session = ""
        self._over: dict[Key, Over] = {}
        """Kept as long as the session, for the cool-down."""

    def active(self) -> dict[Key, Opportunity]:
        """Return what is alive by scan and symbol, scan by scan, the oldest first."""
        return {(scan, symbol): found for scan, alive in self._active.items() for symbol, found in alive.items()}

    def active_symbols(self) -> frozenset[str]:
        """Return the symbols with something alive; for membership only, it has no order."""
        return frozenset(symbol for alive in self._active.values() for symbol in alive)

    def rejected(self, scan: str, symbol: str) -> bool:
        """Say whether it was stated of a find that is alive that nobody follows it up."""
        found = self.found(scan, symbol)
        return found is not None and bool(found.rejected)

    def found(self, scan: str, symbol: str) -> Opportunity | None:
        """Return what a scan found of a symbol, if it is alive."""
        return self._active.get(scan, {}).get(symbol)

    def waiting(self) -> list[tuple[Key, Opportunity]]:
        """Return the finds that are alive and found no place on the watchlist, which may have one by now."""
        return [
            ((scan, symbol), found)
            for scan, alive in self._active.items()
            for symbol, found in alive.items()
            if found.rejected in ROOM
        ]

    def asks(self, now: int) -> tuple[str, ...]:
        """Return the features that the scans ask for at this moment, ns UTC."""
        return tuple(name for scan in self.scans if scan.asked_at(now) for name in self._asks[scan.name])

    def on_beat(self, features: Features, ranking: Ranking, now: int) -> list[News]:
        """Return what is over, told again and born at this beat, scan by scan, the strongest first."""
        masks = self._masks(features, now)
        asked: list[tuple[Scan, list[HitEnded | HitRefreshed], list[int]]] = []
        for scan in self.scans:
            mask = masks.get(scan.name)
            if mask is None:
                if not scan.open_at(now):
                    alive = self._alive(scan, ranking.table)
                    gone = alive.symbols[: _ripe(scan, alive, now)]
                    asked.append(
                        (scan, [HitEnded(each, scan.name, "the hours of the scan are over") for each in gone], [])
                    )
                continue
            news: list[HitEnded | HitRefreshed] = []
            if self._active[scan.name]:
                news += self._ended(scan, mask, features, ranking, now)
                if scan.told_again:
                    news += self._told_again(scan, mask, features, ranking, now)
            asked.append((scan, news, self._born(scan, mask, features, ranking, now)))
        # All lines in one go: who is stronger is counted over the whole market.
        rows = list(dict.fromkeys(row for _, _, born in asked for row in born))
        lines = dict(zip(rows, ranking.lines(rows) if rows else (), strict=True))
        out: list[News] = []
        for scan, news, born in asked:
            out += news
            out += [
                Hit(
                    lines[row].symbol,
                    scan.name,
                    lines[row],
                    scan.condition.why(features, row),
                    _mark(scan, features, row),
                )
                for row in born
            ]
        return out

    def _masks(self, features: Features, now: int) -> dict[str, Mask]:
        """Return where the condition of each scan that is asked now holds, by scan."""
        asked = [scan for scan in self.scans if scan.asked_at(now)]
        if not asked:
            return {}
        names = tuple(scan.name for scan in asked)
        if names not in self._programs:
            self._programs[names] = Program([scan.condition.steps() for scan in asked])
        return dict(zip(names, self._programs[names].masks(features), strict=True))

    def _alive(self, scan: Scan, table: SymbolTable) -> _Alive:
        found = self._columns.get(scan.name)
        if found is None or found.table is not table:
            alive = self._active[scan.name]
            since = [each.since for each in alive.values()]
            found = self._columns[scan.name] = _Alive(table, list(alive), table.rows(alive), since)
        return found

    def _ended(self, scan: Scan, mask: Mask, features: Features, ranking: Ranking, now: int) -> list[HitEnded]:
        alive = self._alive(scan, ranking.table)
        ripe = alive.rows[: _ripe(scan, alive, now)]
        if not ripe:
            return []
        staying = self._staying[scan.name]
        stays = (mask if scan.name in self._alike else staying.mask(features)).data
        return [
            HitEnded(symbol, scan.name, _why_over(staying.fails(features, row)))
            for symbol, row in zip(alive.symbols, ripe, strict=False)
            if not stays[row]
        ]

    def _told_again(self, scan: Scan, mask: Mask, features: Features, ranking: Ranking, now: int) -> list[HitRefreshed]:
        out, alive = [], self._alive(scan, ranking.table)
        for symbol, row in zip(alive.symbols, alive.rows, strict=True):
            if not mask[row]:
                continue
            found = self._active[scan.name][symbol]
            last, mark = float(features["last"][row]), _mark(scan, features, row)
            waited = 0 < scan.rearm_s * SECOND <= now - found.told_at
            if waited or _has_gone_on(scan, found, last, mark):
                moved = round(100 * (last / found.told - 1), 6)
                out.append(HitRefreshed(symbol, scan.name, last, moved, scan.condition.why(features, row), mark))
        return out

    def _born(self, scan: Scan, mask: Mask, features: Features, ranking: Ranking, now: int) -> list[int]:
        # What has no price yet can be neither shown nor traded.
        rows = mask.nonzero()[0]
        rows = rows[features["last"][rows] > 0]
        if not len(rows):
            return []
        best = rows[largest(values(scan.rank_by, features, ranking.scores)[rows], scan.top)].tolist()
        names, alive = ranking.table.names, self._active[scan.name]
        return [
            row for row in best if names[row] not in alive and self._may_be_born(scan, names[row], features, row, now)
        ]

    def _may_be_born(self, scan: Scan, symbol: str, features: Features, row: int, now: int) -> bool:
        over = self._over.get((scan.name, symbol))
        if over is None or now >= over.at + scan.cooldown_s * SECOND:
            return True
        return _has_gone_on(scan, over, float(features["last"][row]), _mark(scan, features, row))

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {
            Hit: self._apply_hit,
            HitRefreshed: self._apply_refreshed,
            HitRejected: self._apply_rejected,
            HitEnded: self._apply_ended,
            Watched: self._apply_watched,
            SessionStarted: self._apply_session,
        }

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins."""
        return {
            "session": self._session,
            "active": [[*key, *found] for key, found in self.active().items()],
            "over": [[*key, *over] for key, over in self._over.items()],
        }

    def _apply_hit(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Hit)
        self._active.setdefault(body.scan, {})[body.symbol] = Opportunity(
            entry.seq, entry.ts, body.row.last, told_at=entry.ts, mark=body.mark
        )
        self._columns.pop(body.scan, None)
        self._over.pop((body.scan, body.symbol), None)

    def _apply_refreshed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, HitRefreshed)
        found = self.found(body.scan, body.symbol)
        if found is not None:
            self._active[body.scan][body.symbol] = found._replace(told=body.last, told_at=entry.ts, mark=body.mark)

    def _apply_rejected(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, HitRejected)
        found = self.found(body.scan, body.symbol)
        if found is not None:
            self._active[body.scan][body.symbol] = found._replace(rejected=body.why)

    def _apply_watched(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Watched)
        # What was rejected for want of a place has one now.
        for alive in self._active.values():
            found = alive.get(body.symbol)
            if found is not None and found.rejected in ROOM:
                alive[body.symbol] = found._replace(rejected="")

    def _apply_ended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, HitEnded)
        found = self._active.get(body.scan, {}).pop(body.symbol, None)
        self._columns.pop(body.scan, None)
        self._over[body.scan, body.symbol] = Over(entry.ts, found.told, found.mark) if found else Over(entry.ts, 0.0)

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            for alive in self._active.values():
                alive.clear()
            self._columns.clear()
            self._over.clear()


def _ripe(scan: Scan, alive: _Alive, now: int) -> int:
    """Return how many finds have lived for as long as they must; they stand in the order in which they were born."""
    return bisect_right(alive.since, now - scan.hold_s * SECOND)


def _mark(scan: Scan, features: Features, row: int) -> float | None:
    value = features[scan.rearm_by].item(row) if scan.rearm_by else nan
    return value if isfinite(value) else None


def _has_gone_on(scan: Scan, then: Opportunity | Over, last: float, mark: float | None) -> bool:
    """Say whether the price has risen far enough since a find was told last, or what it is told again by has grown."""
    risen = scan.rearm_pct > 0 and last >= then.told * (1 + scan.rearm_pct / 100)
    return risen or (mark is not None and then.mark is not None and mark > then.mark)


def _why_over(failed: Sequence[Check]) -> str:
    """Say which comparisons ended a find, and by what."""
    return ", ".join(_told(check) for check in failed) or "its condition does not hold"


def _told(failed: Check) -> str:
    value = "unknown" if failed.value is None else f"{_short(failed.value)} {failed.unit}".rstrip()
    if failed.limit is None:
        name = failed.name.removeprefix("~")
        # A flag that is set where it must not be speaks for itself.
        set_ = "" if failed.name.startswith("~") else "not "
        return f"{name} is unknown" if failed.value is None else f"{set_}{name}"
    name, _, wanted = failed.name.rpartition(" ")
    return f"{name} is {value}, wanted {wanted} {failed.limit:,.12g}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
