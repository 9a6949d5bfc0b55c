"""Symbols and the rows they occupy for one session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}\Z")
"""What a symbol may look like; anything else from outside is refused before it reaches a screen or a path."""


class SymbolTable:
    """Names of the session's symbols, in a fixed order; a symbol's index is its row in every market array."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self._row = {name: i for i, name in enumerate(self.names)}
        if len(self._row) != len(self.names):
            raise ValueError("a symbol stands twice in the table")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._row

    def digest(self) -> str:
        """Return the sha256 of the names in their order, hex."""
        return sha256("\n".join(self.names).encode()).hexdigest()

    def row(self, name: str) -> int:
        """Return the row of a symbol; KeyError when the session does not know it."""
        return self._row[name]

    def rows(self, names: Iterable[str]) -> list[int]:
        """Return the rows of several symbols, in the order given."""
        return [self._row[name] for name in names]
