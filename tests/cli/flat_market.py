"""Flat files of a small made-up market behind a local store, and the program pointed at them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from qm.clock import MINUTE, MS, at_ny
from qm.history.catalogue import Catalogue
from qm.rules.calendar import Session, session, sessions
from tests.brokers.massive.flat_store import KEY_ID, SECRET, FlatStore
from tests.brokers.served import served

FIRST, LAST = dt.date(2025, 1, 2), dt.date(2025, 1, 6)
DATES = tuple(each.date for each in sessions(FIRST, LAST))
SYMBOLS = ("AAPL", "BRK.B", "NA")
BARS_HEAD = "ticker,volume,open,close,high,low,window_start,transactions"
TRADES_HEAD = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,"
    "trf_id,trf_timestamp"
)

QUOTES_HEAD = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    "participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp"
)


def minute_file(of: Session, minutes: int = 390, off: float = 0.0) -> str:
    """By symbol, then by time, as the vendor sorts them; prices that no compression foresees."""
    made = np.random.default_rng(of.date.toordinal())
    lines = [BARS_HEAD]
    for symbol in SYMBOLS:
        for minute in range(minutes):
            price = 50 + off + float(made.integers(0, 4_000)) / 100
            row = (
                100 + minute,
                price,
                price + 0.01,
                price + 0.05,
                price - 0.05,
                of.open_ns + minute * MINUTE,
                minute + 1,
            )
            lines.append(",".join((symbol, *(f"{each:.2f}" if isinstance(each, float) else str(each) for each in row))))
    return "\n".join(lines) + "\n"


def day_file(of: Session) -> str:
    midnight = at_ny(of.date, "00:00")
    rows = [f"{symbol},90000,10.00,10.50,11.00,9.50,{midnight},700" for symbol in SYMBOLS]
    return "\n".join([BARS_HEAD, *rows]) + "\n"


def trades_file(of: Session) -> str:
    """A regular print, an odd lot, an average price of tape C, one of a number nobody knows, an official open."""
    told = [("", 100), ('"14,37"', 40), ("2", 300), ("99", 500), ("16", 200)]
    lines = [TRADES_HEAD]
    for i, (conditions, size) in enumerate(told):
        at = of.open_ns + i * MINUTE
        lines.append(f"AAPL,{conditions},0,4,{i},{at},{20 + i}.25,{i},{at + MS},{size},3,202,{at}")
    return "\n".join(lines) + "\n"


def quotes_file(of: Session) -> str:
    """By symbol: both sides, a bid alone, one that is closed, one above 1,000 $, all of them with indicators."""
    told = [
        (10.01, 2, 9.99, 3, '"1,81"', ""),
        (0.0, 0, 9.98, 1, '"2,81"', "604"),
        (15.0, 1, 5.0, 1, "15", ""),
        (1_500.5, 4, 1_500.25, 7, "1", '"604,901"'),
    ]
    lines = [QUOTES_HEAD]
    for symbol in SYMBOLS:
        for i, (ask, ask_size, bid, bid_size, conditions, indicators) in enumerate(told):
            at = of.open_ns + i * MINUTE
            lines.append(
                f"{symbol},12,{ask},{ask_size},11,{bid},{bid_size},{conditions},{indicators},{at},{i},{at + MS},3,0"
            )
    return "\n".join(lines) + "\n"


def path_of(kind: str, date: dt.date) -> str:
    return f"{kind}/{date:%Y}/{date:%m}/{date}.csv.gz"


@contextmanager
def flat_files(store: FlatStore | None = None) -> Iterator[FlatStore]:
    """Serve three sessions, and let the program find them, with little patience."""
    store = store or FlatStore()
    for date in DATES:
        store.put(path_of("minute_aggs_v1", date), minute_file(session(date)))
        store.put(path_of("day_aggs_v1", date), day_file(session(date)))
        store.put(path_of("trades_v1", date), trades_file(session(date)))
        store.put(path_of("quotes_v1", date), quotes_file(session(date)))
    with served(store.app()) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(url).items():
            patch.setenv(name, value)
        yield store


def environment(url: str) -> dict[str, str]:
    return {
        "QM_DOWNLOAD__MASSIVE_URL": url,
        "QM_DOWNLOAD__PER_MINUTE": "100000",
        "QM_DOWNLOAD__FIRST_WAIT_S": "0.001",
        "QM_DOWNLOAD__LONGEST_WAIT_S": "2",
        "QM_DOWNLOAD__STALL_S": "0.3",
        "QM_DOWNLOAD__ATTEMPTS": "3",
        "QM_DOWNLOAD__SAVE_BYTES": "1000",
        "QM_DOWNLOAD__RESERVE_MB": "0",
        "QM_MASSIVE_KEY_ID": KEY_ID,
        "QM_MASSIVE_SECRET": SECRET,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def contents(history: Path) -> dict[str, bytes]:
    """Every file of the catalogue by path; of manifests all but when they were written."""
    found: dict[str, bytes] = {}
    for path in sorted(each for each in history.rglob("*") if each.is_file() and each.name != "lock"):
        data = path.read_bytes()
        if path.suffix == ".json":
            manifest = msgspec.json.decode(data)
            manifest.pop("fetched_at")
            data = msgspec.json.encode(manifest)
        found[path.relative_to(history).as_posix()] = data
    return found


def catalogue(folder: Path) -> Catalogue:
    return Catalogue(folder / "data" / "history", folder / "data" / "cache" / "days")
