"""What passes between a vendor of history and the download: units of work, offers, and pieces of a file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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


AUCTIONS: Final = {
    "symbol": "string",
    "ts": "int64",
    "side": "string",
    "price": "double",
    "size": "double",
    "exchange": "string",
    "condition": "string",
}
"""Prints of opening and closing auctions and of what they made official, by column and its type: `side` is open or
close, `exchange` a letter of the tapes, `condition` O or 6 for the auction itself, Q or M for the official price."""

ACTIONS: Final = {
    "symbol": "string",
    "day": "string",
    "what": "string",
    "becomes": "string",
    "ends": "int64",
    "factor": "double",
    "amount": "double",
    "id": "string",
}
"""Corporate actions, by column and its type: `day` is the first date in their light, `becomes` the name from then on,
`ends` 1 where the symbol is none any more, `factor` what earlier prices are multiplied with, `amount` cash that goes
ex, $ per share; empty where an action has none."""

ASSETS: Final = {
    "symbol": "string",
    "ts": "int64",
    "listing": "string",
    **dict.fromkeys(
        ("active", "tradable", "marginable", "shortable", "easy_to_borrow", "fractionable"),
        "int64",
    ),
    "id": "string",
    "name": "string",
}
"""The universe as a vendor tells it, by column and its type: `ts` is when it was asked, `listing` the exchange that
lists it as a letter of the tapes, what is 1 or 0 is yes or no."""
