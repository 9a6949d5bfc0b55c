"""From a strategy's wish to an order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite, nan

from qm.engine.book import Book
from qm.engine.closing import Closing
from qm.market.names import F
from qm.market.standing import leverage_at, standing
from qm.market.symbol_features import values_of
from qm.model.approved import Approved
from qm.model.effects import Notify, Submit
from qm.model.events import (
    Alerted,
    Intended,
    Planned,
    Refused,
    Released,
    Signal,
    StopMoved,
    StrategyFailed,
)
from qm.model.inputs import Why
from qm.model.market import Kind, Status
from qm.model.order import Order, OrderType, Purpose, Side
from qm.risk.gate import Picture, passed
from qm.risk.sizing import Room, size
from qm.rules.day_rules import DayRules
from qm.rules.fees import FeeSchedule
from qm.strategies.api import Alert, Done, Enter, Exit, Group, Held, Plan, Protect, View, Wishes, Withdraw
from qm.strategies.desk import Work
from qm.strategies.own import StrategyFault

HALTED = int(Status.HALTED)
ASKING = Why.TOUCH | Why.CLOSE | Why.BAR | Why.NEXT
"""Wakes that can concern a strategy: where bars are all there is, a fill becomes known with its bar's close, and levels
that were armed on the fill must meet that close, too."""
ONE_SYMBOL = (Exit, Plan, Protect, Withdraw)
"""Wishes for the symbol that was asked about, or those that they list."""
ALERT_CHARACTERS = 300
UNTIL = "until"
"""Key of the timers that end entries; the order id follows."""


class Trading:
    """Asks strategies, grants their wishes, sizes, checks and sends."""

    def __init__(self, book: Book, closing: Closing, fees: FeeSchedule | None = None) -> None:
        self.book = book
        self.closing = closing
        self.fees = fees
        """What the account pays, for sizing; None for nothing."""

    # --- asking strategies ---------------------------------------------------------------------------------------

    def start(self, strategy: str, rows: list[int]) -> None:
        """Let a strategy take over symbols."""
        entry = self.book.desk.strategies[strategy].entry
        try:
            self._grant(strategy, None, entry.on_start(self._group(rows)))
        except Exception as error:  # noqa: BLE001 - a strategy is foreign code: whatever it raises is isolated
            self.fail(strategy, None, error)

    def on_plan_time(self, strategy: str, rows: list[int]) -> None:
        """The time of a plan has come: ask the entry part for flat symbols and the exit part for held ones."""
        signals = self.book.desk.strategies[strategy]
        held = [row for row in rows if self._in_trade(row)]
        flat = [row for row in rows if not self._in_trade(row)]
        try:
            if flat:
                self._grant(strategy, None, signals.entry.on_time(self._group(flat)))
            for row in held:
                view = self._view(row, self.book.desk.works.get(row))
                self._grant(strategy, row, signals.exit.on_time(view))
        except Exception as error:  # noqa: BLE001 - foreign code
            self.fail(strategy, None, error)

    def on_symbol(self, row: int, why: int) -> None:
        """Something armed was reached in a symbol: ask the strategy that works it."""
        work = self.book.desk.works.get(row)
        if work is None or not why & ASKING:
            return
        owner = work.strategy
        touched = why & Why.TOUCH and self._touched(row, owner)
        closed = why & (Why.CLOSE | Why.NEXT) and self._closed_beyond(row, owner)
        followed = why & Why.BAR and owner in self.book.market.levels.followers(row)
        if not (touched or closed or followed):
            return
        signals = self.book.desk.strategies[owner]
        part = signals.exit if self._in_trade(row) else signals.entry
        try:
            for asked, hook in ((touched, part.on_touch), (closed, part.on_close), (followed, part.on_bar)):
                # A question sees what the answer before it noted; who let go of the symbol is asked no more.
                if asked and self.book.desk.works.get(row) is work:
                    self._grant(owner, row, hook(self._view(row, work)))
        except Exception as error:  # noqa: BLE001 - foreign code
            self.fail(owner, row, error)

    def on_open(self, row: int, work: Work) -> None:
        """The first shares of a trade were filled: ask the exit part what it wants to be woken for."""
        try:
            part = self.book.desk.strategies[work.strategy].exit
            self._grant(work.strategy, row, part.on_open(self._view(row, work)))
        except Exception as error:  # noqa: BLE001 - foreign code
            self.fail(work.strategy, row, error)

    def on_gone(self, row: int) -> None:
        """An entry is gone that was to go, and nothing of it filled: ask what its strategy wants instead."""
        work = self.book.desk.works.get(row)
        if work is None or self._in_trade(row) or self._entering(row):
            return
        try:
            part = self.book.desk.strategies[work.strategy].entry
            self._grant(work.strategy, row, part.on_gone(self._view(row, work)))
        except Exception as error:  # noqa: BLE001 - foreign code
            self.fail(work.strategy, row, error)

    def fail(self, strategy: str, row: int | None, error: Exception) -> None:
        """Isolate a strategy: it gets nothing more, its flat symbols are released, its positions stay protected."""
        book, names = self.book, self.book.market.table.names
        symbol = None if row is None else names[row]
        text = _told(error)
        entry = book.state(StrategyFailed(strategy, symbol, text))
        book.effects.append(Notify("critical", f"strategy {strategy} failed and is isolated: {text}"))
        for each in [r for r, work in book.desk.works.items() if work.strategy == strategy]:
            self.release(each, f"{strategy} failed", entry.seq)
        for trade in list(book.trades.open.values()):
            if trade.strategy == strategy:
                self.closing.protect(trade.symbol)

    def release(self, row: int, reason: str, cause: int) -> None:
        """Take a symbol from its strategy; entries that still work are canceled."""
        book = self.book
        work = book.desk.works.get(row)
        if work is None:
            return
        symbol = book.market.table.names[row]
        book.state(Released(symbol, work.strategy, reason), cause)
        self._take_back(symbol, reason, cause)

    def _withdraw(self, row: int, wish: Withdraw) -> None:
        work = self.book.desk.works.get(row)
        self._take_back(self.book.market.table.names[row], wish.reason, work.seq if work else 0)

    def _take_back(self, symbol: str, reason: str, cause: int) -> None:
        for w in list(self.book.orders.open(symbol)):
            if w.order.purpose is Purpose.ENTRY and not w.asked:
                self.closing.cancel(w.order.id, reason, cause)

    # --- granting wishes -----------------------------------------------------------------------------------------

    def _grant(self, strategy: str, row: int | None, wishes: Wishes) -> None:
        for wish in wishes:
            at = row if isinstance(wish, ONE_SYMBOL) or wish.row is None else wish.row
            if isinstance(wish, Plan):
                self._plan(strategy, at, wish)
            elif at is None:
                raise ValueError(f"{type(wish).__name__} names no symbol")
            elif isinstance(wish, Enter):
                self._enter(strategy, at, wish)
            elif isinstance(wish, Alert):
                self._alert(strategy, at, wish)
            elif isinstance(wish, Exit):
                self._signal_exit(strategy, at, wish)
            elif isinstance(wish, Withdraw):
                self._withdraw(at, wish)
            elif isinstance(wish, Protect):
                self._move_stop(strategy, at, wish)
            elif isinstance(wish, Done):
                work = self.book.desk.works.get(at)
                self.release(at, wish.reason, work.seq if work else 0)
            else:
                raise TypeError(f"a strategy may not return {type(wish).__name__}")

    def _alert(self, strategy: str, row: int, wish: Alert) -> None:
        work = self.book.desk.works.get(row)
        if work is None or work.strategy != strategy:
            return
        symbol = self.book.market.table.names[row]
        # The text of a user's strategy is stored and shown: it is kept short.
        text = wish.text[:ALERT_CHARACTERS]
        last = float(self.book.market.col["last"][row])
        self.book.state(Alerted(symbol, strategy, text, last if isfinite(last) else None), work.seq)
        self.book.effects.append(Notify("info", f"{symbol}: {text} ({strategy})"))

    def _plan(self, strategy: str, row: int | None, plan: Plan) -> None:
        rows = list(plan.rows) if plan.rows else [row] if row is not None else []
        names = self.book.market.table.names
        works = self.book.desk.works
        cause = works[rows[0]].seq if rows and rows[0] in works else 0
        self.book.state(
            Planned(
                strategy=strategy,
                symbols=tuple([names[r] for r in rows]),
                up=_armed(plan.up),
                down=_armed(plan.down),
                close_up=_armed(plan.close_up),
                close_down=_armed(plan.close_down),
                follow=plan.follow,
                wake_at=plan.wake_at,
                note={k: _armed(v if isinstance(v, Sequence) else (v,)) for k, v in plan.note.items()},
            ),
            cause,
        )

    def _enter(self, strategy: str, row: int, wish: Enter) -> None:
        book, market = self.book, self.book.market
        work = book.desk.works.get(row)
        if work is None or work.strategy != strategy:
            return
        last = self.closing.last(row)
        symbol = market.table.names[row]
        price = wish.trigger if wish.trigger is not None else last
        if price is None or not (isfinite(wish.stop) and isfinite(price) and price > 0):
            raise ValueError(f"an entry in {symbol} at {price} with a stop at {wish.stop}")
        known = values_of(market, row)
        signal = Signal(
            symbol=symbol,
            strategy=strategy,
            side=wish.side,
            entry=True,
            reason=wish.reason,
            price=last,
            type=wish.type,
            trigger=wish.trigger,
            limit=wish.limit,
            stop=wish.stop,
            resting_stop=wish.resting_stop,
            shares=wish.shares,
            risk=wish.risk if wish.risk is not None else book.desk.strategies[strategy].risk,
            notional=wish.notional,
            features=known,
            context=book.regime.context(market.now),
        )
        stated = book.state(signal, work.seq)
        seen = self._look(row, work, known[F.VOL_5M])
        sizing = size(signal, self._room(seen, work), book.settings.risk)
        checks = book.gate.judge(signal, sizing, seen)
        if not passed(checks):
            book.state(Refused(symbol, strategy, checks, sizing, seen.standing), stated.seq)
            return
        order = self._entry_order(signal, sizing.shares)
        approved = book.gate.approve(order, checks)
        assert approved is not None
        leg = self._leg(approved, wish.stop) if wish.resting_stop else None
        intended = book.state(Intended(order, last, checks, sizing, wish.until, seen.standing), stated.seq)
        if wish.until:
            market.timers.set(wish.until, f"{UNTIL}:{order.id}")
        if leg is not None:
            book.state(Intended(leg.value, last), intended.seq)
        book.effects.append(Submit(approved, leg))

    def _entry_order(self, signal: Signal, shares: int) -> Order:
        identity = self.closing.order_id(signal.strategy, signal.symbol, "E")
        return Order(
            id=identity,
            symbol=signal.symbol,
            side=signal.side,
            qty=shares,
            type=signal.type,
            purpose=Purpose.ENTRY,
            strategy=signal.strategy,
            limit=None if signal.limit is None else self.closing.price(signal.limit),
            stop=None if signal.trigger is None else self.closing.price(signal.trigger),
            trade=identity,
        )

    def _leg(self, entry: Approved[Order], stop: float) -> Approved[Order]:
        parent = entry.value
        leg = Order(
            id=parent.id[:-1] + "P",
            symbol=parent.symbol,
            side=parent.side.opposite,
            qty=parent.qty,
            type=OrderType.STOP,
            purpose=Purpose.PROTECT,
            strategy=parent.strategy,
            stop=self.closing.price(stop),
            parent=parent.id,
            trade=parent.trade,
        )
        return self.book.gate.approve_leg(leg, entry)

    # --- leaving ---------------------------------------------------------------------------------------------------

    def _signal_exit(self, strategy: str, row: int, wish: Exit) -> None:
        book, market = self.book, self.book.market
        symbol = market.table.names[row]
        held = book.portfolio.qty(symbol)
        trade = book.trades.open.get(symbol)
        if not held or trade is None or book.leaving.wish(symbol) is not None:
            return
        shares = self._part(symbol, abs(held), wish.part)
        if shares == 0:
            return
        signal = Signal(
            symbol=symbol,
            strategy=strategy,
            side=Side.SELL if held > 0 else Side.BUY,
            entry=False,
            reason=wish.reason,
            price=self.closing.last(row),
            shares=shares,
            features=values_of(market, row),
            context=book.regime.context(market.now),
        )
        book.state(signal, trade.entry_seq)
        # A part is sold when the stop has made room for it.
        self.closing.protect(symbol)
        self.closing.leave(symbol)

    def _part(self, symbol: str, held: int, part: float) -> int | None:
        """Return the shares to sell, None for all that are held; 0 when all are being sold already."""
        if part == 1.0:
            return None
        free = held - self.book.orders.leaving(symbol) - self.book.leaving.waiting(symbol)
        # A third of three is one, whatever their binary fractions say.
        shares = min(free, max(1, int(round(free * part, 6))))
        return None if shares == held else max(0, shares)

    def _move_stop(self, strategy: str, row: int, wish: Protect) -> None:
        book, market = self.book, self.book.market
        symbol = market.table.names[row]
        held, trade = book.portfolio.qty(symbol), book.trades.open.get(symbol)
        last = float(market.col["last"][row])
        if not held or trade is None or book.leaving.wish(symbol) is not None or not last > 0.0:
            return
        sign = 1 if held > 0 else -1
        stop = self.closing.price(wish.stop)
        was = None if trade.protect is None or not trade.resting else self.closing.price(trade.protect)
        if was is not None and wish.loosen and trade.stop is not None:
            initial = self.closing.price(trade.stop)
            stop = max(stop, initial) if sign > 0 else min(stop, initial)
        if stop <= 0 or stop == was or (was is not None and not wish.loosen and (stop - was) * sign < 0):
            return
        if not sign * (last - float(stop)) > 0.0:
            self._signal_exit(strategy, row, Exit(f"{wish.reason}: its stop {stop} is beyond the market"))
            return
        moved = StopMoved(
            trade=trade.id,
            symbol=symbol,
            strategy=strategy,
            stop=float(stop),
            was=None if was is None else float(was),
            reason=wish.reason,
        )
        book.state(moved, trade.entry_seq)
        self.closing.protect(symbol)

    # --- small parts ---------------------------------------------------------------------------------------------

    def _room(self, seen: Picture, work: Work) -> Room:
        equity, gross, heat = seen.equity_usd, seen.gross_usd, seen.heat_usd
        fees, date = self.fees, self.book.market.session.date
        cost = None if fees is None else partial(fees.round_trip_usd, date=date)
        return Room(equity, gross, heat, work.budget_usd, seen.volume_5m, cost)

    def _look(self, row: int, work: Work, volume_5m: float | None) -> Picture:
        book, market = self.book, self.book.market
        col, symbol = market.col, market.table.names[row]
        bid, ask = col["bid"].item(row), col["ask"].item(row)
        net, gross = book.portfolio.marks()
        notional, risk = book.orders.reserved()
        mine = book.orders.open(symbol)
        rules = book.rules
        last_ts = col["ts"].item(row)
        crossed = not ask >= bid > 0
        atr = market.reference.atr.item(row)
        return Picture(
            now=market.now,
            open_ns=market.session.open_ns,
            close_ns=market.session.close_ns,
            age_s=(market.now - last_ts) / 1e9 if last_ts else None,
            halted=col["status"].item(row) >= HALTED,
            spread_bps=None if crossed else 2e4 * (ask - bid) / (ask + bid),
            spread_usd=None if crossed else round(ask - bid, 8),
            quoted=market.prints and bool(col["quote_ts"].any()),
            atr=atr if atr > 0 else None,
            ranged=book.ranged,
            volume_5m=volume_5m,
            equity_usd=float(book.portfolio.cash) + net,
            gross_usd=gross + notional,
            heat_usd=book.trades.heat_usd() + risk,
            day_usd=float(book.portfolio.cash - book.portfolio.day_equity) + net,
            busy=len(book.portfolio.positions) + book.orders.entering(),
            in_symbol=(1 if book.portfolio.qty(symbol) else 0) + len(mine),
            attempts=book.attempts.made(symbol, work.strategy) + 1,
            per_day=book.desk.strategies[work.strategy].per_day,
            unknown=book.orders.unknown(),
            used_usd=self._used(rules, net, gross) + notional * max(rules.long, rules.short),
            standing=standing(market, row),
            rules=rules,
            banned=book.watchlist.is_banned(symbol),
        )

    def _used(self, rules: DayRules, net: float, gross: float) -> float:
        """What the positions tie up of the equity, $; one without a price makes it unknown."""
        book, last = self.book, self.book.market.col["last"]
        if book.portfolio.stranded:
            return nan
        if net == gross and not book.market.leveraged:
            # Without a short position or a leveraged fund nothing depends on the single one.
            return gross * rules.long
        used = 0.0
        for symbol, position in book.portfolio.positions.items():
            row = book.market.table.row(symbol)
            price = last.item(row)
            used += rules.required(position.qty, price, leverage_at(book.market, row)) if price > 0.0 else nan
        return used

    def _group(self, rows: list[int]) -> Group:
        works = self.book.desk.works
        return Group(self.book.market, rows, lambda row: dict(works[row].note) if row in works else {})

    def _view(self, row: int, work: Work | None = None) -> View:
        # A copy: what a strategy writes into it is gone, and cannot differ after a restart.
        note = dict(work.note) if work else {}
        return View(self.book.market, row, note, self._held, self._entering)

    def _in_trade(self, row: int) -> bool:
        return self.book.market.table.names[row] in self.book.trades.open

    def _entering(self, row: int) -> int:
        orders = self.book.orders.open(self.book.market.table.names[row])
        return sum(w.left for w in orders if w.order.purpose is Purpose.ENTRY)

    def _held(self, row: int) -> Held | None:
        book = self.book
        symbol = book.market.table.names[row]
        trade = book.trades.open.get(symbol)
        if trade is None:
            return None
        position = book.portfolio.positions[symbol]
        initial = nan if trade.stop is None else trade.stop
        now = nan if trade.protect is None else trade.protect
        return Held(position.qty, float(position.price), initial, trade.first_ts, now)

    def _touched(self, row: int, owner: str) -> bool:
        market = self.book.market
        up, down, _, _ = market.levels.of(row, owner)
        return market.reached(row, up, down)

    def _closed_beyond(self, row: int, owner: str) -> bool:
        market = self.book.market
        if market.record is not None and market.record[3] != Kind.BAR:
            return False
        _, _, up, down = market.levels.of(row, owner)
        close: float = market.col["bar_close"].item(row)
        return close > up or close <= down


def _armed(values: Sequence[float]) -> tuple[float | None, ...]:
    return tuple([v if isfinite(v) else None for v in map(float, values)]) if len(values) else ()


def _told(error: Exception) -> str:
    try:
        # What a user's file did wrong is a sentence already.
        kind = "" if isinstance(error, StrategyFault) else f"{type(error).__name__}: "
        return f"{kind}{error}"[:300]
    except Exception:  # noqa: BLE001 - even its message is foreign code
        return type(error).__name__
