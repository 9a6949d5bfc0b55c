"""Round lots: how many shares a quotation stands for, by the price of the stock in an earlier month."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qm.rules.dated import schedule

ROUND_LOTS: Final = schedule(
    "round lots",
    ("1998-01-01", ((None, 100),), "Regulation NMS Rule 600 before its amendment."),
    (
        "2025-11-03",
        ((Decimal(250), 100), (Decimal(1000), 40), (Decimal(10000), 10), (None, 1)),
        "Regulation NMS Rule 600(b)(93), SEC Rel. 34-101070.",
    ),
)
"""Shares of a round lot by the average close of the month of evaluation: (up to and including this price, lot)."""

_ASSIGNED: Final = ((5, 3), (11, 9))
"""(month from which an assignment holds, month whose closes it averages); same source as the lots."""


class Month(NamedTuple):
    """A month of a year."""

    year: int
    month: int


def round_lot(average_close: Decimal, day: dt.date) -> int:
    """Return the shares of a round lot on `day` of a stock with this average close in `evaluated(day)`, $."""
    return next(lot for upto, lot in ROUND_LOTS.at(day) if upto is None or average_close <= upto)


def round_lots(price: npt.NDArray[np.float64], day: dt.date) -> npt.NDArray[np.int64]:
    """Return the shares of a round lot by a price near the average that decides; 100 where it is unknown."""
    rows = ROUND_LOTS.at(day)
    upto = [float(limit) for limit, _ in rows if limit is not None]
    # Up to and including a limit lies before it. A price that is not a number would lie behind all of them.
    places = np.searchsorted(upto, np.where(np.isnan(price), 0.0, price), side="left")
    return np.array([lot for _, lot in rows], np.int64)[places]


def evaluated(day: dt.date) -> Month | None:
    """Return the month whose closes decide the round lot of `day`; None while every lot had 100 shares."""
    if len(ROUND_LOTS.at(day)) == 1:
        return None
    for since, month in reversed(_ASSIGNED):
        if day >= _first_weekday(day.year, since):
            return Month(day.year, month)
    return Month(day.year - 1, _ASSIGNED[-1][1])


def _first_weekday(year: int, month: int) -> dt.date:
    """No holiday of the exchanges falls on the first weekday of May or November."""
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=7 - first.weekday() if first.weekday() >= 5 else 0)
