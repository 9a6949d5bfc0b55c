"""Whatever lies in a file: it comes in, or there is one error with a remedy and the catalogue is what it was."""

import gzip
import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.errors import QmError
from qm.history.catalogue import Catalogue
from qm.history.facts import import_facts
from qm.history.importer import ImportOptions, ImportReport, import_files
from tests.qm.history.markets import NOW, OPEN, in_order, minute_bars, parquet

EXAMPLES: Final = 60
LEAN: Final = (
    "20250102_aapl_minute_trade.csv",
    "20250102_aapl_second_quote.csv",
    "20250102_aapl_Trade_Tick.csv",
    "20250102_aapl_Quote_Tick.csv",
    "aapl.csv",
    "other.txt",
)
FILES: Final = ("a.csv", "a.csv.gz", "a.parquet", "a.zip")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outcome(catalogue: Catalogue, path: Path, options: ImportOptions) -> ImportReport | QmError:
    try:
        return import_files(catalogue, path, "made_up", NOW, options)
    except QmError as error:
        return error


def tried(folder: Path, path: Path, **options: Any) -> bool:
    """Import beside what is there already; says whether it came in."""
    catalogue = Catalogue(folder / "history", folder / "cache")
    import_files(catalogue, parquet(folder / "before.parquet", minute_bars(3)), "made_up", NOW)
    before = snapshot(folder / "history")
    found = outcome(catalogue, path, ImportOptions(replace=True, **options))
    if isinstance(found, QmError):
        assert found.problem.endswith("."), found.problem
        assert found.remedy
        assert found.exit_code in (2, 4)
        assert snapshot(folder / "history") == before
        return False
    assert not list((folder / "cache").glob(".import-*"))
    for stored in found.sessions:
        for date in catalogue.sessions("made_up", kind=stored.kind):
            assert in_order(catalogue.load("made_up", date, stored.kind).events)
    return True


def zipped(entry: str, text: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(entry, text)
    return sink.getvalue()


@settings(max_examples=EXAMPLES)
@given(
    name=st.sampled_from(FILES),
    data=st.binary(max_size=300),
    packed=st.booleans(),
    entry=st.sampled_from(LEAN),
    seconds=st.sampled_from([None, 60]),
)
def test_random_bytes(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes, packed: bool, entry: str, seconds: int | None
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / name
    if packed:
        data = gzip.compress(data) if name.endswith(".gz") else zipped(entry, data) if name.endswith(".zip") else data
    path.write_bytes(data)
    tried(folder, path, seconds=seconds)


def whole_files() -> dict[str, bytes]:
    """One sound file of each format and layout."""
    ts = OPEN + np.arange(40) * 10**9
    trades = {"ts": ts, "symbol": ["A", "B"] * 20, "price": np.full(40, 10.0), "size": np.full(40, 100.0)}
    quotes = {"ts": ts, "symbol": ["A", "B"] * 20, "bid": np.full(40, 9.9), "ask": np.full(40, 10.0)}
    quotes |= {"bid_size": np.full(40, 100.0), "ask_size": np.full(40, 100.0), "exchange": ["P", "Q"] * 20}
    found: dict[str, bytes] = {}
    for layout, columns in (("bars", minute_bars(20)), ("trades", trades), ("quotes", quotes)):
        table = pa.table(columns)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        found[f"{layout}.parquet"] = bytes(sink.getvalue())
        rows = [",".join(table.column_names), *(",".join(map(str, row.values())) for row in table.to_pylist())]
        found[f"{layout}.csv"] = "\n".join(rows).encode()
        found[f"{layout}.csv.gz"] = gzip.compress(found[f"{layout}.csv"])
    lines = {
        LEAN[0]: "34200000,100000,100000,100000,100000,5",
        LEAN[1]: "34200000,9,9,9,9,100,10,10,10,10,100",
        LEAN[2]: "34200000.5,100000,100,P,1,0",
        LEAN[3]: "34200000.5,100000,100,0,0,P,1,0",
    }
    for entry, line in lines.items():
        found[f"{entry}.zip"] = zipped(entry, b"".join(f"{line}\n".encode() for _ in range(30)))
    return found


WHOLE: Final = whole_files()


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_files_come_in(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WHOLE[name])
    assert tried(tmp_path, path)


@settings(max_examples=2 * EXAMPLES)
@given(
    name=st.sampled_from(sorted(WHOLE)),
    cut=st.floats(0.0, 1.0),
    flips=st.lists(st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 255)), max_size=4),
)
def test_files_cut_short_or_damaged(
    tmp_path_factory: pytest.TempPathFactory, name: str, cut: float, flips: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(WHOLE[name])
    for place, byte in flips:
        data[int(place * len(data))] = byte
    path = folder / name
    path.write_bytes(data[: int(cut * len(data))] if cut < 0.9 else data)
    tried(folder, path, seconds=60)


COLUMNS: Final = (
    *("ts", "time", "symbol", "open", "high", "low", "close", "volume", "price", "size", "bid", "ask", "bid_size"),
    *("ask_size", "exchange", "conditions", "id", "correction", "suspicious", "event_ts", "vwap", "x", ""),
)
a_cell = st.sampled_from(
    ["", "nan", "-1", "0", "10", "10.5", "1e400", "x", "A", "AAPL", "NA", "@F", "20000020", "null", '"', "1;2", "é"]
) | st.sampled_from(
    [
        *("2025-01-02T14:30:00Z", "2025-01-02 09:30:00", "2025-01-02T09:30:00-05:00", "2025-01-02", "20250102"),
        *(str(OPEN), str(OPEN // 10**9), f"{OPEN // 10**9}.5", str(2**63 - 1), str(-(2**63)), "9" * 30),
    ]
)


@settings(max_examples=3 * EXAMPLES)
@given(data=st.data())
def test_tables_of_any_columns_and_cells(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    sets = [COLUMNS[:1] + COLUMNS[2:8], ("ts", "symbol", "price", "size"), ("ts", "symbol", *COLUMNS[10:15])]
    needed = data.draw(st.sampled_from([*sets, ()]))
    names = data.draw(st.permutations([*needed, *data.draw(st.lists(st.sampled_from(COLUMNS), max_size=4))]))
    rows = data.draw(st.lists(st.tuples(*[a_cell] * len(names)), max_size=12))
    zone = data.draw(st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]))
    options = {"timezone": zone, "seconds": 60, "end_labels": data.draw(st.booleans())}
    path = folder / "a.csv"
    path.write_text("\n".join([",".join(names), *map(",".join, rows)]))
    tried(folder, path, **options)
    if len(set(names)) == len(names) and rows:
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        tried(folder, parquet(folder / "a.parquet", columns), **options)


a_number = st.sampled_from(["", "0", "1", "-5", "34200000", "34200000.125", "nan", "1e400", "99999999999", "x"])


@settings(max_examples=EXAMPLES)
@given(entry=st.sampled_from(LEAN), rows=st.lists(st.lists(a_number, min_size=1, max_size=12), max_size=6))
def test_zips_of_any_rows(tmp_path_factory: pytest.TempPathFactory, entry: str, rows: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "minute").mkdir()
    path = folder / "minute" / "a.zip"
    path.write_bytes(zipped(entry, "\n".join(map(",".join, rows)).encode()))
    tried(folder, path)


@settings(max_examples=EXAMPLES)
@given(kind=st.sampled_from(["splits", "dividends", "reference"]), data=st.binary(max_size=200), factors=st.booleans())
def test_facts_of_random_bytes(tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes, factors: bool) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / ("factor_files" if factors else "facts") / "a.csv"
    path.parent.mkdir()
    path.write_bytes(data)
    with suppress(QmError):
        import_facts(Catalogue(folder / "history", folder / "cache"), path, "made_up", kind, NOW)
        return
    assert not (folder / "history").exists()
