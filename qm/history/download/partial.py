"""A file on its way here: its bytes, and how far it is known to be good, so that a killed download goes on."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Final

import msgspec

from qm.errors import DataError
from qm.history.files import file_error, fill, write_whole
from qm.model.downloads import Piece, Reached

_READ: Final = 1 << 20


class _State(msgspec.Struct, frozen=True):
    """What is durable."""

    etag: str
    size: int
    cursor: str


class Partial:
    """The file `path` and beside it, in `path` + `.state`, what of it is durable."""

    def __init__(self, path: Path, save_bytes: int) -> None:
        self.path = path
        self._state = path.with_name(f"{path.name}.state")
        self._save_bytes = save_bytes
        self._etag = self._cursor = ""
        self._size = self._saved = 0
        self._handle: int | None = None

    @property
    def there(self) -> bool:
        """An earlier download left something."""
        return self._state.exists()

    def open(self, etag: str) -> Reached:
        """Return how far this version of the file was fetched; what another version left is gone. DataError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            state = self._read()
            if state is None or state.etag != etag or os.fstat(self._handle).st_size < state.size:
                state = _State(etag, 0, "")
            self._etag, self._size, self._cursor = etag, state.size, state.cursor
            self._saved = state.size
            os.ftruncate(self._handle, state.size)
            os.lseek(self._handle, state.size, os.SEEK_SET)
            self.save()
        except OSError as error:
            raise file_error(error, self.path) from error
        return Reached(state.size, state.cursor)

    def add(self, piece: Piece) -> None:
        """Append a piece; DataError, DiskFullError."""
        assert self._handle is not None
        try:
            if piece.afresh:
                os.ftruncate(self._handle, 0)
                os.lseek(self._handle, 0, os.SEEK_SET)
                self._size = self._saved = 0
            view = memoryview(piece.data)
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise file_error(error, self.path) from error
        self._size += len(piece.data)
        self._cursor = piece.cursor
        if piece.afresh or self._size - self._saved >= self._save_bytes:
            self.save()

    def save(self) -> None:
        """Make durable what is there; DataError, DiskFullError."""
        assert self._handle is not None
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise file_error(error, self.path) from error
        text = msgspec.json.encode(_State(self._etag, self._size, self._cursor))
        write_whole(self._state, lambda part: fill(part, text))
        self._saved = self._size

    def close(self) -> None:
        """Let go of the file, whatever is in it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def drop(self) -> None:
        """Throw away the file, and what was made of it; the state last, so that a leftover is always seen."""
        self.close()
        for each in sorted(self.path.parent.glob(f"{self.path.name.partition('.')[0]}.*")):
            if each != self._state:
                each.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def _read(self) -> _State | None:
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def check_gz(path: Path) -> None:
    """Read a gz file to its end; DataError when it is cut short, damaged, or followed by something else."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_READ):
                while chunk:
                    if inflate.eof:
                        inflate = zlib.decompressobj(wbits=31)
                    # What unfolds without end must not fill the memory.
                    inflate.decompress(chunk, _READ)
                    chunk = inflate.unconsumed_tail or inflate.unused_data
    except zlib.error as error:
        raise DataError(f"{path.name} is no whole gz file ({error}).", "It is fetched again next time.") from error
    except OSError as error:
        raise file_error(error, path) from error
    if not inflate.eof:
        raise DataError(f"{path.name} is cut short.", "It is fetched again next time.")


def sweep(folder: Path) -> None:
    """Remove what killed processes were writing in a folder; a file that is whole has another name."""
    for path in folder.glob(".*.part"):
        pid = path.name.split(".")[-2]
        if pid.isdecimal() and not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
