"""Files as tables, a stretch of rows at a time, so that no file need fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = 1 << 20
"""Rows of a Parquet file in memory at once."""
CSV_BYTES: Final = 1 << 25
"""Of text of a CSV file in memory at once."""

Types = Callable[["pa.Schema"], dict[str, "pa.DataType"]]
"""Returns which columns are wanted, and of which types, for what the first rows look like."""


def tables(path: Path, types: Types | None = None) -> Iterator[pa.Table]:
    """Yield a Parquet or CSV file as tables, at least one; OSError and ArrowException as they come.

    A CSV file says nothing of its types, and its first rows may mislead: `types` names those of the columns that are
    wanted. Without it the file is read whole, and what all rows look like decides.
    """
    import pyarrow as pa

    if path.name.endswith(".parquet"):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table()
            for batch in file.iter_batches(ROWS):
                yield pa.Table.from_batches([batch])
        return
    from pyarrow import csv

    if types is None:
        yield csv.read_csv(path)
        return
    blocks = csv.ReadOptions(block_size=CSV_BYTES)
    with csv.open_csv(path, read_options=blocks) as looked_at:
        wanted = types(looked_at.schema)
    chosen = csv.ConvertOptions(column_types=wanted, include_columns=list(wanted))
    with csv.open_csv(path, read_options=blocks, convert_options=chosen) as stream:
        count = 0
        for batch in stream:
            count += 1
            yield pa.Table.from_batches([batch])
        if not count:
            yield stream.schema.empty_table()
