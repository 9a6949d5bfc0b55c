"""The limit-up limit-down plan at work in one symbol: reference price, bands, limit state, pause and reopening.

The state follows from what the machine is told and from the times of it alone. Everything due before an input happens
before it, at its own time; so it does not matter how often, or whether, `advance` is called in between.

Sources: the plan (SEC Rel. 34-67091) with its amendments, as dated in `qm.rules.limits.LULD`; for collars and
extensions the exchanges' rules on reopening (Nasdaq 4120(c), SEC Rel. 34-79876).
"""

from __future__ import annotations

from collections import deque
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from qm.clock import MINUTE, SECOND
from qm.rules.calendar import Session
from qm.rules.limits import CENT, LULD, Bands, LuldRule, Tier, luld_bands
from qm.rules.luld_events import (
    Band,
    BandsSet,
    Cause,
    Disproved,
    Event,
    Events,
    Evidence,
    Extended,
    LeftToClose,
    Lifted,
    LimitEntered,
    LimitLeft,
    Paused,
    Phase,
    Reopened,
    StraddleEntered,
    StraddleLeft,
)

INFINITE: Final = float("inf")
MICRO: Final = 1_000_000
"""Prices are summed as whole millionths of a dollar, so that taking one out of the mean leaves no trace."""
NEVER: Final = 2**63 - 1
"""The due time of a machine that waits for nothing, ns."""
_NONE: Final[Events] = ()


class Luld:
    """The state of one symbol in one session.

    `prior_close` is that of the listing exchange, $, and selects the width for the whole day. With
    `opening_flagged` the first reference price is that of a trade so marked, otherwise of the first eligible trade.
    Times never run backwards: an earlier one counts as the latest seen. Raises ValueError unless `prior_close` > 0.
    """

    __slots__ = (
        "_ask",
        "_band",
        "_bid",
        "_boundary_ns",
        "_collars",
        "_evidence",
        "_flagged",
        "_hold_ns",
        "_leverage",
        "_limit_ns",
        "_lower",
        "_moved",
        "_out",
        "_paused_ns",
        "_planned",
        "_prior",
        "_reference",
        "_rule",
        "_sum",
        "_tier",
        "_upper",
        "_window",
        "_window_ns",
        "bands",
        "now_ns",
        "of",
        "phase",
        "until_ns",
    )

    def __init__(
        self,
        of: Session,
        tier: Tier,
        prior_close: float,
        leverage: float = 1.0,
        evidence: Evidence = Evidence.QUOTES,
        opening_flagged: bool = False,
    ) -> None:
        if not prior_close > 0:
            raise ValueError(f"{prior_close} is not a closing price")
        self.of = of
        self.phase = Phase.OFF
        self.bands: Bands | None = None
        """Prices outside which nothing may trade, $; None while there are none."""
        self.until_ns: int | None = None
        """When the reopening auction is due; None unless paused."""
        self.now_ns = 0
        self._tier, self._prior, self._leverage = tier, prior_close, leverage
        self._evidence, self._flagged = evidence, opening_flagged
        rule = LULD.at(of.date)
        self._planned = rule is not None
        self._rule = rule or LuldRule()
        self._window_ns = self._rule.reference_minutes * MINUTE
        self._window: deque[tuple[int, int]] = deque()
        self._sum = 0
        self._reference = 0
        self._lower, self._upper = 0.0, INFINITE
        self._hold_ns = self._limit_ns = self._paused_ns = 0
        self._bid = self._ask = 0.0
        self._moved = False
        self._band: Band | None = None
        self._collars: Bands | None = None
        # Without an opening trade the prior close becomes the reference price when the window has passed once.
        self._boundary_ns = of.open_ns + self._window_ns if self._planned else NEVER
        self._out: list[Event] = []

    @property
    def reference(self) -> float | None:
        """The reference price in force, $; None before the first."""
        return self._reference / MICRO if self._reference else None

    @property
    def collars(self) -> Bands | None:
        """Prices within which the reopening auction may trade, $; None outside a pause or where there are none."""
        return self._collars

    @property
    def due_ns(self) -> int:
        """When the state may next change by time alone; NEVER when it cannot."""
        phase = self.phase
        if phase is Phase.NORMAL or phase is Phase.STRADDLE:
            if not self._window:
                return self._boundary_ns
            # The mean is weighed when the reference price has held enough, and then whenever a trade leaves the window.
            # One that left before, say in a limit state, may not fall due where nothing is weighed yet: for ever.
            leaves = max(self._window[0][0] + self._window_ns, self._hold_ns)
            return min(self._boundary_ns, leaves if self.now_ns >= self._hold_ns else self._hold_ns)
        if phase is Phase.LIMIT:
            return min(self._limit_ns, self.of.close_ns)
        return self._boundary_ns

    def advance(self, ns: int) -> Events:
        """Let time pass until `ns`, and return what happened."""
        self._pass(ns)
        return self._events()

    def trade(self, ns: int, price: float, eligible: bool = True, opening: bool = False) -> Events:
        """Take a trade; one that is not `eligible` to set the last price, or has none, only tells the time."""
        self._pass(ns)
        if self._planned and eligible and price > 0 and self.of.open_ns <= self.now_ns < self.of.close_ns:
            self._trade(self.now_ns, price, opening)
        return self._events()

    def quote(self, ns: int, bid: float, ask: float) -> Events:
        """Take the national best bid and offer, $; a side that is 0 or NaN is missing."""
        self._pass(ns)
        if self._evidence is Evidence.QUOTES and Phase.NORMAL <= self.phase <= Phase.LIMIT:
            self._bid, self._ask = bid, ask
            self._quote(self.now_ns)
        return self._events()

    def pause(self, ns: int) -> Events:
        """Take a pause that the listing exchange declares, as it may in a straddle state."""
        self._pass(ns)
        if Phase.NORMAL <= self.phase <= Phase.LIMIT:
            self._pause(self.now_ns, self._band if self.phase is Phase.LIMIT else None)
        return self._events()

    def reopen(self, ns: int, price: float) -> Events:
        """Try the reopening auction at `price`: trading begins again, or the pause is extended by its collars.

        Raises ValueError unless a reopening is due.
        """
        self._pass(ns)
        if self.phase is not Phase.PAUSED or self.until_ns is None or self.now_ns < self.until_ns:
            raise ValueError("no reopening is due")
        at = _cents(price)
        collars = self._collars
        if collars is not None and not collars.lower <= at <= collars.upper:
            self._extend(self.now_ns, at, collars)
        else:
            self._reopen(self.now_ns, price)
        return self._events()

    # What follows appends to `_out`; the five methods above hand it over.

    def _events(self) -> Events:
        if not self._out:
            return _NONE
        found = tuple(self._out)
        self._out.clear()
        return found

    def _pass(self, ns: int) -> None:
        while (due := self.due_ns) <= ns:
            self._fall_due(due)
        self.now_ns = max(self.now_ns, ns)

    def _fall_due(self, ns: int) -> None:
        self.now_ns = max(self.now_ns, ns)
        if ns >= self.of.close_ns:
            self._lift(ns)
        elif self.phase is Phase.OFF:
            self._open(ns, round(self._prior * MICRO), traded=False)
        elif self.phase is Phase.LIMIT:
            self._pause(ns, self._band)
        elif self.phase is Phase.PAUSED:
            self._leave_to_close(ns)
        elif ns == self._boundary_ns:
            self._set(ns, Cause.DOUBLED)
        else:
            self._weigh(ns)
        self._quote_again()

    def _quote_again(self) -> None:
        # New bands may meet a quote that stands.
        if self._moved and self._evidence is Evidence.QUOTES and Phase.NORMAL <= self.phase <= Phase.LIMIT:
            self._quote(self.now_ns)

    def _trade(self, ns: int, price: float, opening: bool) -> None:
        micro = round(price * MICRO)
        match self.phase:
            case Phase.OFF:
                if self._flagged and not opening:
                    self._add(ns, micro)
                else:
                    self._open(ns, micro, traded=True)
            case Phase.PAUSED | Phase.TO_CLOSE:
                self._print_in_pause(ns, price)
            case _:
                self._add(ns, micro)
                if self._evidence is Evidence.PRINTS:
                    self._lean(ns, price, price)
                if self.phase is not Phase.LIMIT:
                    self._weigh(ns)
        self._quote_again()

    def _quote(self, ns: int) -> None:
        """Compare the last quote with the bands."""
        self._moved = False
        bid, ask = self._bid, self._ask
        crossed = 0 < ask < bid
        self._lean(ns, 0.0 if crossed else bid, INFINITE if crossed or not ask > 0 else ask)
        if self.phase is Phase.LIMIT:
            return
        outside = Band.LOWER if 0 < bid < self._lower else Band.UPPER if ask > self._upper else None
        if outside is None and self.phase is Phase.STRADDLE:
            self.phase = Phase.NORMAL
            self._out.append(StraddleLeft(ns))
        elif outside is not None and self.phase is Phase.NORMAL:
            self.phase = Phase.STRADDLE
            self._out.append(StraddleEntered(ns, outside))

    def _lean(self, ns: int, high: float, low: float) -> None:
        """Enter or leave the limit state: `high` is what buyers pay, `low` what sellers take."""
        if self.phase is Phase.LIMIT and self._band is not None:
            if self._leaning(high, low) is self._band:
                return
            self._out.append(LimitLeft(ns, self._band))
            self.phase, self._band = Phase.NORMAL, None
            # No bands are computed in a limit state; what is due since then comes now.
            self._set(ns, Cause.DOUBLED)
            self._weigh(ns)
        band = self._leaning(high, low)
        if band is not None and self.bands is not None:
            self.phase, self._band = Phase.LIMIT, band
            self._limit_ns = ns + self._rule.limit_state_s * SECOND
            self._out.append(LimitEntered(ns, band, self.bands.upper if band is Band.UPPER else self.bands.lower))

    def _leaning(self, high: float, low: float) -> Band | None:
        return Band.UPPER if high >= self._upper else Band.LOWER if low <= self._lower else None

    def _open(self, ns: int, micro: int, traded: bool) -> None:
        if not traded and self._window:
            self._drop(ns)
            micro = round(self._sum / len(self._window)) if self._window else micro
        else:
            self._forget()
        self.phase = Phase.NORMAL
        if traded:
            self._add(ns, micro)
        self._refer(ns, micro, Cause.OPENED)

    def _add(self, ns: int, micro: int) -> None:
        self._window.append((ns, micro))
        self._sum += micro

    def _drop(self, ns: int) -> None:
        window, last = self._window, ns - self._window_ns
        while window and window[0][0] <= last:
            self._sum -= window.popleft()[1]

    def _forget(self) -> None:
        self._window.clear()
        self._sum = 0

    def _weigh(self, ns: int) -> None:
        """Take the mean of the window for the reference price if it moved far enough and the old one held enough."""
        if ns < self._hold_ns:
            return
        self._drop(ns)
        count = len(self._window)
        if count and abs(self._sum - self._reference * count) >= self._rule.update_fraction * self._reference * count:
            self._refer(ns, round(self._sum / count), Cause.MOVED)

    def _refer(self, ns: int, micro: int, cause: Cause) -> None:
        self._reference = micro
        self._hold_ns = ns + self._rule.update_hold_s * SECOND
        self._set(ns, cause)

    def _set(self, ns: int, cause: Cause) -> None:
        opening = self.of.open_ns + self._rule.doubled_open_minutes * MINUTE
        closing = self.of.close_ns - self._rule.doubled_close_minutes * MINUTE
        self._boundary_ns = opening if ns < opening else closing if ns < closing else self.of.close_ns
        reference = self._reference / MICRO
        bands = luld_bands(self._tier, self._prior, reference, self.of, ns, self._leverage)
        assert bands is not None
        if bands == self.bands and cause is Cause.DOUBLED:
            return
        self.bands = bands
        self._lower, self._upper = float(bands.lower), float(bands.upper)
        self._moved = True
        self._out.append(BandsSet(ns, reference, bands, cause))

    def _pause(self, ns: int, band: Band | None) -> None:
        assert self.bands is not None
        rule = self._rule
        self.phase, self._paused_ns, self._band = Phase.PAUSED, ns, band
        final = self.of.close_ns - rule.no_reopening_minutes * MINUTE
        self.until_ns = ns + rule.pause_minutes * MINUTE
        self._boundary_ns = final
        self._collars = None
        if band is not None and rule.collared:
            lower, upper = self.bands
            step = self._collar_step()
            self._collars = Bands(lower, upper + step) if band is Band.UPPER else Bands(max(lower - step, CENT), upper)
        self._out.append(Paused(ns, band, self.until_ns if ns < final else self.of.close_ns))
        if ns >= final:
            self._leave_to_close(ns)

    def _collar_step(self) -> Decimal:
        assert self.bands is not None
        price = self.bands.upper if self._band is Band.UPPER else self.bands.lower
        if price <= Decimal(str(self._rule.collar_usd_upto)):
            return Decimal(str(self._rule.collar_usd))
        return _cents(price * Decimal(str(self._rule.collar_fraction)))

    def _extend(self, ns: int, price: Decimal, collars: Bands) -> None:
        step = self._collar_step()
        above = price > collars.upper
        lower, upper = collars
        self._collars = Bands(lower, upper + step) if above else Bands(max(lower - step, CENT), upper)
        self.until_ns = ns + self._rule.pause_minutes * MINUTE
        self._out.append(Extended(ns, price, self.until_ns, self._collars))

    def _print_in_pause(self, ns: int, price: float) -> None:
        # Prints show a limit state later than the quotes did that made it, and so a reopening too early.
        early = self._rule.limit_state_s * SECOND if self._evidence is Evidence.PRINTS else 0
        if self.phase is Phase.PAUSED and self.until_ns is not None and ns >= self.until_ns - early:
            self._reopen(ns, price)
        elif ns >= self._paused_ns + self._rule.report_s * SECOND:
            self._out.append(Disproved(ns, _exact(price)))
            self._resume(ns, price, Cause.DISPROVED)

    def _reopen(self, ns: int, price: float) -> None:
        self._out.append(Reopened(ns, _exact(price)))
        self._resume(ns, price, Cause.REOPENED)

    def _resume(self, ns: int, price: float, cause: Cause) -> None:
        self.phase, self._band, self.until_ns, self._collars = Phase.NORMAL, None, None, None
        # What was quoted before or in the pause says nothing of the market after it.
        self._bid = self._ask = 0.0
        self._forget()
        self._add(ns, round(price * MICRO))
        self._refer(ns, round(price * MICRO), cause)

    def _leave_to_close(self, ns: int) -> None:
        self.phase, self.until_ns, self._collars = Phase.TO_CLOSE, None, None
        self._boundary_ns = self.of.close_ns
        self._out.append(LeftToClose(ns))

    def _lift(self, ns: int) -> None:
        if self.phase is Phase.LIMIT and self._band is not None:
            self._out.append(LimitLeft(ns, self._band))
        self.phase, self.bands, self._band, self.until_ns, self._collars = Phase.OFF, None, None, None, None
        self._lower, self._upper = 0.0, INFINITE
        self._boundary_ns = NEVER
        self._forget()
        self._out.append(Lifted(ns))


def _cents(price: float | Decimal) -> Decimal:
    return _exact(price).quantize(CENT, ROUND_HALF_UP)


def _exact(price: float | Decimal) -> Decimal:
    return price if isinstance(price, Decimal) else Decimal(repr(float(price)))
