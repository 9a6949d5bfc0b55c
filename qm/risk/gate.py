"""The last gate before every order. Entries pass every check; exits pass those that cannot trap a position.

A check compares so that an unknown value fails: `not (value <= limit)`. Only this module makes an `Approved`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

import msgspec

from qm.clock import MINUTE
from qm.model.approved import Approved
from qm.model.events import (
    Check,
    EntriesResumed,
    EntriesStopped,
    Entry,
    Intended,
    SessionStarted,
    Signal,
    Sizing,
    TradeClosed,
)
from qm.model.order import Order, Purpose
from qm.model.standing import Standing
from qm.risk.limits import RiskSettings
from qm.risk.market_rules import in_these_hours, margin, market_open, off_the_bands, short_sale
from qm.risk.sizing import aim, traded
from qm.rules.day_rules import DayRules

PATTERN_SESSIONS = 5
"""Sessions over which day trades are counted where they are limited."""
VOLUME_CHECK: Final = "position against five minutes' volume"


class Picture(msgspec.Struct, frozen=True, gc=False):
    """What the gate looks at, gathered at the moment of decision; None is unknown."""

    now: int
    open_ns: int
    close_ns: int
    age_s: float | None
    halted: bool
    spread_bps: float | None
    spread_usd: float | None
    quoted: bool
    """The feed has quotes, so a missing spread is a fault and not a property of the feed."""
    atr: float | None
    """Daily ATR(14), $ per share."""
    ranged: bool
    """The session knows average ranges, so a missing one is a fault of the symbol and not of the data."""
    volume_5m: float | None
    """Shares that traded in the last five minutes."""
    equity_usd: float
    gross_usd: float
    """Positions and working entries."""
    heat_usd: float
    day_usd: float
    busy: int
    """Positions and working entries; an entry that filled in part counts as both."""
    in_symbol: int
    """Positions and working orders in this symbol."""
    attempts: int
    per_day: int
    unknown: int
    """Orders whose outcome is not known."""
    used_usd: float
    """What positions and working entries tie up of the equity."""
    standing: Standing
    """The symbol, as the rules of the market see it."""
    rules: DayRules
    banned: bool = False
    """The trader wants no new position in this symbol."""


class Gate:
    """Judges signals; remembers whether entries are stopped, and how many were sent of late."""

    def __init__(self, limits: RiskSettings) -> None:
        self.limits = limits
        self.stopped: str = ""
        """Why there are no new positions; empty when there may be."""
        self.stopped_today = False
        """It ends by itself with the session."""
        self._sent: deque[int] = deque()
        self._day_trades: deque[int] = deque(maxlen=PATTERN_SESSIONS)
        """By session, the last one being today's."""

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the gate."""
        return {
            SessionStarted: self._on_session,
            EntriesStopped: self._on_stopped,
            EntriesResumed: self._on_resumed,
            Intended: self._on_intended,
            TradeClosed: self._on_closed,
        }

    def judge(self, signal: Signal, sizing: Sizing, seen: Picture) -> tuple[Check, ...]:
        """Return every check of an entry, passed or not."""
        lim = self.limits
        price = aim(signal)
        stop = signal.stop
        # Three cents are three cents, whatever their binary fractions say.
        gap = None if stop is None else round(signal.side.sign * (price - stop), 8)
        minute = (seen.rules.trades_ns(signal.type, seen.now) - seen.open_ns) / MINUTE
        last = (seen.close_ns - seen.open_ns) / MINUTE - lim.last_entry_min
        notional = price * sizing.shares
        least = round(lim.min_stop_ticks * seen.rules.tick_at(price), 8)
        used, equity = seen.used_usd, seen.equity_usd
        made = sum(self._day_trades)
        checks = [
            Check("entries allowed", 0.0 if self.stopped else 1.0, 1.0, not self.stopped),
            Check("not banned", 1.0 if seen.banned else 0.0, 0.0, not seen.banned),
            _between("minutes since the open", minute, 0.0, last, "min"),
            in_these_hours(signal, seen.now, seen.standing, seen.rules),
            _most("age of the price", seen.age_s, lim.max_age_s, "s"),
            Check("not halted", 1.0 if seen.halted else 0.0, 0.0, not seen.halted),
            *market_open(seen.standing, seen.now, seen.rules),
            *off_the_bands(price, seen.now, seen.standing, seen.rules, lim.min_band_pct),
            *short_sale(signal, price, seen.standing, seen.rules, lim.shorts),
            _between("price", price, lim.min_price, lim.max_price, "$"),
            _between("stop distance", gap, least, price * lim.max_stop_pct / 100, "$"),
            *self._room_to_stop(gap, seen),
            _least("shares", sizing.shares, 1, "shares"),
            _least("risk taken", sizing.risk_usd, self._worth_it(signal, sizing, seen), "$"),
            _most("position", notional, seen.equity_usd * lim.max_notional, "$"),
            *_thin(sizing.shares, traded(signal, seen.volume_5m, lim)),
            _most("gross exposure", seen.gross_usd + notional, seen.equity_usd * lim.max_gross, "$"),
            _most("buying power used", seen.gross_usd + notional, seen.equity_usd * lim.leverage, "$"),
            *margin(signal, sizing.shares, price, used, seen.gross_usd, equity, made, seen.standing, lim, seen.rules),
            _most("open risk", seen.heat_usd + sizing.risk_usd, seen.equity_usd * lim.max_heat, "$"),
            _least("day result", seen.day_usd, -seen.equity_usd * lim.day_loss, "$"),
            _most("positions and entries", seen.busy + 1, lim.max_positions, ""),
            _most("already in this symbol", seen.in_symbol, 0, ""),
            _most("attempts today", seen.attempts, seen.per_day, ""),
            _most("orders of unknown outcome", seen.unknown, 0, ""),
            _most("entries in a minute", self._rate(seen.now) + 1, lim.max_orders_per_min, ""),
        ]
        return tuple(checks)

    def approve(self, order: Order, checks: tuple[Check, ...]) -> Approved[Order] | None:
        """Stamp an entry whose checks all passed; None when one failed."""
        if not checks or not passed(checks):
            return None
        return Approved(order)

    def approve_leaving(self, order: Order, held: int, leaving: int) -> Approved[Order] | None:
        """Stamp an order that can only reduce a position: it may not cross zero together with those under way."""
        if order.purpose is Purpose.ENTRY or order.side.sign * held >= 0:
            return None
        if not 0 < order.qty <= abs(held) - leaving:
            return None
        return Approved(order)

    def approve_replacement(self, order: Order, old: Order, left: int) -> Approved[Order] | None:
        """Stamp a stop that takes the place of another of which `left` shares may still fill: never a larger one."""
        fits = order.symbol == old.symbol and order.side is old.side and order.replaces == old.id
        if not fits or order.purpose is not Purpose.PROTECT or old.purpose is not Purpose.PROTECT:
            return None
        return Approved(order) if 0 < order.qty <= left else None

    def approve_leg(self, leg: Order, entry: Approved[Order]) -> Approved[Order]:
        """Stamp the protective leg of an approved entry: same symbol, opposite side, never larger."""
        parent = entry.value
        fits = leg.symbol == parent.symbol and leg.side is parent.side.opposite and 0 < leg.qty <= parent.qty
        if leg.parent != parent.id or leg.purpose is not Purpose.PROTECT or not fits:
            raise ValueError(f"leg {leg.id} does not protect {parent.id}")
        return Approved(leg)

    def state(self) -> object:
        """Return what must be equal after a restart."""
        return [self.stopped, self.stopped_today, list(self._sent), list(self._day_trades)]

    def _room_to_stop(self, gap: float | None, seen: Picture) -> list[Check]:
        """Check the way to the stop, $, against spread and average range, and the spread itself.

        Source of the bounds: a stop nearer than three spreads or a tenth of the daily ATR(14) is met by noise.
        """
        lim, spread = self.limits, seen.spread_usd
        checks: list[Check] = []
        if seen.ranged and lim.min_stop_atr > 0:
            # A tenth of a range is a tenth, whatever the binary fractions of price and stop say.
            ranges = round(gap / seen.atr, 6) if gap is not None and seen.atr is not None and seen.atr > 0 else None
            checks.append(_least("stop distance in daily ranges", ranges, lim.min_stop_atr, "ATR"))
        if seen.quoted:
            share = round(spread / gap, 6) if spread is not None and gap is not None and gap > 0 else None
            checks.append(_most("spread", seen.spread_bps, lim.max_spread_bps, "bp"))
            checks.append(_most("spread against the stop distance", share, lim.max_spread_of_stop, ""))
            if spread is not None:
                least = round(lim.min_stop_spreads * spread, 8)
                checks.append(_least("stop distance against the spread", gap, least, "$"))
        return checks

    def _worth_it(self, signal: Signal, sizing: Sizing, seen: Picture) -> float:
        risk = self.limits.risk_per_trade
        wanted = seen.equity_usd * min(risk, risk if signal.risk is None else signal.risk) * self.limits.min_risk_used
        # Who sizes a position by something else than its stop may well risk little.
        return 0.0 if sizing.binding == "fixed" or "wanted" in sizing.caps else wanted

    def _rate(self, now: int) -> int:
        # Old times are not dropped here: judging must not change state, or a fold would differ.
        old = 0
        for ts in self._sent:
            if ts > now - MINUTE:
                break
            old += 1
        return len(self._sent) - old

    def _on_session(self, entry: Entry) -> None:
        self._sent.clear()
        self._day_trades.append(0)
        if self.stopped_today:
            self.stopped, self.stopped_today = "", False

    def _on_closed(self, entry: Entry) -> None:
        # A position is flat by the end of its day, so that every trade is a day trade.
        if self._day_trades:
            self._day_trades[-1] += 1

    def _on_stopped(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, EntriesStopped)
        # A stop for good is not shortened by one for the day.
        if not self.stopped or self.stopped_today:
            self.stopped, self.stopped_today = body.reason, body.today

    def _on_resumed(self, entry: Entry) -> None:
        self.stopped, self.stopped_today = "", False

    def _on_intended(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Intended)
        if body.order.purpose is Purpose.ENTRY:
            self._sent.append(entry.ts)
            while self._sent and self._sent[0] <= entry.ts - MINUTE:
                self._sent.popleft()


def passed(checks: tuple[Check, ...]) -> bool:
    """Say whether all of them passed."""
    return False not in [check.passed for check in checks]


# A count is written as the number that it is read back as: an entry has one encoding.


def _most(name: str, value: float | None, limit: float, unit: str) -> Check:
    if value is None:
        return Check(name, None, float(limit), passed=False, unit=unit)
    return Check(name, float(value), float(limit), value <= limit, unit)


def _least(name: str, value: float | None, limit: float, unit: str) -> Check:
    if value is None:
        return Check(name, None, float(limit), passed=False, unit=unit)
    return Check(name, float(value), float(limit), value >= limit, unit)


def _thin(shares: int, most: float) -> list[Check]:
    """Check a position against what traded of late; nothing where that is no bound."""
    if most == inf:
        return []
    if most != most:
        return [Check(VOLUME_CHECK, float(shares), None, passed=False, unit="shares")]
    return [_most(VOLUME_CHECK, shares, most, "shares")]


def _between(name: str, value: float | None, low: float, high: float, unit: str) -> Check:
    if value is None or not value >= low:
        return Check(name, value, float(low), passed=False, unit=unit)
    return Check(name, value, float(high), value <= high, unit)
