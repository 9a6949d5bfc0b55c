"""The opening and closing auctions: which orders they take, until when, and which prints are their official prices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from qm.clock import SECOND, ny
from qm.errors import DataError
from qm.model.order import FOR_AUCTIONS, OrderType, TimeInForce
from qm.rules.allowed import Allowed, no, yes
from qm.rules.calendar import Session, next_session
from qm.rules.dated import Schedule, schedule


class AuctionOrder(StrEnum):
    """Orders that trade in an auction only."""

    MOO = "market_on_open"
    LOO = "limit_on_open"
    IO_OPEN = "imbalance_only_open"
    MOC = "market_on_close"
    LOC = "limit_on_close"
    IO_CLOSE = "imbalance_only_close"

    @property
    def opening(self) -> bool:
        """Whether it is for the opening auction."""
        return self in {AuctionOrder.MOO, AuctionOrder.LOO, AuctionOrder.IO_OPEN}


class Venue(StrEnum):
    """To whom an auction order is sent: the listing exchange, or a broker with cut-offs of its own."""

    NYSE = "nyse"
    NASDAQ = "nasdaq"
    ARCA = "arca"
    ALPACA = "alpaca"


class Until(NamedTuple):
    """Seconds before the auction, 09:30 or the close, from which an order is no longer taken, or given back."""

    enter_s: int
    cancel_s: int


EXCHANGES: Final = (Venue.NYSE, Venue.NASDAQ, Venue.ARCA)
"""Where shares are listed; the earliest cut-off of them holds for a share whose listing is not known."""

LISTED: Final = {"N": Venue.NYSE, "Q": Venue.NASDAQ, "P": Venue.ARCA}
"""Exchange by its letter on the tapes. The rules of the others that list (A, Z, V) are not kept: they are unknown."""

Cutoffs = dict[AuctionOrder, Until]


def _cutoffs(**orders: tuple[str, str]) -> Cutoffs:
    return {AuctionOrder[name]: Until(_seconds(enter), _seconds(cancel)) for name, (enter, cancel) in orders.items()}


def _seconds(clock: str) -> int:
    """`2:00` before the auction in seconds."""
    minutes, seconds = clock.split(":")
    return int(minutes) * 60 + int(seconds)


_NASDAQ_OPEN: Final = {"MOO": ("2:00", "5:00"), "LOO": ("0:30", "5:00"), "IO_OPEN": ("0:00", "5:00")}
_NYSE_OPEN: Final = {"MOO": ("0:00", "0:00"), "LOO": ("0:00", "0:00")}
_NYSE_OLD: Final = {"MOO": ("2:00", "2:00"), "LOO": ("2:00", "2:00")}
_UNREAD: Final = "; not read in the original: day of implementation, set on the careful side."

AUCTIONS: Final[dict[Venue, Schedule[Cutoffs]]] = {
    Venue.NYSE: schedule(
        "NYSE auction cut-offs",
        (
            "1998-01-01",
            _cutoffs(**_NYSE_OLD, MOC=("20:00", "20:00"), LOC=("20:00", "20:00")),
            "NYSE Rule 123C before 2010; not read in the original.",
        ),
        (
            "2010-03-01",
            _cutoffs(**_NYSE_OLD, MOC=("15:00", "15:00"), LOC=("15:00", "15:00")),
            "NYSE Rule 123C, SEC Rel. 34-60974.",
        ),
        (
            "2019-03-01",
            _cutoffs(**_NYSE_OPEN, MOC=("10:00", "10:00"), LOC=("10:00", "10:00")),
            "SEC Rel. 34-85021 of 2019-01-31; opening: NYSE auctions fact sheet" + _UNREAD,
        ),
    ),
    Venue.NASDAQ: schedule(
        "Nasdaq auction cut-offs",
        (
            "1998-01-01",
            _cutoffs(**_NASDAQ_OPEN, MOC=("10:00", "10:00"), LOC=("10:00", "10:00"), IO_CLOSE=("0:00", "10:00")),
            "Nasdaq crosses since 2004, used for the years before them as well.",
        ),
        (
            "2017-11-01",
            _cutoffs(**_NASDAQ_OPEN, MOC=("10:00", "10:00"), LOC=("5:00", "10:00"), IO_CLOSE=("0:00", "10:00")),
            "Nasdaq Equity Trader Alert 2017-176 (phased in from October 2017)" + _UNREAD,
        ),
        (
            "2018-11-01",
            _cutoffs(**_NASDAQ_OPEN, MOC=("5:00", "10:00"), LOC=("5:00", "10:00"), IO_CLOSE=("0:00", "10:00")),
            "SEC Rel. 34-84454 of 2018-10-19" + _UNREAD,
        ),
        (
            "2019-11-01",
            _cutoffs(**_NASDAQ_OPEN, MOC=("5:00", "10:00"), LOC=("2:00", "10:00"), IO_CLOSE=("0:00", "10:00")),
            "SR-NASDAQ-2019-064, SEC Rel. 34-86642; cancels: Nasdaq quick reference guide" + _UNREAD,
        ),
    ),
    Venue.ARCA: schedule(
        "NYSE Arca auction cut-offs",
        (
            "1998-01-01",
            _cutoffs(MOO=("0:05", "0:05"), LOO=("0:05", "0:05"), MOC=("1:00", "1:00"), LOC=("1:00", "1:00")),
            "NYSE Arca Rule 7.35-E imbalance freezes; not read in the original.",
        ),
    ),
    Venue.ALPACA: schedule(
        "Alpaca auction cut-offs",
        (
            "1998-01-01",
            _cutoffs(MOO=("2:00", "2:00"), LOO=("2:00", "2:00"), MOC=("10:00", "10:00"), LOC=("10:00", "10:00")),
            "Alpaca, Placing Orders; some accounts may send no auction orders; not read in the original: cancels.",
        ),
    ),
}
"""A late Nasdaq LOO (after 09:28) or LOC (after 15:55) may be repriced to a reference price; that is not modelled."""


class Official(NamedTuple):
    """Sale conditions of the listing exchange's prints."""

    opening: str = "Q"
    """Market center official open."""
    closing: str = "M"
    """Market center official close."""
    open_cross: str = "O"
    """Prints of the auctions themselves, which carry the volume: opening, closing and reopening."""
    close_cross: str = "6"
    reopening: str = "5"


OFFICIAL: Final = schedule(
    "official prices",
    (
        "1998-01-01",
        Official(),
        "CTA and UTP specifications, sale conditions; used for the years before these codes as well.",
    ),
)
"""Official open and close are the auction's print on the listing exchange, not the first and last trade of the day."""


@dataclass(frozen=True, slots=True)
class AuctionTimes:
    """The times of one kind of order in one session, ns UTC."""

    auction_ns: int
    enter_until_ns: int
    """From here on it is refused."""
    cancel_until_ns: int
    """From here on it cannot be taken back."""


def auction_times(venue: Venue, order: AuctionOrder, of: Session) -> AuctionTimes | None:
    """Return the times of an auction order, a half day's shifted with its close; None where it takes none."""
    until = AUCTIONS[venue].at(of.date).get(order)
    if until is None:
        return None
    auction = of.open_ns if order.opening else of.close_ns
    return AuctionTimes(auction, auction - until.enter_s * SECOND, auction - until.cancel_s * SECOND)


def earliest_times(kind: OrderType, of: Session, listing: Venue | None = None) -> AuctionTimes | None:
    """Return the times of an auction order at its listing exchange, and where that is unknown the earliest of all.

    None for an order that is not for an auction.
    """
    if kind not in FOR_AUCTIONS:
        return None
    known = [times for _, times in _times(kind, of, listing)]
    return AuctionTimes(
        known[0].auction_ns,
        min(times.enter_until_ns for times in known),
        min(times.cancel_until_ns for times in known),
    )


def first_to_refuse(kind: OrderType, of: Session) -> Venue:
    """Return the exchange that takes an auction order no longer before the others do not."""
    return min(_times(kind, of, None), key=lambda known: known[1].enter_until_ns)[0]


def may_enter(kind: OrderType, of: Session, ns: int, listing: Venue | None = None) -> Allowed:
    """Say whether an auction order is taken at `ns` for the auction of this session, from 04:00 on, else when again."""
    times = earliest_times(kind, of, listing)
    if times is None:
        return no(f"a {kind.in_words} order is not for an auction")
    auction = "opening" if kind.time_in_force is TimeInForce.OPG else "closing"
    if of.pre_ns <= ns < times.enter_until_ns:
        return yes(f"the {auction} auction takes {kind.in_words} orders until {_clock(times.enter_until_ns)}")
    if ns < of.pre_ns:
        return no(f"the {auction} auction takes {kind.in_words} orders from {_clock(of.pre_ns)} on")
    over = f"the {auction} auction took {kind.in_words} orders until {_clock(times.enter_until_ns)}"
    return no(f"{over}; {_again(kind, of, auction, listing)}")


def may_cancel(kind: OrderType, of: Session, ns: int, listing: Venue | None = None) -> Allowed:
    """Say whether an order can still be taken back at `ns`: orders for an auction only until a while before it."""
    times = earliest_times(kind, of, listing)
    if times is None:
        return yes(f"{kind.in_words} orders can be taken back as long as they work")
    until = _clock(times.cancel_until_ns)
    if ns < times.cancel_until_ns:
        return yes(f"{kind.in_words} orders can be taken back until {until}")
    return no(f"{kind.in_words} orders could be taken back until {until}; it ends with the auction")


def _times(kind: OrderType, of: Session, listing: Venue | None) -> list[tuple[Venue, AuctionTimes]]:
    order = AuctionOrder(kind.value)
    found = [(venue, auction_times(venue, order, of)) for venue in (EXCHANGES if listing is None else (listing,))]
    return [(venue, times) for venue, times in found if times is not None]


def _again(kind: OrderType, of: Session, auction: str, listing: Venue | None) -> str:
    try:
        following = next_session(of.date)
    except DataError:
        return f"the calendar knows no later {auction} auction"
    times = earliest_times(kind, following, listing)
    assert times is not None
    since, until = _clock(following.pre_ns), _clock(times.enter_until_ns)
    return f"the next one, of {following.date}, takes them from {since} to {until}"


def _clock(ns: int) -> str:
    return ny(ns).strftime("%H:%M:%S").removesuffix(":00")
