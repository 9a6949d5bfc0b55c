"""What an entry of the journal says, in the trader's words: one line, and whether it is good or bad news."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from qm.journal.wording import lasted
from qm.log import clean
from qm.model.events import (
    Alerted,
    Allocated,
    Anomaly,
    AnyEvent,
    Assigned,
    Banned,
    Canceled,
    CancelRefused,
    Check,
    Commanded,
    EntriesResumed,
    EntriesStopped,
    Expired,
    Filled,
    Flattened,
    FlattenStarted,
    Hit,
    HitRefreshed,
    HitRejected,
    Intended,
    MarketHalted,
    MarketResumed,
    NotStarted,
    PrintBusted,
    Refused,
    Rejected,
    Released,
    SessionEnded,
    SessionStarted,
    Signal,
    StopMoved,
    StrategyFailed,
    TapeRead,
    TradeClosed,
    TradingHalted,
    TradingResumed,
    Unbanned,
    Unprotected,
    Unwatched,
    Watched,
    WentUnknown,
)
from qm.model.order import FOR_AUCTIONS, Order, Purpose, Side, TimeInForce
from qm.risk.market_rules import CUTOFF_CHECKS

OrderOf = Callable[[str], Order | None]
"""Finds an order by its client order id; None when it is not known."""
Said = tuple[str, str, str]
"""Level (info, good, bad, warn), symbol or nothing, text."""

LINE_CHARS: Final = 200

_FILLED_BY: Final = {Purpose.EXIT: "exit", Purpose.PROTECT: "stop", Purpose.FLATTEN: "flatten"}
_FAILED: Final = {
    "entries allowed": "entries are stopped",
    "not halted": "halted",
    "not banned": "banned",
    "order type worked now": "no such order is worked in these hours",
    "short sales switched on": "short sales are off",
    "easy to borrow, as the broker says": "not known to be easy to borrow",
    "short sales restricted": "not known whether short sales are restricted",
    "restricted short sale above the bid": "short sales are restricted",
    **{
        name: f"too late for a {kind.in_words} order: the next such auction is in the next session"
        for kind, name in CUTOFF_CHECKS.items()
    },
}


_AUCTION: Final = {TimeInForce.OPG: " in the opening auction", TimeInForce.CLS: " in the closing auction"}


def say(event: AnyEvent, order_of: OrderOf) -> Said | None:
    """Return the line of the decisions feed for an event; None for what only keeps the books."""
    speak = _SPEAKERS.get(type(event))
    said = speak(event, order_of) if speak else None
    if said is None:
        return None
    level, symbol, text = said
    # Reasons can come from a broker or from a strategy somebody else wrote.
    return level, symbol, clean(text, LINE_CHARS)


def usd(amount: float) -> str:
    """Return an amount of money with its sign: `+$212`, `-$1.50`."""
    digits = 0 if abs(amount) >= 10 else 2
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.{digits}f}"


def price(value: float) -> str:
    """Return a price per share: cents, and hundredths of a cent below one dollar."""
    return f"{value:.4f}" if 0 < abs(value) < 1 else f"{value:,.2f}"


def failure(check: Check) -> str:
    """Return why a check failed: `spread 80 bp over 60 bp`."""
    known = _FAILED.get(check.name)
    if known:
        return known
    if check.value is None:
        return f"{check.name} not known"
    if check.limit is None:
        return f"{check.name} {_amount(check.value, check.unit)}"
    way = "over" if check.value > check.limit else "under"
    return f"{check.name} {_amount(check.value, check.unit)} {way} {_amount(check.limit, check.unit)}"


def _in_r(value: float) -> str:
    return f"{value:+.1f}R" if abs(value) >= 0.1 else f"{value:+.2f}R"


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.3g}"
    if unit == "$":
        return f"-${number[1:]}" if number.startswith("-") else f"${number}"
    return f"{number} {unit}".rstrip()


def _started(event: SessionStarted, _: OrderOf) -> Said:
    names = ", ".join([used.name for used in event.strategies]) or "no strategy"
    return "info", "", f"session {event.session} begins with ${event.equity:,.0f}, {event.symbols} symbols, {names}"


def _ended(event: SessionEnded, _: OrderOf) -> Said:
    return "info", "", f"session {event.session} is over, equity ${event.equity:,.2f}"


def _assigned(event: Assigned, _: OrderOf) -> Said:
    return "info", "", f"{event.strategy} was assigned {len(event.symbols)} symbols"


def _tape_read(event: TapeRead, _: OrderOf) -> Said | None:
    if event.regime == event.before:
        return None
    score = f" ({event.scores[event.regime]:.0%})" if event.regime in event.scores else ""
    now, before = (label.replace("_", " ") for label in (event.regime, event.before))
    return "info", "", f"the market is {now}{score}, until now {before}"


def _halted(event: TradingHalted, _: OrderOf) -> Said:
    how = "paused for volatility" if event.paused else "halted"
    return "warn", event.symbol, f"{event.symbol} {how}{event.in_words(price)}"


def _trades_again(event: TradingResumed, _: OrderOf) -> Said:
    return "info", event.symbol, f"{event.symbol} trades again after {lasted(event.halted_s)}"


def _market(event: MarketHalted | MarketResumed, _: OrderOf) -> Said:
    return ("warn" if isinstance(event, MarketHalted) else "info"), "", event.in_words()


def _busted(event: PrintBusted, _: OrderOf) -> Said:
    return "warn", event.symbol, f"{event.symbol}: {event.in_words()}"


def _hit(event: Hit, _: OrderOf) -> Said:
    row = event.row
    place = f"rank {row.rank}, score {row.score:.0f}" if row.rank else "not ranked"
    return "info", event.symbol, f"{event.symbol} hit of {event.scan}, {place}"


def _refreshed(event: HitRefreshed, _: OrderOf) -> Said:
    moved = f"{event.moved_pct:+.1f}% to {price(event.last)}"
    return "info", event.symbol, f"{event.symbol} goes on in {event.scan}, {moved}"


def _hit_rejected(event: HitRejected, _: OrderOf) -> Said | None:
    # A hit on what is worked or held already is no missed chance, nor is one that nobody was to trade.
    if event.why in ("busy", "alert_only"):
        return None
    return "info", event.symbol, f"{event.symbol} not taken from {event.scan}: {event.reason}"


def _banned(event: Banned, _: OrderOf) -> Said:
    how_long = "today" if event.today else "for good"
    return "warn", event.symbol, f"{event.symbol} is banned {how_long}: {event.reason}"


def _unbanned(event: Unbanned, _: OrderOf) -> Said:
    return "info", event.symbol, f"{event.symbol} is no longer banned: {event.reason}"


def _watched(event: Watched, _: OrderOf) -> Said | None:
    # A hit that leads to the watchlist has its own line.
    return ("info", event.symbol, f"{event.symbol} {event.reason}") if event.pinned else None


def _unwatched(event: Unwatched, _: OrderOf) -> Said:
    return "info", event.symbol, f"{event.symbol} left the watchlist: {event.reason}"


def _allocated(event: Allocated, _: OrderOf) -> Said:
    return "info", event.symbol, f"{event.symbol} goes to {event.strategy}: {event.why}"


def _released(event: Released, _: OrderOf) -> Said:
    return "info", event.symbol, f"{event.symbol} let go by {event.strategy}: {event.reason}"


def _not_started(event: NotStarted, _: OrderOf) -> Said:
    return "warn", "", f"strategy {event.strategy} is not started: {event.reason}"


def _signal(event: Signal, _: OrderOf) -> Said:
    part = f"to {event.side} {event.shares:,} of" if event.shares is not None else "out of"
    way = f"wants {'into' if event.entry else part}"
    at = "" if event.price is None else f" at {price(event.price)}"
    return "info", event.symbol, f"{event.strategy} {way} {event.symbol}{at}: {event.reason}"


def _refused(event: Refused, _: OrderOf) -> Said:
    failed = "; ".join(failure(check) for check in event.checks if not check.passed)
    return "warn", event.symbol, f"{event.symbol} refused: {failed or 'no check passed'}"


def _intended(event: Intended, _: OrderOf) -> Said | None:
    order = event.order
    # A leg comes with its entry; why a trade is left was said by the signal, or by what began to flatten.
    # A stop is replaced when it is moved, or when a part is sold: those have lines of their own, too.
    leaves = order.purpose in (Purpose.EXIT, Purpose.FLATTEN)
    if order.parent or order.replaces or (leaves and order.type not in FOR_AUCTIONS):
        return None
    entering = order.purpose is Purpose.ENTRY
    risk = f", risk {usd(event.sizing.risk_usd)[1:]}" if event.sizing and entering else ""
    aim = "" if entering or leaves else " to protect the position"
    return "info", order.symbol, f"{order.symbol}: {_order(order)}{risk}{aim} ({order.strategy})"


def _order(order: Order) -> str:
    stop = "" if order.stop is None else f" at stop {price(float(order.stop))}"
    limit = "" if order.limit is None else f"{',' if stop else ' at'} limit {price(float(order.limit))}"
    where = _AUCTION.get(order.type.time_in_force, "")
    hours = ", also in extended hours" if order.extended else ""
    return f"{order.side} {order.qty:,}{stop}{limit}" + ("" if stop or limit else " at market") + where + hours


def _filled(event: Filled, order_of: OrderOf) -> Said:
    execution = event.execution
    order = order_of(execution.order)
    did = "bought" if event.side is Side.BUY else "sold"
    by = "" if order is None else f" ({_FILLED_BY.get(order.purpose, order.strategy)})"
    return "info", event.symbol, f"{did} {execution.qty:,} {event.symbol} at {price(float(execution.price))}{by}"


def _rejected(event: Rejected, order_of: OrderOf) -> Said:
    return "bad", *_about(event.order, order_of, f"rejected by the broker: {event.reason}")


def _canceled(event: Canceled, order_of: OrderOf) -> Said | None:
    order = order_of(event.order)
    # Protection goes whenever a trade is left; only an entry that did not happen is news.
    if order is None or order.purpose is not Purpose.ENTRY:
        return None
    return "info", order.symbol, f"{order.symbol}: {_order(order)} canceled ({order.strategy})"


def _cancel_refused(event: CancelRefused, order_of: OrderOf) -> Said:
    return "warn", *_about(event.order, order_of, f"cannot be taken back: {event.reason}")


def _expired(event: Expired, order_of: OrderOf) -> Said:
    return "warn", *_about(event.order, order_of, "expired")


def _unknown(event: WentUnknown, order_of: OrderOf) -> Said:
    return "warn", *_about(event.order, order_of, f"has an unknown outcome: {event.reason}")


def _anomaly(event: Anomaly, order_of: OrderOf) -> Said:
    return "warn", *_about(event.order, order_of, f"does not add up: {event.problem}")


def _about(identity: str, order_of: OrderOf, what: str) -> tuple[str, str]:
    order = order_of(identity)
    if order is None:
        return "", f"order {identity} {what}"
    return order.symbol, f"{order.symbol} {order.purpose} order {what}"


def _closed(event: TradeClosed, _: OrderOf) -> Said:
    net = float(event.net_usd)
    level = "good" if net > 0 else "bad" if net < 0 else "info"
    result = f"({usd(net)})" if event.r is None else f"{_in_r(event.r)} ({usd(net)})"
    return level, event.symbol, f"{event.symbol} closed {result} {event.reason} ({event.strategy})"


def _alerted(event: Alerted, _: OrderOf) -> Said:
    at = "" if event.price is None else f" at {price(event.price)}"
    return "info", event.symbol, f"{event.symbol}{at}: {event.text} ({event.strategy})"


def _stop_moved(event: StopMoved, _: OrderOf) -> Said:
    way = "placed at" if event.was is None else f"moved from {price(event.was)} to"
    return "info", event.symbol, f"{event.symbol} stop {way} {price(event.stop)}: {event.reason} ({event.strategy})"


def _unprotected(event: Unprotected, _: OrderOf) -> Said:
    return "warn", event.symbol, f"{event.symbol} had {event.qty:,} shares without a stop"


def _stopped(event: EntriesStopped, _: OrderOf) -> Said:
    return "warn", "", f"entries stopped: {event.reason}"


def _resumed(event: EntriesResumed, _: OrderOf) -> Said:
    return "info", "", f"entries resumed: {event.reason}"


def _flattening(event: FlattenStarted, _: OrderOf) -> Said:
    return "warn", event.symbol or "", f"flattening {event.symbol or 'everything'}: {event.reason}"


def _flat(event: Flattened, _: OrderOf) -> Said:
    return "info", event.symbol or "", f"{event.symbol or 'everything'} is flat"


def _strategy_failed(event: StrategyFailed, _: OrderOf) -> Said:
    return "bad", event.symbol or "", f"strategy {event.strategy} failed and is isolated: {event.error}"


def _commanded(event: Commanded, _: OrderOf) -> Said:
    command = event.command
    about = [value for value in (getattr(command, "symbol", None), getattr(command, "order", None)) if value]
    words = " ".join([str(command.__struct_config__.tag).replace("_", " "), *about])
    level = "info" if event.outcome == "accepted" else "warn"
    return level, getattr(command, "symbol", None) or "", f"{event.who} asked to {words}: {event.outcome}"


_SPEAKERS: Final[dict[type, Callable[[Any, OrderOf], Said | None]]] = {
    SessionStarted: _started,
    SessionEnded: _ended,
    Assigned: _assigned,
    TapeRead: _tape_read,
    TradingHalted: _halted,
    TradingResumed: _trades_again,
    MarketHalted: _market,
    MarketResumed: _market,
    PrintBusted: _busted,
    Hit: _hit,
    HitRefreshed: _refreshed,
    HitRejected: _hit_rejected,
    Banned: _banned,
    Unbanned: _unbanned,
    Watched: _watched,
    Unwatched: _unwatched,
    Allocated: _allocated,
    Released: _released,
    NotStarted: _not_started,
    Signal: _signal,
    Refused: _refused,
    Intended: _intended,
    Filled: _filled,
    Rejected: _rejected,
    Canceled: _canceled,
    CancelRefused: _cancel_refused,
    Expired: _expired,
    WentUnknown: _unknown,
    Anomaly: _anomaly,
    TradeClosed: _closed,
    Alerted: _alerted,
    StopMoved: _stop_moved,
    Unprotected: _unprotected,
    EntriesStopped: _stopped,
    EntriesResumed: _resumed,
    FlattenStarted: _flattening,
    Flattened: _flat,
    StrategyFailed: _strategy_failed,
    Commanded: _commanded,
}
