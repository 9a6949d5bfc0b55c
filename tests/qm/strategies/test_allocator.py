"""Who gets a symbol and how much, and what is said of those who do not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.model.events import (
    Allocated,
    AnyEvent,
    Entry,
    HitRejected,
    Intended,
    NotStarted,
    Rejected,
    Released,
    SessionStarted,
    StrategyFailed,
    TradeClosed,
)
from qm.model.order import Order, OrderType, Purpose, Side
from qm.strategies.allocator import Allocator, AllocatorSettings, Offer, Situation
from qm.strategies.api import EntrySignals, ExitSignals, Params, Strategy
from qm.strategies.likeness import Likeness
from qm.strategies.record import Prior

OFFER = Offer("AAA", "gap")
CALM = Situation(equity_usd=100_000.0, heat_left_usd=2000.0, trade_risk_usd=500.0)


def strategy(name: str, *scans: str, per_day: int = 1) -> Strategy:
    return Strategy(
        name, "1", "experimental", "", Params(), EntrySignals(), ExitSignals(), scans=scans, per_day=per_day
    )


ONE, TWO, OTHER = strategy("one", "gap"), strategy("two", "gap"), strategy("other", "spike")


def closed(name: str, r: float | None) -> TradeClosed:
    return TradeClosed(
        trade="t",
        symbol="BBB",
        strategy=name,
        side=Side.BUY,
        qty=1,
        opened=0,
        closed=1,
        entry_price=Decimal(1),
        exit_price=Decimal(1),
        gross_usd=Decimal(0),
        fees_usd=Decimal(0),
        net_usd=Decimal(0),
        risk_usd=1.0,
        r=r,
        mfe_usd=0.0,
        mae_usd=0.0,
        reason="",
    )


def entered(name: str, symbol: str = "AAA") -> Intended:
    return Intended(Order("E", symbol, Side.BUY, 1, OrderType.MARKET, Purpose.ENTRY, name), 1.0)


def refused() -> Rejected:
    """The broker's answer to `entered`: an attempt."""
    return Rejected("E", "no")


class Desk:
    """An allocator with a journal."""

    def __init__(self, *strategies: Strategy, **settings: Any) -> None:
        self.settings = AllocatorSettings(**settings)
        self.strategies = {each.name: each for each in strategies or (ONE, TWO, OTHER)}
        self.allocator = Allocator(self.strategies, self.settings)
        self.journal: list[AnyEvent] = []

    def tell(self, *bodies: AnyEvent) -> Desk:
        for body in bodies:
            self.journal.append(body)
            apply(self.allocator, body)
        return self

    def offer(self, offer: Offer = OFFER, **seen: Any) -> Allocated | HitRejected:
        return self.allocator.on_watched(offer, CALM._replace(**seen))

    def given(self, **seen: Any) -> Allocated:
        found = self.offer(**seen)
        assert isinstance(found, Allocated)
        return found

    def folded(self) -> Allocator:
        allocator = Allocator(self.strategies, self.settings)
        for body in self.journal:
            apply(allocator, body)
        return allocator


def apply(allocator: Allocator, body: AnyEvent) -> None:
    if (applier := allocator.appliers().get(type(body))) is not None:
        applier(Entry(1, 0, 0, 0, body))


def test_with_nothing_against_it_the_first_that_takes_the_scan_gets_the_full_budget() -> None:
    found = Desk().given()
    assert (found.strategy, found.budget_usd, found.expected_r) == ("one", 25_000.0, 0.0)
    assert found.why == "takes hits of gap; 25% of equity"
    assert [(each.strategy, each.why, each.expected_r, each.size) for each in found.alternatives] == [
        ("two", "one comes first", 0.0, 1.0),
        ("other", "does not take hits of gap", None, None),
    ]


def test_every_factor_is_told_those_that_change_nothing_too() -> None:
    assert [(each.name, each.size, each.told) for each in Desk().given().factors] == [
        ("regime", 1.0, "regime unknown, which changes nothing"),
        ("phase", 1.0, "phase unknown, which changes nothing"),
        ("record", 1.0, "+0.000 R expected after 0 trades, 50% to earn anything"),
        ("correlation", 1.0, "nothing is open to be correlated with"),
        ("open risk", 1.0, "$2,000 of open risk left, a trade takes $500"),
    ]


def test_the_one_that_is_expected_to_earn_more_gets_it() -> None:
    # See test_record: 20 wins of 1 R against 20 losses of 1 R are 455/464 R each way.
    desk = Desk().tell(*[closed("one", -1.0)] * 20, *[closed("two", 1.0)] * 20)
    found = desk.given()
    assert found.strategy == "two"
    assert found.expected_r == pytest.approx(455 / 464, abs=1e-6)
    assert found.alternatives[0] == msgspec.convert(
        ["one", "-0.981 R expected of a trade, +0.981 R of two", round(-455 / 464, 6), 0.5], type(found.alternatives[0])
    )


def test_a_strategy_that_hardly_earns_anything_gets_half() -> None:
    # 100 losses of 0.5 R: s2 = 45/119, n/s2 = 264.4, expected -0.457 R, sd 0.059 R: the chance is nil.
    desk = Desk(ONE).tell(*[closed("one", -0.5)] * 100)
    found = desk.given()
    assert found.budget_usd == 12_500.0
    assert found.why == (
        "takes hits of gap; 12.5% of equity; -0.457 R expected after 100 trades, 0% to earn anything, less than 20%"
    )


def test_a_few_losses_prove_nothing() -> None:
    # s2 = 45/22, n/s2 = 22/15: expected -0.055 R, sd 0.194 R: a chance of 39 %.
    assert Desk(ONE).tell(*[closed("one", -1.0)] * 3).given().budget_usd == 25_000.0


def test_only_the_latest_trades_count_and_those_without_a_known_risk_do_not() -> None:
    desk = Desk(ONE, recent_trades=5).tell(*[closed("one", -3.0)] * 50, *[closed("one", 1.0)] * 5, closed("one", None))
    assert desk.given().expected_r == pytest.approx(8 / 83, abs=1e-6)


def test_a_prior_counts_from_the_first_trade_on() -> None:
    desk = Desk(priors={"two": Prior(mean_r=1.0, trades=20)})
    assert desk.given().strategy == "one"
    # One strategy with results tells nothing apart: all are expected to earn 16/61 R, and the first comes first.
    assert desk.given().expected_r == pytest.approx(16 / 61, abs=1e-6)
    desk = Desk(priors={"one": Prior(mean_r=-1.0, trades=100), "two": Prior(mean_r=1.0, trades=100)})
    assert desk.given().strategy == "two"


@pytest.mark.parametrize(
    ("sizes", "regime", "budget", "told"),
    [
        ({"quiet": 0.5}, "quiet", 12_500.0, "; regime quiet leaves 50%"),
        ({"quiet": 0.5}, "range", 25_000.0, ""),
        ({"quiet": 0.5, "one:quiet": 1.0}, "quiet", 25_000.0, ""),
        ({"one:quiet": 0.5}, "quiet", 12_500.0, "; regime quiet leaves 50%"),
        ({"unknown": 0.5}, None, 12_500.0, "; regime unknown leaves 50%"),
    ],
)
def test_a_regime_leaves_what_the_settings_say(
    sizes: dict[str, float], regime: str | None, budget: float, told: str
) -> None:
    found = Desk(ONE, regime=sizes).given(context={} if regime is None else {"regime": regime})
    assert found.budget_usd == budget
    assert found.why.endswith(f"% of equity{told}")


def test_a_regime_that_leaves_nothing_to_one_leaves_it_to_the_next() -> None:
    found = Desk(regime={"one:quiet": 0}).given(context={"regime": "quiet"})
    assert found.strategy == "two"
    assert (found.alternatives[0].why, found.alternatives[0].size) == ("regime quiet leaves 0%", 0.0)


def test_of_equals_the_one_with_the_larger_budget_gets_it() -> None:
    found = Desk(phase={"one:midday": 0.5}).given(context={"phase": "midday"})
    assert found.strategy == "two"
    assert found.alternatives[0].why == "50% of the budget, 100% for two"


def test_factors_multiply() -> None:
    found = Desk(ONE, regime={"quiet": 0.5}, phase={"midday": 0.5}).given(
        context={"regime": "quiet", "phase": "midday"}, alike=Likeness("BBB", 0.9, ()), heat_left_usd=499.0
    )
    assert found.budget_usd == 25_000.0 / 16
    assert found.why == (
        "takes hits of gap; 1.56% of equity; regime quiet leaves 50%; phase midday leaves 50%;"
        " correlation 0.90 with BBB, 0.7 or more; $499 of open risk left, a trade takes $500"
    )


@pytest.mark.parametrize(
    ("alike", "size", "told"),
    [
        (Likeness("BBB", 0.69, ()), 1.0, "correlation 0.69 with BBB"),
        (Likeness("BBB", 0.7, ()), 0.5, "correlation 0.70 with BBB, 0.7 or more"),
        (Likeness("BBB", 0.7, ("CCC",)), 0.5, "correlation 0.70 with BBB, 0.7 or more; correlation with CCC not known"),
        (Likeness("", None, ("CCC", "DDD")), 1.0, "correlation with CCC, DDD not known"),
    ],
)
def test_what_moves_like_an_open_position_gets_half_and_what_is_not_known_is_said(
    alike: Likeness, size: float, told: str
) -> None:
    (factor,) = [each for each in Desk().given(alike=alike).factors if each.name == "correlation"]
    assert (factor.size, factor.value, factor.told) == (size, alike.correlation, told)


def test_open_risk_that_is_not_known_leaves_no_room() -> None:
    unknown = Desk().given(heat_left_usd=float("nan"))
    assert unknown.budget_usd == 12_500.0
    assert unknown.why.endswith("; an unknown sum of open risk left, a trade takes $500")
    assert (unknown.factors[-1].size, unknown.factors[-1].value) == (0.5, None)
    assert Desk().given(heat_left_usd=500.0).budget_usd == 25_000.0


def test_a_strategy_that_risks_less_needs_less_room() -> None:
    assert Desk(replace(ONE, risk=0.0025)).given(heat_left_usd=250.0).budget_usd == 25_000.0
    assert Desk(replace(ONE, risk=0.02)).given(heat_left_usd=499.0).budget_usd == 12_500.0


def test_who_takes_it_when_nobody_does() -> None:
    found = Desk().offer(Offer("AAA", "halts"))
    assert isinstance(found, HitRejected)
    assert (found.by, found.why, found.reason) == ("allocator", "alert_only", "no strategy takes hits of halts")
    assert [each.strategy for each in found.alternatives] == ["one", "two", "other"]
    alone = Allocator({}, AllocatorSettings()).on_watched(OFFER, CALM)
    assert isinstance(alone, HitRejected)
    assert alone.reason == "no strategy is switched on"


def test_who_let_a_find_go_is_not_asked_again_until_it_is_found_anew() -> None:
    desk = Desk().tell(Released("AAA", "one", "too late"), Released("BBB", "two", "too late"))
    # Told at time 0: a find since then is new, one from before is offered again.
    assert desk.given(offer=OFFER._replace(since=1)).strategy == "one"
    again = desk.given(offer=OFFER._replace(since=0))
    assert (again.strategy, again.alternatives[0].why) == ("two", "has let it go since it was found")
    assert desk.given().strategy == "one"


def test_a_budget_of_nothing_is_no_allocation() -> None:
    found = Desk(ONE, regime={"quiet": 0}).offer(context={"regime": "quiet"})
    assert isinstance(found, HitRejected)
    assert (found.why, found.reason) == ("no_budget", "one: regime quiet leaves 0%")


def test_one_that_failed_or_has_no_attempt_left_gets_nothing_today() -> None:
    desk = Desk().tell(StrategyFailed("one", None, "ValueError: no"), entered("two"), refused())
    found = desk.offer()
    assert isinstance(found, HitRejected)
    assert (found.why, found.reason) == (
        "no_strategy",
        "one: it failed today; two: no attempts are left today: 1 of 1",
    )
    assert desk.given(offer=Offer("BBB", "gap")).strategy == "two"
    desk.tell(SessionStarted("2026-11-23", "sim", Decimal(1), 2, "", ()))
    assert desk.given().strategy == "one"


def test_one_that_was_not_started_gets_nothing() -> None:
    found = Desk().tell(NotStarted("one", "it needs quotes"), NotStarted("two", "it needs prints")).offer()
    assert isinstance(found, HitRejected)
    assert found.reason == "one: not started: it needs quotes; two: not started: it needs prints"


@pytest.mark.parametrize(
    "wrong", [{"regime": {"calm": 1}}, {"regime": {"quiet": 0.7}}, {"phase": {"thrust:noon": 0.5}}]
)
def test_labels_and_sizes_that_are_none_are_refused(wrong: dict[str, dict[str, float]]) -> None:
    with pytest.raises(msgspec.ValidationError, match="must be 0, 0.5 or 1|ends in none of"):
        msgspec.convert(wrong, AllocatorSettings)


STEP = st.one_of(
    st.builds(closed, st.sampled_from(["one", "two", "gone"]), st.sampled_from([None, -1.0, 0.3, 2.5])),
    st.builds(entered, st.sampled_from(["one", "two"]), st.sampled_from(["AAA", "BBB"])),
    st.builds(Released, st.sampled_from(["AAA", "BBB"]), st.sampled_from(["one", "two"]), st.just("no")),
    st.builds(NotStarted, st.just("two"), st.just("no quotes")),
    st.builds(StrategyFailed, st.just("two"), st.none(), st.just("no")),
    st.builds(SessionStarted, st.just("d"), st.just("sim"), st.just(Decimal(1)), st.just(2), st.just(""), st.just(())),
)


@given(st.lists(STEP, max_size=60))
def test_an_allocator_folded_from_the_journal_decides_like_the_one_that_wrote_it(steps: list[AnyEvent]) -> None:
    desk = Desk(recent_trades=7).tell(*steps)
    folded = desk.folded()
    assert msgspec.json.encode(folded.state()) == msgspec.json.encode(desk.allocator.state())
    seen = CALM._replace(alike=Likeness("BBB", 0.8, ()))
    assert folded.on_watched(OFFER, seen) == desk.allocator.on_watched(OFFER, seen)


def test_deciding_changes_nothing() -> None:
    desk = Desk().tell(closed("one", 1.0))
    before = desk.allocator.state()
    assert desk.offer() == desk.offer()
    assert desk.allocator.state() == before
