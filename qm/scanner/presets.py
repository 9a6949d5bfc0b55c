"""Scans by name: what is looked for, when, and how long a find lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qm.clock import DAY, HOUR, MINUTE, SECOND, ny_time_of_day_ns
from qm.errors import NotFoundError, UsageError
from qm.market.features import UNITS
from qm.scanner.conditions import Condition, flag
from qm.scanner.text import parse

SCORE: Final = "score"
"""The radar's score, by which a scan can rank as it can by any feature."""

_OPEN: Final = 9 * HOUR + 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Scan:
    """A condition with the hours in which it is asked and the life of what it finds.

    Raises NotFoundError when `rank_by` is neither a feature nor "score", and UsageError for a window or a number that
    makes no sense.
    """

    name: str
    condition: Condition
    window: tuple[int | str, int | str]
    """First and last moment at which it is asked, in minutes from 09:30 or as "HH:MM", New York; both included, to the
    second, so that equal ends name a single beat."""
    rank_by: str = SCORE
    """Largest first; a symbol for which it is unknown comes last."""
    top: int = 20
    """At most so many symbols are found at one beat."""
    cooldown_s: int = 300
    """How long a symbol is not found again after it was over."""
    hold_s: int = 300
    """How long a find lasts at least; after that it is over at the first beat at which the condition does not hold."""

    def __post_init__(self) -> None:
        if self.rank_by != SCORE and self.rank_by not in UNITS:
            raise NotFoundError.of("feature", self.rank_by, (SCORE, *UNITS))
        if self.start_ns > self.end_ns:
            raise UsageError(f"{_of(self.name)}the window ends before it starts.")
        if self.top < 1 or self.cooldown_s < 0 or self.hold_s < 0:
            raise UsageError(f"{_of(self.name)}top must be 1 or more, times 0 or more.")

    @property
    def start_ns(self) -> int:
        """Start of the window, ns after midnight in New York."""
        return _time_of_day(self.name, self.window[0])

    @property
    def end_ns(self) -> int:
        """End of the window, ns after midnight in New York."""
        return _time_of_day(self.name, self.window[1])

    def open_at(self, now: int) -> bool:
        """Say whether the scan is asked at this moment, ns UTC."""
        return self.start_ns <= ny_time_of_day_ns(now) < self.end_ns + SECOND


def _time_of_day(scan: str, end: int | str) -> int:
    if isinstance(end, int):
        time = _OPEN + end * MINUTE
    else:
        hour, colon, minute = end.partition(":")
        if not (colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(minute) < 60):
            raise UsageError(f"{_of(scan)}{end!r} is no time of day.", 'Write it as "HH:MM", or in minutes from 09:30.')
        time = int(hour) * HOUR + int(minute) * MINUTE
    if not 0 <= time < DAY:
        raise UsageError(f"{_of(scan)}{end!r} lies outside the day.", 'Write it as "HH:MM", or in minutes from 09:30.')
    return time


def _of(scan: str) -> str:
    return f"Scan {scan}: " if scan else ""


_RUNNING: Final = "rvol >= 2 & chg_pct >= 4 & mom_5_pct >= 1 & last in 2..100 & range_pos >= 0.8 & ~halted"
_A_DAY: Final = 24 * 60 * 60

_SCANS: Final = (
    # Volume is counted from 09:30: before that, a narrow market is what tells a gap from a single odd print.
    Scan(
        name="top_gappers",
        condition=parse("gap_pct >= 4 & last in 2..500 & spread_bps <= 100 & ~halted"),
        window=("04:00", "09:30"),
        rank_by="gap_pct",
        cooldown_s=60,
        hold_s=60,
    ),
    # Zarattini, Barbon, Aziz (2024): chosen once, when the opening range is complete; worked until the close.
    Scan(
        name="stocks_in_play",
        condition=parse("last > 5 & adv >= 1M & atr > 0.5 & opening_rvol >= 1"),
        window=(5, 5),
        rank_by="opening_rvol",
        top=20,
        cooldown_s=0,
        hold_s=385 * 60,
    ),
    Scan(name="momentum", condition=parse(f"{_RUNNING} & spread_bps <= 60"), window=("09:35", "15:30")),
    # Bars bring no quotes; their spread is unknown, and what is unknown passes no condition.
    Scan(name="momentum_bars", condition=parse(_RUNNING), window=("09:35", "15:30")),
    Scan(
        name="hod_momo",
        condition=parse(
            "high_age_s <= 60 & rvol >= 2 & chg_pct >= 4 & vol_5m_pct >= 300 & mom_5_pct >= 1.5"
            " & last in 2..50 & ~halted"
        ),
        window=("09:30", "15:30"),
        rank_by="mom_5_pct",
        cooldown_s=60,
        hold_s=60,
    ),
    Scan(
        name="low_float_runner",
        condition=parse(
            "float_shares <= 20M & chg_pct >= 10 & rvol >= 5 & float_rotation >= 0.1 & last in 2..20 & ~halted"
        ),
        window=("09:30", "11:30"),
        rank_by="float_rotation",
    ),
    Scan(
        name="rvol_spike",
        condition=parse("rvol_5m >= 5 & vol_surge >= 3 & mom_5_pct not in -1..1 & ~halted"),
        window=("09:30", "16:00"),
        rank_by="rvol_5m",
    ),
    Scan(
        name="vwap_reclaim",
        condition=parse("mins_below_vwap >= 15 & vwap_dist_pct > 0 & rvol_5m >= 1.5 & ~halted"),
        window=("10:00", "15:30"),
        # The farther below the high, the more room.
        rank_by="high_dist_atr",
        cooldown_s=900,
    ),
    Scan(
        name="red_to_green",
        condition=parse("low_chg_pct < 0 & chg_1_ago_pct < 0 & chg_pct >= 0 & rvol >= 1.5 & ~halted"),
        window=("09:30", "11:30"),
        rank_by="rvol",
        # Once a day.
        cooldown_s=_A_DAY,
    ),
    # Over as soon as it trades again.
    Scan(
        name="halts",
        condition=flag("halted"),
        window=("04:00", "16:00"),
        rank_by="dollar_volume",
        top=100,
        cooldown_s=0,
        hold_s=0,
    ),
)

PRESETS: Final[dict[str, Scan]] = {scan.name: scan for scan in _SCANS}
"""The scans that come with the program."""
