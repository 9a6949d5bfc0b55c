"""A small market for tests: bars, minute by minute, run through the kernel; and features made by hand."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from qm.clock import MINUTE
from qm.market.features import NAMES, Features, features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import Beat, Entry
from qm.model.instrument import SymbolTable
from qm.model.market import Events, bar, events
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from qm.rules.calendar import session

SESSION = session(dt.date(2026, 11, 20))
OPEN = SESSION.open_ns


def table_of(symbols: int) -> SymbolTable:
    return SymbolTable(f"S{i:03d}" for i in range(symbols))


def market_of(symbols: int, prior_close: float = 10.0) -> Market:
    reference = Reference.empty(symbols)
    reference.prior_close[:] = prior_close
    reference.adv[:] = 2_000_000
    reference.atr[:] = 1.0
    reference.or_volume[:] = 100_000
    reference.days[:] = 14
    reference.curve[:] = np.arange(1, 391) / 390
    return Market(table_of(symbols), SESSION, reference)


def minute_bars(minute: int, path: Sequence[tuple[float, float, float]]) -> Events:
    """Bars that are known at 09:30 plus `minute`, one per symbol, from (open, close, volume)."""
    return events(
        [
            bar(OPEN + minute * MINUTE, row, o, max(o, c) * 1.001, min(o, c) * 0.999, c, v)
            for row, (o, c, v) in enumerate(path)
            if v > 0
        ]
    )


def random_tape(symbols: int, minutes: int, seed: int) -> list[Events]:
    """Bars of a random walk from 10 $, some missing."""
    rng = np.random.default_rng(seed)
    closes = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, (minutes + 1, symbols)), axis=0))
    volumes = rng.lognormal(9, 1, (minutes, symbols)).round() * (rng.random((minutes, symbols)) > 0.1)
    return [
        minute_bars(minute, list(zip(before.tolist(), after.tolist(), volume.tolist(), strict=True)))
        for minute, ((before, after), volume) in enumerate(zip(pairwise(closes), volumes, strict=True), 1)
    ]


def beats(market: Market, tape: Sequence[Events]) -> Iterator[Features]:
    """Run the tape and yield the features at the end of each of its minutes."""
    for minute, records in enumerate(tape, 1):
        index = 0
        while index < len(records):
            index, _ = market.run(records, index)
        market.now = OPEN + minute * MINUTE
        market.mark_minute(market.now)
        yield features(market)


def made(ts: int = OPEN, /, **columns: Sequence[float]) -> Features:
    """Features that nobody measured: the columns given, NaN for the rest."""
    rows = len(next(iter(columns.values())))
    matrix = np.full((len(NAMES), rows), np.nan)
    matrix[NAMES.index("halted")] = 0.0
    for name, column in columns.items():
        matrix[NAMES.index(name)] = column
    return Features(ts, matrix)


class Driven:
    """A radar whose beats are stated and folded, as the core does it."""

    def __init__(self, weights: RadarWeights | None = None, symbols: int = 2) -> None:
        self.market = market_of(symbols)
        self.radar = Radar(weights or RadarWeights())
        self.radar.open(self.market)
        self.entries: list[Entry] = []
        self._apply = self.radar.appliers()[Beat]

    def beat(self, seen: Features) -> Ranking:
        """Rank, state what came of it, and fold it."""
        self.market.now = seen.ts
        ranking = self.radar.beat(self.market, seen)
        body = Beat(seen.ts, ranking.count, "", *ranking.names_of(*ranking.change))
        self.entries.append(Entry(len(self.entries) + 1, seen.ts, 0, 0, body))
        self._apply(self.entries[-1])
        return ranking

    def listed(self, ranking: Ranking) -> list[str]:
        """Return the list as it is shown."""
        return list(*ranking.names_of(ranking.listed))


def ranked(ts: int, scores: Sequence[float]) -> Features:
    """Features of symbols that the radar ranks by `scores` alone, which lie in 0 to 100 (with `SCORE_ONLY`)."""
    rows = len(scores)
    return made(ts, chg_pct=scores, last=[10.0] * rows, dollar_volume=[1e6] * rows)
