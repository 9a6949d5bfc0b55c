"""From a find to a strategy, and what the trader's bans do to both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qm.engine.core import Core
from qm.engine.session import Session
from qm.engine.settings import EngineSettings
from qm.market.market import Market
from qm.model.commands import Ban, Pin, Unban
from qm.model.events import (
    Allocated,
    Assigned,
    Banned,
    CancelAsked,
    Entry,
    Hit,
    HitEnded,
    HitRefreshed,
    HitRejected,
    Refused,
    Released,
    Signal,
    Unbanned,
    Unwatched,
    Watched,
)
from qm.model.order import OrderType, Side
from qm.risk.limits import RiskSettings
from qm.scanner.own import ScanSettings
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.allocator import AllocatorSettings
from qm.strategies.api import Enter, Exit
from tests.qm.engine.drive import day, joined, run_settings, setup, venue
from tests.qm.execution.hostile import Puppet
from tests.qm.strategies.stage import WIDE, Stage, minute

ANY = ScanSettings(when="mom1 > 0.02", top=8, hold_s=120, cooldown_s=60, rearm_pct=0.1)
MORE = ScanSettings(when="mom1 > 0.05", top=4, hold_s=60, cooldown_s=60)
"""Finds of which there are plenty in any market; nobody takes those of the second scan."""


def flat(n: int) -> tuple[object, ...]:
    return minute(n, 20.0, 20.0, 20.0, 20.0)


@pytest.fixture(scope="module")
def journal() -> list[Entry]:
    of = day(symbols=200, minutes=120, seed=1)
    engine = EngineSettings(
        scans=("any", "more"),
        own_scans={"any": ANY, "more": MORE},
        risk=RiskSettings(risk_per_trade=0.002),
        watch_capacity=8,
        allocator=AllocatorSettings(regime={"range": 0.5, "quiet": 0.5, "unknown": 0.5}),
    )
    settings = run_settings(engine)
    market = Market(of.table, of.session, of.reference, prints=True)
    chosen = setup(Path(), of).strategies
    chosen["thrust"] = replace(chosen["thrust"], scans=("any",))
    core = Core(engine, chosen, market, "sim", 1)
    kept = MemoryJournal()
    kept.start_run(RunHeader(id="t", mode="sim", session="", started=0))
    session = Session(core, venue(market, settings), kept)
    session.start(market, settings.equity)
    session.feed(joined(iter(of.batches)))
    return list(kept.read("t"))


def test_every_hit_is_followed_up_or_says_once_why_not(journal: list[Entry]) -> None:
    by_seq = {entry.seq: entry for entry in journal}
    hits = {entry.seq: entry.body for entry in journal if isinstance(entry.body, Hit)}
    followed: dict[int, list[str]] = {seq: [] for seq in hits}
    alive: dict[tuple[str, str], int] = {}
    for entry in journal:
        body = entry.body
        match body:
            case Hit():
                alive[body.scan, body.symbol] = entry.seq
            case HitEnded():
                del alive[body.scan, body.symbol]
            case HitRejected():
                followed[alive[body.scan, body.symbol]].append("rejected")
            case Watched():
                # Whichever scan brought the symbol there, all that found it have a place.
                for (_, symbol), seq in alive.items():
                    if symbol == body.symbol:
                        followed[seq].append("Watched")
            case Allocated():
                cause = by_seq[entry.cause]
                while not isinstance(cause.body, Hit | HitRefreshed):
                    cause = by_seq[cause.cause]
                followed[alive[cause.body.scan, cause.body.symbol]].append(type(body).__name__)
    assert len(hits) > 50
    for steps in followed.values():
        # It is refused a place once at most, and what came to a place late is refused a strategy once at most.
        assert steps.count("rejected") <= 1 + ("Watched" in steps)
        assert "rejected" in steps or "Allocated" in steps
    assert any(steps[:2] == ["rejected", "Watched"] for steps in followed.values())
    causes = {body.why for entry in journal if isinstance(body := entry.body, HitRejected)}
    assert {"full", "cooling_off", "alert_only", "busy"} <= causes


def test_an_allocation_states_every_factor_and_everybody_else(journal: list[Entry]) -> None:
    given = [entry.body for entry in journal if isinstance(entry.body, Allocated)]
    assert given
    for body in given:
        assert [factor.name for factor in body.factors] == ["regime", "phase", "record", "correlation", "open risk"]
        left = 1.0
        for factor in body.factors:
            left *= factor.size
        assert body.budget_usd == round(100_000 * 0.25 * left, 2)
        assert {body.strategy, *(other.strategy for other in body.alternatives)} == {"orb_robust", "thrust"}
    assert any("regime" in body.why and "50%" in body.why for body in given)


def test_a_ban_takes_a_symbol_from_its_strategy_and_its_entry_back() -> None:
    puppet = Puppet()
    stage = Stage(puppet.strategy(), risk=WIDE)
    puppet.next[0] = Enter(Side.BUY, 19.0, "told to", type=OrderType.LIMIT, limit=15.0, shares=10)
    stage.feed(flat(0), flat(1))
    assert stage.command(Ban("b", "AAA", "offering")).outcome == "accepted"
    assert stage.only(Banned) == Banned("AAA", "offering", today=True)
    assert stage.only(Released).reason == "banned by the trader: offering"
    assert [body.reason for body in stage.all(CancelAsked)] == ["banned by the trader: offering"] * len(
        stage.all(CancelAsked)
    )
    signals = len(stage.all(Signal))
    puppet.next[0] = Enter(Side.BUY, 19.0, "told to", shares=10)
    stage.feed(flat(2), flat(3))
    assert len(stage.all(Signal)) == signals
    assert stage.held() == 0


def test_a_position_in_a_banned_symbol_is_left_by_its_own_strategy_and_then_no_other_is_opened() -> None:
    puppet = Puppet()
    stage = Stage(puppet.strategy(), risk=WIDE)
    puppet.next[0] = Enter(Side.BUY, 19.0, "told to", shares=10)
    stage.feed(flat(0), flat(1), flat(2))
    assert stage.held() == 10
    stage.command(Ban("b", "AAA", "offering"))
    assert stage.held() == 10
    assert not stage.all(Released)
    puppet.next[0] = Exit("told to")
    stage.feed(flat(3), flat(4), flat(5))
    assert stage.held() == 0
    assert stage.only(Released).reason == "banned by the trader"


def test_an_entry_in_a_banned_symbol_does_not_pass_the_gate() -> None:
    puppet = Puppet()
    stage = Stage(puppet.strategy(), risk=WIDE)
    # As if the strategy worked it all the same.
    stage.core.book.state(Banned("AAA", "offering", today=True))
    puppet.next[0] = Enter(Side.BUY, 19.0, "told to", shares=10)
    stage.feed(flat(0), flat(1))
    assert [check.name for check in stage.only(Refused).checks if not check.passed] == ["not banned"]


def test_a_ban_is_lifted_and_the_symbol_can_be_pinned_again() -> None:
    stage = Stage()
    assert stage.command(Pin("1", "AAA")).outcome == "accepted"
    stage.command(Ban("2", "AAA", "offering"))
    assert stage.only(Unwatched).reason == "banned by the trader: offering"
    assert stage.command(Pin("3", "AAA")).outcome == "refused: AAA is banned: offering"
    assert stage.command(Unban("4", "AAA", "it was nothing")).outcome == "accepted"
    assert stage.only(Unbanned) == Unbanned("AAA", "it was nothing")
    assert stage.command(Unban("5", "AAA")).outcome == "refused: AAA is not banned"
    assert stage.command(Pin("6", "AAA")).outcome == "accepted"


def test_a_symbol_that_is_not_of_this_session_can_be_banned_for_good_only() -> None:
    stage = Stage()
    assert stage.command(Ban("1", "ZZZ", "offering")).outcome == "refused: ZZZ is not in this session"
    assert stage.command(Ban("2", "ZZZ", "offering", today=False)).outcome == "accepted"
    assert stage.core.book.watchlist.is_banned("ZZZ")


def test_what_the_settings_ban_is_banned_from_the_start() -> None:
    settings = EngineSettings(strategies=(), scans=(), risk=WIDE, banned={"AAA": "never again"})
    stage = Stage(Puppet().strategy(), settings=settings, assigned={"puppet": ("AAA", "BBB")})
    assert stage.only(Banned) == Banned("AAA", "never again", today=False)
    assert stage.only(Assigned).symbols == ("BBB",)
