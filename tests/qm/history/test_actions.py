"""New names and ends of symbols: what is known of a company goes with it, and nobody inherits from another one."""

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qm.history.reference import ReferenceBuilder
from qm.model.instrument import SymbolTable
from qm.rules.calendar import sessions
from tests.qm.history.markets import full_day

DATES = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 1, 31))]


def builder(*names: str) -> ReferenceBuilder:
    """A day of each of them, closing a dollar above 10, 20, 30 ..."""
    made = ReferenceBuilder()
    for i, name in enumerate(names):
        made.add(full_day(10.0 * (i + 1), 100.0, (name,), DATES[i]))
    return made


def closes(of: ReferenceBuilder, *names: str) -> list[float]:
    found: list[float] = of.reference(SymbolTable(names), DATES[9]).prior_close.tolist()
    return found


def test_the_past_goes_with_the_company() -> None:
    made = builder("FB", "AAPL")
    made.rename({"FB": "META"})
    assert closes(made, "META", "AAPL") == [11.0, 21.0]
    assert np.isnan(closes(made, "FB")).all()
    made.add(full_day(50.0, 100.0, ("FB", "META"), DATES[5]))
    assert closes(made, "META", "FB") == [51.0, 51.0]


def test_who_takes_over_a_name_inherits_nothing_of_it() -> None:
    made = builder("OLD", "NAME")
    made.rename({"OLD": "NAME"})
    assert closes(made, "NAME") == [11.0]
    assert np.isnan(closes(made, "OLD")).all()


def test_a_symbol_that_ends_has_no_past() -> None:
    made = builder("GONE", "AAPL")
    made.rename({"GONE": ""})
    assert np.isnan(closes(made, "GONE")).all()
    assert closes(made, "AAPL") == [21.0]


def test_who_was_never_seen_takes_over_a_name_all_the_same() -> None:
    made = builder("AAPL", "NAME")
    made.rename({"NOBODY": "NAME", "NEVER": ""})
    assert closes(made, "AAPL") == [11.0]
    assert np.isnan(closes(made, "NAME")).all()


@given(st.permutations(["A", "B", "C", "D"]))
def test_names_that_change_places_at_once(names: list[str]) -> None:
    made = builder("A", "B", "C", "D")
    made.rename({old: new for old, new in zip("ABCD", names, strict=True) if old != new})
    assert closes(made, *names) == [11.0, 21.0, 31.0, 41.0]
