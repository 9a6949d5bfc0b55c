"""The features by name: what each one is, in which unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, Self


class F(IntEnum):
    """Rows of the feature matrix; each member carries its unit, its meaning, and whether it is a flag (0 or 1)."""

    unit: str
    about: str
    is_flag: bool

    def __new__(cls, value: int, unit: str, about: str, is_flag: bool = False) -> Self:
        """Make a member that is its number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.unit, member.about, member.is_flag = unit, about, is_flag
        return member

    LAST = 0, "$", "last eligible price"
    GAP_PCT = 1, "%", "from the prior close to the open; before the open, to the last price"
    CHG_PCT = 2, "%", "from the prior close to the last price"
    CHG_OPEN_PCT = 3, "%", "from the open to the last price"
    RVOL = 4, "x", "volume of the day against the mean of the symbol's last 14 days by this time; from eight on"
    OPENING_RVOL = 5, "x", "volume of the first five minutes against what is usual; from 09:35"
    VOLUME = 6, "shares", "shares of regular hours so far"
    DOLLAR_VOLUME = 7, "$", "traded in regular hours so far"
    ADV = 8, "shares", "average volume of a day's regular hours, earlier days"
    ATR = 9, "$", "average true range of a day, earlier days"
    MOM_1_PCT = 10, "%", "since the minute boundary one minute ago"
    MOM_5_PCT = 11, "%", "since the minute boundary five minutes ago"
    MOM_15_PCT = 12, "%", "since the minute boundary fifteen minutes ago"
    VWAP_DIST_PCT = 13, "%", "from the volume-weighted average price of regular hours to the last price"
    RANGE_POS = 14, "", "place between the low (0) and the high (1) of regular hours"
    RANGE_ATR = 15, "x", "high less low of regular hours, in average true ranges"
    HIGH_AGE_S = 16, "s", "since the high of regular hours was made"
    SPREAD_BPS = 17, "bp", "ask less bid against the middle; unknown where no quotes are told"
    FLOAT_ROTATION = 18, "x", "volume against the shares free to trade"
    HALTED = 19, "", "trading is halted or paused", True
    REF_DAYS = 20, "days", "sessions behind the averages"
    FLOAT_SHARES = 21, "shares", "shares free to trade"
    OPEN = 22, "$", "first price of regular hours"
    MINS_SINCE_OPEN = 23, "min", "since 09:30; less than 0 before"
    VOL_5M = 24, "shares", "volume since the minute boundary five minutes ago"
    RVOL_5M = 25, "x", "vol_5m against the mean of the symbol's last 14 days in the same minutes; from eight on"
    VOL_5M_PCT = 26, "%", "pace of vol_5m against that of a mean day of ten, whatever the time of day"
    VOL_SURGE = 27, "x", "pace of vol_5m against that of the five minutes before; from 09:40"
    LOW_CHG_PCT = 28, "%", "from the prior close to the low of regular hours"
    CHG_1_AGO_PCT = 29, "%", "chg_pct as it was at the minute boundary one minute ago"
    MINS_BELOW_VWAP = 30, "min", "of the twenty minutes before the last one, those that ended below the VWAP"
    HIGH_DIST_ATR = 31, "x", "from the last price up to the high of regular hours, in average true ranges"
    PRE_VOLUME = 32, "shares", "shares from 04:00 to the open"
    PRE_DOLLAR_VOLUME = 33, "$", "traded from 04:00 to the open"
    PRE_RVOL = 34, "x", "pre_volume against the mean of the symbol's last 14 days by this time; from eight on"
    PRE_HIGH = 35, "$", "highest price from 04:00 to the open"
    PRE_LOW = 36, "$", "lowest price from 04:00 to the open"
    PRE_HIGH_DIST_PCT = 37, "%", "from the pre-market high to the last price"
    RVOL_DAY = 38, "x", "volume so far against that of a whole day, the mean of twenty"
    PROJ_VOLUME = 39, "shares", "volume of the whole day if it goes on as is usual for the symbol; of full days only"
    ADV_DOLLAR = 40, "$", "average volume of a day, at the prior close"
    ATR_PCT = 41, "%", "average true range against the prior close"
    MOVE_ATR = 42, "x", "from the open to the last price, in average true ranges"
    VWAP = 43, "$", "volume-weighted average price of regular hours"
    VWAP_DIST_ATR = 44, "x", "from the VWAP to the last price, in average true ranges"
    VWAP_SIGMA = 45, "$", "volume-weighted standard deviation of prices about the VWAP"
    VWAP_Z = 46, "x", "from the VWAP to the last price, in vwap_sigma"
    MOM_2_PCT = 47, "%", "since the minute boundary two minutes ago"
    MOM_10_PCT = 48, "%", "since the minute boundary ten minutes ago"
    VELOCITY = 49, "$", "move per minute since the minute boundary one minute ago"
    PRINTS_PER_MIN = 50, "", "prints per minute since the minute boundary one minute ago; unknown on bars"
    BOOK_IMB = 51, "", "size bid less size asked, against both: -1 all sellers, 1 all buyers"
    QUOTE_AGE_S = 52, "s", "since the last quote"
    HIGHS_TODAY = 53, "", "new highs of regular hours, each a tick or more above the one before"
    NEW_HIGH = 54, "", "a new high of regular hours was made in the last minute", True
    PREV_HIGH = 55, "$", "high of the session before"
    PREV_LOW = 56, "$", "low of the session before"
    PREV_CLOSE = 57, "$", "official close of the session before, in today's shares"
    HIGH_52W = 58, "$", "highest price of the 52 weeks before this session"
    HIGH_52W_DIST_PCT = 59, "%", "from the 52-week high to the last price"
    NR7 = 60, "", "the session before had the narrowest range of seven", True
    INSIDE_DAY = 61, "", "the session before stayed within the range of the one before it", True
    OR_HIGH = 62, "$", "high of the first five minutes; from 09:35"
    OR_LOW = 63, "$", "low of the first five minutes; from 09:35"
    OR_WIDTH_ATR = 64, "x", "or_high less or_low, in average true ranges"
    OR_DIR = 65, "", "the first five minutes ended above the open (1), below it (-1) or at it (0)"
    OR_BREAK_PCT = 66, "%", "from or_high to the last price; more than 0 above the range"
    RANGE_EXP_5M = 67, "x", "range of the last whole 5-minute bar against the mean of up to twenty before it"
    RANGE_EXP_STREAK = 68, "", "whole 5-minute bars in a row whose range_exp_5m was 2 or more"
    RED_BARS_5M = 69, "", "whole 5-minute bars in a row that closed below their open"
    GREEN_BARS_5M = 70, "", "whole 5-minute bars in a row that closed above their open"
    RSI2_5M = 71, "", "Wilder's relative strength index over two 5-minute closes, 0 to 100"
    BB_LOW_DIST_PCT = 72, "%", "from the lower Bollinger band (20, 2) of 5-minute closes to the last price"
    NEW_5M_HIGH = 73, "", "the last price is above the high of the last whole 5-minute bar", True
    RS_SPY_PCT = 74, "%", "chg_open_pct less beta times that of SPY; unknown without SPY or beta"
    HALTS_TODAY = 75, "", "halts and pauses since 04:00"
    MINS_SINCE_RESUME = 76, "min", "since trading resumed after the last halt; unknown before one and during it"
    SSR = 77, "", "short sales are restricted: since yesterday, or by today's fall", True
    QUARANTINED = 78, "", "prints set aside today because they were far off the market"
    HIGH = 79, "$", "high of regular hours"
    LOW = 80, "$", "low of regular hours"
    DAY_HIGH = 81, "$", "highest price since 04:00, up to the close"
    DAY_LOW = 82, "$", "lowest price since 04:00, up to the close"
    REVISED = 83, "", "prints and bars of today that were cancelled or corrected afterwards"
    BETA = 84, "x", "slope of daily moves on those of SPY over 60 sessions; from twenty on"
    LATE_OPEN = 85, "", "the symbol opened at 09:31 or later: its opening ranges run from there", True
    OR_1_HIGH = 86, "$", "high of the first minute; from 09:31"
    OR_1_LOW = 87, "$", "low of the first minute; from 09:31"
    OR_1_WIDTH_ATR = 88, "x", "or_1_high less or_1_low, in average true ranges"
    OR_1_DIR = 89, "", "the first minute ended above the open (1), below it (-1) or at it (0)"
    OR_15_HIGH = 90, "$", "high of the first fifteen minutes; from 09:45"
    OR_15_LOW = 91, "$", "low of the first fifteen minutes; from 09:45"
    OR_15_WIDTH_ATR = 92, "x", "or_15_high less or_15_low, in average true ranges"
    OR_15_DIR = 93, "", "the first fifteen minutes ended above the open (1), below it (-1) or at it (0)"
    OR_30_HIGH = 94, "$", "high of the first thirty minutes; from 10:00"
    OR_30_LOW = 95, "$", "low of the first thirty minutes; from 10:00"
    OR_30_WIDTH_ATR = 96, "x", "or_30_high less or_30_low, in average true ranges"
    OR_30_DIR = 97, "", "the first thirty minutes ended above the open (1), below it (-1) or at it (0)"
    OR_60_HIGH = 98, "$", "high of the first hour; from 10:30"
    OR_60_LOW = 99, "$", "low of the first hour; from 10:30"
    OR_60_WIDTH_ATR = 100, "x", "or_60_high less or_60_low, in average true ranges"
    OR_60_DIR = 101, "", "the first hour ended above the open (1), below it (-1) or at it (0)"
    AVWAP_RESUME = 102, "$", "volume-weighted average price since trading resumed after the last halt"
    AVWAP_RESUME_DIST_PCT = 103, "%", "from avwap_resume to the last price"
    AVWAP_PM_HIGH = 104, "$", "volume-weighted average price since the pre-market high was made, that print with it"
    AVWAP_PM_HIGH_DIST_PCT = 105, "%", "from avwap_pm_high to the last price"
    TAPE_SPEED = 106, "x", "prints_per_min against up to twenty minutes before, in standard deviations; from 09:41"
    HALT_REASON = 107, "", "why the exchange halted it last: the number of its code; unknown where it does not say"
    HALT_PRICE = 108, "$", "last price before the last halt"
    LULD_REF = 109, "$", "reference price of the limit-up limit-down bands; unknown where none are told"
    HALT_AT = 110, "min", "from 09:30 to when the last halt began; less than 0 before"
    QUOTES_AT = 111, "min", "from 09:30 to when quotes go on after the last halt at the earliest, as it was told"
    TRADES_AT = 112, "min", "from 09:30 to when trading goes on after the last halt at the earliest, as it was told"
    BB_CLOSE_PCT = 113, "%", "from the lower Bollinger band (20, 2) of 5-minute closes to the last of them"
    RVOL_ALL_DAY = (
        114,
        "x",
        "volume since 04:00 against the mean of the symbol's last 14 days by this time; from eight on",
    )
    FLOAT_ROTATION_ALL_DAY = 115, "x", "volume since 04:00 against the shares free to trade"
    VWAP_ALL_DAY = 116, "$", "volume-weighted average price since 04:00"
    VWAP_ALL_DAY_DIST_PCT = 117, "%", "from vwap_all_day to the last price"


NAMES: Final[tuple[str, ...]] = tuple(f.name.lower() for f in F)
"""Every feature, by the name that scans and explanations use.

The entries of a journal carry their values in this order: a new one goes to the end, and none is ever taken out."""
UNITS: Final[dict[str, str]] = {f.name.lower(): f.unit for f in F}
"""Unit of every feature."""
ABOUT: Final[dict[str, str]] = {f.name.lower(): f.about for f in F}
"""Meaning of every feature, for people."""
FLAGS: Final[tuple[str, ...]] = tuple(f.name.lower() for f in F if f.is_flag)
"""Features that are 0 or 1, or unknown."""
MOMENTS: Final = ("halt_at", "quotes_at", "trades_at")
"""Features that are a time of the day, in minutes from 09:30."""
CODES: Final = ("halt_reason",)
"""Features that stand for a code by its number."""


def known(values: Sequence[float | None] | Mapping[str, float]) -> dict[str, float]:
    """Name the features that an entry of the journal carries; what was not known is left out.

    They stand in the order of `NAMES`, the first of them only in an entry that is older than the others, and with their
    names in one that is older still.
    """
    if isinstance(values, Mapping):
        return dict(values)
    return {name: value for name, value in zip(NAMES, values, strict=False) if value is not None}
