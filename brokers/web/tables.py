"""Text that a vendor sent, as Parquet with the types that are known beforehand, a stretch of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qm.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK: Final = 1 << 22
"""Bytes of text in memory at once."""

STRING: Final = "string"
WHOLE: Final = "int64"
NUMBER: Final = "double"


def as_parquet(
    path: Path, columns: Mapping[str, str], change: Callable[[pa.Table], pa.Table] = lambda table: table
) -> Path:
    """Write the `columns` of a CSV file, by name and type, beside it as Parquet; DataError when it is damaged.

    `change` is given each stretch of rows, and decides what is written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    made = path.with_name(f"{path.name.partition('.')[0]}.parquet")
    types = {name: pa.type_for_alias(kind) for name, kind in columns.items()}
    schema = change(pa.schema(types.items()).empty_table()).schema
    # A company may be called NA or NULL.
    convert = csv.ConvertOptions(column_types=types, include_columns=list(types), strings_can_be_null=False)
    try:
        with (
            csv.open_csv(path, read_options=csv.ReadOptions(block_size=_BLOCK), convert_options=convert) as reader,
            pq.ParquetWriter(made, schema, compression="lz4") as writer,
        ):
            for batch in reader:
                writer.write_table(change(pa.Table.from_batches([batch])))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path.name} is not what this vendor sends ({error}).") from error
    return made
