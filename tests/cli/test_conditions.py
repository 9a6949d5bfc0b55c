"""Conditions on a result."""

from typing import Any

import msgspec
import pytest

from backtest.measures import DayMeasures
from backtest.summary import Summary, summarize
from cli.conditions import parse
from qm.errors import NotFoundError, UsageError


def summary(**changed: Any) -> Summary:
    from decimal import Decimal

    empty = summarize("r", [], [], Decimal(1000), {"symbols": 0, "records": 0, "wakes": 0}, "", 1.0)
    own = {name: value for name, value in changed.items() if name in Summary.__struct_fields__}
    day = {name: value for name, value in changed.items() if name in DayMeasures.__struct_fields__}
    return msgspec.structs.replace(empty, **own, by_day=msgspec.structs.replace(empty.by_day, **day))


@pytest.mark.parametrize(
    ("text", "changed", "holds"),
    [
        ("net<0", {"net_usd": -0.01}, True),
        ("net<0", {"net_usd": 0.0}, False),
        ("net_usd <= 0", {"net_usd": 0.0}, True),
        ("trades<100", {"trades": 99}, True),
        ("trades>=100", {"trades": 99}, False),
        ("win_rate!=0.5", {"win_rate": 0.5}, False),
        ("drawdown>1e3", {"max_drawdown_usd": 1001.0}, True),
        ("pf==2", {"profit_factor": 2.0}, True),
        ("sharpe<1", {"sharpe": 0.99}, True),
        ("sharpe<1", {"sharpe": 1.0}, False),
    ],
)
def test_a_condition_holds_or_does_not(text: str, changed: dict[str, Any], holds: bool) -> None:
    assert bool(parse(text).holds(summary(**changed))) is holds


def test_what_is_not_known_cannot_be_ruled_out() -> None:
    assert "not known" in parse("mean_r<0").holds(summary())


@pytest.mark.parametrize("text", ["", "net", "net<", "net<x", "net<nan", "<0", "net=<0", "net<0 and r<0"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(("text", "near"), [("nett<0", "net"), ("trade<1", "trades"), ("journal_hash<1", "")])
def test_an_unknown_figure_names_the_nearest(text: str, near: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        parse(text)
    assert near in caught.value.remedy
