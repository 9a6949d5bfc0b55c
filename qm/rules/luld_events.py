"""What happens to a symbol under the limit-up limit-down plan, and the words for where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

from qm.rules.limits import Bands


class Phase(IntEnum):
    """Where a symbol stands under the plan."""

    OFF = 0
    """No bands: before the opening, after the close, or before the plan."""
    NORMAL = 1
    STRADDLE = 2
    """One side of the market lies outside the bands and cannot trade."""
    LIMIT = 3
    """The market leans on a band."""
    PAUSED = 4
    TO_CLOSE = 5
    """Paused for the rest of regular hours; the closing auction trades next."""


class Band(StrEnum):
    """One of the two bands."""

    LOWER = "lower"
    UPPER = "upper"


class Evidence(StrEnum):
    """From what a limit state is inferred."""

    QUOTES = "quotes"
    """The national best bid and offer, as the plan has it."""
    PRINTS = "prints"
    """Trades at a band, where there are no quotes: it begins with the first at a band and ends with one inside."""


class Cause(StrEnum):
    """Why there are new bands."""

    OPENED = "opened"
    MOVED = "moved"
    """The mean moved away from the reference price."""
    DOUBLED = "doubled"
    """The width changed with the time of day."""
    REOPENED = "reopened"
    DISPROVED = "disproved"


@dataclass(frozen=True, slots=True)
class BandsSet:
    """New bands are in force."""

    ns: int
    reference: float
    """$."""
    bands: Bands
    cause: Cause


@dataclass(frozen=True, slots=True)
class LimitEntered:
    """A limit state began; it ends a straddle state."""

    ns: int
    band: Band
    price: Decimal
    """Of the band, $."""


@dataclass(frozen=True, slots=True)
class LimitLeft:
    """A limit state ended without a pause."""

    ns: int
    band: Band


@dataclass(frozen=True, slots=True)
class StraddleEntered:
    """The best bid fell below the lower band, or the best offer rose above the upper one."""

    ns: int
    band: Band


@dataclass(frozen=True, slots=True)
class StraddleLeft:
    """Both sides can trade again."""

    ns: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Trading stopped."""

    ns: int
    band: Band | None
    """The band that led to it; None for a pause that the exchange declared for another reason."""
    until_ns: int
    """When the reopening auction is due; the close of the session where there will be none."""


@dataclass(frozen=True, slots=True)
class Extended:
    """The reopening auction would have traded outside its collars."""

    ns: int
    price: Decimal
    until_ns: int
    collars: Bands
    """Those of the next attempt."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """Trading began again."""

    ns: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class LeftToClose:
    """There will be no reopening: the pause lasts into the final minutes, and the closing auction trades next."""

    ns: int


@dataclass(frozen=True, slots=True)
class Disproved:
    """An eligible trade printed in what had been taken for a pause; trading goes on."""

    ns: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Lifted:
    """Regular hours ended, and the bands with them."""

    ns: int


Event = (
    BandsSet
    | LimitEntered
    | LimitLeft
    | StraddleEntered
    | StraddleLeft
    | Paused
    | Extended
    | Reopened
    | LeftToClose
    | Disproved
    | Lifted
)
Events = tuple[Event, ...]
