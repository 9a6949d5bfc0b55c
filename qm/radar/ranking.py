"""The radar's answer at one beat: who is strongest, how strong, and made of what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, overload

import numpy as np

from qm.clock import MINUTE, SECOND
from qm.market.features import Features
from qm.model.events import Contribution, RadarRow
from qm.model.instrument import SymbolTable
from qm.radar.fitness import Codes, Lack, strongest
from qm.radar.listing import Change, Member
from qm.radar.marks import VELOCITY_MINUTES, Marks, Ranks, ranks_among, ranks_of
from qm.radar.parts import Array, Indices, Part, add_each, ways_of

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
        *,
        ways: Array | None = None,
        order: Indices | None = None,
        strength: Array | None = None,
        lacks: Codes | None = None,
        listed: Mapping[int, Member] | None = None,
        change: Change | None = None,
        marks: Marks | None = None,
        count: int | None = None,
    ) -> None:
        self.ts = features.ts
        """The beat, ns UTC."""
        self.table, self.features, self.parts, self.scores = table, features, parts, scores
        self.order = strongest(scores, top) if order is None else order
        """Rows of the strongest symbols, the strongest first; at most `top`."""
        self.count = int(np.count_nonzero(scores >= 0)) if count is None else count
        """Symbols ranked."""
        self.strength_of = scores if strength is None else strength
        """The score of every row, of those that are not ranked the one that they would have."""
        self.lacks = np.where(scores >= 0, 0, Lack.QUIET).astype(np.uint8) if lacks is None else lacks
        """`Lack` of every row: why it is not ranked."""
        self.change = change or Change()
        """Who came onto the list at this beat, and who left."""
        self.members: Mapping[int, Member] = (
            dict.fromkeys(self.order.tolist(), Member(self.ts)) if listed is None else listed
        )
        """The list by row, the longest there first."""
        self._ways_of_parts = ways_of(parts) if ways is None else ways
        self._marks = marks or Marks()
        self._ranks: Ranks | None = None

    @cached_property
    def listed(self) -> Indices:
        """Rows on the list, the strongest first; a halted one stands where its score would put it."""
        rows = np.fromiter(self.members, np.int64, len(self.members))
        return rows[np.lexsort((rows, -np.nan_to_num(self.strength_of[rows], nan=-1.0)))]

    @cached_property
    def _place(self) -> dict[int, int]:
        return {row: rank for rank, row in enumerate(self.order.tolist(), 1)}

    def rank_of(self, row: int) -> int:
        """Return the rank of a row, 1 for the strongest, 0 when it is not ranked."""
        found = self._place.get(row)
        if found is None:
            found = self._place[row] = int(self.ranks_at(np.array([row], np.int64))[0])
        return found

    def ranks_at(self, rows: Indices) -> Ranks:
        """Return the ranks of some rows, 0 where one is not ranked."""
        return ranks_among(self.scores, rows) if self._ranks is None else self._ranks[rows]

    def shown(self) -> Indices:
        """Return the rows that are ranked among the strongest or stand on the list, the strongest first."""
        strongest_ = dict.fromkeys(self.order.tolist())
        beyond = [row for row in self.listed.tolist() if row not in strongest_]
        rows = np.concatenate([self.order, np.array(beyond, np.int64)])
        return rows[np.lexsort((rows, -self.strength_of[rows]))] if beyond else rows

    def ranks(self) -> Ranks:
        """Return the rank of every row, 0 where it is not ranked."""
        if self._ranks is None:
            self._ranks = ranks_of(self.scores)
        return self._ranks

    def rank_change(self, row: int) -> int | None:
        """Return the places gained (+) or lost (-) since the minute boundary one minute ago.

        None when the symbol is not ranked, was not then, or nobody looked then.
        """
        return self.row(row).rank_change

    def velocity(self, row: int) -> float | None:
        """Return the places gained (+) or lost (-) per minute since the minute boundary five minutes ago.

        Since the first boundary that is known where five minutes are not; None where no rank of then is.
        """
        return self.row(row).velocity

    def past(self, row: int) -> tuple[int, ...]:
        """Return the ranks at the last minute boundaries before this beat, oldest first; 0 where it was not ranked."""
        return tuple(int(mark.ranks[row]) for mark in self._marks if mark.due < self.ts)

    def strength(self, symbol: str) -> tuple[float, int]:
        """Return what orders two symbols by strength: the larger is the stronger, and one not ranked the weakest."""
        row = self.table.row(symbol)
        score = float(self.scores[row])
        return (score, -row) if score >= 0 else (UNRANKED[0], -row)

    def names_of(self, *rows: Iterable[int]) -> list[tuple[str, ...]]:
        """Return the symbols of several lists of rows."""
        names = self.table.names
        return [tuple([names[row] for row in each]) for each in rows]

    def lack(self, row: int) -> Lack:
        """Return why a row is not ranked; `Lack.NOTHING` for one that is."""
        return Lack(int(self.lacks[row]))

    def row(self, row: int) -> RadarRow:
        """Return one symbol's line with its contributions; an unranked one has rank 0, score 0, and the parts it would
        have had; `last` is 0 before the first price."""
        return self.lines([row])[0]

    def rows(self, n: int) -> tuple[RadarRow, ...]:
        """Return the lines of the `n` strongest symbols, or of as many as `order` holds."""
        return tuple(self.lines(self.order[:n]))

    def contributions(self, rows: Indices) -> dict[str, tuple[Array, Array]]:
        """Return for each part its values (NaN where unknown) and its points, parallel to `rows`."""
        values, points = self._made_of(rows)
        return {name: (values[n], points[n]) for n, name in enumerate(self.parts)}

    def _made_of(self, rows: Indices) -> tuple[Array, Array]:
        """Return float64[part, row] of the values of the parts and of their points."""
        matrix, places = self.features.block(tuple(self.parts))
        values = matrix[places[:, None], rows]
        points = np.zeros(values.shape)
        add_each(points, values, self._ways_of_parts)
        return values, points

    def lines(self, rows: Sequence[int] | Indices) -> Lines:
        """Return the lines of the rows given, as `row` does for one."""
        at = np.asarray(rows, np.int64)
        found = [self._place.get(row, -1) for row in at.tolist()]
        ago, since = self._marks.minutes_ago(1, self.ts), self._marks.since(VELOCITY_MINUTES, self.ts)
        nothing = [0] * len(found)
        before = nothing if ago is None else ago.ranks_at(at).tolist()
        values, points = self._made_of(at)
        seen = self.features
        return Lines(
            self,
            at.tolist(),
            ranks=self.ranks_at(at).tolist() if -1 in found else found,
            before=before,
            first=nothing if since is None else before if since is ago else since.ranks_at(at).tolist(),
            minutes=1.0 if since is None else (self.ts - since.due) / MINUTE,
            scores=np.round(self.scores[at], 3).tolist(),
            lasts=seen["last"][at].tolist(),
            highs=seen["new_high"][at].tolist(),
            halts=seen["halted"][at].tolist(),
            values=np.round(values, 6).T.tolist(),
            points=np.round(points, 3).T.tolist(),
        )


class Lines(Sequence[RadarRow]):
    """Lines of a ranking as columns: what nobody looks at never becomes an object."""

    def __init__(
        self,
        of: Ranking,
        rows: list[int],
        *,
        ranks: list[int],
        before: list[int],
        first: list[int],
        minutes: float,
        scores: list[float],
        lasts: list[float],
        highs: list[float],
        halts: list[float],
        values: list[list[float]],
        points: list[list[float]],
    ) -> None:
        self._of, self._rows = of, rows
        self._ranks, self._before, self._first, self._minutes = ranks, before, first, minutes
        self._columns = (scores, lasts, highs, halts)
        self._values, self._points = values, points

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> RadarRow: ...

    @overload
    def __getitem__(self, at: slice) -> list[RadarRow]: ...

    def __getitem__(self, at: int | slice) -> RadarRow | list[RadarRow]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        of, row = self._of, self._rows[at]
        score, last, high, halt = (column[at] for column in self._columns)
        now, before, first = self._ranks[at], self._before[at], self._first[at]
        member = of.members.get(row)
        return RadarRow(
            symbol=of.table.names[row],
            rank=now,
            score=score if score >= 0 else 0.0,
            last=last if last > 0 else 0.0,
            parts=tuple(
                [
                    # NaN is not equal to itself.
                    Contribution(name, value if value == value else None, points)
                    for name, value, points in zip(of.parts, self._values[at], self._points[at], strict=True)
                ]
            ),
            rank_change=before - now if now and before else None,
            velocity=round((first - now) / self._minutes, 3) if now and first else None,
            listed_s=None if member is None else (of.ts - member.since) / SECOND,
            # Written so that what is not known is no new high, and no halt.
            new_high=high > 0,
            halted=halt > 0,
        )
