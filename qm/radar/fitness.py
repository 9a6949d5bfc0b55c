"""Which symbols can be ranked at all, and what the others lack."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.radar.parts import Array, Indices, add_parts

Codes = npt.NDArray[np.uint8]

PRECISION: Final = 1e6
"""A score is rounded to a millionth of a point."""


class Lack(IntEnum):
    """What keeps a symbol from being ranked; the first that applies, in this order."""

    NOTHING = 0
    NO_PRICE = 1
    NO_PRIOR_CLOSE = 2
    """Unknown, or set aside because a split or a change of shares makes it no measure of today's price."""
    HALTED = 3
    CHEAP = 4
    QUIET = 5


WORDS: Final = {
    Lack.NOTHING: "",
    Lack.NO_PRICE: "no price yet",
    Lack.NO_PRIOR_CLOSE: "its prior close is not known, or no measure of today's price",
    Lack.HALTED: "halted",
    Lack.CHEAP: "below the least price",
    Lack.QUIET: "too few dollars traded",
}
"""What a person is told about a symbol that is not ranked."""


JUDGED: Final = ("last", "chg_pct", "halted", "dollar_volume", "pre_dollar_volume")
"""The features on which it depends whether a symbol is ranked."""
_BLOCK: Final = 512
"""Rows that are looked at together: what they are made of fits the processor's first caches."""


@numba.njit(cache=True, error_model="numpy", nogil=True)
def rate(
    matrix: Array,
    places: Indices,
    ways: Array,
    min_price: float,
    min_dollars: float,
    strength: Array,
    lacks: Codes,
    scores: Array,
) -> int:
    """Write the score of every row, the `Lack` of every row, and the scores of those that lack nothing, else NaN.

    `places` holds the rows of the matrix with the features of `JUDGED`, and then those of the parts. Returns how many
    lack nothing. Each comparison is written so that NaN fails it.
    """
    count = 0
    for start in range(0, strength.shape[0], _BLOCK):
        stop = min(start + _BLOCK, strength.shape[0])
        points = strength[start:stop]
        points[:] = 0.0
        add_parts(points, matrix, places, len(JUDGED), start, stop, ways)
        last, chg_pct = matrix[places[0], start:stop], matrix[places[1], start:stop]
        halted, dollars = matrix[places[2], start:stop], matrix[places[3], start:stop]
        pre_dollars, codes, kept = matrix[places[4], start:stop], lacks[start:stop], scores[start:stop]
        for k in range(stop - start):
            score = np.rint(points[k] * PRECISION) / PRECISION
            total = 0.0
            if dollars[k] > 0.0:
                total += dollars[k]
            if pre_dollars[k] > 0.0:
                total += pre_dollars[k]
            # The first that applies is asked last.
            lack = 0 if total >= min_dollars and total > 0.0 else 5
            lack = lack if last[k] >= min_price else 4
            lack = lack if halted[k] == 0.0 else 3
            lack = lack if chg_pct[k] > -np.inf else 2
            lack = lack if last[k] > 0.0 else 1
            points[k], codes[k], kept[k] = score, lack, score if lack == 0 else np.nan
            count += lack == 0
    return count


def strongest(scores: Array, top: int, lately: Indices | None = None) -> Indices:
    """Return the rows of the `top` highest scores, NaN left out, highest first, equal ones in row order.

    The rows that were `lately` the strongest are a hint that only saves time.
    """
    rows = np.empty(min(top, len(scores)), np.int64)
    return rows[: _strongest(scores, rows, np.empty(len(rows)), rows[:0] if lately is None else lately)]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _strongest(scores: Array, rows: Indices, best: Array, lately: Indices) -> int:
    """Keep the best so far sorted: of thousands of symbols, few are ever put in."""
    top, n, least = rows.shape[0], 0, 0.0
    # Who is weaker than all of so many cannot be among the strongest.
    if lately.shape[0] == top and top > 0:
        least = np.inf
        for row in lately:
            if not scores[row] >= 0.0:
                # Not ranked any more, which makes them no measure.
                least = 0.0
                break
            least = min(least, scores[row])
    for row in range(scores.shape[0]):
        score = scores[row]
        # Written so that NaN goes no further.
        if not score >= least or (n == top and not score > best[n - 1]):
            continue
        place = min(n, top - 1)
        while place > 0 and best[place - 1] < score:
            best[place], rows[place] = best[place - 1], rows[place - 1]
            place -= 1
        best[place], rows[place] = score, row
        n = min(n + 1, top)
    return n
