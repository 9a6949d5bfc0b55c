"""A check for peeking says how many signals it compared, and looks for some where the data had none."""

import pytest

from backtest.check import Difference, Report
from cli import peeking
from cli.output import Progress
from cli.peeking import MADE_UP, Checked, ask, on_made_up, show_checks
from cli.trial import Order, plan

Told = pytest.CaptureFixture[str]


def report(signals: int, *, peeks: bool = False) -> Report:
    found = Difference(session="2025-03-10", at=1, future="cut off", seq=1, before="", after="")
    return Report(sessions=1, trials=2, entries=100, signals=signals, differences=(found,) if peeks else ())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Which strategy was checked on what; none has a signal but on the made-up market, where one peeks."""
    seen: list[tuple[str, str]] = []

    def check_one(orders: list[Order], *_: object) -> dict[str, Report]:
        seen.extend((order.strategy, order.dataset) for order in orders)
        found = {}
        for order in orders:
            made_up = order.dataset == MADE_UP
            found[order.strategy] = report(int(made_up or order.strategy == "thrust"), peeks=made_up)
        return found

    monkeypatch.setattr(peeking, "check_each", check_one)
    monkeypatch.setattr(peeking, "every_name", lambda: ["thrust", "hod_break"])
    monkeypatch.setattr(peeking, "possible", lambda orders: (orders, {}))
    return seen


def test_who_had_no_signal_is_checked_where_some_come_up(asked: list[tuple[str, str]]) -> None:
    found = ask(Order(strategy="", dataset="made"), (), None, 0, 1, Progress(quiet=True), every=True)
    assert asked == [("thrust", "made"), ("hod_break", "made"), ("hod_break", MADE_UP)]
    assert found.strategies["hod_break"].clean
    # What peeks anywhere peeks.
    assert not found.clean


def test_who_cannot_run_on_the_data_is_checked_on_the_made_up_market(
    asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def possible(orders: list[Order]) -> tuple[list[Order], dict[str, str]]:
        able = [order for order in orders if (order.strategy, order.dataset) != ("hod_break", "made")]
        return able, {order.strategy: "no SPY" for order in orders if order not in able}

    monkeypatch.setattr(peeking, "possible", possible)
    found = ask(Order(strategy="", dataset="made"), (), None, 0, 1, Progress(quiet=True), every=True)
    assert asked == [("thrust", "made"), ("hod_break", MADE_UP)]
    assert found.left_out == {"hod_break": "no SPY"}


def test_who_is_named_is_checked_on_the_data_alone(asked: list[tuple[str, str]]) -> None:
    ask(Order(strategy="", dataset="made"), ("hod_break",), None, 0, 1, Progress(quiet=True), every=False)
    assert asked == [("hod_break", "made")]


def test_looser_rules_are_allowed_ones_and_can_be_overruled() -> None:
    for name in peeking.LOOSE:
        assert name in plan(on_made_up(Order(strategy=name, dataset="made"))).plan.strategies
    order = on_made_up(Order(strategy="parabolic_short", dataset="made", params=("chg=20",)))
    assert "chg=20.0" in str(plan(order).plan.strategies["parabolic_short"].params)


def test_who_had_no_signal_at_all_is_named(capsys: Told) -> None:
    show_checks(Checked(clean=True, strategies={"a": report(3), "b": report(0)}, made_up={"b": report(0)}, left_out={}))
    told = capsys.readouterr()
    assert "no signal of b came up" in told.err
    assert MADE_UP in told.out
    show_checks(Checked(clean=True, strategies={"b": report(0)}, made_up={"b": report(1)}, left_out={}))
    assert "no signal" not in capsys.readouterr().err
