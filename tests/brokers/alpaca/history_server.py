"""Alpaca's historical REST as it is documented, for the official client and for ours, and its ways to fail."""

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


@dataclass
class HistoryServer:
    bars: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    """By timeframe and symbol, in order of time."""
    trades: dict[str, list[Row]] = field(default_factory=dict)
    largest: int = 10_000
    """Rows of a page at most, over all symbols."""
    failures: list[web.Response] = field(default_factory=list)
    """Answers to the next requests, whatever they are."""
    asked: list[dict[str, str]] = field(default_factory=list)
    repeat_token: bool = False
    sent: int = 0
    """Pages that were answered."""
    on_sent: Callable[[int], None] = lambda sent: None
    remaining: str = "199"
    today: dt.datetime = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v2/stocks/bars", self._bars)
        app.router.add_get("/v2/stocks/trades", self._trades)
        return app

    async def _bars(self, request: web.Request) -> web.Response:
        frame = request.query.get("timeframe", "")
        if frame not in self.bars:
            return _error(400, 0, f"invalid timeframe: {frame}")
        return self._answer(request, "bars", self.bars[frame])

    async def _trades(self, request: web.Request) -> web.Response:
        return self._answer(request, "trades", self.trades)

    def _answer(self, request: web.Request, name: str, rows: dict[str, list[Row]]) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        keys = (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY"))
        if keys != (KEY_ID, SECRET):
            return _error(401, 40110000, "request is not authorized")
        if self.failures:
            return self.failures.pop(0)
        if query.get("feed", "sip") not in FEEDS or query.get("adjustment", "raw") not in ADJUSTMENTS:
            return _error(400, 0, "invalid feed or adjustment")
        limit = int(query.get("limit", "1000"))
        if not 1 <= limit <= 10_000:
            return _error(400, 0, f"invalid limit: {limit}")
        start, end = _moment(query["start"]), _moment(query["end"]) if "end" in query else self.today
        chosen = [
            (symbol, row)
            for symbol in sorted(query["symbols"].split(","))
            for row in rows.get(symbol, [])
            if start <= _moment(row["t"]) <= end
        ]
        first = int(base64.b64decode(query["page_token"]).split(b"|")[1]) if "page_token" in query else 0
        last = first + min(limit, self.largest)
        page: dict[str, list[Row]] = {}
        for symbol, row in chosen[first:last]:
            page.setdefault(symbol, []).append(row)
        more = last < len(chosen)
        self.sent += 1
        self.on_sent(self.sent)
        token = base64.b64encode(f"{name}|{first or last if self.repeat_token else last}".encode()).decode()
        headers = {"X-RateLimit-Limit": "10000", "X-RateLimit-Remaining": self.remaining, "X-RateLimit-Reset": "1"}
        return web.json_response({name: page, "next_page_token": token if more else None}, headers=headers)


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


def _moment(text: str) -> dt.datetime:
    # Python reads microseconds; what lies below decides nothing here.
    whole, dot, rest = text.removesuffix("Z").partition(".")
    zone = "+00:00" if text.endswith("Z") else ""
    found = dt.datetime.fromisoformat(whole + (f".{rest[:6]:0<6}" if dot and zone else dot + rest) + zone)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
