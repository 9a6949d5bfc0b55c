"""The contract of a strategy: what it sees, when it is asked, and what it may wish for.

A strategy is two independent parts: entry signals, asked while the symbol is flat, and exit signals, asked while a
position is open. Neither acts: they return wishes, which the core states as events, checks and executes. A strategy
keeps no memory of its own; what it must remember of a symbol it puts into the `note` of a `Plan`, so that a restart
finds it in the journal. A wish that the journal could not hold cannot be made: TypeError or ValueError.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan
from operator import index
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import force_setattr

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.market.features import UNITS
from qm.market.market import Market
from qm.market.symbol_features import features_of
from qm.model.order import LIMITS, STOPS, OrderType, Side
from qm.strategies.contract import Need, Rules

__all__ = [
    "Alert",
    "Done",
    "Enter",
    "EntrySignals",
    "Exit",
    "ExitSignals",
    "Group",
    "Held",
    "Need",
    "Params",
    "Plan",
    "Protect",
    "Rules",
    "Strategy",
    "View",
    "Wish",
    "Wishes",
    "Withdraw",
]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Typed, bounded parameters of a strategy; the bounds (msgspec.Meta) also feed sweeps."""


class Plan(msgspec.Struct, frozen=True):
    """Levels and times at which to be woken, for this symbol or, in a group, for several at once.

    Each array is empty (arms nothing) or runs parallel to `symbols`; NaN arms nothing for that symbol. A new plan
    replaces the earlier levels of its symbols; an empty plan disarms them.
    """

    rows: Sequence[int] = ()
    """Rows of the symbols; empty for the symbol that was asked about."""
    up: Sequence[float] = ()
    down: Sequence[float] = ()
    close_up: Sequence[float] = ()
    close_down: Sequence[float] = ()
    follow: bool = False
    """Ask at every bar close."""
    wake_at: int = 0
    """Ask `on_time` then, ns UTC."""
    note: Mapping[str, float | Sequence[float]] = {}
    """What to remember, by name: a number for all symbols, or an array like the levels. Empty keeps the last."""

    def __post_init__(self) -> None:
        symbols = len(self.rows) or 1
        for values in (self.up, self.down, self.close_up, self.close_down):
            if len(values) not in (0, symbols):
                raise ValueError(f"levels of a plan have {len(values)} values for {symbols} symbols")
        for name, noted in self.note.items():
            _must_be(str, name)
            if isinstance(noted, Sequence) and len(noted) != symbols:
                raise ValueError(f"{name} of a plan has {len(noted)} values for {symbols} symbols")
        if self.rows and min(self.rows) < 0:
            raise ValueError(f"a plan for row {min(self.rows)}")
        _must_be(bool, self.follow)
        if type(self.wake_at) is not int:
            force_setattr(self, "wake_at", index(self.wake_at))


class Enter(msgspec.Struct, frozen=True):
    """Open a position."""

    side: Side
    stop: float
    """Initial stop, $ per share; it defines R."""
    reason: str
    type: OrderType = OrderType.MARKET
    trigger: float | None = None
    limit: float | None = None
    resting_stop: bool = True
    """False: no stop rests at the broker, the strategy leaves at a bar's close."""
    shares: int | None = None
    """A fixed number of shares instead of one sized by risk."""
    risk: float | None = None
    """Share of equity that the stop may lose, where that is less than the settings allow."""
    notional: float | None = None
    """Share of equity that the position may come to, where that is less than the settings allow."""
    until: int = 0
    """What has not filled by then is canceled, ns UTC; 0 leaves it working."""
    row: int | None = None
    """The symbol, when a group was asked."""

    def __post_init__(self) -> None:
        _must_be(Side, self.side)
        _must_be(OrderType, self.type)
        _must_be(str, self.reason)
        _must_be(bool, self.resting_stop)
        if (self.trigger is not None) != (self.type in STOPS) or (self.limit is not None) != (self.type in LIMITS):
            raise ValueError(f"a {self.type} entry with trigger {self.trigger} and limit {self.limit}")
        # The journal knows plain numbers only; a strategy may well have computed with others.
        for name, price in (("stop", self.stop), ("trigger", self.trigger), ("limit", self.limit)):
            if price is None and name != "stop":
                continue
            if not isfinite(price):  # type: ignore[arg-type]
                raise ValueError(f"an entry with {name} {price}")
            if type(price) is not float:
                force_setattr(self, name, float(price))  # type: ignore[arg-type]
        for name, share in (("risk", self.risk), ("notional", self.notional)):
            if share is None:
                continue
            if not 0.0 < share < inf:
                raise ValueError(f"an entry with {name} {share}")
            if type(share) is not float:
                force_setattr(self, name, float(share))
        for name, number in (("shares", self.shares), ("until", self.until), ("row", self.row)):
            if number is not None and type(number) is not int:
                force_setattr(self, name, index(number))


class Exit(msgspec.Struct, frozen=True):
    """Close the position, or a part of it.

    A part is counted in whole shares of what is held and not being sold yet: rounded down, and at least one. The stop
    is reduced to what remains before the part is sold, and what still works of the entry is canceled.
    """

    reason: str
    part: float = 1.0
    """Share of the position, above 0 and up to 1."""

    def __post_init__(self) -> None:
        _must_be(str, self.reason)
        if not 0.0 < self.part <= 1.0:
            raise ValueError(f"an exit of {self.part} of a position")
        if type(self.part) is not float:
            force_setattr(self, "part", float(self.part))


class Protect(msgspec.Struct, frozen=True):
    """Move the stop of the open position; a position without a resting stop gets one.

    A stop that would not be nearer to the market stays where it is, so that a trail may be wished at every bar. One
    that lies beyond the market closes the position at once. R stays what it was at the entry. While the entry still
    works, the stop moves when that has ended.
    """

    stop: float
    """$ per share."""
    reason: str
    loosen: bool = False
    """Also move it away from the market, never beyond the initial stop: the position was sized by that."""

    def __post_init__(self) -> None:
        _must_be(str, self.reason)
        _must_be(bool, self.loosen)
        if not (isfinite(self.stop) and self.stop > 0.0):
            raise ValueError(f"a stop at {self.stop}")
        if type(self.stop) is not float:
            force_setattr(self, "stop", float(self.stop))


class Alert(msgspec.Struct, frozen=True):
    """Tell the trader what was found, and do nothing about it."""

    text: str
    row: int | None = None
    """The symbol, when a group was asked."""

    def __post_init__(self) -> None:
        _must_be(str, self.text)


class Withdraw(msgspec.Struct, frozen=True):
    """Take back the entries that work, and go on working the symbol; `on_gone` is asked when they are gone."""

    reason: str

    def __post_init__(self) -> None:
        _must_be(str, self.reason)


class Done(msgspec.Struct, frozen=True):
    """Stop working this symbol today; working entries are canceled."""

    reason: str
    row: int | None = None
    """The symbol, when a group was asked."""

    def __post_init__(self) -> None:
        _must_be(str, self.reason)


def _must_be(kind: type, value: object) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")


Wish = Plan | Alert | Enter | Withdraw | Exit | Protect | Done
Wishes = Sequence[Wish]
NOTHING: Wishes = ()


class Held(NamedTuple):
    """The open position, as the exit part sees it."""

    qty: int
    """Signed shares."""
    price: float
    """Average entry, $ per share."""
    stop: float
    """Initial stop, $ per share."""
    opened: int
    """First execution, ns UTC."""
    stop_now: float = nan
    """Where the stop stands now, $ per share."""

    def r(self, price: float) -> float:
        """Return what a price is worth in R: the way from the entry, in initial stop distances; NaN when unknown."""
        risk = abs(self.price - self.stop)
        # Ten cents of ten cents are one R, whatever their binary fractions say.
        return round((price - self.price) * (1 if self.qty > 0 else -1) / risk, 9) if risk > 0 else nan

    def at_r(self, r: float) -> float:
        """Return the price that is so many R from the entry, $; NaN when the stop is not known."""
        return self.price + r * (self.price - self.stop)


class View:
    """One symbol at one moment, read-only."""

    __slots__ = ("_entering", "_held", "market", "note", "now", "row")

    def __init__(
        self,
        market: Market,
        row: int,
        note: dict[str, float],
        held: Callable[[int], Held | None] | None = None,
        entering: Callable[[int], int] | None = None,
    ) -> None:
        self.market, self.row, self.note, self._held, self._entering = market, row, note, held, entering
        self.now = market.now

    @property
    def held(self) -> Held | None:
        """The open position; None while flat."""
        return self._held(self.row) if self._held else None

    @property
    def entering(self) -> int:
        """Shares of entries that may still fill."""
        return self._entering(self.row) if self._entering else 0

    def feature(self, name: str) -> float:
        """Return a feature of the symbol by the name that scans use; NaN when it is not known, KeyError for no feature.

        Reading several at once costs as much as one: see `features`.
        """
        if name not in UNITS:
            raise KeyError(name)
        return self.features.get(name, nan)

    @property
    def features(self) -> dict[str, float]:
        """All features of the symbol that are known now, by name."""
        return features_of(self.market, self.row)

    def __getattr__(self, name: str) -> float:
        """Return a field of the symbol's market row by name, such as `last` or `high`."""
        if name in View.__slots__:
            raise AttributeError(name)
        try:
            return float(self.market.col[name][self.row])
        except KeyError:
            raise AttributeError(f"{name!r} is not a field of a market row") from None

    @property
    def symbol(self) -> str:
        """Its name."""
        return self.market.table.names[self.row]

    @property
    def vwap(self) -> float:
        """Volume-weighted average price of the regular session, $; NaN before the first print."""
        volume = float(self.market.col["volume"][self.row])
        return float(self.market.col["pv"][self.row]) / volume if volume > 0 else nan

    @property
    def bars(self) -> deque[Bar]:
        """Recent closed minute bars, oldest first, those before the open included: while the symbol is followed.

        When following begins, the last half hour is there already.
        """
        return self.market.bars.of(self.row)

    @property
    def atr(self) -> float:
        """Daily ATR(14) known before the session, $; NaN when unknown."""
        return float(self.market.reference.atr[self.row])

    @property
    def minute(self) -> int:
        """Whole minutes since the open; negative before it."""
        return (self.now - self.market.session.open_ns) // MINUTE


class Group:
    """The symbols of one strategy that are asked at one moment: as arrays, or one by one."""

    __slots__ = ("_notes", "market", "now", "rows")

    def __init__(self, market: Market, rows: Sequence[int], notes: Callable[[int], dict[str, float]]) -> None:
        self.market, self.now, self._notes = market, market.now, notes
        self.rows: npt.NDArray[np.int64] = np.asarray(rows, np.int64)

    def col(self, name: str) -> npt.NDArray[Any]:
        """Return a field of the market rows for these symbols, in their order."""
        column: npt.NDArray[Any] = self.market.col[name][self.rows]
        return column

    def each(self) -> Iterator[View]:
        """Go through the symbols one by one."""
        for row in self.rows.tolist():
            yield View(self.market, row, self._notes(row))

    @property
    def open_ns(self) -> int:
        """The session's open, ns UTC."""
        return self.market.session.open_ns


class EntrySignals:
    """Says when to open; every method may return wishes and by default has none."""

    def on_start(self, group: Group) -> Wishes:
        """Take over symbols: at the session's start when assigned, or when allocated during the day."""
        return NOTHING

    def on_time(self, group: Group) -> Wishes:
        """A planned time has come, for those symbols that are still flat."""
        return NOTHING

    def on_touch(self, view: View) -> Wishes:
        """A planned price was touched."""
        return NOTHING

    def on_close(self, view: View) -> Wishes:
        """A bar closed beyond a planned close level."""
        return NOTHING

    def on_bar(self, view: View) -> Wishes:
        """A bar of a followed symbol closed."""
        return NOTHING

    def on_gone(self, view: View) -> Wishes:
        """An entry that was taken back, or ran out of time, is gone, and nothing of it filled."""
        return NOTHING


class ExitSignals:
    """Says when to leave; asked only while a position is open."""

    def on_open(self, view: View) -> Wishes:
        """The first shares were bought (or sold short)."""
        return NOTHING

    def on_touch(self, view: View) -> Wishes:
        """A planned price was touched."""
        return NOTHING

    def on_close(self, view: View) -> Wishes:
        """A bar closed beyond a planned close level."""
        return NOTHING

    def on_bar(self, view: View) -> Wishes:
        """A bar of a followed symbol closed."""
        return NOTHING

    def on_time(self, view: View) -> Wishes:
        """A planned time has come."""
        return NOTHING


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named, versioned pair of entry and exit signals with their parameters."""

    name: str
    version: str
    status: str
    """`supported` or `experimental`."""
    about: str
    params: Params
    entry: EntrySignals
    exit: ExitSignals
    scans: tuple[str, ...] = ()
    """Scans whose hits it takes; empty for strategies that are assigned a list of symbols."""
    per_day: int = 1
    """Attempts allowed per symbol and day: entries that filled at least in part, or that the broker refused."""
    needs: tuple[Need, ...] = ()
    """What the feed must tell; a session whose feed does not goes without the strategy, and says so."""
    columns: tuple[str, ...] = ()
    """Columns of the reference data of which something must be known."""
    risk: float | None = None
    """What a stopped-out trade may lose, as a share of equity; None for what the settings allow, never more."""
    rules: Rules = NO_RULES
    """Its rules in words."""
    symbols: tuple[str, ...] = ()
    """Symbols that it works where it takes no hits; empty for all of the session, or those of a list."""
    source: str = ""
    """sha256 of the file with its rules, told by who read it; empty when nobody did."""
