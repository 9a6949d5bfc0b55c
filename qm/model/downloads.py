"""What passes between a vendor of history and the download: units of work, offers, and pieces of a file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from qm.errors import DataError


class StaleOfferError(DataError):
    """Report that the vendor has another version by now."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One kind of data of one session."""

    kind: str
    session: dt.date
    symbols: tuple[str, ...] = ()
    """Only these; all that the vendor has when empty."""

    @property
    def name(self) -> str:
        """Names it in the catalogue and in reports."""
        return f"{self.kind} {self.session}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a vendor has of a unit."""

    etag: str
    """Another one means another content."""
    source: str
    """Where it lies there."""
    size: int = 0
    """Bytes to fetch, 0 when it is not told."""
    known_at: int = 0
    """When it was published, ns UTC, 0 when it is not told."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a unit was fetched."""

    size: int = 0
    """Bytes that are there."""
    cursor: str = ""
    """Where the vendor's adapter goes on, as it said itself."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that follow the ones before, and where to go on behind them."""

    data: bytes
    cursor: str = ""
    afresh: bool = False
    """The vendor began again: what was there before is void."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what was fetched."""

    path: Path
    seconds: int | None = None
    """Length of bars."""
    called: dict[str, str] = field(default_factory=dict)
    """What the file calls our columns."""
