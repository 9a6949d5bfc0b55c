"""The entries of a run that is forgotten with its process: the latest in memory, those before in a nameless file."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO, Final

import msgspec

from qm.model.events import Entry
from qm.store.connection import store_error

BLOCK: Final = 4_096
"""Entries that leave memory together: a year of the whole market has over a million."""

Link = tuple[bytes, bytes]
"""An entry's encoding and its hash."""

_HASH: Final = 32
_decode: Final = msgspec.json.Decoder(Entry).decode


class Held:
    """Encoded entries 1, 2, 3 ... with their hashes; memory does not grow with them."""

    def __init__(self) -> None:
        self._latest: list[Link] = []
        self._file: IO[bytes] | None = None
        self._ends: list[int] = [0]
        """Where in the file the blocks end, after the place at which the first begins."""
        self._seen: tuple[int, list[Link]] = (-1, [])
        """The block that was read last, and its number: who asks for one entry asks for its neighbours."""

    def __len__(self) -> int:
        return (len(self._ends) - 1) * BLOCK + len(self._latest)

    def add(self, links: Sequence[Link]) -> None:
        """Take in what follows; DiskFullError, StoreError."""
        self._latest += links
        while len(self._latest) >= BLOCK:
            self._lay_down(self._latest[:BLOCK])
            del self._latest[:BLOCK]

    def links(self, after: int = 0) -> Iterator[Link]:
        """Yield the encodings and hashes of the entries with `seq` above `after`, in order."""
        for number in range(after // BLOCK, len(self._ends)):
            yield from self._block(number)[max(after - number * BLOCK, 0) :]

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the entries with `seq` above `after`, in order."""
        return (_decode(data) for data, _ in self.links(after))

    def entry(self, seq: int) -> Entry:
        """Return one entry, which must be there."""
        number, place = divmod(seq - 1, BLOCK)
        return _decode(self._block(number)[place][0])

    def _lay_down(self, block: list[Link]) -> None:
        # An encoding has no line break.
        data = b"".join([link for _, link in block]) + b"\n".join([data for data, _ in block])
        try:
            if self._file is None:
                self._file = TemporaryFile(prefix="qm-journal-")  # noqa: SIM115 - open as long as the journal is
                weakref.finalize(self, self._file.close)
            self._file.seek(self._ends[-1])
            self._file.write(data)
        except OSError as error:
            raise store_error(error, Path(gettempdir())) from error
        self._ends.append(self._ends[-1] + len(data))

    def _block(self, number: int) -> list[Link]:
        if number == len(self._ends) - 1:
            return list(self._latest)
        if number != self._seen[0]:
            assert self._file is not None
            begin, end = self._ends[number : number + 2]
            self._file.seek(begin)
            whole = self._file.read(end - begin)
            hashes = [whole[at : at + _HASH] for at in range(0, BLOCK * _HASH, _HASH)]
            self._seen = number, list(zip(whole[BLOCK * _HASH :].split(b"\n"), hashes, strict=True))
        return self._seen[1]
