"""The explanation of a trade has every arrow of the way of the data, and numbers behind each."""

from __future__ import annotations

import pytest

from qm.journal.explain import Explanation, Step, explain, explain_symbol, explain_trade
from qm.journal.explain import step as told_as
from qm.model.events import (
    Contribution,
    Entry,
    Filled,
    Hit,
    HitRefreshed,
    Intended,
    RadarRow,
    Refused,
    Released,
    Signal,
    TapeRead,
    TradeClosed,
)
from qm.model.order import Purpose, Side
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.presets import strategy
from tests.qm.engine.test_determinism import WHOLE
from tests.qm.strategies.stage import RUN, Stage, minute
from tests.qm.strategies.test_orb import RANGE

ARROWS = ["radar", "hit", "watch", "allocation", "plan", "signal", "order", "execution", "result"]


@pytest.fixture(scope="module")
def journal() -> MemoryJournal:
    """A session of a synthetic market from radar to result, see tests/qm/engine."""
    kept = MemoryJournal()
    kept.start_run(RunHeader(id="t", mode="sim", session="2025-03-12", started=0))
    kept.append(WHOLE, durable=True)
    return kept


@pytest.fixture(scope="module")
def trade() -> TradeClosed:
    return next(entry.body for entry in WHOLE if isinstance(entry.body, TradeClosed))


@pytest.fixture(scope="module")
def told(journal: MemoryJournal, trade: TradeClosed) -> Explanation:
    found = explain_trade(journal, "t", trade.trade)
    assert found is not None
    return found


def first(told: Explanation, what: str) -> Step:
    return next(step for step in told.steps if step.what == what)


def test_every_arrow_is_there_in_the_order_in_which_it_happened(told: Explanation) -> None:
    kinds = [step.what for step in told.steps]
    assert [kind for kind in dict.fromkeys(kinds) if kind in ARROWS] == ARROWS
    assert [step.seq for step in told.steps] == sorted({step.seq for step in told.steps})
    assert [step.ts for step in told.steps] == sorted(step.ts for step in told.steps)


def test_the_hit_names_rank_score_and_every_contribution(told: Explanation, trade: TradeClosed) -> None:
    hit = first(told, "hit")
    assert hit.text.startswith(f"{trade.symbol} is number ")
    assert "score" in hit.text
    assert [line for line in hit.details if line.startswith("ok   ")]
    assert [line for line in hit.details if " gave " in line]


def test_the_allocation_names_what_was_not_chosen(told: Explanation, trade: TradeClosed) -> None:
    allocation = first(told, "allocation")
    assert f"goes to {trade.strategy}" in allocation.text
    assert [line for line in allocation.details if line.startswith("not ")]


def test_the_order_carries_its_size_and_every_check_of_the_gate(told: Explanation, trade: TradeClosed) -> None:
    (intended,) = [e.body for e in WHOLE if isinstance(e.body, Intended) and e.body.order.id == trade.trade]
    assert isinstance(intended, Intended)
    assert intended.sizing is not None
    order = first(told, "order")
    assert f"size {intended.sizing.shares:,} shares" in order.details[0]
    assert f"{intended.sizing.binding} binds" in order.details[0]
    for check in intended.checks:
        assert [line for line in order.details if line.startswith(f"ok   {check.name} ")], check.name


def test_executions_and_result_carry_price_fees_and_r(told: Explanation, trade: TradeClosed) -> None:
    fills = [e.body for e in WHOLE if isinstance(e.body, Filled) and e.body.symbol == trade.symbol]
    for body in fills[:2]:
        assert isinstance(body, Filled)
        words = f"{body.execution.qty} {trade.symbol} at {body.execution.price}, fees ${body.execution.fee}"
        assert [step for step in told.steps if step.what == "execution" and words in step.text]
    result = first(told, "result")
    assert f"{trade.net_usd:+.2f} $" in result.text
    assert f"{trade.r:+.2f}R" in result.text
    assert trade.reason in result.text
    assert f"best {trade.mfe_usd:+.2f} $" in result.details[0]


def test_an_order_id_leads_to_the_whole_trade(journal: MemoryJournal, trade: TradeClosed, told: Explanation) -> None:
    orders = [entry.body for entry in WHOLE if isinstance(entry.body, Intended)]
    legs = [body for body in orders if body.order.trade == trade.trade]
    (leg,) = [body.order.id for body in legs if body.order.purpose is Purpose.PROTECT]
    assert explain(journal, "t", leg) == told
    assert explain(journal, "t", trade.trade) == told


def test_the_text_has_a_line_for_each_step_and_its_number_in_the_journal(told: Explanation) -> None:
    lines = told.text().splitlines()
    for step in told.steps:
        assert [line for line in lines if line.endswith(f"   #{step.seq}") and step.text in line]


def test_a_refused_signal_says_which_check_failed_and_by_how_much() -> None:
    stage = Stage(strategy("orb_robust"), atr=30.0, known={"adv": 2e6, "or_volume": 100_000.0})
    for n, ohlc in enumerate(RANGE):
        stage.feed(minute(n, *ohlc))
    stage.pass_time(5)
    refused = stage.only(Refused)
    told = explain(stage.journal, RUN, "aaa")
    assert told is not None
    refusal = first(told, "refusal")
    assert refusal.text == "not traded: stop distance 30 $ (limit 10.25)"
    assert len([line for line in refusal.details if line.startswith("ok   ")]) == len(refused.checks) - 1
    assert [line for line in refusal.details if line.startswith("FAIL stop distance")]
    assert [step.what for step in told.steps if step.what in ARROWS] == ["allocation", "plan", "plan", "signal"]


def test_a_symbol_that_was_looked_at_and_left_alone_says_why() -> None:
    stage = Stage(strategy("orb_robust"), known={"adv": 2e6, "or_volume": 100_000.0})
    stage.pass_time(60)
    told = explain_symbol(stage.journal, RUN, "AAA")
    assert told is not None
    assert stage.only(Released).reason in told.steps[-1].text


@pytest.mark.parametrize("what", ["NOPE", "S1-orbrob-20250312-NOPE-1E", ""])
def test_nothing_is_made_up_about_what_the_run_does_not_know(journal: MemoryJournal, what: str) -> None:
    assert explain(journal, "t", what) is None
    assert explain_trade(journal, "t", what) is None


def test_a_signal_tells_what_kind_of_market_it_was() -> None:
    context: dict[str, str | float] = {"phase": "morning", "regime": "trend_up", "regime_min": 12.0, "efficiency": 0.42}
    signal = Signal("ABCD", "orb", Side.BUY, True, "broke out", 10.0, context={**context, "classifier": "1"})
    details = told_as(Entry(1, 0, 0, 0, signal)).details
    assert details[-2:] == ("market trend_up for 12 min (classifier 1), session in morning", "efficiency 0.42")


def test_a_minute_of_the_tape_tells_label_scores_and_parts() -> None:
    read = TapeRead(0, "quiet", "range", "quiet", "1", {"quiet": 0.9}, (Contribution("pace_bp", 0.6, 0.1),))
    told = told_as(Entry(1, 0, 0, 0, read))
    assert (told.what, told.text) == ("regime", "the market is quiet, until now range; this minute quiet")
    assert told.details == ("quiet 0.9", "pace_bp 0.6 gave +0.10")


def test_a_hit_tells_how_the_symbol_came_to_its_rank() -> None:
    row = RadarRow("ABCD", 3, 80.0, 10.0, (), rank_change=12, velocity=4.25, listed_s=90.0, new_high=True)
    assert told_as(Entry(1, 0, 0, 0, Hit("ABCD", "momentum", row, ()))).details == (
        "+12 places in the last minute, +4.25 a minute, on the radar's list for 1.5 min, a new high",
    )


def test_a_hit_that_goes_on_says_how_far_the_price_has_gone() -> None:
    told = told_as(Entry(1, 0, 0, 0, HitRefreshed("ABCD", "runners", 3.555, 5.803571)))
    assert (told.what, told.text) == ("hit", "ABCD goes on as a hit of runners, +5.8 % to 3.56")
