"""Which rows a filter keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui import market
from tui.panes.radar import RadarPane
from tui.widgets.filter import parse

COLUMNS = RadarPane().columns()
ROWS = market.opening().radar


def kept(text: str) -> list[str]:
    found = parse(text, COLUMNS)
    assert found is not None
    return [row.symbol for row in ROWS if found.takes(row)]


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_keeps_everything(text: str) -> None:
    assert parse(text, COLUMNS) is None


def test_a_text_is_looked_for_in_any_case() -> None:
    assert kept("abcd") == ["ABCD"]
    assert kept("halt") == [row.symbol for row in ROWS if "halt" in row.flags + row.why]


def test_an_exclamation_mark_turns_it_around() -> None:
    assert kept("!abcd") == [row.symbol for row in ROWS if row.symbol != "ABCD"]


def test_a_column_is_compared_and_the_unknown_passes_neither_way() -> None:
    above, below = kept("rvol>5"), kept("rvol<=5")
    assert set(above) == {row.symbol for row in ROWS if row.rvol is not None and row.rvol > 5}
    assert set(above) | set(below) == {row.symbol for row in ROWS if row.rvol is not None}
    assert len(above) + len(below) < len(ROWS)


def test_units_and_several_parts() -> None:
    assert kept("float<5m last>3") == [
        row.symbol for row in ROWS if row.float_shares is not None and row.float_shares < 5e6 and row.last > 3
    ]


def test_a_column_may_be_named_by_its_title() -> None:
    assert kept("chg%>10") == kept("chg>10")


def test_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="No column is called 'beta'.*rvol"):
        parse("beta>1", COLUMNS)


@given(st.text(max_size=20))
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = parse(text, COLUMNS)
    except ValueError as error:
        assert "No column" in str(error)  # noqa: PT017
    else:
        assert found is None or all(found.takes(row) in {True, False} for row in ROWS)
