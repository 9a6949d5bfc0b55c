"""Queries: the state of this moment, and what the journal knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from itertools import islice
from typing import Final

from aiohttp import web

from qm.engine.core import Core
from qm.errors import NotFoundError, UsageError, did_you_mean, nearest
from qm.journal.explain import explain
from qm.log import clean
from qm.runtime.answers import Route, answer
from qm.runtime.intake import count, parameters
from qm.runtime.projector import Projector, Running
from qm.runtime.schema import schema
from qm.store.port import JournalPort
from qm.wire.protocol import VERSION, Explanation, Snapshot
from qm.wire.queries import BanLine, EventLine, EventsPage, HitLine, Identity
from qm.wire.views import HealthView

EXPLAINED_LINES: Final = 2000
LINE_CHARS: Final = 500
MOST: Final = 1000
"""Rows or entries in one answer."""


class Queries:
    """Answers what can be asked without changing anything; `pay` is called before the journal is read."""

    def __init__(
        self,
        projector: Projector,
        journal: JournalPort,
        run: str,
        health: Callable[[], HealthView],
        running: Callable[[], Running],
        pay: Callable[[web.Request], None],
    ) -> None:
        self._projector, self._journal, self._run = projector, journal, run
        self._health, self._running, self._pay = health, running, pay
        self._made: tuple[object, Snapshot] | None = None

    def routes(self) -> list[Route]:
        """Return what can be asked where."""
        return [
            ("GET", "/v1/version", self._version),
            ("GET", "/v1/status", self._status),
            ("GET", "/v1/health", self._get_health),
            ("GET", "/v1/radar", self._radar),
            ("GET", "/v1/watchlist", self._watchlist),
            ("GET", "/v1/bans", self._bans),
            ("GET", "/v1/hits", self._hits),
            ("GET", "/v1/positions", self._positions),
            ("GET", "/v1/orders", self._orders),
            ("GET", "/v1/pnl", self._pnl),
            ("GET", "/v1/log", self._log),
            ("GET", "/v1/trades", self._trades),
            ("GET", "/v1/events", self._events),
            ("GET", "/v1/explain", self._explained),
            ("GET", "/v1/explain/{what}", self._explained),
            ("GET", "/v1/schema", self._schema),
        ]

    # --- the state -----------------------------------------------------------------------------------------------

    def _now(self) -> Snapshot:
        """Return the state; who asks twice while nothing happens is answered from the first time."""
        book, running = self._projector.core.book, self._running()
        key = (book.seq, book.market.consumed, book.market.now, running)
        if self._made is None or self._made[0] != key:
            self._made = (key, self._projector.frame(0, self._health(), running))
        return self._made[1]

    async def _version(self, request: web.Request) -> web.Response:
        parameters(request.query)
        mode = self._projector.core.mode
        return answer(Identity(VERSION, self._running().version, mode, self._run, os.getpid()))

    async def _status(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(self._now().status)

    async def _get_health(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(self._health())

    async def _radar(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "limit")
        return answer(self._now().radar[: count(given, "limit", MOST, MOST)])

    async def _watchlist(self, request: web.Request) -> web.Response:
        by = parameters(request.query, "by").get("by", "age")
        if by not in ("age", "priority"):
            raise UsageError(f"The watchlist is not ordered by {by[:40]!r}.", "By age, or by priority.")
        rows = self._now().watch
        if by == "age":
            return answer(rows)
        core = self._projector.core
        held = core.funnel.held()
        places = {symbol: n for n, symbol in enumerate(core.book.watchlist.by_priority(held, core.ranking))}
        return answer(sorted(rows, key=lambda row: places.get(row.symbol, len(places))))

    async def _bans(self, request: web.Request) -> web.Response:
        parameters(request.query)
        bans = self._projector.core.book.watchlist.banned()
        return answer([BanLine(symbol, ban.reason, ban.today, ban.since) for symbol, ban in bans.items()])

    async def _hits(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "scan", "limit")
        core = self._projector.core
        held = core.funnel.held()
        found = [
            HitLine(scan, symbol, hit.since, hit.told, *_stage(core, symbol, held, hit.rejected), hit.rejected, hit.seq)
            for (scan, symbol), hit in core.book.scanner.active().items()
            if given.get("scan") in (None, scan)
        ]
        found.sort(key=lambda line: -line.seq)
        return answer(found[: count(given, "limit", 100, MOST)])

    async def _positions(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(self._now().positions)

    async def _orders(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "limit")
        return answer(self._now().orders[: count(given, "limit", MOST, MOST)])

    async def _pnl(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(self._now().pnl)

    async def _log(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(self._now().log)

    # --- the journal ---------------------------------------------------------------------------------------------

    async def _trades(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "run", "symbol", "strategy", "limit")
        limit = count(given, "limit", 100, MOST)
        self._pay(request)
        run = given.get("run", self._run)
        if run != "all":
            self._journal.header(run)
        found = self._journal.trades(
            run=None if run == "all" else run,
            symbol=given.get("symbol"),
            strategy=given.get("strategy"),
            limit=limit,
        )
        return answer(found)

    async def _events(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "after", "limit", "run")
        after, limit = count(given, "after", 0, 10**15), count(given, "limit", 200, MOST)
        self._pay(request)
        run = given.get("run", self._run)
        entries = [] if limit == 0 else list(islice(self._journal.read(run, after), limit))
        lines = [EventLine(e.seq, e.ts, e.at, e.cause, e.body) for e in entries]
        last = lines[-1].seq if lines else after
        return answer(EventsPage(run, lines, last, self._journal.head(run)[0]))

    async def _explained(self, request: web.Request) -> web.Response:
        given = parameters(request.query, "what")
        what = request.match_info.get("what") or given.get("what")
        if not what:
            raise UsageError("Explain what?", "E.g. /v1/explain/ABCD, or the id of a trade or an order.")
        self._pay(request)
        found = explain(self._journal, self._run, what)
        if found is None:
            known = {name for row in self._journal.orders(self._run) for name in (row.id, row.symbol)}
            close = did_you_mean(nearest(what[:40], known))
            raise NotFoundError(
                f"Nothing was decided about {clean(what, 40)!r}.", close or "See /v1/trades and /v1/orders."
            )
        # The title stands above; a broker's or a strategy's own words may be among the lines.
        lines = found.text().splitlines()[2 : EXPLAINED_LINES + 2]
        return answer(Explanation(clean(found.subject), [clean(line, LINE_CHARS) for line in lines]))

    async def _schema(self, request: web.Request) -> web.Response:
        parameters(request.query)
        return answer(schema())


def _stage(core: Core, symbol: str, held: Collection[str], rejected: str) -> tuple[str, str]:
    """Return how far an opportunity has come, and which strategy works it."""
    book = core.book
    work = book.desk.works.get(book.market.table.row(symbol))
    strategy = work.strategy if work is not None else ""
    if symbol in held:
        return "held", strategy
    if work is not None:
        return "worked", strategy
    if rejected:
        return "rejected", ""
    return ("watched" if symbol in book.watchlist else "over"), ""
