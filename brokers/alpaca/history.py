"""Alpaca's historical bars and prints: pages across symbols, written down as one file per session.

Facts: `GET /v2/stocks/{bars,trades}`, at most 10,000 rows a page over all symbols, sorted by symbol and time; a short
page is not the last one, only a page without `next_page_token` is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from yarl import URL

from brokers.web.client import Client
from brokers.web.tables import NUMBER, STRING, WHOLE, as_parquet
from qm.clock import MINUTE, SECOND, at_ny, utc
from qm.errors import DataError, UsageError
from qm.log import Secret
from qm.model.downloads import Offer, Piece, Reached, Reading, Unit
from qm.rules.calendar import session

_TOGETHER: Final = 100
"""Symbols of one request."""
_PAGE: Final = 10_000
_DELAY: Final = 20 * MINUTE
"""What is older than 15 minutes may be read without a subscription to live data."""
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z\Z")
_GONE: Final = {None: "", "": "", "corrected": "", "canceled": "08", "incorrect": "07"}
"""What became of a print, as the tapes' correction indicators; one that corrects another is told as it is."""


class _Bar(msgspec.Struct):
    t: str
    o: float
    h: float
    l: float  # noqa: E741
    c: float
    v: float
    n: int = 0
    vw: float | None = None


class _Trade(msgspec.Struct):
    t: str
    p: float
    s: float
    x: str = ""
    c: list[str] = []
    i: int = 0
    z: str = ""
    u: str | None = None


class _Bars(msgspec.Struct):
    bars: dict[str, list[_Bar]] | None
    next_page_token: str | None


class _Trades(msgspec.Struct):
    trades: dict[str, list[_Trade]] | None
    next_page_token: str | None


class _Kind(NamedTuple):
    path: str
    timeframe: str
    seconds: int | None
    page: type[_Bars | _Trades]
    columns: dict[str, str]


_BARS: Final = {
    "symbol": STRING,
    "ts": WHOLE,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), NUMBER),
    "trades": WHOLE,
    "vwap": NUMBER,
}
_TRADES: Final = {
    "symbol": STRING,
    "ts": WHOLE,
    "price": NUMBER,
    "size": NUMBER,
    **dict.fromkeys(("exchange", "conditions", "tape", "id", "correction"), STRING),
}
_KINDS: Final = {
    "bars_1m": _Kind("bars", "1Min", 60, _Bars, _BARS),
    "bars_1d": _Kind("bars", "1Day", 86_400, _Bars, _BARS),
    "trades": _Kind("trades", "", None, _Trades, _TRADES),
}


class AlpacaHistory:
    """Bars and prints of named symbols, raw, as they were called on the day; `client` must be open."""

    name = "alpaca"
    kinds: Sequence[str] = tuple(_KINDS)

    def __init__(self, client: Client, url: str, feed: str, key_id: Secret, secret: Secret) -> None:
        self._client = client
        self._root = URL(url) / "v2" / "stocks"
        self._feed = feed
        self._key_id, self._secret = key_id, secret

    def suffix(self, kind: str) -> str:
        return ".csv"

    def due_ns(self, unit: Unit) -> int:
        return session(unit.session).post_ns + _DELAY

    def reading(self, unit: Unit, path: Path) -> Reading:
        kind = _KINDS[unit.kind]
        return Reading(as_parquet(path, kind.columns), kind.seconds)

    async def look(self, unit: Unit) -> Offer | None:
        if not unit.symbols:
            raise UsageError("Alpaca is asked for symbols by name.", "Name them with --symbols A,B or --symbols @file.")
        # It has no versions: what was asked for is all that can be compared.
        asked = {name: value for name, value in self._query(unit).items() if name not in ("limit", "sort")}
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        return Offer(etag=query, source=f"v2/stocks/{_KINDS[unit.kind].path}?{query}")

    async def fetch(self, unit: Unit, offer: Offer, since: Reached) -> AsyncGenerator[Piece, None]:
        chunks = [unit.symbols[i : i + _TOGETHER] for i in range(0, len(unit.symbols), _TOGETHER)]
        begun, _, token = since.cursor.partition(":")
        head = not since.size
        seen = {token} - {""}
        for i in range(int(begun or 0), len(chunks)):
            while True:
                page = await self._page(unit, chunks[i], token)
                token = page.next_page_token or ""
                if token in seen:
                    raise DataError(f"{self.name} tells the page {token!a} of {unit.name} twice.", "Try again later.")
                rows = _rows(page, chunks[i], unit)
                if rows or not head:
                    yield Piece(_written(rows, unit, head=head), f"{i}:{token}" if token else f"{i + 1}:")
                    head = False
                if not token:
                    break
                seen.add(token)

    def _query(self, unit: Unit) -> dict[str, str]:
        kind, of = _KINDS[unit.kind], session(unit.session)
        start, end = of.pre_ns, of.post_ns - 1
        if unit.kind == "bars_1d":
            start = end = at_ny(unit.session, "00:00")
        # Nothing is left to the vendor's defaults, which follow today's names and its own choice of feed.
        bars = {"timeframe": kind.timeframe, "adjustment": "raw"} if kind.timeframe else {}
        return {
            **bars,
            "start": _stamp(start),
            "end": _stamp(end),
            "feed": self._feed,
            "asof": str(unit.session),
            "limit": str(_PAGE),
            "sort": "asc",
        }

    async def _page(self, unit: Unit, symbols: Sequence[str], token: str) -> _Bars | _Trades:
        kind = _KINDS[unit.kind]
        query = {"symbols": ",".join(symbols), **self._query(unit)} | ({"page_token": token} if token else {})
        body = await self._client.whole((self._root / kind.path).with_query(query), self._headers)
        if body is None:
            raise DataError(f"{self.name} has no {self._root.path}/{kind.path}.", "Correct download.alpaca_url.")
        try:
            return msgspec.json.decode(body, type=kind.page)
        except msgspec.DecodeError as error:
            raise DataError(
                f"{self.name} sent what is no page of {kind.path} ({error}).", "Try again later."
            ) from error

    def _headers(self) -> Mapping[str, str]:
        return {"APCA-API-KEY-ID": self._key_id.reveal(), "APCA-API-SECRET-KEY": self._secret.reveal()}


def _rows(page: _Bars | _Trades, asked: Sequence[str], unit: Unit) -> list[tuple[Any, ...]]:
    found = page.bars if isinstance(page, _Bars) else page.trades
    rows: list[tuple[Any, ...]] = []
    for symbol, told in (found or {}).items():
        if symbol not in asked:
            raise DataError(f"Alpaca sent {symbol!a} of {unit.name}, which was not asked for.", "Try again later.")
        rows += [(symbol, *(_bar(each) if isinstance(each, _Bar) else _trade(each))) for each in told]
    return rows


def _bar(of: _Bar) -> tuple[Any, ...]:
    return _moment(of.t), of.o, of.h, of.l, of.c, of.v, of.n, "" if of.vw is None else of.vw


def _trade(of: _Trade) -> tuple[Any, ...]:
    # An update that nobody knows is passed on: the importer names it, and leaves the print out.
    return _moment(of.t), of.p, of.s, of.x, "".join(of.c), of.z, of.i, _GONE.get(of.u, of.u)


def _written(rows: list[tuple[Any, ...]], unit: Unit, *, head: bool) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if head:
        writer.writerow(_KINDS[unit.kind].columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _moment(text: str) -> int:
    match = _TIME.match(text)
    if match is None:
        raise DataError(f"Alpaca sent {text!a} as a time.", "Try again later.")
    seconds = int(datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp())
    return seconds * SECOND + int((match[2] or "0").ljust(9, "0"))


def _stamp(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%dT%H:%M:%S}.{ns % SECOND:09d}Z"
