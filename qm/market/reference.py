"""What is known about each symbol before its session begins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from qm.rules.calendar import SESSION_MINUTES

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns by the row of the symbol; NaN is "not known", never a number.

    Everything in here follows from earlier sessions only. Means run over at most the last 14 sessions, and over as few
    as there are: `days` says how many.
    """

    prior_close: Column
    """Official close of the last session in which the symbol traded, $, raw."""
    adv: Column
    """Average volume of a day's regular hours, shares; it compares with the market's own `volume`."""
    atr: Column
    """Average true range of regular hours, Wilder's, $ per share."""
    or_volume: Column
    """Average volume of 09:30 to 09:35, shares."""
    float_shares: Column
    """Shares free to trade."""
    days: npt.NDArray[np.int64]
    """Sessions behind the averages."""
    curve: Column
    """Share of a symbol's regular volume that is usually done by the end of each minute, length 390; rises to 1."""

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

    def digest(self) -> str:
        """Return the sha256 over all columns, hex: equal for equal knowledge."""
        whole = sha256()
        for field in fields(self):
            column: npt.NDArray[Any] = getattr(self, field.name)
            # All NaN are alike here, whatever their bits.
            known = np.where(np.isnan(column), np.nan, column) if column.dtype.kind == "f" else column
            whole.update(f"{field.name} {column.dtype.str} {len(column)}\n".encode())
            whole.update(np.ascontiguousarray(known).tobytes())
        return whole.hexdigest()
