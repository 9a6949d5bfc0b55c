"""The contract as the engine keeps it: needs that are not met, entries taken back, attempts, shares of risk."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import pytest

from qm.model.events import (
    Assigned,
    CancelAsked,
    Filled,
    Intended,
    NotStarted,
    Refused,
    Signal,
    StrategyFailed,
    TradeClosed,
)
from qm.model.order import OrderType, Purpose, Side
from qm.runtime.sentences import say
from qm.strategies.api import (
    Enter,
    EntrySignals,
    Exit,
    ExitSignals,
    Group,
    Need,
    Params,
    Plan,
    Protect,
    Strategy,
    View,
    Wishes,
    Withdraw,
)
from qm.strategies.contract import Rules
from qm.strategies.presets import PRESETS, strategy
from tests.qm.strategies.stage import Stage, at, minute

Answer = Callable[[View], Wishes]


class Asked(EntrySignals):
    """Follows every bar and answers as the test wants."""

    def __init__(self, on_bar: Answer, on_gone: Answer | None = None) -> None:
        self.answer, self.gone = on_bar, on_gone

    def on_start(self, group: Group) -> Wishes:
        return [Plan(rows=group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Wishes:
        return self.answer(view)

    def on_gone(self, view: View) -> Wishes:
        return self.gone(view) if self.gone else []


class Out(ExitSignals):
    """Follows every bar and answers as the test wants."""

    def __init__(self, on_bar: Answer) -> None:
        self.answer = on_bar

    def on_open(self, view: View) -> Wishes:
        return [Plan(follow=True)]

    def on_bar(self, view: View) -> Wishes:
        return self.answer(view)


def made(on_bar: Answer, on_gone: Answer | None = None, out: Answer | None = None, **more: Any) -> Strategy:
    exits = Out(out) if out else ExitSignals()
    return Strategy("made", "1", "experimental", "", Params(), Asked(on_bar, on_gone), exits, **more)


def rests(trigger: float) -> Enter:
    return Enter(Side.BUY, 19.0, f"above {trigger:g}", type=OrderType.STOP, trigger=trigger, shares=100)


def bars(on: Stage, *prices: float, first: int = 0) -> Stage:
    for n, price in enumerate(prices, first):
        on.feed(minute(n, price, price, price, price))
    return on


# --- needs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "columns", "prints", "reason"),
    [
        ((Need.BARS,), ("atr",), False, ""),
        ((), (), False, ""),
        ((Need.QUOTES,), (), False, "it needs quotes, which a feed of bars does not tell"),
        ((Need.PRINTS, Need.STATUS, Need.QUOTES), (), True, ""),
        ((Need.PREMARKET,), (), True, ""),
        ((), ("pre_volume",), True, "it needs usual volumes before the open, and no earlier session has any"),
        ((), ("float_shares",), False, "it needs float shares, and no shares free to trade are imported"),
    ],
)
def test_a_strategy_whose_needs_are_not_met_is_not_started(
    needs: tuple[Need, ...], columns: tuple[str, ...], prints: bool, reason: str
) -> None:
    on = bars(Stage(made(lambda view: [rests(30.0)], needs=needs, columns=columns), prints=prints), 20.0)
    on.pass_time(2)
    assert [body.reason for body in on.all(NotStarted)] == [reason][: bool(reason)]
    assert [notice.text for notice in on.notices] == [f"strategy made is not started: {reason}"][: bool(reason)]
    assert bool(on.all(Assigned)) is not bool(reason)
    assert bool(on.all(Signal)) is not bool(reason)


def test_the_others_go_on() -> None:
    idle = made(lambda view: [], needs=(Need.QUOTES,))
    on = bars(Stage(idle, strategy("thrust"), assigned={"made": ("AAA",), "thrust": ("BBB",)}), 20.0)
    assert [body.strategy for body in on.all(Assigned)] == ["thrust"]
    said = say(on.only(NotStarted), lambda _: None)
    assert said == ("warn", "", "strategy made is not started: it needs quotes, which a feed of bars does not tell")


# --- taking an entry back ----------------------------------------------------------------------------------------


def test_an_entry_is_taken_back_and_placed_anew_in_one_moment() -> None:
    def on_bar(view: View) -> Wishes:
        return [Withdraw("another price")] if view.entering else [rests(21.0)]

    on = bars(Stage(made(on_bar, on_gone=lambda view: [rests(21.0 + view.minute / 10)])), 20.0, 20.0)
    assert [body.trigger for body in on.all(Signal)] == [21.0, 21.2]
    assert [(e.ts, e.body.reason) for e in on.entries if isinstance(e.body, CancelAsked)] == [(at(2), "another price")]
    assert on.all(Refused) == []
    (entry,) = [w for w in on.core.book.orders.open("AAA") if w.order.purpose is Purpose.ENTRY]
    assert str(entry.order.stop) == "21.20"


def test_taking_back_what_does_not_work_is_nothing() -> None:
    on = bars(Stage(made(lambda view: [Withdraw("no reason")], on_gone=lambda view: [rests(21.0)])), 20.0, 20.0)
    assert (on.all(CancelAsked), on.all(Signal), on.all(StrategyFailed)) == ([], [], [])


def test_what_filled_meanwhile_is_a_position_and_not_asked_about() -> None:
    def on_bar(view: View) -> Wishes:
        return [Withdraw("too late")] if view.entering else [rests(21.0)]

    on = bars(Stage(made(on_bar, on_gone=lambda view: [rests(25.0)])), 20.0, 21.5)
    assert on.held() == 100
    assert len(on.all(Signal)) == 1


def test_who_is_asked_about_what_is_gone_may_raise() -> None:
    def raises(view: View) -> Wishes:
        raise ZeroDivisionError

    def on_bar(view: View) -> Wishes:
        return [Withdraw("another price")] if view.entering else [rests(21.0)]

    assert bars(Stage(made(on_bar, on_gone=raises)), 20.0, 20.0).only(StrategyFailed).strategy == "made"


def test_an_entry_that_ran_out_of_time_is_asked_about_too() -> None:
    def on_bar(view: View) -> Wishes:
        entry = Enter(Side.BUY, 19.0, "", type=OrderType.STOP, trigger=21.0, shares=100, until=at(2.5))
        return [] if view.entering or view.minute > 1 else [entry]

    on = bars(Stage(made(on_bar, on_gone=lambda view: [rests(22.0)])), 20.0, 20.0, 20.0)
    assert [body.trigger for body in on.all(Signal)] == [21.0, 22.0]


# --- attempts and risk -------------------------------------------------------------------------------------------


def test_only_what_filled_is_an_attempt() -> None:
    def on_bar(view: View) -> Wishes:
        return [Withdraw("again")] if view.entering else [rests(21.0)]

    strategy_ = made(on_bar, out=lambda view: [Exit("out")], per_day=2)
    on = bars(Stage(strategy_), *[20.0] * 5, 21.5, 21.5, *[20.0] * 5, 21.5, 21.5, *[20.0] * 5, 21.5, 21.5)
    assert len(on.all(TradeClosed)) == 2
    assert on.held() == 0
    assert on.core.book.attempts.made("AAA", "made") == 2


def test_a_strategy_may_risk_less_than_the_settings_but_not_more() -> None:
    for risk, most in ((0.001, 100.0), (0.02, 500.0), (None, 500.0)):
        buys = made(lambda view: [Enter(Side.BUY, 18.0, "in")] if view.minute == 1 else [], risk=risk)
        on = bars(Stage(buys), 20.0, 20.0)
        sizing = next(body.sizing for body in on.all(Intended) if body.sizing)
        assert most * 0.9 < sizing.risk_usd <= most


def test_a_wish_that_names_its_risk_overrules_that_of_the_strategy() -> None:
    wish = Enter(Side.BUY, 18.0, "in", risk=0.002)
    on = bars(Stage(made(lambda view: [wish] if view.minute == 1 else [], risk=0.001)), 20.0, 20.0)
    assert on.only(Signal).risk == 0.002


# --- what a strategy sees ----------------------------------------------------------------------------------------


def test_features_are_seen_by_name_and_the_unknown_is_nan() -> None:
    seen: list[Any] = []

    def on_bar(view: View) -> Wishes:
        seen.extend([view.feature("last"), view.feature("rvol"), view.entering])
        with pytest.raises(KeyError):
            view.feature("no_such")
        return []

    on = bars(Stage(made(on_bar)), 20.0)
    assert on.all(StrategyFailed) == []
    assert seen[0] == 20.0
    assert seen[1] != seen[1]
    assert seen[2] == 0


@pytest.mark.parametrize("wish", [Withdraw("x"), Protect(19.5, "x"), Exit("x", 0.5), Exit("x")])
def test_wishes_about_a_position_at_the_start_of_the_day_fail_the_strategy_alone(wish: Any) -> None:
    class Early(EntrySignals):
        def on_start(self, group: Group) -> Wishes:
            return [wish]

    early = Strategy("early", "1", "experimental", "", Params(), Early(), ExitSignals())
    on = bars(Stage(early, strategy("thrust"), assigned={"early": ("AAA",), "thrust": ("BBB",)}), 20.0)
    assert on.only(StrategyFailed).strategy == "early"


@pytest.mark.parametrize("wish", [{"stop": nan}, {"stop": 1e9}, {"stop": 0.0001}])
def test_absurd_stops_of_a_held_position_leave_it_protected_or_flat(wish: dict[str, float]) -> None:
    def out(view: View) -> Wishes:
        return [Protect(wish["stop"], "absurd")]

    on = bars(Stage(made(lambda view: [rests(20.0)], out=out)), 20.0, 20.0, 20.0, 20.0)
    assert on.all(Filled)
    assert on.core.book.orders.protecting("AAA") == on.held()


# --- what ships --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_what_ships_says_what_it_is(name: str) -> None:
    one = strategy(name)
    assert one.name == name
    assert one.status in ("supported", "experimental")
    assert one.version
    assert all(isinstance(need, Need) for need in one.needs)


@pytest.mark.parametrize("name", ["orb_paper", "orb_robust", "gap_go", "hod_break", "first_pullback"])
def test_its_rules_are_told_with_the_numbers_of_its_parameters(name: str) -> None:
    rules = strategy(name).rules
    assert isinstance(rules, Rules)
    assert all([rules.universe, rules.trigger, rules.entry, rules.stop, rules.sizing])
    assert strategy("orb_robust", {"stop_atr": 0.7}).rules.stop == "0.7 ATR from the trigger"
