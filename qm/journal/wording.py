"""The smaller facts of a symbol's story in words: how finds and halts end, what becomes of orders, what is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from qm.model.events import (
    Acked,
    Activated,
    Alerted,
    Anomaly,
    Banned,
    CancelAsked,
    Canceled,
    CancelRefused,
    Commanded,
    Expired,
    Filled,
    Flattened,
    FlattenStarted,
    HitEnded,
    MarketHalted,
    MarketResumed,
    PrintBusted,
    Rejected,
    Released,
    StrategyFailed,
    TradingHalted,
    TradingResumed,
    Triggered,
    Unbanned,
    Unprotected,
    Unwatched,
    WentUnknown,
)
from qm.model.order import Side
from qm.rules.halts import meaning, numbered

Words = tuple[str, str, Iterable[str]]
"""What it is, what is said of it, and details."""


def bought(fills: Sequence[Filled], until: str = "") -> Words:
    """Put executions of one order into words, in the order in which they came; `until` tells when the last one did."""
    first, qty = fills[0], sum(fill.execution.qty for fill in fills)
    paid = sum((fill.execution.price * fill.execution.qty for fill in fills), Decimal(0)) / qty
    fees = sum((fill.execution.fee for fill in fills), Decimal(0))
    prices = {fill.execution.price for fill in fills}
    at = f"{first.execution.price}" if len(prices) == 1 else f"{paid:.4f} on average"
    parts = f" in {len(fills)} parts" if len(fills) > 1 else ""
    note = " (the data leave open what happened)" if any(fill.execution.ambiguous for fill in fills) else ""
    did = "bought" if first.side is Side.BUY else "sold"
    between = (f"from {min(prices)} to {max(prices)}",) if len(prices) > 1 else ()
    return "execution", f"{did} {qty:,} {first.symbol} at {at}{parts}{until}, fees ${fees}{note}", between


def price(value: float) -> str:
    """Return a price per share with all its digits, two at least."""
    cents, parts = f"{value:,.2f}", f"{value:,.4f}"
    return parts.rstrip("0") if float(parts.replace(",", "")) != float(cents.replace(",", "")) else cents


def lasted(seconds: float) -> str:
    """Return how long something took, as people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _hit_ended(body: HitEnded) -> Words:
    return "hit", f"{body.symbol} is no longer a hit of {body.scan}: {body.reason}", ()


def _unwatched(body: Unwatched) -> Words:
    return "watch", f"{body.symbol} left the watchlist: {body.reason}", ()


def _released(body: Released) -> Words:
    return "allocation", f"{body.strategy} lets go of {body.symbol}: {body.reason}", ()


def _banned(body: Banned) -> Words:
    return "ban", f"{body.symbol} is banned {'today' if body.today else 'for good'}: {body.reason}", ()


def _unbanned(body: Unbanned) -> Words:
    return "ban", f"{body.symbol} is no longer banned: {body.reason}", ()


def _halted(body: TradingHalted) -> Words:
    how = "paused for volatility" if body.paused else "halted"
    means = meaning(numbered(body.reason)) if body.reason else None
    due = None if body.threshold is None else f"due at {price(body.threshold)}"
    details = (f"{body.reason}: {means}" if means else None, due)
    return "halt", f"{body.symbol} is {how}{body.in_words(price)}", filter(None, details)


def _trades_again(body: TradingResumed) -> Words:
    return "halt", f"{body.symbol} trades again after {lasted(body.halted_s)}", ()


def _market(body: MarketHalted | MarketResumed) -> Words:
    return "halt", body.in_words(), ()


def _busted(body: PrintBusted) -> Words:
    return "bad print", f"{body.symbol}: {body.in_words()}; what was decided stays", ()


def _acked(body: Acked) -> Words:
    waits = ", and waits there for its entry to fill" if body.held else ""
    return "broker", f"the broker has {body.order}{waits}", ()


def _activated(body: Activated) -> Words:
    return "broker", f"{body.order} covers {body.qty:,} shares", ()


def _triggered(body: Triggered) -> Words:
    return "broker", f"{body.order} met its stop", ()


def _rejected(body: Rejected) -> Words:
    return "broker", f"the broker refused {body.order}: {body.reason}", ()


def _cancel_asked(body: CancelAsked) -> Words:
    return "broker", f"{body.order} is to be taken back: {body.reason}", ()


def _cancel_refused(body: CancelRefused) -> Words:
    return "broker", f"{body.order} cannot be taken back: {body.reason}", ()


def _canceled(body: Canceled) -> Words:
    return "broker", f"{body.order} is gone: {body.reason}", ()


def _expired(body: Expired) -> Words:
    return "broker", f"{body.order} ran out of time", ()


def _unknown(body: WentUnknown) -> Words:
    return "broker", f"what became of {body.order} is not known: {body.reason}", ()


def _anomaly(body: Anomaly) -> Words:
    return "broker", f"what the broker says of {body.order} does not add up: {body.problem}", ()


def _alerted(body: Alerted) -> Words:
    at = "" if body.price is None else f" at {price(body.price)}"
    return "alert", f"{body.symbol}{at}: {body.text} ({body.strategy})", ()


def _unprotected(body: Unprotected) -> Words:
    return "stop", f"{body.qty:,} shares of {body.symbol} had no stop", ()


def _flatten_started(body: FlattenStarted) -> Words:
    return "flatten", f"{body.symbol or 'everything'} is to be closed: {body.reason}", ()


def _flattened(body: Flattened) -> Words:
    return "flatten", f"{body.symbol or 'everything'} is closed", ()


def _failed(body: StrategyFailed) -> Words:
    return "failure", f"strategy {body.strategy} failed and is asked nothing more: {body.error}", ()


def _commanded(body: Commanded) -> Words:
    command = body.command
    about = [value for value in (getattr(command, "symbol", None), getattr(command, "order", None)) if value]
    asked = " ".join([str(command.__struct_config__.tag).replace("_", " "), *about])
    return "command", f"{body.who} asked to {asked}: {body.outcome}", ()


SAYING: Final[dict[type, Callable[[Any], Words]]] = {
    HitEnded: _hit_ended,
    Unwatched: _unwatched,
    Released: _released,
    Banned: _banned,
    Unbanned: _unbanned,
    TradingHalted: _halted,
    TradingResumed: _trades_again,
    MarketHalted: _market,
    MarketResumed: _market,
    PrintBusted: _busted,
    Acked: _acked,
    Activated: _activated,
    Triggered: _triggered,
    Rejected: _rejected,
    CancelAsked: _cancel_asked,
    CancelRefused: _cancel_refused,
    Canceled: _canceled,
    Expired: _expired,
    WentUnknown: _unknown,
    Anomaly: _anomaly,
    Alerted: _alerted,
    Unprotected: _unprotected,
    FlattenStarted: _flatten_started,
    Flattened: _flattened,
    StrategyFailed: _failed,
    Commanded: _commanded,
}
