"""A scan over past sessions: what it would have found, and what came after; by the engine's own radar and scanner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import isfinite
from typing import Final

import msgspec
import numpy as np

from qm.clock import MINUTE, SECOND
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.market.features import Features, features
from qm.market.market import Market
from qm.model.events import Check, Entry, Hit
from qm.model.inputs import Why
from qm.model.market import clock, events
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.scanner.order import values
from qm.scanner.presets import Scan
from qm.scanner.scanner import Scanner

HORIZONS_MIN: Final = (5, 15, 60)
"""Minutes after which the price is looked at again."""

_MINUTE: Final = "minute"
_BEAT: Final = "beat"
_THEN: Final = "then"


class After(msgspec.Struct, frozen=True):
    """What came after a find, in % of the price at which it was found, before costs.

    A symbol that stopped trading counts with its last price. None where the session ended before.
    """

    min_5_pct: float | None
    min_15_pct: float | None
    min_60_pct: float | None
    close_pct: float
    """To the last price of regular hours."""
    mfe_pct: float
    """Farthest above until the close, 0 or more."""
    mae_pct: float
    """Farthest below until the close, 0 or less."""
    traded: bool
    """The symbol traded again after it was found."""
    silent_min: float = 0.0
    """From its last trade to the close: a symbol that stopped trading counts with the price of that trade."""


class Found(msgspec.Struct, frozen=True):
    """A symbol that the scan found."""

    session: str
    ts: int
    """The beat, ns UTC."""
    symbol: str
    rank: int
    """On the radar; 0 when it was not ranked."""
    score: float
    last: float
    values: dict[str, float | None]
    """What the scan asks for and ranks by; None where unknown."""
    after: After | None = None
    """None when nobody asked what came after."""


class Seen(msgspec.Struct, frozen=True):
    """A moment of a session, and what a scan makes of it."""

    ts: int
    """ns UTC."""
    market: Market
    features: Features
    ranking: Ranking

    def passing(self, scan: Scan) -> list[int]:
        """Return the rows for which the condition holds, the strongest first, as many as there are."""
        rows = np.flatnonzero(scan.condition.mask(self.features) & (self.features["last"] > 0))
        by = values(scan.rank_by, self.features, self.ranking.scores)[rows]
        order: list[int] = rows[np.argsort(-by, kind="stable")].tolist()
        return order

    def why(self, scan: Scan, row: int) -> tuple[Check, ...]:
        """Return every comparison of the scan for one symbol."""
        return scan.condition.why(self.features, row)


@dataclass
class Result:
    """What a scan found over the sessions that were run."""

    scan: Scan
    found: list[Found] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    symbols: int = 0
    """Of the largest session."""
    beats: int = 0
    """Beats at which the scan was asked."""
    known: set[str] = field(default_factory=set)
    """Features that were known for any symbol at any of them."""

    @property
    def never_known(self) -> list[str]:
        """Return the features that the scan asks for and the data never told: it cannot answer them."""
        return [name for name in self.scan.condition.names() if self.beats and name not in self.known]


Progress = Callable[[str, Result], None]
"""Called after each session with its date and the result so far."""


def search(
    scan: Scan, days: Iterable[Day], settings: EngineSettings, *, after: bool = False, progress: Progress | None = None
) -> Result:
    """Run the scan over the days as the engine would; with `after`, also look at what came after each find.

    Raises DataError from the days' source.
    """
    result = Result(scan)
    for day in days:
        market = Market(day.table, day.session, day.reference, prints=day.prints)
        radar, scanner, follower = Radar(settings.radar), Scanner([scan]), _Follower(market)
        for beat in _ticks(day, market, settings.beat_s):
            follower.look()
            if beat:
                seen = features(market)
                _note(result, scan, seen)
                for found in _born(scanner, seen, radar.beat(market, seen), market):
                    follower.add(found) if after else result.found.append(found)
        result.found += follower.ended()
        result.sessions.append(day.session.date.isoformat())
        result.symbols = max(result.symbols, len(day.table))
        if progress is not None:
            progress(result.sessions[-1], result)
    return result


def at(day: Day, moment: int, settings: EngineSettings) -> Seen:
    """Return the market as the radar and every scan would see it at a moment, ns UTC, of the day."""
    market = Market(day.table, day.session, day.reference, prints=day.prints)
    market.timers.set(moment, _THEN)
    radar = Radar(settings.radar)
    for _ in _ticks(day, market, settings.beat_s):
        if market.now >= moment:
            break
    seen = features(market)
    return Seen(market.now, market, seen, radar.beat(market, seen))


def _ticks(day: Day, market: Market, beat_s: int) -> Iterator[bool]:
    """Run the market to its close; yield at every timer, True at those at which the engine has its beat."""
    timers, start, close = market.timers, day.session.pre_ns, day.session.close_ns
    timers.set(start // MINUTE * MINUTE + MINUTE, _MINUTE)
    if beat_s < 60:
        timers.set(start // (beat_s * SECOND) * beat_s * SECOND + beat_s * SECOND, _BEAT)
    # The end of the session comes with the clock, not with a trade.
    for batch in chain(day.batches, [events([clock(close + 2 * MINUTE)])]):
        index = 0
        while True:
            index, wake = market.run(batch, index)
            if wake is None:
                break
            if wake.why & Why.TIMER:
                yield _due(market, beat_s, close)
                if market.now >= close:
                    return


def _due(market: Market, beat_s: int, close: int) -> bool:
    """Handle all timers of one moment: the minute is marked before anybody looks."""
    timers, moment, beat = market.timers, market.timers.due, False
    while timers.due == moment:
        due, key = timers.pop()
        if key == _MINUTE:
            market.mark_minute(due)
            if due < close:
                timers.set(due + MINUTE, _MINUTE)
        elif key == _BEAT:
            timers.set(due + beat_s * SECOND, _BEAT)
        beat = beat or key == (_MINUTE if beat_s >= 60 else _BEAT)
    return beat


def _note(result: Result, scan: Scan, seen: Features) -> None:
    if scan.asked_at(seen.ts):
        result.beats += 1
        unsure = [name for name in scan.condition.names() if name not in result.known]
        result.known.update(name for name in unsure if np.isfinite(seen[name]).any())


def _born(scanner: Scanner, seen: Features, ranking: Ranking, market: Market) -> Iterator[Found]:
    (scan,) = scanner.scans
    asked = scan.asks
    for body in scanner.on_beat(seen, ranking, market.now):
        scanner.appliers()[type(body)](Entry(0, market.now, market.consumed, 0, body))
        if isinstance(body, Hit):
            row = market.table.row(body.symbol)
            yield Found(
                session=market.session.date.isoformat(),
                ts=market.now,
                symbol=body.symbol,
                rank=body.row.rank,
                score=body.row.score,
                last=body.row.last,
                values={name: _known(seen[name][row]) for name in asked},
            )


def _known(value: float) -> float | None:
    return round(float(value), 6) if isfinite(value) else None


@dataclass(slots=True)
class _Followed:
    found: Found
    row: int
    prints: int
    high: float
    low: float
    prices: dict[int, float] = field(default_factory=dict)
    """By minutes after the find."""

    def ended(self, last: float, prints: int, silent_ns: int) -> Found:
        after = After(
            min_5_pct=self._move(self.prices.get(5)),
            min_15_pct=self._move(self.prices.get(15)),
            min_60_pct=self._move(self.prices.get(60)),
            close_pct=self._move(last) or 0.0,
            mfe_pct=self._move(self.high) or 0.0,
            mae_pct=self._move(self.low) or 0.0,
            traded=prints > self.prints,
            silent_min=round(max(0, silent_ns) / MINUTE, 2),
        )
        return msgspec.structs.replace(self.found, after=after)

    def _move(self, price: float | None) -> float | None:
        return None if price is None else round(100 * (price / self.found.last - 1), 6)


class _Follower:
    """Follows what was found to the close; highs and lows are those of every record, not of the beats alone."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._all: list[_Followed] = []
        self._by_row: dict[int, list[_Followed]] = {}
        self._due: dict[int, list[tuple[_Followed, int]]] = {}

    def add(self, found: Found) -> None:
        """Follow a find of this moment."""
        market, col = self._market, self._market.col
        row = market.table.row(found.symbol)
        new = _Followed(found, row, int(col["prints"][row]), found.last, found.last)
        self._all.append(new)
        self._by_row.setdefault(row, []).append(new)
        col["since_high"][row] = col["since_low"][row] = np.nan
        for minutes in HORIZONS_MIN:
            due = found.ts + minutes * MINUTE
            if due <= market.session.close_ns:
                self._due.setdefault(due, []).append((new, minutes))
                market.timers.set(due, _THEN)

    def look(self) -> None:
        """Take in what happened since the last look; it must come before anything is added."""
        col = self._market.col
        for row, some in self._by_row.items():
            high, low = float(col["since_high"][row]), float(col["since_low"][row])
            # NaN: nothing was printed since.
            if high > 0:
                for each in some:
                    each.high, each.low = max(each.high, high), min(each.low, low)
                col["since_high"][row] = col["since_low"][row] = np.nan
        for each, minutes in self._due.pop(self._market.now, ()):
            each.prices[minutes] = float(col["last"][each.row])

    def ended(self) -> list[Found]:
        """Return all finds with what came after, in the order in which they were found."""
        col, close = self._market.col, self._market.session.close_ns
        return [
            each.ended(float(col["last"][each.row]), int(col["prints"][each.row]), close - int(col["ts"][each.row]))
            for each in self._all
        ]
