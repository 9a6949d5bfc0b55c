"""A strategy that raises or wishes nonsense is isolated: others go on, and what it holds is protected."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

import msgspec
import numpy as np
import pytest

from qm.model.events import Entry, Filled, Intended, Refused, Released, StrategyFailed
from qm.model.order import OrderType, Purpose, Side
from qm.strategies.api import (
    Done,
    Enter,
    EntrySignals,
    Exit,
    ExitSignals,
    Group,
    Params,
    Plan,
    Protect,
    Strategy,
    View,
    Withdraw,
)
from tests.qm.strategies.stage import Stage, at, minute

Hook = Callable[[Any], Any]
DECODE = msgspec.json.Decoder(Entry).decode


def buys(row: int | None = None, **more: Any) -> Enter:
    return Enter(Side.BUY, 19.0, "told to", shares=100, row=row, **more)


class Faults:
    """What to do instead at which hook."""

    def __init__(self, hook: str, fault: Hook) -> None:
        self.hook, self.fault = hook, fault

    def at(self, hook: str, seen: object, otherwise: Any) -> Any:
        return self.fault(seen) if hook == self.hook else otherwise


class FaultyEntry(EntrySignals):
    """Buys at the first bar close, when it has not something foolish to do."""

    def __init__(self, faults: Faults, resting: bool) -> None:
        self.faults, self.resting = faults, resting

    def on_start(self, group: Group) -> Any:
        rows = group.rows.tolist()
        high = [20.5] * len(rows)
        return self.faults.at("entry.on_start", group, [Plan(rows, high, (), high, follow=True, wake_at=at(1.5))])

    def on_time(self, group: Group) -> Any:
        return self.faults.at("entry.on_time", group, [])

    def on_touch(self, view: View) -> Any:
        return self.faults.at("entry.on_touch", view, [])

    def on_close(self, view: View) -> Any:
        return self.faults.at("entry.on_close", view, [])

    def on_bar(self, view: View) -> Any:
        first = self.faults.hook.startswith("exit") and view.minute == 1
        return self.faults.at("entry.on_bar", view, [buys(resting_stop=self.resting)] if first else [])


class FaultyExit(ExitSignals):
    """Watches, and does something foolish when its hook comes."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def on_open(self, view: View) -> Any:
        return self.faults.at("exit.on_open", view, [Plan((), [20.5], (), [20.5], follow=True, wake_at=at(3.5))])

    def on_time(self, view: View) -> Any:
        return self.faults.at("exit.on_time", view, [])

    def on_touch(self, view: View) -> Any:
        return self.faults.at("exit.on_touch", view, [])

    def on_close(self, view: View) -> Any:
        return self.faults.at("exit.on_close", view, [])

    def on_bar(self, view: View) -> Any:
        return self.faults.at("exit.on_bar", view, [])


def faulty(hook: str, fault: Hook, resting: bool = True) -> Strategy:
    faults = Faults(hook, fault)
    parts = FaultyEntry(faults, resting), FaultyExit(faults)
    return Strategy("faulty", "1", "experimental", "fails", Params(), *parts)


class Steady(EntrySignals):
    """Buys at the close of the fifth minute."""

    def on_start(self, group: Group) -> Any:
        return [Plan(rows=group.rows.tolist(), follow=True)]

    def on_bar(self, view: View) -> Any:
        return [buys()] if view.minute == 5 else []


def steady() -> Strategy:
    return Strategy("steady", "1", "experimental", "works", Params(), Steady(), ExitSignals())


def play(strategy: Strategy) -> Stage:
    """Eight minutes in two symbols: the faulty strategy has one, the steady one the other."""
    stage = Stage(strategy, steady(), assigned={"faulty": ("AAA",), "steady": ("BBB",)})
    for n in range(8):
        price = 20.0 if n < 3 else 20.6
        stage.feed(minute(n, price, price, price, price), minute(n, 20.0, 20.0, 20.0, 20.0, sym=1))
    for entry in stage.entries:
        encoded = msgspec.json.encode(entry)
        assert msgspec.json.encode(DECODE(encoded)) == encoded
    return stage


def raises(_: object) -> Any:
    raise ZeroDivisionError("float division by zero")


HOOKS = [f"entry.{name}" for name in ("on_start", "on_time", "on_touch", "on_close", "on_bar")]
HOLDING = [f"exit.{name}" for name in ("on_open", "on_time", "on_touch", "on_close", "on_bar")]


@pytest.mark.parametrize("hook", [*HOOKS, *HOLDING])
def test_a_strategy_that_raises_is_isolated_and_the_others_go_on(hook: str) -> None:
    stage = play(faulty(hook, raises))
    failed = stage.only(StrategyFailed)
    assert (failed.strategy, failed.error) == ("faulty", "ZeroDivisionError: float division by zero")
    assert stage.only(Released).symbol == "AAA"
    assert [notice.level for notice in stage.notices] == ["critical"]
    assert stage.held("BBB") == 100
    assert stage.held("AAA") == (100 if hook in HOLDING else 0)
    assert stage.core.book.orders.protecting("AAA") == stage.held("AAA")


@pytest.mark.parametrize("hook", HOLDING)
def test_a_position_without_a_resting_stop_gets_one_when_its_strategy_fails(hook: str) -> None:
    stage = play(faulty(hook, raises, resting=False))
    assert stage.held("AAA") == 100
    (stop,) = [
        body.order for body in stage.all(Intended) if body.order.purpose is Purpose.PROTECT and not body.order.parent
    ]
    assert (stop.qty, str(stop.stop)) == (100, "19.00")
    assert stage.core.book.orders.protecting("AAA") == 100
    stage.feed(minute(8, 19.2, 19.2, 18.9, 18.9))
    assert stage.held("AAA") == 0


def test_an_entry_that_works_is_taken_back_when_its_strategy_fails() -> None:
    def waits(view: Any) -> Any:
        if view.minute == 2:
            raise KeyError("note")
        return [buys(type=OrderType.STOP, trigger=21.0)] if view.minute == 1 else []

    stage = play(faulty("entry.on_bar", waits))
    assert stage.only(StrategyFailed).symbol == "AAA"
    assert stage.core.book.orders.open("AAA") == []


NONSENSE: dict[str, Hook] = {
    "nothing at all": lambda _: None,
    "a number": lambda _: 7,
    "a text": lambda _: "buy",
    "a list of texts": lambda _: ["buy"],
    "a class": lambda _: [Enter],
    "no price": lambda _: [Enter(Side.BUY, nan, "x", row=0)],
    "a stop at infinity": lambda _: [Enter(Side.BUY, -inf, "x", row=0)],
    "a trigger at NaN": lambda _: [Enter(Side.BUY, 19.0, "x", type=OrderType.STOP, trigger=nan, row=0)],
    "a limit at NaN": lambda _: [Enter(Side.BUY, 19.0, "x", type=OrderType.LIMIT, limit=nan, row=0)],
    "a side in words": lambda _: [Enter("buy", 19.0, "x", row=0)],  # type: ignore[arg-type]
    "a type in words": lambda _: [Enter(Side.BUY, 19.0, "x", type="market", row=0)],  # type: ignore[arg-type]
    "a stop order without a trigger": lambda _: [Enter(Side.BUY, 19.0, "x", type=OrderType.STOP, row=0)],
    "a market order with a limit": lambda _: [Enter(Side.BUY, 19.0, "x", limit=20.0, row=0)],
    "half a share": lambda _: [Enter(Side.BUY, 19.0, "x", shares=0.5, row=0)],  # type: ignore[arg-type]
    "a reason that is a number": lambda _: [Enter(Side.BUY, 19.0, 5, row=0)],  # type: ignore[arg-type]
    "an exit for no reason": lambda _: [Exit(None)],  # type: ignore[arg-type]
    "more than all of it": lambda _: [Exit("x", 1.01)],
    "a part of nothing": lambda _: [Exit("x", 0.0)],
    "a part that is no number": lambda _: [Exit("x", nan)],
    "a stop moved to NaN": lambda _: [Protect(nan, "x")],
    "a stop moved below zero": lambda _: [Protect(-1.0, "x")],
    "a stop moved in words": lambda _: [Protect("up", "x")],  # type: ignore[arg-type]
    "taken back for a number": lambda _: [Withdraw(3)],  # type: ignore[arg-type]
    "done for a number": lambda _: [Done(3, 0)],  # type: ignore[arg-type]
    "arrays of different lengths": lambda _: [Plan(rows=[0], up=[21.0, 22.0])],
    "levels of another length": lambda _: [Plan(rows=[0], up=[21.0], close_down=[1.0, 2.0, 3.0])],
    "a note of another length": lambda _: [Plan(rows=[0], note={"low": [1.0, 2.0]})],
    "an empty note": lambda _: [Plan(rows=[0], note={"low": []})],
    "a note in words": lambda _: [Plan(rows=[0], note={"low": "deep"})],  # type: ignore[dict-item]
    "a note under a number": lambda _: [Plan(rows=[0], note={1: 2.0})],  # type: ignore[dict-item]
    "levels that are no numbers": lambda _: [Plan(rows=[0], up=["high"])],  # type: ignore[list-item]
    "a level that is no array": lambda _: [Plan(rows=[0], up=21.0)],  # type: ignore[arg-type]
    "a time with a fraction": lambda _: [Plan(rows=[0], wake_at=1.5)],  # type: ignore[arg-type]
    "a row that is not there": lambda _: [Plan(rows=[99])],
    "a row below zero": lambda _: [Plan(rows=[-1])],
    "following in words": lambda _: [Plan(rows=[0], follow="yes")],  # type: ignore[arg-type]
}


@pytest.mark.parametrize("nonsense", list(NONSENSE))
@pytest.mark.parametrize("hook", ["entry.on_time", "entry.on_bar", "exit.on_open", "exit.on_bar"])
def test_nonsense_is_isolated_too(hook: str, nonsense: str) -> None:
    stage = play(faulty(hook, NONSENSE[nonsense], resting=False))
    assert stage.only(StrategyFailed).strategy == "faulty"
    assert stage.held("BBB") == 100
    assert (
        stage.core.book.orders.protecting("AAA")
        == stage.held("AAA")
        == (100 if hook in ("exit.on_open", "exit.on_bar") else 0)
    )


@pytest.mark.parametrize("nonsense", ["nothing at all", "a list of texts", "a row that is not there"])
def test_nonsense_at_the_start_is_isolated_too(nonsense: str) -> None:
    stage = play(faulty("entry.on_start", NONSENSE[nonsense]))
    assert stage.only(StrategyFailed).strategy == "faulty"
    assert stage.held("BBB") == 100


def test_numbers_of_numpy_are_numbers() -> None:
    def plans(view: Any) -> Any:
        low = view.market.col["low"][view.row]
        rows: Any = np.array([0])
        levels: Any = np.array([30.0])
        whole: Any = np.int64
        plan = Plan(rows, levels, wake_at=whole(at(7)))
        return [plan, Enter(Side.BUY, low - 1.0, "x", shares=whole(10))] if view.minute == 1 else []

    stage = play(faulty("entry.on_bar", plans))
    assert stage.all(StrategyFailed) == []
    assert stage.held("AAA") == 10


def test_a_foolish_but_sound_wish_is_refused_and_not_a_failure() -> None:
    stage = play(
        faulty(
            "entry.on_bar", lambda _: [Enter(Side.BUY, 25.0, "a stop above"), Enter(Side.BUY, 19.0, "none", shares=0)]
        )
    )
    assert stage.all(StrategyFailed) == []
    assert stage.all(Refused)
    assert not [body for body in stage.all(Filled) if body.symbol == "AAA"]
