"""Compiling before anybody waits: a tiny market goes through all that is compiled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from qm.clock import MINUTE, SECOND
from qm.engine.core import Core
from qm.engine.session import Session
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.events import Entry
from qm.model.instrument import SymbolTable
from qm.model.market import Events, bar, clock, events, quote, trade
from qm.radar.marks import FEW, ranks_among
from qm.rules.calendar import session
from qm.runtime.run import Setup
from qm.strategies.likeness import correlation

DATE: Final = dt.date(2025, 3, 10)
SYMBOLS: Final = ("AAA", "SPY")
SHARES: Final = 100_000.0
"""Of each print: enough for every radar to rank the symbol."""


class _Nobody:
    """A journal that keeps nothing."""

    def append(self, entries: Sequence[Entry], durable: bool) -> None:
        pass


def warm(setup: Setup) -> None:
    """Let half an hour of two symbols be ranked and scanned, and begin the feed; nothing of it is kept.

    The first time it compiles, for a minute or less; later it takes what lies on disk.
    """
    settings = setup.settings
    today, table = session(DATE), SymbolTable(SYMBOLS)
    known = np.full(len(table), 10.0)
    reference = replace(
        Reference.empty(len(table)), prior_close=known, adv=known * SHARES, atr=known / 20, curve=np.linspace(0, 1, 390)
    )
    market = Market(table, today, reference, prints=settings.prints)
    core = Core(settings.engine, {}, market, settings.mode)
    session_ = Session(core, setup.make_venue(market, settings), _Nobody())
    session_.start(market, Decimal(1))
    session_.feed(_tape(today.open_ns, prints=settings.prints))
    features_of(market, 0)
    correlation(market, 0, 1)
    assert core.ranking is not None
    core.ranking.lines(range(len(table)))
    ranks_among(core.ranking.scores, np.zeros(FEW + 1, np.int64))
    next(iter(setup.day.batches), None)


def _tape(opens: int, *, prints: bool) -> Events:
    rows = []
    for minute in range(-15, 15):
        at, price = opens + minute * MINUTE, 11.0 + 0.02 * minute
        for row in range(len(SYMBOLS)):
            if prints:
                rows += [quote(at + SECOND, row, price - 0.01, price), trade(at + 2 * SECOND, row, price, SHARES)]
            else:
                rows.append(bar(at + MINUTE, row, price, price + 0.05, price, price + 0.01, SHARES))
    return events([*rows, clock(opens + 16 * MINUTE)])
