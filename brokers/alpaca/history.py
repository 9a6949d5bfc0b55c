"""Alpaca's history: pages across symbols, written down as one file per session.

Facts: `GET /v2/stocks/{bars,trades,quotes,auctions}`, at most 10,000 rows a page over all symbols, sorted by symbol and
time; a short page is not the last one, only a page without `next_page_token` is. The assets are those of the moment, in
one answer of the host for orders.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from yarl import URL

from brokers.alpaca import actions
from brokers.alpaca.pages import STOCKS, Row
from brokers.web.client import Client
from brokers.web.tables import as_parquet
from qm.clock import MINUTE, SECOND, at_ny, now_ns, session_date, utc
from qm.errors import DataError, UsageError
from qm.log import Secret
from qm.model.downloads import ACTIONS, ASSETS, Offer, Piece, Reached, Reading, Unit
from qm.rules.calendar import previous_session, session

_TOGETHER: Final = 100
"""Symbols of one request."""
_PAGE: Final = 10_000
_ACTIONS_PAGE: Final = 1_000
_DELAY: Final = 20 * MINUTE
"""What is older than 15 minutes may be read without a subscription to live data."""
_ACTIONS: Final = "actions"
_ASSETS: Final = "assets"
_ASSET_CLASS: Final = "us_equity"


class _Question(NamedTuple):
    """One row of pages."""

    url: URL
    query: dict[str, str]
    symbols: Sequence[str]


class Hosts(NamedTuple):
    """Where Alpaca answers."""

    data: str
    trading: str


class AlpacaHistory:
    """History of named symbols, raw, as they were called on the day, and what is known of companies.

    `client` must be open.
    """

    name = "alpaca"
    kinds: Sequence[str] = (*STOCKS, _ACTIONS, _ASSETS)

    def __init__(self, client: Client, hosts: Hosts, feed: str, key_id: Secret, secret: Secret) -> None:
        self._client = client
        self._data, self._trading = URL(hosts.data), URL(hosts.trading)
        self._feed = feed
        self._key_id, self._secret = key_id, secret

    def suffix(self, kind: str) -> str:
        return ".csv"

    def has(self, unit: Unit, now: int) -> bool:
        if unit.kind != _ASSETS:
            return True
        today = session_date(now)
        of = previous_session(today + dt.timedelta(days=1)).date
        return unit.session == of

    def due_ns(self, unit: Unit) -> int:
        if unit.kind in STOCKS:
            return session(unit.session).post_ns + _DELAY
        return at_ny(unit.session, "00:00")

    def reading(self, unit: Unit, path: Path) -> Reading:
        seconds = STOCKS[unit.kind].seconds if unit.kind in STOCKS else None
        return Reading(as_parquet(path, _columns(unit.kind)), seconds)

    async def look(self, unit: Unit) -> Offer | None:
        if not unit.symbols and unit.kind in STOCKS:
            raise UsageError("Alpaca is asked for symbols by name.", "Name them with --symbols A,B or --symbols @file.")
        # It has no versions: what was asked for is all that can be compared.
        asked: dict[str, str] = {}
        for each in self._questions(unit):
            for name, value in each.query.items():
                if name not in ("limit", "sort", "symbols") and value not in asked.get(name, ""):
                    asked[name] = f"{asked[name]},{value}" if name in asked else value
        if unit.kind == _ACTIONS:
            # They are told early or late, so that another day may know more of them.
            asked["seen"] = str(session_date(now_ns()))
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        return Offer(etag=query, source=f"{self._url(unit.kind).path.lstrip('/')}?{query}")

    async def fetch(self, unit: Unit, offer: Offer, since: Reached) -> AsyncGenerator[Piece, None]:
        questions = self._questions(unit)
        begun, _, token = since.cursor.partition(":")
        head = not since.size
        for i in range(int(begun or 0), len(questions)):
            seen = {token} - {""}
            while True:
                rows, token = await self._page(unit, questions[i], token)
                if token in seen:
                    raise DataError(f"{self.name} tells the page {token!a} of {unit.name} twice.", "Try again later.")
                # That nothing happened to a company is an answer, that nobody traded is a gap.
                if rows or not head or unit.kind == _ACTIONS:
                    yield Piece(_written(rows, unit, head=head), f"{i}:{token}" if token else f"{i + 1}:")
                    head = False
                if not token:
                    break
                seen.add(token)

    def _questions(self, unit: Unit) -> list[_Question]:
        chunks = [unit.symbols[i : i + _TOGETHER] for i in range(0, len(unit.symbols), _TOGETHER)]
        if unit.kind == _ASSETS:
            return [
                _Question(self._url(unit.kind), {"status": status, "asset_class": _ASSET_CLASS}, unit.symbols)
                for status in ("active", "inactive")
            ]
        if unit.kind == _ACTIONS:
            return [
                _Question(self._url(unit.kind), _about_actions(unit, types, days) | _named(chunk), chunk)
                for chunk in chunks or [()]
                for types, days in ((actions.SOON, actions.SOON_DAYS), (actions.LATER, actions.LATER_DAYS))
            ]
        return [_Question(self._url(unit.kind), _named(chunk) | self._about_stocks(unit), chunk) for chunk in chunks]

    def _url(self, kind: str) -> URL:
        if kind == _ASSETS:
            return self._trading / "v2" / "assets"
        return self._data / (STOCKS[kind].path if kind in STOCKS else "v1/corporate-actions")

    def _about_stocks(self, unit: Unit) -> dict[str, str]:
        kind, of = STOCKS[unit.kind], session(unit.session)
        start, end = of.pre_ns, of.post_ns - 1
        if unit.kind == "bars_1d":
            start = end = at_ny(unit.session, "00:00")
        # Nothing is left to the vendor's defaults, which follow today's names and its own choice of feed.
        bars = {"timeframe": kind.timeframe, "adjustment": "raw"} if kind.timeframe else {}
        return {
            **bars,
            "start": _stamp(start),
            "end": _stamp(end),
            # Auctions are those of the exchanges that hold them, whatever feed the rest is of.
            "feed": "sip" if unit.kind == "auctions" else self._feed,
            "asof": str(unit.session),
            "limit": str(_PAGE),
            "sort": "asc",
        }

    async def _page(self, unit: Unit, question: _Question, token: str) -> tuple[list[Row], str]:
        url = question.url.with_query(question.query | ({"page_token": token} if token else {}))
        body = await self._client.whole(url, self._headers)
        if body is None:
            raise DataError(f"{self.name} has no {question.url.path}.", "Correct the address in download.alpaca_*_url.")
        try:
            if unit.kind == _ASSETS:
                told = msgspec.json.decode(body, type=list[actions.Asset])
                return actions.assets(told, question.symbols, now_ns()), ""
            if unit.kind == _ACTIONS:
                page = msgspec.json.decode(body, type=actions.ActionsPage)
                return actions.actions(page, unit, question.symbols), page.next_page_token or ""
            kind = STOCKS[unit.kind]
            found: Any = msgspec.json.decode(body, type=kind.page)
            return kind.rows(found, unit, question.symbols), found.next_page_token or ""
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = question.url.name
            raise DataError(f"{self.name} sent what is no page of {what} ({error}).", "Try again later.") from error

    def _headers(self) -> Mapping[str, str]:
        return {"APCA-API-KEY-ID": self._key_id.reveal(), "APCA-API-SECRET-KEY": self._secret.reveal()}


def _columns(kind: str) -> dict[str, str]:
    return STOCKS[kind].columns if kind in STOCKS else {_ACTIONS: ACTIONS, _ASSETS: ASSETS}[kind]


def _named(symbols: Sequence[str]) -> dict[str, str]:
    return {"symbols": ",".join(symbols)} if symbols else {}


def _about_actions(unit: Unit, types: Sequence[str], days: int) -> dict[str, str]:
    since = previous_session(unit.session).date - dt.timedelta(days=actions.SOON_DAYS)
    return {
        "types": ",".join(types),
        "region": "us",
        "data_quality": "complete",
        "start": str(since),
        "end": str(unit.session + dt.timedelta(days=days)),
        "limit": str(_ACTIONS_PAGE),
        "sort": "asc",
    }


def _written(rows: list[Row], unit: Unit, *, head: bool) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if head:
        writer.writerow(_columns(unit.kind))
    writer.writerows(rows)
    return text.getvalue().encode()


def _stamp(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%dT%H:%M:%S}.{ns % SECOND:09d}Z"
