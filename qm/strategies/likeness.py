"""How alike two symbols moved in the last hour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.market import KEPT_MINUTES, Market

Array = npt.NDArray[np.float64]

RETURNS: Final = 60
"""One-minute returns that are looked back on."""
RETURNS_MIN: Final = 30
"""With fewer known to both, nothing is said."""


class Likeness(NamedTuple):
    """How alike one symbol is to some others."""

    symbol: str
    """The most alike of those of which it is known; empty when it is known of none."""
    correlation: float | None
    """Of one-minute returns, -1 to 1; None where it is known of none."""
    unknown: tuple[str, ...]
    """Those of which too little is known."""


def correlation(market: Market, row: int, other: int) -> float | None:
    """Return the correlation of the last one-minute returns of two symbols; None where too few are known."""
    found = _correlation(market.closes, market.now // MINUTE, row, other)
    return found if found == found else None


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _correlation(closes: Array, last: int, row: int, other: int) -> float:
    one, two, n = np.empty(RETURNS), np.empty(RETURNS), 0
    for minute in range(last - RETURNS, last):
        then, now = minute % KEPT_MINUTES, (minute + 1) % KEPT_MINUTES
        # Written so that NaN goes no further.
        if closes[then, row] > 0 and closes[now, row] > 0 and closes[then, other] > 0 and closes[now, other] > 0:
            one[n] = np.log(closes[now, row]) - np.log(closes[then, row])
            two[n] = np.log(closes[now, other]) - np.log(closes[then, other])
            n += 1
    if n < RETURNS_MIN:
        return np.nan
    mean_one, mean_two = one[:n].sum() / n, two[:n].sum() / n
    both = square_one = square_two = 0.0
    for k in range(n):
        a, b = one[k] - mean_one, two[k] - mean_two
        both += a * b
        square_one += a * a
        square_two += b * b
    size = np.sqrt(square_one * square_two)
    # What did not move at all is like nothing.
    return min(1.0, max(-1.0, both / size)) if size > 0.0 else np.nan


def alike(market: Market, row: int, others: Iterable[int]) -> Likeness:
    """Return how alike a symbol is to others, and to which of them the most, the first where they tie."""
    best, most, unknown = "", None, []
    for other in others:
        name = market.table.names[other]
        value = correlation(market, row, other)
        if value is None:
            unknown.append(name)
        elif most is None or value > most:
            best, most = name, value
    return Likeness(best, None if most is None else round(most, 4), tuple(unknown))
