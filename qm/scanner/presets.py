"""Scans by name: what is looked for, when, and how long a find lasts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Final

from qm.clock import DAY, HOUR, MINUTE, SECOND, ny_time_of_day_ns
from qm.errors import UsageError
from qm.market.untold import no_feature
from qm.scanner.cadence import Trigger, trigger_for
from qm.scanner.conditions import Condition
from qm.scanner.order import SCORE, canonical, names
from qm.scanner.text import known, parse

_OPEN: Final = 9 * HOUR + 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Scan:
    """A condition with the hours in which it is asked and the life of what it finds.

    Raises NotFoundError when `rank_by` names no feature, and UsageError for a window or a number that makes no sense,
    or for a trigger that mixes what whole bars tell with what moves inside them.
    """

    name: str
    condition: Condition
    window: tuple[int | str, int | str]
    """First and last moment at which it is asked, in minutes from 09:30 or as "HH:MM", New York; both included, to the
    second, so that equal ends name a single beat."""
    rank_by: str = SCORE
    """A feature, or a product of some, largest first; a symbol for which it is unknown comes last."""
    top: int = 20
    """At most so many symbols are found at one beat."""
    cooldown_s: int = 300
    """How long a symbol is not found again after it was over."""
    hold_s: int = 300
    """How long a find lasts at least; after that it is over at the first beat at which the condition does not hold."""
    rearm_pct: float = 0.0
    """A find is told again, or is born before its cool-down is over, when the price has risen by so much since it was
    told last, %; 0 for never."""
    rearm_s: int = 0
    """A find that still holds is told again so many seconds after it was told last; 0 for never."""
    rearm_by: str = ""
    """A feature; a find is told again, or is born before its cool-down is over, when it has grown since the find was
    told last, such as `day_high` for each new high. Empty for none."""
    trigger: Trigger | None = None
    """When it is asked; None for as often as its features allow, which is what stands here afterwards."""
    shows: tuple[str, ...] = ()
    """Features that are told with a find besides those that it asks for."""

    def __post_init__(self) -> None:
        # The dataclass is frozen: what follows from the fields is settled before anybody sees them.
        object.__setattr__(self, "rank_by", canonical(self.rank_by))
        object.__setattr__(self, "rearm_by", self._feature(self.rearm_by))
        object.__setattr__(self, "shows", tuple(self._feature(name) for name in self.shows))
        object.__setattr__(self, "trigger", self._trigger())
        if self.start_ns > self.end_ns:
            raise UsageError(f"{_of(self.name)}the window ends before it starts.")
        if self.top < 1 or self.cooldown_s < 0 or self.hold_s < 0 or self.rearm_s < 0:
            raise UsageError(f"{_of(self.name)}top must be 1 or more, times 0 or more.")
        if not (isfinite(self.rearm_pct) and self.rearm_pct >= 0):
            raise UsageError(f"{_of(self.name)}rearm_pct must be 0 or more.")

    def _trigger(self) -> Trigger:
        try:
            return trigger_for(self.condition.names(), self.trigger)
        except UsageError as error:
            raise UsageError(f"{_of(self.name)}{error.problem}", error.remedy) from None

    def _feature(self, called: str) -> str:
        name = known(called)
        if called and not name:
            raise no_feature(called)
        return name

    @property
    def told_again(self) -> bool:
        """Say whether a find can be told again while it is alive."""
        return bool(self.rearm_pct or self.rearm_s or self.rearm_by)

    @property
    def asks(self) -> tuple[str, ...]:
        """Features that it asks for, ranks by, is told again by or shows, each once."""
        by = (*names(self.rank_by), *filter(None, [self.rearm_by]), *self.shows)
        return tuple(dict.fromkeys((*self.condition.names(), *by)))

    @property
    def start_ns(self) -> int:
        """Start of the window, ns after midnight in New York."""
        return _time_of_day(self.name, self.window[0])

    @property
    def end_ns(self) -> int:
        """End of the window, ns after midnight in New York."""
        return _time_of_day(self.name, self.window[1])

    def open_at(self, now: int) -> bool:
        """Say whether this moment, ns UTC, lies in its window."""
        return self.start_ns <= ny_time_of_day_ns(now) < self.end_ns + SECOND

    def asked_at(self, now: int) -> bool:
        """Say whether it is asked at this moment, ns UTC: in its window, and at a bar's close where it wants one."""
        return self.open_at(now) and (self.trigger is Trigger.BEAT or now % MINUTE == 0)


@lru_cache(maxsize=1024)
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
_GAPPING: Final = "gap_pct >= 4 & last in 2..500 & pre_volume >= 100K & pre_dollar_volume >= 1M & ~halted"
_SMALL_GAPPING: Final = _GAPPING.replace("2..500", "2..20")
_BY_DOLLARS: Final = "gap_pct * log(pre_dollar_volume)"
_HALT: Final = ("halt_reason", "halt_price", "luld_ref", "quotes_at", "trades_at")
_A_DAY: Final = 24 * 60 * 60


def _gappers(name: str, when: str) -> Scan:
    # The list of the pre-market is looked through once a minute.
    return Scan(
        name=name,
        condition=parse(when),
        window=("04:00", "09:30"),
        rank_by=_BY_DOLLARS,
        cooldown_s=60,
        hold_s=60,
        trigger=Trigger.BAR_CLOSE,
    )


_SCANS: Final = (
    _gappers("top_gappers", f"{_GAPPING} & spread_bps <= 100"),
    # Bars bring no quotes; their spread is unknown, and what is unknown passes no condition.
    _gappers("top_gappers_bars", _GAPPING),
    _gappers("small_cap_gappers", f"{_SMALL_GAPPING} & spread_bps <= 100"),
    _gappers("small_cap_gappers_bars", _SMALL_GAPPING),
    # Zarattini, Barbon, Aziz (2024): chosen once, when the opening range is complete; worked until the close.
    Scan(
        name="stocks_in_play",
        condition=parse("open > 5 & adv >= 1M & atr > 0.5 & opening_rvol >= 1"),
        # A minute, because the last of the five bars is known a moment after its end.
        window=(5, 6),
        rank_by="opening_rvol",
        top=20,
        cooldown_s=0,
        hold_s=385 * 60,
    ),
    Scan(name="momentum", condition=parse(f"{_RUNNING} & spread_bps <= 60"), window=("09:35", "15:30")),
    Scan(name="momentum_bars", condition=parse(_RUNNING), window=("09:35", "15:30")),
    Scan(
        name="hod_momo",
        condition=parse(
            "new_high & rvol >= 2 & chg_pct >= 4 & vol_5m_pct >= 300 & mom_5_pct >= 1.5 & last in 2..50 & ~halted"
        ),
        window=("09:30", "15:30"),
        rank_by="mom_5_pct * rvol",
        cooldown_s=60,
        hold_s=60,
        rearm_pct=1.0,
        rearm_s=60,
    ),
    # Volume is compared from 09:30 on: before, that of the pre-market is what tells a runner.
    Scan(
        name="low_float_runner",
        condition=parse(
            "float_shares <= 20M & chg_pct >= 10 & last in 2..20 & float_rotation_all_day >= 0.1 & ~halted"
            " & (rvol >= 5 | mins_since_open < 0 & pre_rvol >= 5)"
        ),
        window=("04:00", "11:30"),
        rank_by="float_rotation_all_day",
        # At each new high since 04:00.
        rearm_by="day_high",
    ),
    # Without a look at earlier days: for a feed whose usual volumes are not known yet.
    Scan(
        name="runners",
        condition=parse(
            "chg_pct >= 10 stay 8 & mom_5_pct >= 2 stay 0 & dollar_volume >= 1M & range_pos >= 0.8 stay 0.5"
            " & last in 1..100 & ~halted"
        ),
        window=("09:30", "15:30"),
        rank_by="mom_5_pct * log(dollar_volume)",
        rearm_pct=2.0,
    ),
    Scan(
        name="rvol_spike",
        condition=parse("rvol_5m >= 5 & vol_surge >= 3 & (mom_5_pct >= 1 | mom_5_pct <= -1) & ~halted"),
        window=("09:30", "16:00"),
        rank_by="rvol_5m",
    ),
    # Sellers are tired: four red bars, the last of them oversold, and the first price above its high.
    Scan(
        name="reversal_bounce",
        condition=parse(
            "red_bars_5m >= 4 & (rsi2_5m < 5 | bb_close_pct < 0) & new_5m_high & range_atr >= 1.5 & ~halted"
        ),
        window=("09:45", "15:30"),
        rank_by="range_atr",
        trigger=Trigger.BAR_CLOSE,
    ),
    Scan(
        name="vwap_reclaim",
        condition=parse("mins_below_vwap >= 15 & vwap_dist_pct > 0 & rvol_5m >= 1.5 & ~halted"),
        window=("10:00", "15:30"),
        # The farther below the high, the more room.
        rank_by="high_dist_atr",
        cooldown_s=900,
        trigger=Trigger.BAR_CLOSE,
    ),
    Scan(
        name="red_to_green",
        condition=parse("low_chg_pct < 0 & chg_1_ago_pct < 0 & chg_pct >= 0 & rvol >= 1.5 & ~halted"),
        window=("09:30", "11:30"),
        rank_by="rvol",
        # Once a day.
        cooldown_s=_A_DAY,
        trigger=Trigger.BAR_CLOSE,
    ),
    # A break stays one until the price is back below what it broke.
    Scan(
        name="pm_high_break",
        condition=parse(
            "pre_high_dist_pct > 0 stay -0.5 & pre_volume >= 100K & pre_dollar_volume >= 1M & gap_pct >= 2"
            " & last in 2..500 & ~halted"
        ),
        window=("09:30", "11:30"),
        rank_by="pre_rvol",
        cooldown_s=900,
    ),
    Scan(
        name="orb_break",
        condition=parse(
            "or_break_pct > 0 stay -0.5 & or_dir > 0 & opening_rvol >= 1 & open > 5 & adv >= 1M & atr > 0.5 & ~halted"
        ),
        window=("09:35", "11:30"),
        rank_by="opening_rvol",
        cooldown_s=900,
    ),
    Scan(
        name="high_52w_break",
        condition=parse("high_52w_dist_pct > 0 stay -0.5 & rvol >= 1.5 stay 1 & adv >= 500K & last >= 5 & ~halted"),
        window=("09:35", "15:30"),
        rank_by="rvol",
        cooldown_s=1800,
    ),
    # Shares outstanding are not known: what changes hands in a day tells a large company from a small one.
    Scan(
        name="large_cap_rs",
        condition=parse(
            "adv_dollar >= 200M & rs_spy_pct >= 1 stay 0.7 & rvol >= 1.2 stay 1 & vwap_dist_pct > 0 stay -0.1 & ~halted"
        ),
        window=("09:45", "15:30"),
        rank_by="rs_spy_pct",
        cooldown_s=900,
    ),
    # To be watched, not bought: this is how moves end.
    Scan(
        name="parabolic",
        condition=parse("chg_pct >= 40 & range_exp_streak >= 3 & ~halted"),
        window=("09:30", "16:00"),
        rank_by="chg_pct",
        trigger=Trigger.BAR_CLOSE,
    ),
    # Over as soon as it trades again; each halt is told. The number of halts stands among the reasons.
    Scan(
        name="halts",
        condition=parse("halted & halts_today >= 1"),
        window=("04:00", "16:00"),
        rank_by="halt_at",
        top=100,
        cooldown_s=0,
        hold_s=0,
        rearm_by="halts_today",
        shows=_HALT,
    ),
    Scan(
        name="resumptions",
        condition=parse("mins_since_resume <= 1 & halts_today >= 1 & ~halted"),
        window=("04:00", "16:00"),
        rank_by="halt_at",
        top=100,
        cooldown_s=0,
        hold_s=0,
        rearm_by="halts_today",
        shows=_HALT,
    ),
)

PRESETS: Final[dict[str, Scan]] = {scan.name: scan for scan in _SCANS}
"""The scans that come with the program."""
