"""The momentum radar: one score per symbol, made of named parts, at every beat; and the list that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from qm.clock import MINUTE
from qm.market.features import SHOWN, Features, features
from qm.market.market import Market
from qm.model.events import Beat, Entry, Event, SessionStarted
from qm.radar.fitness import JUDGED, Codes, rate, strongest
from qm.radar.listing import Change, Member, Rule, after, change
from qm.radar.marks import Marks
from qm.radar.parts import Array, Indices, Part, ways_of
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights, scaled


class _Scored(NamedTuple):
    parts: dict[str, Part]
    ways: Array
    """`ways_of` the parts."""
    strength: Array
    """The score of every row, of those that are not ranked the one that they would have."""
    scores: Array
    """NaN where a row is not ranked."""
    lacks: Codes
    ranked: int
    """Symbols ranked."""
    order: Indices
    """Rows of the strongest, the strongest first."""


class Radar:
    """Ranks the whole market: by the parts of the session, or before the open by those of `weights.pre`.

    A part whose feature is unknown gives no points. Symbols without a price or a prior close, halted ones, and those
    under the minima of the weights are not ranked. A score is rounded to a millionth of a point, so that the last bits
    of a logarithm, which differ between processors, never decide an order.

    A rank follows from the market of its beat alone. What is remembered is the list (`qm/radar/listing.py`) and the
    scores at minute boundaries; both are kept by the fold of `Beat`.
    """

    def __init__(self, weights: RadarWeights) -> None:
        self.weights = weights
        self._parts, self._pre_parts = scaled(weights.parts()), scaled(weights.pre.parts())
        self._ways, self._pre_ways = ways_of(self._parts), ways_of(self._pre_parts)
        self._rule = Rule(weights.top, weights.margin, weights.gone_beats)
        self._market: Market | None = None
        self._session = ""
        self._members: Mapping[int, Member] = {}
        self._marks = Marks()
        self._latest: Ranking | None = None
        self._scored_last: _Scored | None = None
        self.marks_from = 0
        """Beats before this, ns UTC, are too long ago to be remembered: a fold need not score the market for them."""

    def open(self, market: Market) -> None:
        """Take the market of a session; symbols that it lacks leave the list."""
        before, self._market = self._market, market
        if before is not None and before.table is not market.table:
            names = before.table.names
            kept = {names[row]: member for row, member in self._members.items()}
            self._members = {market.table.row(s): member for s, member in kept.items() if s in market.table}
        self._marks.clear()
        self._latest = self._scored_last = None

    def asks(self, now: int) -> tuple[str, ...]:
        """Return the features of the score at this moment, ns UTC."""
        pre = self._market is not None and now < self._market.session.open_ns
        return tuple(self._pre_parts if pre else self._parts)

    def beat(self, market: Market, seen: Features) -> Ranking:
        """Rank all symbols as of `seen`, which must cover all rows of the market."""
        # An empty market has the same features as a beat before, and so the same scores.
        same = self._latest is not None and self._latest.features.matrix is seen.matrix
        found = (self._scored_last if same else None) or self._scored(market, seen)
        self._scored_last = found
        order, strength, lacks = found.order, found.strength, found.lacks
        done = change(self._members, order, strength, lacks, self._rule)
        listed = after(self._members, done, seen.ts)
        self._latest = Ranking(
            market.table,
            seen,
            found.parts,
            found.scores,
            self.weights.top,
            ways=found.ways,
            order=order,
            strength=strength,
            lacks=lacks,
            listed=listed,
            change=done,
            marks=self._marks.copy(),
            count=found.ranked,
        )
        return self._latest

    def members(self) -> dict[str, Member]:
        """Return the symbols on the list, the longest there first."""
        names = self._market.table.names if self._market is not None else ()
        return {names[row]: member for row, member in self._members.items()}

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {Beat: self._apply_beat, SessionStarted: self._apply_session}

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins; the marks follow from the market."""
        return {"session": self._session, "listed": [[symbol, *member] for symbol, member in self.members().items()]}

    def _scored(self, market: Market, seen: Features) -> _Scored:
        pre = seen.ts < market.session.open_ns
        parts, ways = (self._pre_parts, self._pre_ways) if pre else (self._parts, self._ways)
        matrix, places = seen.block((*JUDGED, *parts))
        rows = matrix.shape[1]
        strength, scores, lacks = np.empty(rows), np.empty(rows), np.empty(rows, np.uint8)
        ranked = rate(
            matrix,
            places,
            ways,
            self.weights.min_price,
            self.weights.pre.min_dollar_volume if pre else self.weights.min_dollar_volume,
            strength,
            lacks,
            scores,
        )
        lately = None if self._latest is None else self._latest.order
        return _Scored(parts, ways, strength, scores, lacks, ranked, strongest(scores, self.weights.top, lately))

    def _apply_beat(self, entry: Entry) -> None:
        body, market = entry.body, self._market
        assert isinstance(body, Beat)
        if market is None:
            return
        rows = market.table.rows
        done = Change(tuple(rows(body.entered)), tuple(rows(body.left)), tuple(rows(body.missing)))
        self._members = after(self._members, done, entry.ts)
        if body.due % MINUTE == 0 and entry.ts >= self.marks_from:
            latest = self._latest
            fresh = latest is not None and latest.ts == market.now
            scores = latest.scores if latest is not None and fresh else self._again(market)
            self._marks.add(body.due, scores)

    def _again(self, market: Market) -> Array:
        return self._scored(market, features(market, needed=(*SHOWN, *self._parts, *self._pre_parts))).scores

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        self._marks.clear()
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._members = {}
