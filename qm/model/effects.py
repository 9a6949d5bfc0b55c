"""What the core asks of the outside, carried out only after the events that justify it are durable."""

from __future__ import annotations

import msgspec

from qm.model.approved import Approved
from qm.model.order import Order


class Submit(msgspec.Struct, frozen=True):
    """Send an approved order, with the protective leg that its fills activate, if any."""

    order: Approved[Order]
    leg: Approved[Order] | None = None


class Cancel(msgspec.Struct, frozen=True):
    """Ask the broker to cancel the rest of an order."""

    order: str


class Replace(msgspec.Struct, frozen=True):
    """Ask the broker to let an approved order take the place of a working one, at once and never both."""

    old: str
    order: Approved[Order]


class Notify(msgspec.Struct, frozen=True):
    """Tell the trader."""

    level: str
    """info, warning or critical."""
    text: str


Effect = Submit | Cancel | Replace | Notify
