"""Flat files that are damaged inside become rows that can be read, or one clear error; nothing else comes out."""

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.massive import rows
from qm.errors import DataError
from qm.rules.calendar import session
from tests.cli.flat_market import FIRST, minute_file, quotes_file, trades_file

OF = session(FIRST)
FILES = {
    "bars": (minute_file(OF, 2), rows.BARS, rows.as_told),
    "trades": (trades_file(OF), rows.TRADES, rows.lettered),
    "quotes": (quotes_file(OF), rows.QUOTES, rows.standing),
}


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_on_the_way(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    text, columns, change = FILES[kind]
    body = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "told.csv.gz"
    path.write_bytes(gzip.compress(bytes(body[: data.draw(st.integers(0, len(body)))])))
    try:
        made = rows.written_anew(path, columns, data.draw(st.sampled_from([(), ("AAPL",)])), lambda t: change(t, FIRST))
    except DataError:
        return
    assert set(pq.read_schema(made).names) <= set(columns)
