"""What the core does by the clock and at the beat, beside asking strategies."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.engine.core import Core
from qm.engine.session import Session
from qm.engine.settings import EngineSettings
from qm.market.market import Market
from qm.model.events import Allocated, Checkpoint, EntriesStopped, Entry, Hit, Intended, Minute, Released, Watched
from qm.model.order import Purpose, Side
from qm.risk.limits import RiskSettings
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.api import Enter
from tests.qm.engine.drive import day, joined, run_settings, setup, venue
from tests.qm.execution.hostile import Puppet
from tests.qm.strategies.stage import Stage, at, minute


@pytest.fixture(scope="module")
def whole_day() -> list[Entry]:
    of = day(symbols=200, minutes=390, seed=1)
    settings = run_settings(EngineSettings(risk=RiskSettings(risk_per_trade=0.002)))
    market = Market(of.table, of.session, of.reference, prints=True)
    core = Core(settings.engine, setup(Path(), of).strategies, market, "sim", 1)
    journal = MemoryJournal()
    journal.start_run(RunHeader(id="t", mode="sim", session="", started=0))
    session = Session(core, venue(market, settings), journal)
    session.start(market, settings.equity)
    session.feed(joined(iter(of.batches)))
    return list(journal.read("t"))


def test_a_symbol_that_one_strategy_let_go_is_offered_to_the_next_while_it_is_watched(whole_day: list[Entry]) -> None:
    worked: set[str] = set()
    watched: set[str] = set()
    offered = 0
    for n, entry in enumerate(whole_day):
        match entry.body:
            case Watched(symbol=symbol):
                watched.add(symbol)
            case Allocated(symbol=symbol):
                worked.add(symbol)
            case Released(symbol=symbol):
                worked.discard(symbol)
            case Hit(symbol=symbol, scan="momentum") if symbol in watched and symbol not in worked:
                following = whole_day[n + 1 : n + 4]
                offered += any(isinstance(e.body, Allocated) and e.body.symbol == symbol for e in following)
    assert offered > 0


def test_state_is_proved_every_half_hour(whole_day: list[Entry]) -> None:
    assert sum(isinstance(entry.body, Checkpoint) for entry in whole_day) >= 12


def test_a_run_of_bars_past_the_radar_is_looked_at_now_and_then() -> None:
    stage = Stage(Puppet().strategy(), prints=False)
    stage.pass_time(200)
    assert [body.due for body in stage.all(Minute)] == [at(5 * n) for n in range(1, 41)]


def test_the_days_loss_stops_the_entries_of_a_run_of_bars_too() -> None:
    puppet = Puppet()
    stage = Stage(puppet.strategy(), prints=False)
    puppet.next[0] = Enter(Side.BUY, 11.0, "told to", shares=190, resting_stop=False)
    stage.feed(minute(0, 20.0, 20.0, 20.0, 20.0), minute(1, 20.0, 20.0, 20.0, 20.0))
    assert [body.order.purpose for body in stage.all(Intended)] == [Purpose.ENTRY]
    stage.feed(*[minute(n, 5.0, 5.0, 5.0, 5.0) for n in range(2, 31)])
    assert [body.today for body in stage.all(EntriesStopped)] == [True]
