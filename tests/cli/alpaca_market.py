"""Three sessions of three symbols as Alpaca tells them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from qm.clock import MINUTE, at_ny, utc
from qm.rules.calendar import Session, session
from tests.brokers.alpaca.history_server import KEY_ID, SECRET, HistoryServer, Row
from tests.brokers.served import served
from tests.cli.flat_market import DATES, LAST

SYMBOLS = ("AAPL", "NA", "TSLA")
MINUTES = 40
QUOTES = 20


def stamp(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%dT%H:%M:%SZ}"


def minute_rows(of: Session, base: float) -> list[Row]:
    return [
        {
            "t": stamp(of.open_ns + i * MINUTE),
            "o": base + i / 100,
            "h": base + i / 100 + 0.05,
            "l": base + i / 100 - 0.05,
            "c": base + i / 100 + 0.01,
            "v": 100 + i,
            "n": 7,
            "vw": base + i / 100,
        }
        for i in range(MINUTES)
    ]


def day_row(date: dt.date, base: float) -> Row:
    day = {"o": base, "h": base + 2, "l": base - 2, "c": base + 1, "v": 90_000, "n": 700, "vw": base}
    return {"t": stamp(at_ny(date, "00:00")), **day}


def prints(of: Session) -> list[Row]:
    """A regular print, an odd lot, a cancelled one, one that was put right, and what it was put right by."""
    told: list[Row] = [
        {"c": ["@"], "s": 100},
        {"c": ["@", "I"], "s": 5},
        {"c": ["@"], "s": 300, "u": "canceled"},
        {"c": ["@"], "s": 400, "u": "incorrect"},
        {"c": ["@"], "s": 500, "u": "corrected"},
    ]
    return [
        {
            "t": f"{utc(of.open_ns):%Y-%m-%dT%H:%M:%S}.{i:03d}000123Z",
            "x": "V",
            "p": 10.0 + i,
            "i": 52 + i,
            "z": "A",
            **row,
        }
        for i, row in enumerate(told)
    ]


def quotes(of: Session, base: float) -> list[Row]:
    """Both sides every other minute, a bid alone in between, and at the end one that nobody has to honour."""
    told: list[Row] = [
        {"bp": base - 0.01, "bs": 3, "ap": base + 0.01, "as": 2}
        if i % 2 == 0
        else {"bp": base - 0.02, "bs": 1, "ap": 0, "as": 0}
        for i in range(QUOTES - 1)
    ]
    told.append({"bp": base - 5, "bs": 1, "ap": base + 5, "as": 1, "c": ["N"]})
    return [
        {"t": f"{stamp(of.open_ns + i * MINUTE)[:-1]}.000000007Z", "ax": "Q", "bx": "P", "c": ["R"], "z": "C"} | row
        for i, row in enumerate(told)
    ]


def auctions(of: Session, close: float) -> Row:
    """Two exchanges and what each of them calls official; the one that lists the stock is Q."""

    def told(ns: int, exchange: str, condition: str, price: float) -> Row:
        return {"t": f"{stamp(ns)[:-1]}.012345678Z", "x": exchange, "c": condition, "p": price, "s": 1_000}

    opens, closes = of.open_ns, of.close_ns
    return {
        "d": str(of.date),
        "o": [told(opens, "P", "Q", close - 2), told(opens, "Q", "O", close - 1), told(opens, "Q", "Q", close - 1)],
        "c": [told(closes, "P", "M", close + 3), told(closes, "Q", "6", close), told(closes, "Q", "M", close)],
    }


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def asset(symbol: str, exchange: str = "NASDAQ", number: int = 0, **more: Any) -> Row:
    whole = {
        "id": _id(number),
        "class": "us_equity",
        "exchange": exchange,
        "symbol": symbol,
        "name": f"{symbol} Inc.",
        "status": "active",
        **dict.fromkeys(("tradable", "marginable", "shortable", "easy_to_borrow", "fractionable"), True),
    }
    return whole | more


ACTIONS: list[tuple[str, Row]] = [
    (
        "forward_split",
        {
            "symbol": "TSLA",
            "cusip": "88160R101",
            "old_rate": 1,
            "new_rate": 2,
            "ex_date": str(LAST),
            "process_date": str(LAST),
        },
    ),
    (
        "cash_dividend",
        {
            "symbol": "AAPL",
            "cusip": "037833100",
            "rate": 0.25,
            "special": False,
            "foreign": False,
            "ex_date": str(DATES[1]),
            "process_date": "2025-02-01",
        },
    ),
    (
        "name_change",
        {
            "old_symbol": "OLD",
            "old_cusip": "111111111",
            "new_symbol": "NA",
            "new_cusip": "222222222",
            "process_date": str(LAST),
        },
    ),
    (
        "cash_merger",
        {
            "acquiree_symbol": "GONE",
            "acquiree_cusip": "333333333",
            "rate": 12.5,
            "effective_date": str(DATES[1]),
            "process_date": str(DATES[1]),
        },
    ),
]


@contextmanager
def alpaca(server: HistoryServer | None = None) -> Iterator[HistoryServer]:
    """Serve the sessions, and let the program find them, with little patience."""
    server = server or HistoryServer()
    server.bars = {"1Min": {}, "1Day": {}}
    for i, symbol in enumerate(SYMBOLS):
        base = 10.0 * (i + 1)
        server.bars["1Min"][symbol] = [row for date in DATES for row in minute_rows(session(date), base)]
        server.bars["1Day"][symbol] = [day_row(date, base) for date in DATES]
        server.trades[symbol] = [row for date in DATES for row in prints(session(date))]
        server.quotes[symbol] = [row for date in DATES for row in quotes(session(date), base)]
        server.auctions[symbol] = [auctions(session(date), base + j) for j, date in enumerate(DATES)]
    server.actions = [(what, {"id": _id(i), **row}) for i, (what, row) in enumerate(ACTIONS)]
    server.assets = [
        *(asset(symbol, number=i) for i, symbol in enumerate(SYMBOLS)),
        asset("HARD", "NYSE", 7, easy_to_borrow=False, shortable=False),
        asset("TSLA", "NYSE", 8, status="inactive", tradable=False),
        asset("0OLD.CVR", "OTC", 9, status="inactive", tradable=False),
    ]
    with served(server.app()) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "QM_DOWNLOAD__ALPACA_URL": url,
            "QM_DOWNLOAD__ALPACA_TRADING_URL": url,
            "QM_DOWNLOAD__PER_MINUTE": "100000",
            "QM_DOWNLOAD__FIRST_WAIT_S": "0.001",
            "QM_DOWNLOAD__LONGEST_WAIT_S": "2",
            "QM_DOWNLOAD__ATTEMPTS": "3",
            "QM_DOWNLOAD__SAVE_BYTES": "1",
            "QM_DOWNLOAD__RESERVE_MB": "0",
            "APCA_API_KEY_ID": KEY_ID,
            "APCA_API_SECRET_KEY": SECRET,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }.items():
            patch.setenv(name, value)
        yield server
