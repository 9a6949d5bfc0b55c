"""New names and ends of symbols: what is known of a company goes with it, and nobody inherits from another one."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import DataError
from qm.history.actions import Actions
from qm.history.catalogue import Catalogue
from qm.history.download.landing import land
from qm.history.facts import import_facts
from qm.history.manifest import Manifest
from qm.history.reference import ReferenceBuilder
from qm.model.instrument import SymbolTable
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import DAY, NOW, full_day, parquet

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


def landed(folder: Path, *rows: tuple[str, str, float | None, float | None, str]) -> Catalogue:
    """Actions by symbol, what, factor, amount and id."""
    made = Catalogue(folder / "history", folder / "cache")
    symbol, what, factor, amount, ids = zip(*rows, strict=True)
    columns = {
        "symbol": list(symbol),
        "day": [str(DAY)] * len(rows),
        "what": list(what),
        "becomes": [""] * len(rows),
        "ends": [0] * len(rows),
        "factor": np.array(factor, float),
        "amount": np.array(amount, float),
        "id": list(ids),
    }
    manifest = Manifest(
        dataset="us",
        kind="actions",
        session=str(DAY),
        seconds=0,
        rows=0,
        symbols=0,
        first=0,
        last=0,
        source="",
        fetched_at=NOW,
    )
    land(made, parquet(folder / "told.parquet", columns), manifest, replace=True)
    return made


def test_what_is_told_twice_is_applied_once(tmp_path: Path) -> None:
    split, paid = ("A", "forward_split", 0.5, None), ("A", "cash_dividend", None, 0.25)
    made = landed(
        tmp_path, (*split, "1"), (*split, "2"), (*paid, "3"), (*paid, "3"), ("A", "cash_dividend", None, 1.0, "4")
    )
    told = Actions(made, "us")
    assert [each.factor for each in told.splits] == [0.5]
    assert told.dividends(DAY, session(DAY).pre_ns) == {"A": 1.25}


def test_what_somebody_imported_stands_in_its_place(tmp_path: Path) -> None:
    made = landed(tmp_path, ("A", "forward_split", 0.5, None, "1"), ("B", "forward_split", 0.5, None, "2"))
    by_hand = parquet(tmp_path / "splits.parquet", {"symbol": ["A"], "date": [str(DAY)], "ratio": ["3:1"]})
    import_facts(made, by_hand, "us", "splits", NOW)
    assert {each.symbol: each.factor for each in Actions(made, "us").splits} == {"A": 1 / 3, "B": 0.5}


def test_a_ratio_that_is_none_is_refused(tmp_path: Path) -> None:
    made = landed(tmp_path, ("A", "forward_split", -2.0, None, "1"), ("B", "cash_dividend", None, float("inf"), "2"))
    told = Actions(made, "us")
    assert (told.splits, told.dividends(DAY, NOW)) == ([], {})
    manifest = made.manifest("us", "actions", DAY)
    assert manifest is not None
    assert sorted(each.what for each in manifest.findings) == ["amount is negative", "ratio is no positive number"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    made = landed(tmp_path, ("A", "forward_split", 0.5, None, "1"))
    (tmp_path / "history" / "us" / "actions" / f"{DAY}.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is damaged"):
        Actions(made, "us")
