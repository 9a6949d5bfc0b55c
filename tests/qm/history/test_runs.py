"""A session that does not fit in memory becomes, byte by byte, what it becomes in memory."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.errors import DataError
from qm.history import reading, runs, spool, storing
from qm.history.importer import ImportReport, State
from qm.history.runs import Runs
from qm.history.source import Columns
from tests.qm.history.markets import DAY, NEXT, OPEN, imported, minute_bars, parquet

CLOSE = OPEN + 390 * MINUTE
NAMES = ("A", "B", " B", "BRK.B", "bad", "ZZZ", "ZVZZT")


def small(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(spool, "MOST_ROWS", 5)
    patch.setattr(spool, "GROUP_ROWS", 4)
    patch.setattr(runs, "STRETCH", 2)


def told(report: ImportReport) -> Any:
    """All of a report but the folder it was made in."""
    parts = [msgspec.structs.replace(part, files=()) for part in report.parts]
    return msgspec.to_builtins(parts), report.sessions


def assert_equal_on_disk(folder: Path, files: list[dict[str, Any]], **options: Any) -> None:
    """Import the files with and without room in memory."""
    source = folder / "in"
    source.mkdir()
    for i, columns in enumerate(files):
        parquet(source / f"{i}.parquet", columns)
    whole, report = imported(folder / "whole", source, **options)
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        merged, again = imported(folder / "merged", source, **options)
    assert told(again) == told(report)
    for each in report.sessions:
        stored = f"made_up/{each.kind}/{each.session}.parquet"
        assert (whole.folder / stored).read_bytes() == (merged.folder / stored).read_bytes()
        manifests = [of.folder / stored.replace(".parquet", ".json") for of in (whole, merged)]
        assert manifests[0].read_bytes() == manifests[1].read_bytes()
    assert not list((folder / "merged" / "cache").glob(".import-*"))


any_price = st.sampled_from([10.0, 10.01, 9.99, -1.0, float("nan")])
any_print = st.tuples(
    st.sampled_from([OPEN, OPEN + 1, OPEN + 2, CLOSE, OPEN - 10**12, OPEN + 86_400 * 10**9]),
    st.sampled_from(NAMES),
    any_price,
    st.sampled_from([1.0, 50.0, 100.0, 0.0]),
    st.sampled_from(["", "@", "I", "?"]),
    st.sampled_from([None, "1", "2"]),
    st.sampled_from(["", "01", "08", "cancel", "correct", "?"]),
    st.sampled_from(["P", "Q"]),
)


@settings(max_examples=60)
@given(files=st.lists(st.lists(any_print, min_size=1, max_size=30), min_size=1, max_size=3))
def test_prints_in_runs_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[Any, ...]]]
) -> None:
    names = ("ts", "symbol", "price", "size", "conditions", "id", "correction", "exchange")
    columns: list[dict[str, Any]] = [dict(zip(names, zip(*rows, strict=True), strict=True)) for rows in files]
    for i, each in enumerate(columns):
        each["id"] = pa.array(each["id"], pa.string())
        if i == 1:
            # Not every file tells everything.
            del each["id"], each["exchange"]
    assert_equal_on_disk(tmp_path_factory.mktemp("runs"), columns)


any_side = st.sampled_from([0.0, float("nan"), -1.0, 9.9, 10.0, 10.1])
any_quote = st.tuples(st.integers(OPEN, OPEN + 10**12), st.sampled_from(NAMES), st.sampled_from("PQ"), *[any_side] * 4)


@settings(max_examples=60)
@given(rows=st.lists(any_quote, min_size=1, max_size=40), by_side=st.booleans())
def test_quotes_in_runs_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], by_side: bool
) -> None:
    names = ("ts", "symbol", "exchange", "bid", "ask", "bid_size", "ask_size")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    if by_side:
        columns["ask"] = tuple(0.0 if bid > 0 else ask for bid, ask in zip(columns["bid"], columns["ask"], strict=True))
    assert_equal_on_disk(tmp_path_factory.mktemp("runs"), [columns])


any_bar = st.tuples(
    st.sampled_from([OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE, CLOSE, OPEN - MINUTE, OPEN + 3]),
    st.sampled_from(NAMES),
    *[st.sampled_from([10.0, 10.5, 20.0, -1.0])] * 4,
    st.sampled_from([0.0, 100.0, float("nan")]),
)


@settings(max_examples=60)
@given(rows=st.lists(any_bar, min_size=1, max_size=40), late=st.booleans(), updates=st.booleans())
def test_bars_in_runs_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], late: bool, updates: bool
) -> None:
    columns = dict(zip(minute_bars(1), zip(*rows, strict=True), strict=True))
    if late:
        columns["ts"] = tuple(min(max(ts, OPEN + MINUTE), CLOSE) for ts in columns["ts"])
    assert_equal_on_disk(tmp_path_factory.mktemp("runs"), [columns], seconds=60, updates=updates)


def test_row_groups_are_the_same_in_memory_and_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BLOCK", 64)
    monkeypatch.setattr(storing, "BLOCK", 64)
    assert_equal_on_disk(tmp_path, [minute_bars(200, ("AAPL", "CYPH", "ZZZ")), minute_bars(30, day=NEXT)])


def test_what_a_refused_file_laid_down_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr("qm.history.tables.ROWS", 4)
    folder = tmp_path / "in"
    folder.mkdir()
    trades = {"ts": [OPEN] * 40, "symbol": ["A"] * 40, "price": [10.0] * 40, "size": [1.0] * 40}
    path = parquet(folder / "a.parquet", trades | {"conditions": ["?"] * 40})
    data = bytearray(path.read_bytes())
    parquet(folder / "b.parquet", trades | {"symbol": ["B"] * 40})
    table = pa.table(trades | {"conditions": ["?"] * 40})
    with pa.OSFile(str(path), "wb") as sink, pa.parquet.ParquetWriter(sink, table.schema) as writer:
        for i in range(4):
            writer.write_table(table.slice(i * 10, 10))
    data = bytearray(path.read_bytes())
    # The last group of rows is damaged: what came before it was laid down already.
    start = pa.parquet.read_metadata(path).row_group(3).column(2).data_page_offset
    data[start : start + 12] = b"\xff" * 12
    path.write_bytes(data)
    catalogue, report = imported(tmp_path, folder)
    assert [Path(name).name for name in report.refused_files] == ["a.parquet"]
    assert catalogue.load("made_up", DAY).symbols.names == ("B",)
    manifest = catalogue.manifest("made_up", "trades", DAY)
    assert manifest is not None
    assert manifest.findings == ()


def test_a_dry_run_of_a_large_session_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    path = parquet(tmp_path / "a.parquet", minute_bars(20))
    _, report = imported(tmp_path, path, dry_run=True)
    assert [each.state for each in report.sessions] == [State.NEW]
    assert not (tmp_path / "history").exists()
    assert list((tmp_path / "cache").rglob("*")) == []


@pytest.mark.parametrize("stretch", [1, 3, 1_000])
def test_a_session_that_is_read_in_stretches_is_the_same_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    moments = [OPEN, OPEN, OPEN, OPEN + 1, OPEN + 1, OPEN + 5, OPEN + 9]
    names = ["B", "A", "B", "C", "A", "A", "B"]
    trades = {"ts": moments, "symbol": names, "price": np.arange(1.0, 8.0), "size": [100.0] * 7}
    quotes = {"ts": [*moments[1:], OPEN + 9], "symbol": [*names[1:], "ZZZ"], "bid": [9.0] * 7, "ask": [9.1] * 7}
    quotes |= {"bid_size": [100.0] * 7, "ask_size": [100.0] * 7}
    imported(tmp_path, parquet(tmp_path / "trades.parquet", trades))
    catalogue, _ = imported(tmp_path, parquet(tmp_path / "quotes.parquet", quotes))
    loaded = {kind: catalogue.load("made_up", DAY, kind) for kind in ("trades", "quotes", "trades+quotes")}
    for kind in loaded:
        assert catalogue.cache_agrees("made_up", DAY, kind)
    monkeypatch.setattr(reading, "STRETCH", stretch)
    for path in (tmp_path / "cache").rglob("*.npy"):
        path.unlink()
    for kind, whole in loaded.items():
        again = catalogue.load("made_up", DAY, kind)
        assert again.symbols.names == whole.symbols.names
        assert np.array_equal(again.events.view(np.uint8), whole.events.view(np.uint8))
        assert catalogue.cache_agrees("made_up", DAY, kind)
    (tmp_path / "history" / "made_up" / "quotes" / f"{DAY}.parquet").write_bytes(b"PAR1")
    (tmp_path / "cache" / "made_up" / "quotes").rename(tmp_path / "gone")
    with pytest.raises(DataError, match="is damaged"):
        catalogue.load("made_up", DAY, "quotes")


def test_runs_give_back_equal_moments_by_symbol_and_in_their_order(tmp_path: Path) -> None:
    def piece(names: tuple[str, ...], rows: list[tuple[int, int, float]]) -> Columns:
        ts, symbol, price = (np.array(column) for column in zip(*rows, strict=True))
        return Columns("trades", ts.astype(np.int64), symbol.astype(np.int32), names, {"price": price})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "STRETCH", 2)
        of = Runs(tmp_path)
        of.add(piece(("A", "B"), [(1, 0, 1.0), (5, 0, 2.0), (5, 0, 3.0), (5, 0, 4.0), (5, 1, 5.0), (9, 0, 6.0)]))
        of.add(piece(("C",), [(5, 0, 7.0), (5, 0, 8.0), (5, 0, 9.0), (6, 0, 10.0)]))
        (whole,) = of.merged()
    assert whole.names == ("A", "B", "C")
    assert whole.values["price"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0, 6.0]
    assert whole.symbol.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2, 0]
