"""Where the ledger of all sweeps lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backtest.ledger import Ledger
from cli.stores import BACKTEST, journal_file

FILE: Final = "sweeps.db"


def ledger_file() -> Path:
    """Return the file of the ledger; there may be none yet."""
    return journal_file(BACKTEST).with_name(FILE)


def ledger() -> Ledger:
    """Open or create the ledger; StoreError, DiskFullError and LockedError."""
    return Ledger.open(ledger_file())
