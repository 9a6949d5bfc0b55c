"""The radar's answer at one beat: who is strongest, how strong, and made of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from qm.market.features import Features
from qm.model.events import Contribution, RadarRow
from qm.model.instrument import SymbolTable
from qm.radar.parts import Array, Part

Indices = npt.NDArray[np.int64]


UNRANKED: Final = (-1.0, 0)
"""At least as strong as any symbol that is not ranked, and weaker than any that is."""


class Ranking:
    """All symbols in order of strength as of one beat; it never changes once made.

    The order is by score, and by row where scores are equal. Symbols that are not ranked have rank 0 and score NaN.
    """

    def __init__(
        self,
        table: SymbolTable,
        features: Features,
        parts: Mapping[str, Part],
        scores: Array,
        top: int,
        before: Array | None = None,
    ) -> None:
        self.ts = features.ts
        """The beat, ns UTC."""
        self.table, self.features, self.parts, self.scores = table, features, parts, scores
        self.order = strongest(scores, top)
        """Rows of the strongest symbols, the strongest first; at most `top`."""
        self.count = int(np.count_nonzero(scores >= 0))
        """Symbols ranked."""
        self._before = before
        self._place = {row: rank for rank, row in enumerate(self.order.tolist(), 1)}

    def rank_of(self, row: int) -> int:
        """Return the rank of a row, 1 for the strongest, 0 when it is not ranked."""
        return self._place.get(row) or _rank(self.scores, row)

    def rank_change(self, row: int) -> int | None:
        """Return the places gained (+) or lost (-) over the last minute.

        None when the symbol is not ranked, was not a minute ago, or nobody looked then.
        """
        now = self.rank_of(row)
        then = 0 if self._before is None else _rank(self._before, row)
        return then - now if now and then else None

    def strength(self, symbol: str) -> tuple[float, int]:
        """Return what orders two symbols by strength: the larger is the stronger, and one not ranked the weakest."""
        row = self.table.row(symbol)
        score = float(self.scores[row])
        return (score, -row) if score >= 0 else (UNRANKED[0], -row)

    def row(self, row: int) -> RadarRow:
        """Return one symbol's line with its contributions; an unranked one has rank 0, score 0, and the parts it would
        have had; `last` is 0 before the first price."""
        return self.lines([row])[0]

    def rows(self, n: int) -> tuple[RadarRow, ...]:
        """Return the lines of the `n` strongest symbols, or of as many as `order` holds."""
        return tuple(self.lines(self.order[:n]))

    def contributions(self, rows: Indices) -> dict[str, tuple[Array, Array]]:
        """Return for each part its values (NaN where unknown) and its points, parallel to `rows`."""
        out = {}
        for name, part in self.parts.items():
            values = self.features[name][rows]
            out[name] = (values, part.of(values))
        return out

    def lines(self, rows: Sequence[int] | Indices) -> list[RadarRow]:
        """Return the lines of the rows given, as `row` does for one."""
        at = np.asarray(rows, np.int64)
        columns = [
            [Contribution(name, *pair) for pair in zip(_known(values), np.round(points, 3).tolist(), strict=True)]
            for name, (values, points) in self.contributions(at).items()
        ]
        parts = zip(*columns, strict=True)
        lasts, scores = self.features["last"][at].tolist(), np.round(self.scores[at], 3).tolist()
        return [
            RadarRow(
                symbol=self.table.names[row],
                rank=self.rank_of(row),
                score=score if score >= 0 else 0.0,
                last=last if last > 0 else 0.0,
                parts=made_of,
            )
            for row, score, last, made_of in zip(at.tolist(), scores, lasts, parts, strict=True)
        ]


def strongest(scores: Array, top: int) -> Indices:
    """Return the rows of the `top` highest scores, NaN left out, highest first, equal ones in row order."""
    rows = np.empty(min(top, len(scores)), np.int64)
    return rows[: _strongest(scores, rows, np.empty(len(rows)))]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _strongest(scores: Array, rows: Indices, best: Array) -> int:
    """Keep the best so far sorted: of thousands of symbols, few are ever put in."""
    top, n = rows.shape[0], 0
    for row in range(scores.shape[0]):
        score = scores[row]
        # Written so that NaN goes no further.
        if not score >= 0.0 or (n == top and not score > best[n - 1]):
            continue
        place = min(n, top - 1)
        while place > 0 and best[place - 1] < score:
            best[place], rows[place] = best[place - 1], rows[place - 1]
            place -= 1
        best[place], rows[place] = score, row
        n = min(n + 1, top)
    return n


def _known(values: Array) -> list[float | None]:
    """Return the values rounded as the journal keeps them, None where NaN."""
    rounded: list[float] = np.round(values, 6).tolist()
    # NaN is not equal to itself.
    return [value if value == value else None for value in rounded]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _rank(scores: Array, row: int) -> int:
    score = scores[row]
    if not score >= 0.0:
        return 0
    rank = 1
    for other in range(scores.shape[0]):
        if scores[other] > score or (scores[other] == score and other < row):
            rank += 1
    return rank
