"""Three sessions of three symbols as Alpaca tells them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qm.clock import MINUTE, at_ny, utc
from qm.rules.calendar import Session, session
from tests.brokers.alpaca.history_server import KEY_ID, SECRET, HistoryServer, Row
from tests.brokers.served import served
from tests.cli.flat_market import DATES

SYMBOLS = ("AAPL", "NA", "TSLA")
MINUTES = 40


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
    with served(server.app()) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "QM_DOWNLOAD__ALPACA_URL": url,
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
