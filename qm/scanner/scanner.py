"""The scanner: opportunities are born, hold, and are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from qm.clock import SECOND
from qm.errors import UsageError
from qm.market.features import Features
from qm.model.events import Check, Entry, Event, Hit, HitEnded, SessionStarted
from qm.radar.ranking import Ranking
from qm.scanner.conditions import Mask
from qm.scanner.presets import SCORE, Scan

Key = tuple[str, str]
"""Scan and symbol."""


class Opportunity(NamedTuple):
    """A find that is alive."""

    seq: int
    """`seq` of its Hit."""
    since: int
    """ns UTC."""


class Scanner:
    """Asks every scan at every beat, and keeps the opportunities that are alive.

    A find lives for at least its scan's `hold_s`, and is over at the first beat after that at which the condition does
    not hold. While it holds nothing is stated. Everything that decides is in the entries and in the market of the beat:
    a scanner that was folded from the journal goes on exactly as the one that wrote it.
    """

    def __init__(self, scans: Sequence[Scan]) -> None:
        self.scans = tuple(scans)
        self._scan = {scan.name: scan for scan in self.scans}
        if len(self._scan) != len(self.scans):
            raise UsageError("Two scans have the same name.", "List each scan once.")
        self._session = ""
        self._active: dict[Key, Opportunity] = {}
        self._over: dict[Key, int] = {}
        """When an opportunity was over, ns UTC; kept as long as it cools down."""

    def active(self) -> dict[Key, Opportunity]:
        """Return what is alive by scan and symbol, the oldest first."""
        return dict(self._active)

    def active_symbols(self) -> frozenset[str]:
        """Return the symbols with something alive; for membership only, it has no order."""
        return frozenset(symbol for _, symbol in self._active)

    def on_beat(self, features: Features, ranking: Ranking, now: int) -> list[Hit | HitEnded]:
        """Return what is over and what is born at this beat, scan by scan, the strongest first."""
        out: list[Hit | HitEnded] = []
        for scan in self.scans:
            open_now = scan.open_at(now)
            alive = [(symbol, found) for (name, symbol), found in self._active.items() if name == scan.name]
            ripe = [symbol for symbol, found in alive if now >= found.since + scan.hold_s * SECOND]
            if not open_now:
                out.extend(HitEnded(symbol, scan.name, "the hours of the scan are over") for symbol in ripe)
                continue
            mask = scan.condition.mask(features)
            for symbol in ripe:
                row = ranking.table.row(symbol)
                if not mask[row]:
                    out.append(HitEnded(symbol, scan.name, _why_over(scan.condition.why(features, row))))
            out.extend(self._born(scan, mask, features, ranking, now))
        return out

    def _born(self, scan: Scan, mask: Mask, features: Features, ranking: Ranking, now: int) -> list[Hit]:
        # What has no price yet can be neither shown nor traded.
        rows = np.flatnonzero(mask & (features["last"] > 0))
        if not len(rows):
            return []
        by = (ranking.scores if scan.rank_by == SCORE else features[scan.rank_by])[rows]
        # NaN sorts last, equal values stay in row order.
        best = rows[np.argsort(-by, kind="stable")][: scan.top].tolist()
        born = [row for row in best if self._may_be_born(scan, ranking.table.names[row], now)]
        return [
            Hit(line.symbol, scan.name, line, scan.condition.why(features, row))
            for row, line in zip(born, ranking.lines(born) if born else (), strict=True)
        ]

    def _may_be_born(self, scan: Scan, symbol: str, now: int) -> bool:
        key = (scan.name, symbol)
        if key in self._active:
            return False
        over = self._over.get(key)
        return over is None or now >= over + scan.cooldown_s * SECOND

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {Hit: self._apply_hit, HitEnded: self._apply_ended, SessionStarted: self._apply_session}

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins."""
        return {
            "session": self._session,
            "active": [[*key, *found] for key, found in self._active.items()],
            "over": [[*key, at] for key, at in self._over.items()],
        }

    def _apply_hit(self, entry: Entry) -> None:
        assert isinstance(entry.body, Hit)
        key = (entry.body.scan, entry.body.symbol)
        self._active[key] = Opportunity(entry.seq, entry.ts)
        self._over.pop(key, None)

    def _apply_ended(self, entry: Entry) -> None:
        assert isinstance(entry.body, HitEnded)
        key = (entry.body.scan, entry.body.symbol)
        self._active.pop(key, None)
        self._over[key] = entry.ts

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._active.clear()
            self._over.clear()


def _why_over(checks: Sequence[Check]) -> str:
    """Say which comparison failed first."""
    failed = next((check for check in checks if not check.passed), None)
    if failed is None:
        return "no longer holds"
    if failed.limit is None:
        # A flag that is set where it must not be speaks for itself.
        return failed.name.removeprefix("~") if failed.name.startswith("~") else f"no longer {failed.name}"
    value = "unknown" if failed.value is None else f"{failed.value:,.6g} {failed.unit}".rstrip()
    return f"no longer {failed.name} {failed.limit:,.12g}: {value}"
