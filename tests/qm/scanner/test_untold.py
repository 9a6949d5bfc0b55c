"""What no feed tells is refused by name, with the reason, wherever features are named."""

from __future__ import annotations

import pytest

from qm.errors import NotFoundError, QmError
from qm.market.features import NAMES, features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.untold import UNTOLD, no_feature
from qm.model.instrument import SymbolTable
from qm.rules.calendar import session
from qm.scanner.conditions import at_least
from qm.scanner.order import factors
from qm.scanner.text import ALIASES, parse
from tests.qm.market.test_usual import DATES


@pytest.mark.parametrize("name", UNTOLD)
def test_what_is_not_told_is_no_feature_and_the_error_says_why(name: str) -> None:
    assert name not in NAMES
    assert name not in ALIASES
    why, instead = UNTOLD[name]
    for refused in (lambda: parse(f"gap >= 4 & {name} >= 1"), lambda: at_least(name, 1.0), lambda: factors(name)):
        with pytest.raises(QmError) as raised:
            refused()
        assert why in raised.value.problem
        assert raised.value.remedy == instead


def test_the_place_in_the_scan_is_pointed_at() -> None:
    with pytest.raises(QmError, match="Column 12: 'catalyst' is no feature. No feed tells news"):
        parse("gap >= 4 & catalyst > 0")


def test_what_comes_near_is_a_feature() -> None:
    for _, instead in UNTOLD.values():
        assert instead.startswith("All of them") or instead.partition(" ")[0] in NAMES


def test_other_names_are_met_with_the_nearest() -> None:
    assert no_feature("rvoll").nearest[0] == "rvol"
    market = Market(SymbolTable(["A"]), session(DATES[0]), Reference.empty(1))
    with pytest.raises(NotFoundError, match="No feed tells the sector"):
        features(market, needed=["sector_rs"])
