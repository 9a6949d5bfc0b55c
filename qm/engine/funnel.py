"""From a find of a scan to the strategy that works the symbol, and back: watching, allocating, pins and bans."""

from __future__ import annotations

from collections.abc import Mapping

from qm.engine.book import Book
from qm.engine.closing import Closing
from qm.engine.trading import Trading
from qm.market.features import Features
from qm.model.commands import AnyCommand, Ban, Pin, Unban, Unpin
from qm.model.events import Allocated, Hit, HitEnded, HitRejected, Unwatched, Watched
from qm.model.order import Purpose
from qm.radar.ranking import Ranking
from qm.strategies.allocator import Offer, Situation
from qm.strategies.likeness import alike


class Funnel:
    """Follows up what scans find, and carries out what the trader wants of the watchlist."""

    def __init__(self, book: Book, closing: Closing, trading: Trading) -> None:
        self.book, self.closing, self.trading = book, closing, trading

    # --- the beat ------------------------------------------------------------------------------------------------

    def on_beat(self, seen: Features, ranking: Ranking, cause: int) -> None:
        """Ask the scans, follow their finds up, and let go what nothing keeps any more."""
        book, now = self.book, self.book.market.now
        for found in book.scanner.on_beat(seen, ranking, now):
            entry = book.state(found, cause)
            if not isinstance(found, HitEnded):
                self._follow_up(found.scan, found.symbol, entry.seq, ranking, news=isinstance(found, Hit))
        self._try_again(ranking)
        for gone in book.watchlist.on_beat(now, book.scanner.active_symbols(), self.held()):
            self._unwatch(gone, cause)

    def held(self) -> dict[str, None]:
        """Return the symbols with a position or a working order."""
        book = self.book
        return {**dict.fromkeys(book.portfolio.positions), **dict.fromkeys(book.orders.open_symbols())}

    def _try_again(self, ranking: Ranking) -> None:
        """Offer what found no place before, the strongest first; who cannot outrank anybody ends it for the weaker."""
        waiting = self.book.scanner.waiting()
        waiting.sort(key=lambda each: ranking.strength(each[0][1]), reverse=True)
        for (scan, symbol), found in waiting:
            if self._follow_up(scan, symbol, found.seq, ranking, news=False) == "full":
                break

    def _follow_up(self, scan: str, symbol: str, hit: int, ranking: Ranking, *, news: bool) -> str:
        """Take a find on; returns why the watchlist does not, in one word."""
        book, cause = self.book, hit
        for change in book.watchlist.on_hit(symbol, scan, book.market.now, self.held(), ranking):
            if isinstance(change, HitRejected):
                self._reject(change, hit)
                return change.why
            if isinstance(change, Unwatched):
                self._unwatch(change, hit)
            else:
                cause = book.state(change, hit).seq
        self._allocate(scan, symbol, cause, news=news)
        return ""

    def _reject(self, body: HitRejected, cause: int) -> None:
        # Asked again it may be refused for another reason: the first one stands until it has found a place.
        if not self.book.scanner.rejected(body.scan, body.symbol):
            self.book.state(body, cause)

    def _allocate(self, scan: str, symbol: str, cause: int, *, news: bool) -> None:
        book, held = self.book, self.held()
        row = book.market.table.row(symbol)
        work = book.desk.works.get(row)
        if work is not None or symbol in held:
            if news:
                reason = "held already" if work is None else f"{work.strategy} works it already"
                self._reject(HitRejected(symbol, scan, "allocator", "busy", reason), cause)
            return
        found = book.scanner.found(scan, symbol)
        since = None if news or found is None else found.since
        decision = book.allocator.on_watched(Offer(symbol, scan, since), self._situation(row, held))
        if isinstance(decision, Allocated):
            book.state(decision, cause)
            self.trading.start(decision.strategy, [row])
        else:
            self._reject(decision, cause)

    def _situation(self, row: int, held: Mapping[str, None]) -> Situation:
        book, market, risk = self.book, self.book.market, self.book.settings.risk
        equity = float(book.portfolio.day_equity)
        _, reserved = book.orders.reserved()
        others = [market.table.row(symbol) for symbol in held if symbol in market.table]
        return Situation(
            equity_usd=equity,
            heat_left_usd=equity * risk.max_heat - book.trades.heat_usd() - reserved,
            trade_risk_usd=equity * risk.risk_per_trade,
            context=book.regime.context(market.now),
            alike=alike(market, row, others) if others else None,
        )

    def _unwatch(self, gone: Unwatched, cause: int) -> None:
        left = self.book.state(gone, cause)
        self.trading.release(self.book.market.table.row(gone.symbol), gone.reason, left.seq)

    # --- the trader's own ----------------------------------------------------------------------------------------

    def refusal(self, command: AnyCommand) -> str:
        """Return why a command about the watchlist cannot be carried out; empty when it can, or is none of those."""
        if not isinstance(command, Pin | Unpin | Ban | Unban):
            return ""
        book, symbol = self.book, command.symbol
        ban = book.watchlist.banned().get(symbol)
        if isinstance(command, Unban):
            return "" if ban else f"{symbol} is not banned"
        # A ban for good may be of a symbol that is not traded today.
        if symbol not in book.market.table and not (isinstance(command, Ban) and not command.today):
            return f"{symbol} is not in this session"
        if isinstance(command, Pin) and ban is not None:
            return f"{symbol} is banned: {ban.reason}"
        return ""

    def carry_out(self, command: Pin | Unpin | Ban | Unban, cause: int) -> None:
        """Carry out a command about the watchlist that was not refused."""
        book, symbol = self.book, command.symbol
        match command:
            case Pin():
                for watched in book.watchlist.pin(symbol):
                    book.state(watched, cause)
            case Unpin():
                self._unpin(symbol, cause)
            case Ban():
                self._ban(command, cause)
            case Unban():
                for lifted in book.watchlist.unban(symbol, command.reason):
                    book.state(lifted, cause)

    def ban_for_good(self, cause: int) -> None:
        """State the bans of the settings, as far as they are news."""
        for symbol, reason in self.book.settings.banned.items():
            if not self.book.watchlist.is_banned(symbol):
                self._ban(Ban("", symbol, reason, today=False), cause)

    def _unpin(self, symbol: str, cause: int) -> None:
        book = self.book
        held = [symbol] if book.portfolio.qty(symbol) or book.orders.open(symbol) else []
        for change in book.watchlist.unpin(symbol, book.market.now, held):
            if isinstance(change, Watched):
                book.state(change, cause)
            else:
                self._unwatch(change, cause)

    def _ban(self, command: Ban, cause: int) -> None:
        book, symbol = self.book, command.symbol
        # A working entry does not keep a symbol: it is canceled. A position does, and is left by its own rules.
        held = [symbol] if book.portfolio.qty(symbol) else []
        banned = book.watchlist.ban(symbol, command.reason, book.market.now, held, today=command.today)
        for change in banned:
            if isinstance(change, Unwatched):
                self._unwatch(change, cause)
            else:
                book.state(change, cause)
        if symbol not in book.market.table:
            return
        reason = f"banned by the trader: {command.reason}"
        if not held:
            self.trading.release(book.market.table.row(symbol), reason, cause)
        for w in book.orders.open(symbol):
            if w.order.purpose is Purpose.ENTRY and not w.asked:
                self.closing.cancel(w.order.id, reason, cause)
