"""The halts of the whole market: found by SPY, which stands for the index, and ended in time or by SPY's own prints."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import inf
from typing import Final

from qm.market.levels import IDLE
from qm.market.market import Market
from qm.market.rows import BARS
from qm.market.standing import MARKET_SYMBOL
from qm.model.events import Entry, MarketHalted, MarketResumed, SessionStarted
from qm.model.inputs import Wake, Why
from qm.model.market import Kind, Print
from qm.rules.mwcb import MarketHalt, Mwcb

OWNER: Final = "circuit breakers"
"""Of the level armed on SPY, and key of the timer that ends a halt."""


class Breakers:
    """Halts all symbols when SPY falls as far as the index may, and lets them go on when the halt is over.

    SPY is no index: it may fall a little deeper, and it trades before all stocks of the index have opened. A regular
    trade of SPY that happened well after a halt began proves that there was none: then trading goes on at once, and
    entries wait for the gate, which refuses while SPY stands below a level that has not halted.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._row = -1
        self._rule: Mwcb | None = None

    def open(self, market: Market) -> None:
        """Take the market of a session."""
        self._market, self._rule, self._row = market, None, -1
        if MARKET_SYMBOL not in market.table:
            return
        row = market.table.row(MARKET_SYMBOL)
        prior = float(market.reference.prior_close[row])
        if prior > 0.0:
            self._row, self._rule = row, Mwcb(market.session, Decimal(repr(prior)))
            self._arm()

    @property
    def until_ns(self) -> int | None:
        """When the halt that lasts will be over, ns UTC; None while there is none."""
        return None if self._market is None or self._rule is None or not self._lasts else self._halt.until_ns

    def on_wake(self, wake: Wake) -> MarketHalted | MarketResumed | None:
        """Return the halt that a record of SPY triggers, or the end of one that it disproves."""
        market, rule = self._market, self._rule
        if wake.sym != self._row or rule is None or market is None or market.record is None:
            return None
        if not wake.why & (Why.TOUCH | Why.NEXT):
            return None
        _, at, _, kind, flag, *_ = market.record
        told = kind == Kind.BAR or (kind == Kind.TRADE and bool(flag & Print.LAST))
        if not told or not market.session.open_ns <= at < market.session.close_ns:
            return None
        if self._lasts:
            if not (market.now < self._halt.until_ns and rule.disproved(at)):
                return None
            return MarketResumed(self._halt.level, _seconds(market.now - self._halt.ns), disproved=True)
        col = market.col
        price = float(col["bar_low" if col["source"][self._row] == BARS else "last"][self._row])
        halt = rule.triggered(market.now, Decimal(repr(price)))
        if halt is None:
            return None
        prior = float(market.reference.prior_close[self._row])
        return MarketHalted(halt.level, MARKET_SYMBOL, price, prior, halt.until_ns)

    def on_due(self) -> MarketResumed | None:
        """Return the end of the halt whose time is over."""
        assert self._market is not None
        if not self._lasts or self._market.now < self._halt.until_ns:
            return None
        return MarketResumed(self._halt.level, _seconds(self._market.now - self._halt.ns))

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {SessionStarted: self._on_session, MarketHalted: self._on_halted, MarketResumed: self._on_resumed}

    def state(self) -> list[object]:
        """Return what must be equal after a restart; nothing on a day without such a halt."""
        if self._rule is None or self._rule.halt is None:
            return []
        halt = self._rule.halt
        return [self._lasts, halt.ns, halt.level, halt.until_ns]

    @property
    def _halt(self) -> MarketHalt:
        assert self._rule is not None
        assert self._rule.halt is not None
        return self._rule.halt

    @property
    def _lasts(self) -> bool:
        return self._market is not None and self._market.halted_ns > 0

    def _arm(self) -> None:
        market, rule = self._market, self._rule
        assert market is not None
        assert rule is not None
        left = rule.triggers[rule.level :]
        market.levels.arm(self._row, OWNER, (inf, float(left[0]), inf, -inf) if left else IDLE)

    def _on_session(self, entry: Entry) -> None:
        assert self._market is not None
        self.open(self._market)

    def _on_halted(self, entry: Entry) -> None:
        body, market, rule = entry.body, self._market, self._rule
        assert isinstance(body, MarketHalted)
        assert market is not None
        assert rule is not None
        rule.begin(MarketHalt(entry.ts, body.level, body.until))
        market.halt_all(entry.ts)
        self._arm()
        market.levels.await_next(self._row, OWNER)

    def _on_resumed(self, entry: Entry) -> None:
        body, market, rule = entry.body, self._market, self._rule
        assert isinstance(body, MarketResumed)
        assert market is not None
        assert rule is not None
        rule.end(entry.ts)
        if not body.disproved:
            market.halted_level = body.level
        market.resume_all(entry.ts)
        market.levels.stop_waiting(self._row, OWNER)


def _seconds(ns: int) -> float:
    return round(ns / 1e9, 3)
