"""Small sessions to run the engine over: a synthetic market, the simulated exchange, and both kinds of drivers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path

import msgspec
import numpy as np

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from brokers.sim.synthetic import SyntheticMarket
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.engine.settings import EngineSettings, RunSettings
from qm.market.market import Market
from qm.model.market import Events
from qm.risk.limits import RiskSettings
from qm.rules.calendar import session
from qm.rules.fees import FeeSchedule
from qm.runtime.run import Setup
from qm.strategies.presets import strategy

DATE = dt.date(2025, 3, 12)
EXCHANGE = msgspec.to_builtins(SimSettings(latency_ns=20_000_000, slippage_bps=2.0, shorts=True))


def venue(market: Market, settings: RunSettings) -> SimExchange:
    """Return the exchange that the settings of a run describe."""
    return SimExchange(market, FeeSchedule(), msgspec.convert(settings.exchange, SimSettings))


class Minutes:
    """The first minutes of a synthetic session, from its begin at each iteration; made once."""

    def __init__(self, market: SyntheticMarket, minutes: int, date: dt.date = DATE) -> None:
        self.market, self.minutes, self.session = market, minutes, session(date)

    def __iter__(self) -> Iterator[Events]:
        return iter(self._made)

    @cached_property
    def _made(self) -> list[Events]:
        end = self.session.open_ns + self.minutes * MINUTE
        batches = self.market.minutes(self.session)
        return list(takewhile(lambda batch: not len(batch) or int(batch["ts"][0]) < end, batches))


@lru_cache(maxsize=4)
def day(symbols: int = 200, minutes: int = 60, seed: int = 2) -> Day:
    """Return a session of a synthetic market, cut after some minutes; the tests that share it only read it."""
    market = SyntheticMarket(symbols, seed)
    of = session(DATE)
    return Day(market.table, of, market.reference(of), prints=True, batches=Minutes(market, minutes))


def run_settings(engine: EngineSettings | None = None) -> RunSettings:
    """Return the settings of a small simulated run."""
    # Small risks, so that many trades fit into the account at once.
    engine = engine or EngineSettings(risk=RiskSettings(risk_per_trade=0.002))
    return RunSettings(mode="sim", run_number=1, engine=engine, exchange=EXCHANGE)


def setup(folder: Path, of: Day, settings: RunSettings | None = None) -> Setup:
    """Return all that a run needs, its recordings in `folder`."""
    settings = settings or run_settings()
    chosen = {choice.name: strategy(choice.name, choice.params) for choice in settings.engine.strategies}
    return Setup(settings, chosen, of, venue, "synthetic", "test", folder)


def cut(records: Events, places: Sequence[int]) -> Iterator[Events]:
    """Cut records at the given places."""
    yield from np.split(records, sorted(places))


def joined(batches: Iterator[Events]) -> Events:
    """Join batches into one."""
    whole: Events = np.concatenate(list(batches))
    return whole
