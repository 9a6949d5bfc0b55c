"""What is known about each symbol before its session begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from qm.market.climate import unknown
from qm.rules.calendar import SESSION_MINUTES

Column = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]

NOISE_TIMES: Final = 13
"""Half hours of the noise area: 10:00, 10:30 to 16:00."""
COURSE: Final = 79
"""Five-minute boundaries of regular hours: 09:30, 09:35 to 16:00."""
PRE_COURSE: Final = 23
"""Quarters of an hour before the open: 04:00, 04:15 to 09:30."""
_ROWS: Final = {"noise": NOISE_TIMES, "usual": COURSE, "pre_usual": PRE_COURSE}
"""Columns that have several numbers per symbol."""
_WHOLE: Final = ("curve", "climate")
"""Those that say one thing for all symbols."""
_SINGLE: Final = ("usual", "pre_usual")
"""Columns that are large, and exact enough as float32."""


def _unknown() -> Column:
    return np.empty(0)


def _no_course() -> Single:
    return np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns by the row of the symbol; NaN is "not known", never a number.

    Everything in here follows from earlier sessions only. Means run over at most the last 14 sessions, and over as few
    as there are: `days` says how many. Prices and volumes are in the shares of this session: splits that take effect
    today are applied. A column that is left out is not known for any symbol.

    Two ways to say what volume is usual by a time of day: `usual` is the symbol's own course; where it is not known,
    `adv` times `curve`, that of the whole market, stands in.
    """

    prior_close: Column
    """Official close of the last session in which the symbol traded, $."""
    adv: Column
    """Average volume of a day's regular hours over 14 days, shares; it compares with the market's own `volume`."""
    atr: Column
    """Average true range of regular hours, Wilder's, $ per share."""
    or_volume: Column
    """Average volume of 09:30 to 09:35, shares."""
    float_shares: Column
    """Shares free to trade."""
    days: Times
    """Sessions behind the averages."""
    curve: Column
    """Share of a symbol's regular volume that is usually done by the end of each minute, length 390; rises to 1."""
    pre_volume: Column = field(default_factory=_unknown)
    """Average volume from 04:00 to 09:30, shares."""
    prev_open: Column = field(default_factory=_unknown)
    """First price of the regular hours of the session before, $."""
    prev_high: Column = field(default_factory=_unknown)
    """High of the regular hours of the session before, $."""
    prev_low: Column = field(default_factory=_unknown)
    """Low of the regular hours of the session before, $."""
    high_52w: Column = field(default_factory=_unknown)
    """Highest price of regular hours in the 52 weeks before this session, $."""
    nr7: Column = field(default_factory=_unknown)
    """1 where the session before had the narrowest range of the seven that ended with it, else 0."""
    inside_day: Column = field(default_factory=_unknown)
    """1 where the session before had a lower high and a higher low than the one before it, else 0."""
    noise: Column = field(default_factory=_unknown)
    """Mean of |price / open - 1| over the last 14 full days at 10:00, 10:30 to 16:00; float64[13, symbol]."""
    ssr_carried: Column = field(default_factory=_unknown)
    """1 where a short sale restriction of the session before holds today, else 0."""
    dividend: Column = field(default_factory=_unknown)
    """Cash that goes ex today, $ per share; the gap is taken against the prior close less it. Unknown counts as 0."""
    split_factor: Column = field(default_factory=_unknown)
    """What prices of earlier sessions were multiplied with for splits that take effect today; 1 where there is none."""
    listing: Column = field(default_factory=_unknown)
    """Exchange that lists the symbol: its place in `EXCHANGES`."""
    borrow: Column = field(default_factory=_unknown)
    """What the broker said of borrowing the shares for this session: its place in `TOLD`."""
    leverage: Column = field(default_factory=_unknown)
    """Of a leveraged fund, by its name; it counts as 1 where it is not known."""
    beta: Column = field(default_factory=_unknown)
    """Slope of the daily moves of the last 60 sessions on those of SPY; NaN with fewer than 20 of them."""
    adv10: Column = field(default_factory=_unknown)
    """Average volume like `adv`, over 10 days."""
    adv20: Column = field(default_factory=_unknown)
    """Average volume like `adv`, over 20 days."""
    usual: Single = field(default_factory=_no_course)
    """Mean volume since the open by 09:30, 09:35 to 16:00, over 14 full days, shares; float32[79, symbol]."""
    pre_usual: Single = field(default_factory=_no_course)
    """Mean volume since 04:00 by 04:00, 04:15 to 09:30, over 14 full days, shares; float32[23, symbol]."""
    known_at: Times = field(default_factory=lambda: np.empty(0, np.int64))
    """When the latest of these facts was known, ns UTC; 0 is "not known"."""
    climate: Column = field(default_factory=unknown)
    """Of the market as a whole, by the names of `qm.market.climate`; of symbols it says nothing."""

    def __post_init__(self) -> None:
        """Fill the columns that were left out."""
        symbols = len(self.prior_close)
        for column in fields(self):
            if getattr(self, column.name).size or not symbols:
                continue
            if column.name == "climate":
                object.__setattr__(self, column.name, unknown())
                continue
            shape = (_ROWS[column.name], symbols) if column.name in _ROWS else (symbols,)
            kind = np.float32 if column.name in _SINGLE else np.float64
            whole = np.zeros(shape, np.int64) if column.name == "known_at" else np.full(shape, np.nan, kind)
            object.__setattr__(self, column.name, whole)

    @classmethod
    def empty(cls, symbols: int) -> Self:
        """Return the reference of a market about which nothing is known."""
        return cls(
            prior_close=np.full(symbols, np.nan),
            adv=np.full(symbols, np.nan),
            atr=np.full(symbols, np.nan),
            or_volume=np.full(symbols, np.nan),
            float_shares=np.full(symbols, np.nan),
            days=np.zeros(symbols, np.int64),
            curve=np.full(SESSION_MINUTES, np.nan),
        )

    def __len__(self) -> int:
        return len(self.prior_close)

    def of(self, rows: Sequence[int]) -> Self:
        """Return what is known about some symbols, in the order of `rows`."""
        picked = list(rows)
        columns = {
            column.name: getattr(self, column.name)[..., picked] for column in fields(self) if column.name not in _WHOLE
        }
        return type(self)(curve=self.curve, climate=self.climate, **columns)

    def digest(self) -> str:
        """Return the sha256 over all columns, hex: equal for equal knowledge."""
        whole = sha256()
        for each in fields(self):
            column: npt.NDArray[Any] = getattr(self, each.name)
            # All NaN are alike here, whatever their bits.
            known = np.where(np.isnan(column), np.nan, column) if column.dtype.kind == "f" else column
            whole.update(f"{each.name} {column.dtype.str} {len(column)}\n".encode())
            whole.update(np.ascontiguousarray(known).tobytes())
        return whole.hexdigest()
