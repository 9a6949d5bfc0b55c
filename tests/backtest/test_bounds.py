"""What is said of a run whose bars leave the order of events open."""

from decimal import Decimal

import pytest

from backtest.bounds import Bound, bound, doubts
from backtest.summary import DayResult, summarize
from tests.backtest.test_sheet import closed

COUNTS = {"symbols": 1, "records": 1, "wakes": 1}


def of(fills: str, net: float, share: float | None = 0.0) -> Bound:
    return Bound(
        fills=fills,
        trades=100,
        ambiguous=0,
        ambiguous_share=share,
        net_usd=net,
        mean_r=0.0,
        end_equity_usd=0.0,
        result_hash="",
    )


def test_a_bound_is_the_run_in_short() -> None:
    trades = [closed(1, "30.00", 0.5, ambiguous=True), closed(2, "-10.00", -0.25), closed(3, "1.00", None)]
    days = [DayResult("2025-03-12", Decimal(100_021), 3)]
    found = bound("path", summarize("r", trades, days, Decimal(100_000), COUNTS, "", 1.0))
    assert (found.fills, found.trades, found.ambiguous, found.net_usd, found.mean_r) == ("path", 3, 1, 21.0, 0.125)
    assert found.ambiguous_share == pytest.approx(1 / 3)
    assert found.end_equity_usd == 100_021


def test_no_trade_has_no_share() -> None:
    found = bound("path", summarize("r", [], [], Decimal(100_000), COUNTS, "", 1.0))
    assert found.ambiguous_share is None
    assert doubts([found]) == []


def test_a_tenth_is_borne_and_more_is_not() -> None:
    assert doubts([of("pessimistic", 1.0, 0.1)]) == []
    (text,) = doubts([of("path", 1.0, 0.11)])
    assert "In 11% of the trades" in text
    assert "(path)" in text
    assert "--fills all" in text
    # One of the three is enough: they may not make the same trades.
    (text,) = doubts([of("pessimistic", 1.0, 0.09), of("path", 2.0, 0.12), of("optimistic", 2.0, None)])
    assert "In 12% of the trades" in text
    assert "(path)" in text
    assert "--fills all" not in text


def test_assumptions_that_decide_the_sign_are_told() -> None:
    (text,) = doubts([of("pessimistic", -1.0), of("path", 0.0), of("optimistic", 2.0)])
    assert "wins or loses" in text
    assert doubts([of("pessimistic", 0.0), of("path", 1.0), of("optimistic", 2.0)]) == []


def test_assumptions_that_end_in_another_order_are_told() -> None:
    (text,) = doubts([of("pessimistic", 3.0), of("path", 1.0), of("optimistic", 2.0)])
    assert "came to less" in text
