"""Alpaca's historical REST as it is documented, for the official client and for ours, and its ways to fail."""

import asyncio
import base64
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY_ID, SECRET = "PK-of-the-test", "secret-of-the-test"
FEEDS = {"sip", "iex", "otc", "boats"}
ADJUSTMENTS = {"raw", "split", "dividend", "spin-off", "all"}
Row = dict[str, Any]


class Silent(web.StreamResponse):
    """Begins an answer, and says no more."""

    async def write_eof(self, data: bytes = b"") -> None:
        await self.write(b"{")
        await asyncio.Event().wait()


@dataclass
class HistoryServer:
    bars: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    """By timeframe and symbol, in order of time."""
    trades: dict[str, list[Row]] = field(default_factory=dict)
    quotes: dict[str, list[Row]] = field(default_factory=dict)
    auctions: dict[str, list[Row]] = field(default_factory=dict)
    """By symbol, one row a day."""
    actions: list[tuple[str, Row]] = field(default_factory=list)
    """Corporate actions, each with its type."""
    assets: list[Row] = field(default_factory=list)
    largest: int = 10_000
    """Rows of a page at most, over all symbols."""
    failures: list[web.StreamResponse] = field(default_factory=list)
    """Answers to the next requests, whatever they are."""
    asked: list[dict[str, str]] = field(default_factory=list)
    repeat_token: bool = False
    silent_after: int = -1
    """Pages after which it begins an answer and says no more."""
    sent: int = 0
    """Pages that were answered."""
    on_sent: Callable[[int], None] = lambda sent: None
    remaining: str = "199"
    today: dt.datetime = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v2/stocks/bars", self._bars)
        for name in ("trades", "quotes", "auctions"):
            app.router.add_get(f"/v2/stocks/{name}", self._stocks)
        app.router.add_get("/v1/corporate-actions", self._actions)
        app.router.add_get("/v2/assets", self._assets)
        return app

    async def _bars(self, request: web.Request) -> web.StreamResponse:
        frame = request.query.get("timeframe", "")
        if frame not in self.bars:
            return _error(400, 0, f"invalid timeframe: {frame}")
        return self._answer(request, "bars", self.bars[frame])

    async def _stocks(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if name == "auctions" and request.query.get("feed", "sip") != "sip":
            return _error(400, 0, "invalid feed")
        rows: dict[str, list[Row]] = getattr(self, name)
        return self._answer(request, name, rows)

    async def _actions(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refused(request, 1_000)) is not None:
            return refused
        query = request.query
        start, end = query.get("start", str(self.today.date())), query.get("end", str(self.today.date()))
        wanted = set(query["types"].split(",")) if "types" in query else None
        named = set(query["symbols"].split(",")) if "symbols" in query else None
        chosen = [
            (f"{what}s", row)
            for what, row in sorted(self.actions, key=lambda action: action[1]["process_date"])
            if start <= row["process_date"] <= end
            and (wanted is None or what in wanted)
            and (named is None or not named.isdisjoint(row.values()))
        ]
        return self._page(request, "corporate_actions", chosen)

    async def _assets(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refused(request, 1_000)) is not None:
            return refused
        status, kind = request.query.get("status"), request.query.get("asset_class")
        chosen = [row for row in self.assets if row["status"] == (status or row["status"])]
        return self._sent([row for row in chosen if row["class"] == (kind or row["class"])])

    def _answer(self, request: web.Request, name: str, rows: dict[str, list[Row]]) -> web.StreamResponse:
        if (refused := self._refused(request, 10_000)) is not None:
            return refused
        query = request.query
        start, end = _moment(query["start"]), _moment(query["end"]) if "end" in query else self.today
        chosen = [
            (symbol, row)
            for symbol in sorted(query["symbols"].split(","))
            for row in rows.get(symbol, [])
            if start <= _moment(row["t"] if "t" in row else row["d"] + "T18:00:00Z") <= end
        ]
        return self._page(request, name, chosen)

    def _refused(self, request: web.Request, largest: int) -> web.StreamResponse | None:
        query = dict(request.query)
        self.asked.append(query)
        keys = (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY"))
        if keys != (KEY_ID, SECRET):
            return _error(401, 40110000, "request is not authorized")
        if self.sent == self.silent_after:
            return Silent()
        if self.failures:
            return self.failures.pop(0)
        if query.get("feed", "sip") not in FEEDS or query.get("adjustment", "raw") not in ADJUSTMENTS:
            return _error(400, 0, "invalid feed or adjustment")
        limit = int(query.get("limit", str(largest // 10)))
        return None if 1 <= limit <= largest else _error(400, 0, f"invalid limit: {limit}")

    def _page(self, request: web.Request, name: str, chosen: list[tuple[str, Row]]) -> web.StreamResponse:
        query = request.query
        first = int(base64.b64decode(query["page_token"]).split(b"|")[1]) if "page_token" in query else 0
        default = "100" if name == "corporate_actions" else "1000"
        last = first + min(int(query.get("limit", default)), self.largest)
        page: dict[str, list[Row]] = {}
        for symbol, row in chosen[first:last]:
            page.setdefault(symbol, []).append(row)
        more = last < len(chosen)
        token = base64.b64encode(f"{name}|{first or last if self.repeat_token else last}".encode()).decode()
        return self._sent({name: page, "next_page_token": token if more else None})

    def _sent(self, body: object) -> web.StreamResponse:
        self.sent += 1
        self.on_sent(self.sent)
        headers = {"X-RateLimit-Limit": "10000", "X-RateLimit-Remaining": self.remaining, "X-RateLimit-Reset": "1"}
        return web.json_response(body, headers=headers)


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


def _moment(text: str) -> dt.datetime:
    # Python reads microseconds; what lies below decides nothing here.
    whole, dot, rest = text.removesuffix("Z").partition(".")
    zone = "+00:00" if text.endswith("Z") else ""
    found = dt.datetime.fromisoformat(whole + (f".{rest[:6]:0<6}" if dot and zone else dot + rest) + zone)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
