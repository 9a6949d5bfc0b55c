"""What is to be left, whole or in part, and the next step of leaving it: free the shares first, then sell them once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from qm.execution.orders import LEAVING, Orders, Working
from qm.model.events import Entry, Flattened, FlattenStarted, Intended, SessionStarted, Signal, TradeClosed
from qm.model.order import FOR_AUCTIONS, OrderStatus, Purpose


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A symbol that is to become flat, or smaller, and why."""

    purpose: Purpose
    reason: str
    seq: int
    """The entry that asked for it."""
    shares: int = 0
    """How many of them are to be sold; 0 for all."""


class Step(NamedTuple):
    """What to do next: cancel these orders, or send an exit of so many shares, or wait."""

    cancel: tuple[str, ...] = ()
    sell: int = 0


WAIT = Step()


class Leaving:
    """Folds wishes to leave.

    A wish to become flat ends when the trade is closed, never when an exit was merely sent. A part ends when its exit
    was sent: what the broker does not take of it stays, and is covered by a stop again.
    """

    def __init__(self) -> None:
        self.wishes: dict[str, Wish] = {}
        self.parts: dict[str, Wish] = {}
        """Parts that wait until the stop has been reduced, by symbol."""
        self.flatten_all = ""
        """Why everything is being closed; empty when it is not."""
        self.flatten_seq = 0

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes what is to be left."""
        return {
            SessionStarted: self._on_session,
            Signal: self._on_signal,
            FlattenStarted: self._on_flatten,
            Intended: self._on_intended,
            Flattened: self._on_flattened,
            TradeClosed: self._on_closed,
        }

    @property
    def any(self) -> bool:
        """Something is to be left."""
        return bool(self.wishes or self.parts or self.flatten_all)

    def wish(self, symbol: str) -> Wish | None:
        """Return why a symbol is to become flat, or None."""
        own = self.wishes.get(symbol)
        if self.flatten_all and (own is None or own.purpose is not Purpose.FLATTEN):
            return Wish(Purpose.FLATTEN, self.flatten_all, self.flatten_seq)
        return own

    def wanted(self, symbol: str) -> Wish | None:
        """Return why all or a part of a symbol is to be left, or None."""
        return self.wish(symbol) or self.parts.get(symbol)

    def waiting(self, symbol: str) -> int:
        """Return the shares of a part that is to be left and not on its way yet."""
        part = self.parts.get(symbol)
        return part.shares if part else 0

    def step(self, symbol: str, held: int, orders: Orders, at_close: bool = False) -> Step:
        """Return the next step for a symbol that is to become flat; `held` in signed shares.

        Working entries and protection go first, and their end is awaited: shares that another order may still sell are
        not sold twice. An order of unknown outcome is waited for too. So are exits that wait for an auction, unless the
        closing auction is what is wanted (`at_close`) or they cannot be taken back any more.
        """
        pending = [w for w in orders.open(symbol) if _in_the_way(w, at_close)]
        if pending:
            to_cancel = [w.order.id for w in pending if not w.asked and w.status is not OrderStatus.INTENDED]
            return Step(cancel=tuple(to_cancel)) if to_cancel else WAIT
        return Step(sell=max(0, abs(held) - orders.leaving(symbol)))

    def part(self, symbol: str, held: int, orders: Orders) -> Step:
        """Return the next step for a part that is to be left: the rest of the entry goes first, the stop makes room.

        Who reduces the stop is `Closing.protect`; until that is confirmed, stop and exit could close more than is held.
        """
        entering = [w for w in orders.open(symbol) if w.order.purpose is Purpose.ENTRY]
        to_cancel = tuple(w.order.id for w in entering if not w.asked and w.status is not OrderStatus.INTENDED)
        if to_cancel or entering:
            return Step(cancel=to_cancel)
        free = abs(held) - orders.leaving(symbol)
        sell = min(self.waiting(symbol), free)
        return Step(sell=sell) if sell > 0 and free - orders.stopping(symbol, held) >= sell else WAIT

    def state(self) -> object:
        """Return what must be equal after a restart."""
        wishes = [[symbol, w.purpose, w.reason, w.seq] for symbol, w in sorted(self.wishes.items())]
        parts = [[symbol, w.shares, w.reason, w.seq] for symbol, w in sorted(self.parts.items())]
        return [wishes, parts, self.flatten_all, self.flatten_seq]

    def _on_session(self, entry: Entry) -> None:
        self.wishes.clear()
        self.parts.clear()
        self.flatten_all, self.flatten_seq = "", 0

    def _on_signal(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Signal)
        if body.entry or body.symbol in self.wishes:
            return
        if body.shares is None:
            self.wishes[body.symbol] = Wish(Purpose.EXIT, body.reason, entry.seq)
        else:
            shares = body.shares + self.waiting(body.symbol)
            self.parts[body.symbol] = Wish(Purpose.EXIT, body.reason, entry.seq, shares)

    def _on_intended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Intended)
        if body.order.purpose in LEAVING:
            self.parts.pop(body.order.symbol, None)

    def _on_flatten(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, FlattenStarted)
        if body.symbol is None:
            self.flatten_all, self.flatten_seq = body.reason, entry.seq
        else:
            self.wishes[body.symbol] = Wish(Purpose.FLATTEN, body.reason, entry.seq)

    def _on_flattened(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Flattened)
        if body.symbol is None:
            self.flatten_all, self.flatten_seq = "", 0
        else:
            self.wishes.pop(body.symbol, None)

    def _on_closed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, TradeClosed)
        self.parts.pop(body.symbol, None)
        wish = self.wishes.get(body.symbol)
        if wish is not None and wish.purpose is Purpose.EXIT:
            del self.wishes[body.symbol]


def _in_the_way(w: Working, at_close: bool) -> bool:
    if w.order.purpose not in LEAVING:
        return True
    return w.order.type in FOR_AUCTIONS and not (at_close or w.bound)
