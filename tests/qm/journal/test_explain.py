"""The explanation of a trade has every arrow of the way of the data, and numbers behind each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qm.clock import SECOND
from qm.journal.explain import Explanation, Step, explain, explain_symbol, explain_trade, steps
from qm.journal.explain import step as told_as
from qm.journal.quality import efficiency_of
from qm.journal.wording import lasted
from qm.market import climate
from qm.model.events import (
    Activated,
    AnyEvent,
    Check,
    Contribution,
    Entry,
    Filled,
    Hit,
    HitEnded,
    HitRefreshed,
    Intended,
    MarketHalted,
    MarketResumed,
    Planned,
    PrintBusted,
    RadarRow,
    Refused,
    Released,
    Signal,
    TapeRead,
    TradeClosed,
    TradingHalted,
    TradingResumed,
)
from qm.model.order import Execution, Order, OrderType, Purpose, Side
from qm.store.chain import RunHeader
from qm.store.memory import MemoryJournal
from qm.strategies.presets import strategy
from tests.qm.engine.test_determinism import whole
from tests.qm.strategies.stage import RUN, Stage, minute
from tests.qm.strategies.test_orb import RANGE

ARROWS = ["radar", "hit", "watch", "allocation", "plan", "signal", "order", "execution", "result"]


@pytest.fixture(scope="module")
def journal() -> MemoryJournal:
    """A session of a synthetic market from radar to result, see tests/qm/engine."""
    kept = MemoryJournal()
    kept.start_run(RunHeader(id="t", mode="sim", session="2025-03-12", started=0))
    kept.append(whole(), durable=True)
    return kept


@pytest.fixture(scope="module")
def trade() -> TradeClosed:
    return next(entry.body for entry in whole() if isinstance(entry.body, TradeClosed))


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
    (intended,) = [e.body for e in whole() if isinstance(e.body, Intended) and e.body.order.id == trade.trade]
    assert isinstance(intended, Intended)
    assert intended.sizing is not None
    order = first(told, "order")
    assert f"size {intended.sizing.shares:,} shares" in order.details[0]
    assert f"{intended.sizing.binding} binds" in order.details[0]
    for check in intended.checks:
        assert [line for line in order.details if line.startswith(f"ok   {check.name} ")], check.name


def test_executions_and_result_carry_price_fees_and_r(told: Explanation, trade: TradeClosed) -> None:
    fills = [e.body for e in whole() if isinstance(e.body, Filled) and e.body.execution.order == trade.trade]
    qty, fees = sum(fill.execution.qty for fill in fills), sum(fill.execution.fee for fill in fills)
    bought = next(step for step in told.steps if step.what == "execution")
    assert f"{qty:,} {trade.symbol} at " in bought.text
    assert f"fees ${fees}" in bought.text
    result = first(told, "result")
    assert f"{trade.net_usd:+.2f} $" in result.text
    assert f"{trade.r:+.2f}R" in result.text
    assert trade.reason in result.text
    assert f"best {trade.mfe_usd:+.2f} $ = {trade.mfe_usd / trade.risk_usd:+.2f}R" in result.details[0]
    took = efficiency_of(trade)
    assert took is not None
    assert f"entry {took.entry:.0%}, exit {took.exit:.0%}, {took.total:.0%} taken" in result.details[1]


def test_the_result_tells_what_getting_in_cost_beside_the_price_at_the_decision(
    told: Explanation, trade: TradeClosed
) -> None:
    bodies = [entry.body for entry in whole()]
    (order,) = [body for body in bodies if isinstance(body, Intended) and body.order.id == trade.trade]
    fills = [body.execution for body in bodies if isinstance(body, Filled) and body.execution.order == trade.trade]
    assert order.price is not None
    decided = Decimal(str(order.price))
    cost = order.order.side.sign * sum((fill.price - decided) * fill.qty for fill in fills)
    missed = order.order.qty - sum(fill.qty for fill in fills)
    cost += order.order.side.sign * (trade.exit_price - decided) * missed
    assert f"getting in cost {cost:+.2f} $ beside {order.price:.2f} at the decision" in first(told, "result").details[2]


def test_an_order_id_leads_to_the_whole_trade(journal: MemoryJournal, trade: TradeClosed, told: Explanation) -> None:
    orders = [entry.body for entry in whole() if isinstance(entry.body, Intended)]
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
    told = told_as(Entry(1, 0, 0, 0, Signal("ABCD", "orb", Side.BUY, True, "", 10.0, context={"occasions": "opex"})))
    assert told.details[-1] == "market unknown, session in unknown, a day of opex"


def test_a_signal_shows_the_features_that_count_and_keeps_all() -> None:
    knew = {"last": 10.25, "rvol": 3.5, "halts_today": 0.0, "or_60_dir": 1.0}
    found = told_as(Entry(1, 0, 0, 0, Signal("ABCD", "orb", Side.BUY, True, "broke out", 10.0, features=knew)))
    assert found.features == knew
    line = Explanation("ABCD", "sim-1", (found,)).text().splitlines()[-1].strip()
    assert line == "knew 4 features (all with --json): last 10.25, rvol 3.5"


def test_a_signal_tells_in_one_line_what_kind_of_days_came_before() -> None:
    numbers = climate.unknown()
    assert climate.said(climate.told(numbers)) == ""
    named = {"spy_sma20_pct": 1.234, "spy_sma200_pct": -8.0, "spy_adx14": 23.4, "spy_vol5_pct": 14.25}
    named |= {"above_sma20_pct": 61.5, "above_sma20_names": 4321, "hot_names": 12, "hot_of_names": 5000}
    for name, value in named.items():
        numbers[climate.NAMES.index(name)] = value
    context: dict[str, str | float] = {
        "phase": "morning",
        "regime": "quiet",
        "efficiency": 0.42,
        **climate.told(numbers),
    }
    details = told_as(Entry(1, 0, 0, 0, Signal("ABCD", "orb", Side.BUY, True, "broke", 10.0, context=context))).details
    line = (
        "before the open: SPY +1.23 % from its 20-day mean, SPY -8 % from its 200-day mean, its ADX 23.4, its 5-day "
        "volatility 14.2 % (for VIX: 13-17), 61.5 % of 4,321 above their 20-day mean, 12 of 5,000 up 20 %"
    )
    assert details[-3:] == ("market quiet, session in morning", "efficiency 0.42", line)


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
    why = (Check("chg_pct >=", 14.2, 10.0, True, "%"),)
    told = told_as(Entry(1, 0, 0, 0, HitRefreshed("ABCD", "runners", 3.555, 5.803571, why)))
    assert (told.what, told.text) == ("hit", "ABCD goes on as a hit of runners, +5.8 % to 3.56")
    assert told.details == ("ok   chg_pct 14.2 %, wanted >= 10",)


def test_how_a_find_a_halt_and_a_bad_print_are_told() -> None:
    said: dict[AnyEvent, tuple[str, str]] = {
        HitEnded("ABCD", "runners", "mom_5_pct is -6.43 %, wanted >= 0"): (
            "hit",
            "ABCD is no longer a hit of runners: mom_5_pct is -6.43 %, wanted >= 0",
        ),
        TradingHalted("ABCD", True, 2, 3.5): ("halt", "ABCD is paused for volatility at 3.50, halt 2 of the day"),
        TradingHalted("ABCD", False, 1, None): ("halt", "ABCD is halted, halt 1 of the day"),
        TradingResumed("ABCD", 309.2): ("halt", "ABCD trades again after 5 min 9 s"),
        MarketHalted(3, "SPY", 400.0, 500.0, 0): (
            "halt",
            "the whole market halts at level 3 (MWC3), for the rest of the day: SPY stands for the index at -20.00 %",
        ),
        MarketResumed(1, 12.0, disproved=True): (
            "halt",
            "there was no halt at level 1: what stands for the index went on trading",
        ),
        PrintBusted("ABCD", "thrust", 3.5, None, "the last price"): (
            "bad print",
            "ABCD: the print at 3.5, the last price when thrust wanted in, was cancelled; what was decided stays",
        ),
    }
    for event, words in said.items():
        told = told_as(Entry(1, 0, 0, 0, event))
        assert (told.what, told.text) == words


@pytest.mark.parametrize(("seconds", "words"), [(9.4, "9 s"), (300, "5 min"), (309, "5 min 9 s"), (7500, "2 h 5 min")])
def test_how_long_something_took(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


def part(seq: int, order: str, qty: int, price: str, seconds: int = 0) -> Entry:
    execution = Execution(f"X{seq}", order, qty, Decimal(price), Decimal("0.01"), 0)
    filled = Filled(execution, "ABCD", Side.BUY, qty, Decimal(0))
    return Entry(seq, seconds * SECOND, 0, 0, filled)


def test_the_parts_in_which_an_order_fills_are_told_as_one() -> None:
    stop = Entry(2, 0, 0, 0, Activated("E1P", 100))
    told = steps([part(1, "E1", 100, "3.25"), stop, part(3, "E1", 1_900, "3.26", 61), part(4, "E2", 5, "3.3")])
    assert [(step.seq, step.text, step.details) for step in told] == [
        (
            1,
            "bought 2,000 ABCD at 3.2595 on average in 2 parts until 19:01:01, fees $0.02",
            ("from 3.25 to 3.26",),
        ),
        (4, "bought 5 ABCD at 3.3, fees $0.01", ()),
    ]


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Planned("orb", ("ABCD",), up=(4.5,), wake_at=0), "orb waits in ABCD for a touch above 4.50"),
        (Planned("orb", ("ABCD",), down=(None,), close_down=(0.4512,), follow=True),
         "orb waits in ABCD for a close below 0.4512, every bar"),
        (Planned("orb", ("ABCD", "B"), up=(4.5, 2.0)), "orb waits in 2 symbols for a touch above"),
        (Planned("orb", ("ABCD",)), "orb waits for no price and no time in ABCD"),
    ],
)  # fmt: skip
def test_a_plan_says_what_it_waits_for(plan: Planned, text: str) -> None:
    assert told_as(Entry(1, 0, 0, 0, plan)).text == text


@pytest.mark.parametrize(
    ("kind", "stop", "limit", "text"),
    [
        (OrderType.MARKET, None, None, "market"),
        (OrderType.STOP, "4.1", None, "stop 4.1"),
        (OrderType.STOP_LIMIT, "4.1", "4.2", "stop 4.1 limit 4.2"),
        (OrderType.LIMIT, None, "4.2", "limit 4.2"),
        (OrderType.LOC, None, "4.2", "limit on close limit 4.2"),
    ],
)
def test_an_order_says_its_kind_once(kind: OrderType, stop: str | None, limit: str | None, text: str) -> None:
    prices = (None if limit is None else Decimal(limit), None if stop is None else Decimal(stop))
    order = Order("X1", "ABCD", Side.SELL, 1400, kind, Purpose.PROTECT, "orb", *prices)
    assert told_as(Entry(1, 0, 0, 0, Intended(order, 4.3))).text == f"to protect: sell 1,400 ABCD {text} (X1)"
