"""Files of closes and of splits: what is taken, and what is refused with one clear error."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import HOUR, at_ny
from qm.errors import DataError, NotFoundError, QmError, UsageError
from qm.history.catalogue import Catalogue
from qm.history.checks import Action
from qm.history.fact_columns import FactOptions
from qm.history.facts import import_facts
from qm.history.importer import ImportReport, State
from qm.rules.calendar import session
from tests.qm.history.markets import DAY, NEXT, NOW, parquet, real

EVENING = at_ny(DAY, "19:26")
CLOSES = {"symbol": ["A", "B"], "last": [10.0, 20.0], "market_cap": [1e6, 0.0], "ts": [EVENING] * 2}


def brought_in(
    folder: Path, columns: dict[str, Any], kind: str = "reference", now: int = NOW, **options: Any
) -> tuple[Catalogue, ImportReport]:
    folder.mkdir(exist_ok=True)
    catalogue = Catalogue(folder / "history", folder / "cache")
    path = parquet(folder / "facts.parquet", columns)
    return catalogue, import_facts(catalogue, path, "made_up", kind, now, FactOptions(**options))


def facts(catalogue: Catalogue, kind: str, date: dt.date) -> dict[str, dict[str, float]]:
    columns = catalogue.fact("made_up", kind, date)
    names = columns["names"][columns["symbol"]]
    numbers = [name for name in columns if name not in ("names", "symbol")]
    return {str(name): {each: columns[each][i] for each in numbers} for i, name in enumerate(names)}


def test_closes_are_kept_by_the_session_they_are_of(tmp_path: Path) -> None:
    catalogue, report = brought_in(tmp_path, CLOSES)
    assert [(each.kind, each.session, each.rows) for each in report.sessions] == [("reference", str(DAY), 2)]
    found = facts(catalogue, "reference", DAY)
    assert (found["A"]["close"], found["A"]["shares"], found["A"]["ts"]) == (10.0, 100_000.0, EVENING)
    # A company without a value has no known shares, not none.
    assert found["B"]["shares"] != found["B"]["shares"]
    assert [(each.name, each.kind) for each in catalogue.ls()] == [("made_up", "reference")]


@pytest.mark.parametrize(
    ("taken", "of"),
    [
        (at_ny(DAY, "16:00"), DAY),
        (at_ny(NEXT, "09:29"), DAY),
        (at_ny(dt.date(2025, 1, 5), "12:00"), NEXT),
        (at_ny(NEXT, "23:59"), NEXT),
    ],
)
def test_a_stamp_says_of_which_session_closes_are(tmp_path: Path, taken: int, of: dt.date) -> None:
    catalogue, _ = brought_in(tmp_path, CLOSES | {"ts": [taken] * 2})
    assert catalogue.facts("made_up", "reference") == [of]


def test_prices_of_regular_hours_are_no_closes(tmp_path: Path) -> None:
    catalogue, report = brought_in(tmp_path, CLOSES | {"ts": [at_ny(DAY, "15:59"), EVENING]})
    ((what, rows),) = [(each.what, each.rows) for each in report.parts[0].findings]
    assert ("no close" in what, rows, report.rows_refused) == (True, 1, 1)
    assert list(facts(catalogue, "reference", DAY)) == ["B"]


def test_a_file_of_another_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has the closes of 2025-01-02 .*, not those of 2025-01-03"):
        brought_in(tmp_path, CLOSES, as_of=NEXT)
    with pytest.raises(DataError, match="of the future"):
        brought_in(tmp_path, CLOSES, now=EVENING - 1)
    with pytest.raises(DataError, match="of the future"):
        brought_in(tmp_path, {"symbol": ["A"], "close": [1.0], "date": ["2025-01-10"]})
    with pytest.raises(DataError, match="closed"):
        brought_in(tmp_path, {"symbol": ["A"], "close": [1.0], "date": ["2025-01-04"]})
    with pytest.raises(UsageError, match="of which session"):
        brought_in(tmp_path, {"symbol": ["A"], "close": [1.0]})
    assert not (tmp_path / "history").exists()


def test_a_file_without_stamps_counts_as_known_when_its_day_is_over(tmp_path: Path) -> None:
    catalogue, _ = brought_in(tmp_path, {"ticker": ["A"], "px": [1.5]}, as_of=DAY, called={"close": "px"})
    assert facts(catalogue, "reference", DAY)["A"]["ts"] == session(DAY).post_ns
    with pytest.raises(NotFoundError, match="clos"):
        brought_in(tmp_path, CLOSES, called={"clos": "px"})


def test_rows_that_make_no_sense_are_refused_and_the_last_word_counts(tmp_path: Path) -> None:
    columns = {
        "symbol": ["A", "BRK/B", "C", "D", "\x1b[31m", "A"],
        "close": [1.0, 500.0, 0.0, float("nan"), 4.0, 1.5],
        "ts": [EVENING, EVENING, EVENING, EVENING, EVENING, EVENING + HOUR],
    }
    catalogue, report = brought_in(tmp_path, columns)
    found = facts(catalogue, "reference", DAY)
    assert {name: row["close"] for name, row in found.items()} == {"A": 1.5, "BRK.B": 500.0}
    told = {each.what: (each.rows, each.action) for each in report.parts[0].findings}
    assert told["close is no positive number"] == (2, Action.REFUSED)
    assert told["not a valid symbol"] == (1, Action.REFUSED)
    assert told["told again later: the last one is kept"] == (1, Action.REPAIRED)


@pytest.mark.parametrize(
    ("columns", "factor"),
    [
        ({"ratio": ["1:100"]}, 100.0),
        ({"ratio": ["1-for-100"]}, 100.0),
        ({"ratio": ["4 for 1"]}, 0.25),
        ({"ratio": ["3:2"]}, 2 / 3),
        ({"split_from": [100], "split_to": [1]}, 100.0),
        ({"from": [1.0], "to": [4.0]}, 0.25),
        ({"factor": [100.0]}, 100.0),
        ({"factor": [1.0]}, 1.0),
    ],
)
def test_splits_are_read_as_they_are_written(tmp_path: Path, columns: dict[str, Any], factor: float) -> None:
    # A Saturday: the first session in the new shares is the Monday after.
    catalogue, report = brought_in(tmp_path, {"symbol": ["A"], "date": ["2025-01-04"], **columns}, "splits")
    monday = dt.date(2025, 1, 6)
    assert report.sessions[0].session == str(monday)
    assert facts(catalogue, "splits", monday) == {"A": {"factor": factor, "ts": session(monday).pre_ns}}


def test_splits_that_make_no_sense(tmp_path: Path) -> None:
    one = {"symbol": ["A"], "date": ["2025-01-06"]}
    for ratio in ("0:1", "1:0", "one for two", "", "1:1000000"):
        _, report = brought_in(tmp_path, one | {"ratio": [ratio]}, "splits")
        assert (report.rows_refused, report.sessions) == (1, ())
    with pytest.raises(DataError, match="how shares are split"):
        brought_in(tmp_path, one, "splits")
    with pytest.raises(DataError, match="lacks date"):
        brought_in(tmp_path, {"symbol": ["A"], "ratio": ["1:2"]}, "splits")
    with pytest.raises(DataError, match="cannot be read"):
        brought_in(tmp_path, {"symbol": ["A"], "date": ["soon"], "ratio": ["1:2"]}, "splits")


def test_files_that_are_none_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    catalogue, _ = brought_in(tmp_path, CLOSES)
    before = {path: path.read_bytes() for path in (tmp_path / "history").rglob("*") if path.is_file()}
    whole = (tmp_path / "facts.parquet").read_bytes()
    for number, data in enumerate((whole[: len(whole) // 2], b"", b"PAR1", whole[:60] + bytes(80) + whole[140:])):
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(data)
        with pytest.raises(DataError, match="cannot be read"):
            import_facts(catalogue, path, "made_up", "reference", NOW)
    with pytest.raises(DataError, match="lacks close"):
        import_facts(catalogue, parquet(tmp_path / "x.parquet", {"symbol": ["A"]}), "made_up", "reference", NOW)
    text = parquet(tmp_path / "t.parquet", CLOSES | {"last": ["ten", "twenty"]})
    with pytest.raises(DataError, match="cannot be read"):
        import_facts(catalogue, text, "made_up", "reference", NOW)
    assert {path: path.read_bytes() for path in (tmp_path / "history").rglob("*") if path.is_file()} == before


def test_files_of_one_day_stand_beside_each_other(tmp_path: Path) -> None:
    _, report = brought_in(tmp_path, CLOSES)
    more = {"symbol": ["B", "C"], "last": [20.0, 30.0], "market_cap": [0.0, 1e6], "ts": [EVENING + HOUR] * 2}
    catalogue, report = brought_in(tmp_path, more)
    assert [(each.state, each.rows) for each in report.sessions] == [(State.EXTENDED, 3)]
    found = facts(catalogue, "reference", DAY)
    assert {name: row["close"] for name, row in found.items()} == {"A": 10.0, "B": 20.0, "C": 30.0}
    # What is only repeated was known from the first time on.
    assert (found["B"]["ts"], found["C"]["ts"]) == (EVENING, EVENING + HOUR)
    assert brought_in(tmp_path, more)[1].sessions[0].state is State.UNCHANGED
    # Another close of the same symbol needs a word, and then takes nothing else away.
    other = more | {"last": [21.0, 30.0]}
    assert brought_in(tmp_path, other)[1].sessions[0].state is State.CONFLICT
    assert facts(catalogue, "reference", DAY)["B"]["close"] == 20.0
    catalogue, report = brought_in(tmp_path, other, replace=True)
    assert report.sessions[0].state is State.REPLACED
    assert {name: row["close"] for name, row in facts(catalogue, "reference", DAY).items()} == {
        "A": 10.0,
        "B": 21.0,
        "C": 30.0,
    }


anything = st.one_of(st.none(), st.text(max_size=5), st.integers(-(2**40), 2**62), st.floats(), st.dates())


@settings(max_examples=80, deadline=None)
@given(
    columns=st.dictionaries(
        st.sampled_from(["symbol", "close", "ts", "date", "market_cap", "ratio", "factor", "from", "to", "id"]),
        st.lists(anything, min_size=3, max_size=3),
        min_size=1,
    ),
    kind=st.sampled_from(["reference", "splits"]),
)
def test_whatever_comes_in_is_taken_or_refused_with_one_error(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[Any]], kind: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        table = pa.table(columns)
    except (pa.ArrowException, OverflowError):
        table = pa.table({name: [str(value) for value in column] for name, column in columns.items()})
    path = folder / "a.parquet"
    pq.write_table(table, path)
    catalogue = Catalogue(folder / "history", folder / "cache")
    try:
        report = import_facts(catalogue, path, "made_up", kind, NOW)
    except QmError:
        assert not (folder / "history").exists()
        return
    for each in report.sessions:
        found = facts(catalogue, kind, dt.date.fromisoformat(each.session))
        assert all(row["close" if kind == "reference" else "factor"] > 0 for row in found.values())


def test_the_real_closes_come_in_whole(tmp_path: Path) -> None:
    path = real("reference/universe_2025-11-13_close.parquet")
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    report = import_facts(catalogue, path, "made_up", "reference", 2 * NOW)
    assert report.rows_refused == 0
    # Of the 7,046 securities 65 are rights, by their names: "... Right", or "... Rights".
    assert [(each.session, each.rows) for each in report.sessions] == [("2025-11-13", 7_046 - 65)]
    found = facts(catalogue, "reference", dt.date(2025, 11, 13))
    assert found["YDKG"]["close"] == 0.02
    assert found["CMBM"]["close"] == 2.79
    # 597,765 $ at 0.02 $.
    assert found["YDKG"]["shares"] == pytest.approx(29_888_250)
    assert "BRK.B" in found


def test_real_snapshots_of_six_days_are_six_references(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    path = real("reference/universe_snapshots.parquet")
    report = import_facts(catalogue, path, "made_up", "reference", 2 * NOW)
    dates = ["2025-01-02", "2025-01-03", "2025-01-06", "2025-01-07", "2025-10-01", "2025-10-02"]
    assert [each.session for each in report.sessions] == dates
    told = pq.read_table(path).to_pydict()
    rights = [
        name for symbol, name in zip(told["symbol"], told["name"], strict=True) if re.fullmatch("[A-Z]{4}R", symbol)
    ]
    # The file cuts names after 60 characters.
    assert all("Right" in name or len(name) == 60 for name in rights)
    assert sum(each.rows for each in report.sessions) + report.rows_refused == 41_958 - len(rights)
