"""Pages of Alpaca's historical data, and their rows as they are written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from brokers.web.quotations import NOT_DEALABLE, shares_of_a_lot
from brokers.web.tables import NUMBER, STRING, WHOLE
from qm.clock import SECOND
from qm.errors import DataError
from qm.model.downloads import AUCTIONS, Unit

Row = tuple[Any, ...]

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z\Z", re.ASCII)
_GONE: Final = {None: "", "": "", "corrected": "", "canceled": "08", "incorrect": "07"}
"""What became of a print, as the tapes' correction indicators; one that corrects another is told as it is."""


class Page(Protocol):
    """Rows, and where the next ones are."""

    next_page_token: str | None


class Kind(NamedTuple):
    """One kind of data."""

    path: str
    page: type[Page]
    columns: dict[str, str]
    rows: Callable[[Any, Unit, Sequence[str]], list[Row]]
    """Of a page, of what was asked for, for these symbols."""
    timeframe: str = ""
    seconds: int | None = None


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


class _Quote(msgspec.Struct):
    t: str
    bp: float
    bs: float
    ap: float
    as_: float = msgspec.field(name="as")
    c: list[str] = []


class _Auction(msgspec.Struct):
    t: str
    p: float
    x: str
    c: str
    s: float | None = None


class _Auctions(msgspec.Struct):
    d: str
    o: list[_Auction] | None = None
    c: list[_Auction] | None = None


class _BarsPage(msgspec.Struct):
    next_page_token: str | None
    found: dict[str, list[_Bar]] | None = msgspec.field(name="bars")


class _TradesPage(msgspec.Struct):
    next_page_token: str | None
    found: dict[str, list[_Trade]] | None = msgspec.field(name="trades")


class _QuotesPage(msgspec.Struct):
    next_page_token: str | None
    found: dict[str, list[_Quote]] | None = msgspec.field(name="quotes")


class _AuctionsPage(msgspec.Struct):
    next_page_token: str | None
    found: dict[str, list[_Auctions]] | None = msgspec.field(name="auctions")


def _told(page: Any, unit: Unit, asked: Sequence[str]) -> list[tuple[str, Any]]:
    found = page.found or {}
    for symbol in found:
        if symbol not in asked:
            raise DataError(f"Alpaca sent {symbol!a} of {unit.name}, which was not asked for.", "Try again later.")
    return [(symbol, each) for symbol, told in found.items() for each in told]


def _bars(page: _BarsPage, unit: Unit, asked: Sequence[str]) -> list[Row]:
    return [
        (symbol, moment(of.t), of.o, of.h, of.l, of.c, of.v, of.n, "" if of.vw is None else of.vw)
        for symbol, of in _told(page, unit, asked)
    ]


def _trades(page: _TradesPage, unit: Unit, asked: Sequence[str]) -> list[Row]:
    # An update that nobody knows is passed on: the importer names it, and leaves the print out.
    return [
        (symbol, moment(of.t), of.p, of.s, of.x, "".join(of.c), of.z, of.i, _GONE.get(of.u, of.u))
        for symbol, of in _told(page, unit, asked)
    ]


def _quotes(page: _QuotesPage, unit: Unit, asked: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    for symbol, of in _told(page, unit, asked):
        if NOT_DEALABLE.isdisjoint(of.c):
            lots = shares_of_a_lot(of.bp, unit.session), shares_of_a_lot(of.ap, unit.session)
            rows.append((symbol, moment(of.t), of.bp, of.ap, of.bs * lots[0], of.as_ * lots[1]))
        else:
            # Left out, it would let the quotation before it stand.
            rows.append((symbol, moment(of.t), 0, 0, 0, 0))
    return rows


def _auctions(page: _AuctionsPage, unit: Unit, asked: Sequence[str]) -> list[Row]:
    return [
        (symbol, moment(of.t), side, of.p, "" if of.s is None else of.s, of.x, of.c)
        for symbol, day in _told(page, unit, asked)
        if day.d == str(unit.session)
        for side, prints in (("open", day.o), ("close", day.c))
        for of in prints or []
    ]


def moment(text: str) -> int:
    """Return a time as ns UTC; DataError."""
    try:
        match = _TIME.match(text)
        seconds = int(datetime.fromisoformat(match[1] if match else "").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise DataError(f"Alpaca sent {text!a} as a time.", "Try again later.") from error
    assert match is not None
    return seconds * SECOND + int((match[2] or "0").ljust(9, "0"))


_BAR_COLUMNS: Final = {
    "symbol": STRING,
    "ts": WHOLE,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), NUMBER),
    "trades": WHOLE,
    "vwap": NUMBER,
}
_TRADE_COLUMNS: Final = {
    "symbol": STRING,
    "ts": WHOLE,
    "price": NUMBER,
    "size": NUMBER,
    **dict.fromkeys(("exchange", "conditions", "tape", "id", "correction"), STRING),
}
_QUOTE_COLUMNS: Final = {
    "symbol": STRING,
    "ts": WHOLE,
    **dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), NUMBER),
}
STOCKS: Final[dict[str, Kind]] = {
    "bars_1m": Kind("v2/stocks/bars", _BarsPage, _BAR_COLUMNS, _bars, "1Min", 60),
    "bars_1d": Kind("v2/stocks/bars", _BarsPage, _BAR_COLUMNS, _bars, "1Day", 86_400),
    "trades": Kind("v2/stocks/trades", _TradesPage, _TRADE_COLUMNS, _trades),
    "quotes": Kind("v2/stocks/quotes", _QuotesPage, _QUOTE_COLUMNS, _quotes),
    "auctions": Kind("v2/stocks/auctions", _AuctionsPage, AUCTIONS, _auctions),
}
"""What is asked for by symbol, and told by symbol."""
