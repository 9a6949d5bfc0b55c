"""What a download did, and the exit code that says so to a script."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from qm.errors import UnavailableError

SCHEMA: Final = 1
"""Version of the report."""


class Stop(StrEnum):
    """Why a download ended before its work did."""

    TIME = "time"
    """`--max-runtime` is over."""
    SIGNAL = "signal"
    """SIGTERM: it goes on the next time."""
    INTERRUPT = "interrupt"
    """Ctrl-C."""
    ERROR = "error"
    """Going on makes no sense; `error` says why."""


class Report(msgspec.Struct, kw_only=True):
    """What became of every session that was asked for; sessions by kind and date."""

    schema: int = SCHEMA
    provider: str
    dataset: str
    kinds: list[str]
    since: str
    until: str
    dry_run: bool
    expected: int = 0
    """Units of work: sessions of the calendar, each kind apart."""
    there: int = 0
    """They were there already, and are what the vendor has as far as was asked."""
    fetched: list[str] = []
    """They are new; on a dry run, they would be fetched."""
    replaced: list[str] = []
    """The vendor published them again, or what was here was damaged."""
    missing: list[str] = []
    """The vendor has none, though the market was open."""
    later: list[str] = []
    """The vendor does not have them yet."""
    left: list[str] = []
    """They wait for the next time."""
    failed: dict[str, str] = {}
    """Why it did not work out; they wait for the next time."""
    rows: int = 0
    rows_refused: int = 0
    bytes: int = 0
    """As they came over the line."""
    seconds: float = 0.0
    stopped: Stop | None = None
    error: str = ""
    exit_code: int = 0

    def settled(self, unavailable: int) -> Report:
        """Set the exit code where no error did; `unavailable` of the failures are a vendor that did not answer."""
        if self.exit_code:
            return self
        if self.stopped is Stop.INTERRUPT:
            self.exit_code = 130
        elif self.failed or self.left:
            gained = self.fetched or self.replaced
            down = unavailable and unavailable == len(self.failed) and not gained
            self.exit_code = UnavailableError.exit_code if down else 3
        elif self.missing:
            self.exit_code = 4
        return self
