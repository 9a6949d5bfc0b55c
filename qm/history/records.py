"""Recordings: what a session was fed, record by record, so that it can be fed again."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np

from qm.errors import DataError
from qm.history.files import file_error, sync_folder, write_whole
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import EVENT, Events

RAW: Final = ".rec"
"""Suffix of a recording that is, or was, being written."""
SEALED: Final = ".parquet"
"""Suffix of a finished recording."""

_MAGIC: Final = b"QMREC\x001\n"
_SIZE: Final = EVENT.itemsize
_CHUNK: Final = 1 << 20
_HEADER_KEY: Final = b"qm.recording"


class ReferenceColumns(msgspec.Struct, frozen=True):
    """What was known before the session, as JSON carries it; null is "not known", and so is an empty column."""

    prior_close: list[float | None]
    adv: list[float | None]
    atr: list[float | None]
    or_volume: list[float | None]
    float_shares: list[float | None]
    days: list[int]
    curve: list[float | None]
    # Recordings of earlier versions end here.
    pre_volume: list[float | None] = []
    prev_open: list[float | None] = []
    prev_high: list[float | None] = []
    prev_low: list[float | None] = []
    high_52w: list[float | None] = []
    nr7: list[float | None] = []
    inside_day: list[float | None] = []
    noise: list[list[float | None]] = []
    ssr_carried: list[float | None] = []
    dividend: list[float | None] = []
    split_factor: list[float | None] = []
    adv10: list[float | None] = []
    adv20: list[float | None] = []
    usual: bytes = b""
    """float32, little-endian, row by row: as numbers in words they would be most of a recording's beginning."""
    pre_usual: bytes = b""
    known_at: list[int] = []
    listing: list[float | None] = []
    borrow: list[float | None] = []
    leverage: list[float | None] = []
    beta: list[float | None] = []
    climate: list[float | None] = []

    @classmethod
    def of(cls, reference: Reference) -> Self:
        """Return the columns of a reference."""
        columns: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            column = getattr(reference, field.name)
            empty = not column.any() if column.dtype.kind == "i" else np.isnan(column).all()
            if empty and not field.required:
                continue
            columns[field.name] = column.astype("<f4").tobytes() if field.type is bytes else _listed(column.tolist())
        return cls(**columns)

    def reference(self) -> Reference:
        """Return the reference that these columns tell."""
        times = ("days", "known_at")
        columns: dict[str, Any] = {}
        for name in self.__struct_fields__:
            told = getattr(self, name)
            if isinstance(told, bytes):
                rows = max(1, len(self.prior_close))
                columns[name] = np.frombuffer(told, "<f4").astype(np.float32).reshape(-1, rows)
            else:
                columns[name] = np.array(told, np.int64 if name in times else np.float64)
        return Reference(**columns)


def _listed(values: list[Any]) -> list[Any]:
    # Not a number becomes null, as it would on the way through JSON.
    return [_listed(v) if isinstance(v, list) else None if v != v else v for v in values]


class RecordHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known to feed a recording again and get the same decisions."""

    session: str
    """Session date, `YYYY-MM-DD`."""
    run: str
    """Id of the run in the journal."""
    symbols: tuple[str, ...]
    """By row."""
    reference: ReferenceColumns | None = None
    settings: str = "{}"
    """The settings that decide, JSON."""
    code: str = ""
    """Version of the program."""

    def table(self) -> SymbolTable:
        """Return the symbols with their rows."""
        return SymbolTable(self.symbols)


class RecordWriter:
    """Appends records to the raw file of a running session; one writer per file.

    What was appended survives the end of the process, what was flushed survives a power cut.
    """

    def __init__(self, path: Path, handle: int, header: RecordHeader, start: int, count: int) -> None:
        self.path = path
        self.header = header
        self.count = count
        """Records in the file."""
        self._start = start
        self._last = int(_mapped(path, start, count)["ts"][-1]) if count else -(1 << 63)
        self._handle = handle

    @classmethod
    def create(cls, path: Path, header: RecordHeader) -> Self:
        """Begin a recording at `path` (`.rec`); DataError when there is one already, DiskFullError."""
        if path.with_suffix(SEALED).exists():
            raise DataError(
                f"{path.with_suffix(SEALED)} is there already.", "Move it away, or begin under another name."
            )
        text = msgspec.json.encode(header)
        start = _MAGIC + struct.pack("<Q", len(text)) + text
        start += b" " * (-len(start) % _SIZE)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise DataError(f"There is a recording at {path} already.", "Resume it, or seal it first.") from error
        except OSError as error:
            raise file_error(error, path) from error
        writer = cls(path, handle, header, 0, 0)
        try:
            writer._write(start)
            writer.flush()
            sync_folder(path.parent)
        except BaseException:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        writer._start = len(start)
        return writer

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on with a recording after its writer died; what was half-written at its end is cut off."""
        header, start, count = _raw_header(path)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            os.ftruncate(handle, start + count * _SIZE)
            os.lseek(handle, 0, os.SEEK_END)
        except OSError as error:
            raise file_error(error, path) from error
        return cls(path, handle, header, start, count)

    def append(self, events: Events) -> None:
        """Add records, which must not begin before those that are there; DataError otherwise, DiskFullError."""
        if not len(events):
            return
        if events.dtype != EVENT or int(events["ts"][0]) < self._last:
            raise DataError(f"Records for {self.path} are out of order.", "This is a defect: please report it.")
        self._write(np.ascontiguousarray(events).view(np.uint8).data)
        self.count += len(events)
        self._last = int(events["ts"][-1])

    def flush(self) -> None:
        """Make what was appended durable."""
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            raise file_error(error, self.path) from error

    def close(self) -> None:
        """Flush and let go of the file; it can be resumed, or sealed with `seal`."""
        if self._handle >= 0:
            self.flush()
            os.close(self._handle)
            self._handle = -1

    def seal(self) -> Path:
        """Close the recording and convert it; returns the path of the Parquet file."""
        self.close()
        return seal(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            # A batch that is half in the file would come twice when it is tried again.
            end = self._start + self.count * _SIZE
            os.ftruncate(self._handle, end)
            os.lseek(self._handle, end, os.SEEK_SET)
            raise file_error(error, self.path) from error


def seal(path: Path) -> Path:
    """Convert a raw recording to Parquet and remove it; returns the new path. DataError, DiskFullError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, start, count = _raw_header(path)
    events = _mapped(path, start, count)
    sealed = path.with_suffix(SEALED)
    schema = pa.schema([(name, pa.from_numpy_dtype(EVENT[name])) for name in EVENT.names or ()])
    schema = schema.with_metadata({_HEADER_KEY: msgspec.json.encode(header)})

    def write(part: Path) -> None:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for chunk in _chunks(events):
                writer.write_table(pa.table([chunk[name] for name in schema.names], schema=schema))

    write_whole(sealed, write)
    if pq.read_metadata(sealed).num_rows != count:
        raise DataError(f"{sealed} does not hold all of {path}.", "The raw recording was kept: seal it again.")
    path.unlink()
    return sealed


def read_records(path: Path) -> tuple[RecordHeader, Events]:
    """Return the header and all records of a recording, raw (mapped, without a torn end) or sealed; DataError."""
    if path.suffix == SEALED:
        return _read_sealed(path)
    header, start, count = _raw_header(path)
    return header, _mapped(path, start, count)


def read_header(path: Path) -> RecordHeader:
    """Return the header of a recording, raw or sealed; DataError."""
    if path.suffix != SEALED:
        return _raw_header(path)[0]
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _sealed_header(path, pq.read_schema(path).metadata)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, str(error)) from error


def _read_sealed(path: Path) -> tuple[RecordHeader, Events]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
        header = _sealed_header(path, table.schema.metadata)
        events = np.empty(table.num_rows, EVENT)
        for name in EVENT.names or ():
            events[name] = table.column(name).to_numpy()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise _damaged(path, str(error)) from error
    return header, events


def _sealed_header(path: Path, metadata: dict[bytes, bytes] | None) -> RecordHeader:
    try:
        return msgspec.json.decode((metadata or {})[_HEADER_KEY], type=RecordHeader)
    except (KeyError, msgspec.DecodeError) as error:
        raise _damaged(path, "it has no header of a recording") from error


def _raw_header(path: Path) -> tuple[RecordHeader, int, int]:
    try:
        with path.open("rb") as file:
            fixed = file.read(len(_MAGIC) + 8)
            if not fixed.startswith(_MAGIC) or len(fixed) < len(_MAGIC) + 8:
                raise _damaged(path, "it does not begin like a recording")
            (length,) = struct.unpack("<Q", fixed[len(_MAGIC) :])
            size = os.fstat(file.fileno()).st_size
            if length > size:
                raise _damaged(path, "its header is cut off")
            header = msgspec.json.decode(file.read(length), type=RecordHeader)
    except OSError as error:
        raise file_error(error, path) from error
    except msgspec.DecodeError as error:
        raise _damaged(path, f"its header cannot be read ({error})") from error
    start = len(fixed) + length
    start += -start % _SIZE
    return header, start, _whole(path, start, max(0, size - start) // _SIZE)


def _whole(path: Path, start: int, count: int) -> int:
    # After a power cut the end of a file may have its length but not its content: records of kind 0 are none.
    kinds = _mapped(path, start, count)["kind"]
    while count and kinds[count - 1] == 0:
        count -= 1
    return count


def _mapped(path: Path, start: int, count: int) -> Events:
    if not count:
        return np.empty(0, EVENT)
    return np.memmap(path, EVENT, "c", start, (count,)).view(np.ndarray)


def _chunks(events: Events) -> Iterator[Events]:
    for start in range(0, len(events), _CHUNK):
        yield events[start : start + _CHUNK]


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is damaged: {why}.", "Use another recording; this one cannot be repaired.")
