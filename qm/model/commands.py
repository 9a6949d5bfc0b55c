"""What an operator may ask of the core."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """A request from outside; carried out at most once per id."""

    id: str
    """Chosen by the client; sending the same id again is safe and answers the same."""


class StopEntries(Command, frozen=True, tag="stop_entries"):
    """Take no new positions."""

    reason: str = "operator"


class ResumeEntries(Command, frozen=True, tag="resume_entries"):
    """Allow new positions again."""

    reason: str = "operator"


class Flatten(Command, frozen=True, tag="flatten"):
    """Cancel and close everything, or one symbol, until flat; after everything, entries stay stopped."""

    symbol: str | None = None
    reason: str = "operator"


class CancelOrder(Command, frozen=True, tag="cancel_order"):
    """Cancel one working order."""

    order: str


class Pin(Command, frozen=True, tag="pin"):
    """Put a symbol on the watchlist and keep it there."""

    symbol: str


class Unpin(Command, frozen=True, tag="unpin"):
    """Take a symbol off the watchlist."""

    symbol: str


class Ban(Command, frozen=True, tag="ban"):
    """Take no new position in a symbol, and take it off the watchlist; what is held is left as ever."""

    symbol: str
    reason: str = "operator"
    today: bool = True
    """It ends with the session; False keeps it until it is lifted."""


class Unban(Command, frozen=True, tag="unban"):
    """Allow new positions in a symbol again."""

    symbol: str
    reason: str = "operator"


AnyCommand = StopEntries | ResumeEntries | Flatten | CancelOrder | Pin | Unpin | Ban | Unban
