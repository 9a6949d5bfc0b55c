"""The momentum radar: one score per symbol, made of named parts, at every beat."""

from __future__ import annotations

from collections import deque
from math import isfinite
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from qm.clock import MINUTE
from qm.market.features import Features
from qm.market.market import Market
from qm.radar.parts import Array, Part
from qm.radar.ranking import Ranking


class RadarWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The score of the radar, part by part, and what a symbol must have to be ranked at all."""

    chg_pct: Part = Part(25, 0, 20)
    """Change since the prior close, %."""
    mom_5_pct: Part = Part(20, 0, 4)
    """Change over the last five minutes, %."""
    rvol: Part = Part(20, 1, 5)
    """Volume of the day against the symbol's usual one by this time, x."""
    dollar_volume: Part = Part(15, 100_000, 100_000_000, decades=True)
    """Traded today, $."""
    range_pos: Part = Part(10, 0.5, 1)
    """Place between the low (0) and the high (1) of the day."""
    high_age_s: Part = Part(10, 300, 0)
    """Seconds since the high of the day: a fresh high gives all points."""
    min_price: float = 1.0
    """Symbols below are not ranked, $."""
    min_dollar_volume: float = 100_000.0
    """Symbols that traded less today are not ranked, $."""
    top: Annotated[int, Meta(ge=1)] = 100
    """Symbols listed in each ranking and kept in the snapshot store."""

    def __post_init__(self) -> None:
        if not sum(part.points for part in self.parts().values()) > 0:
            raise ValueError("at least one part must give points")
        if not (isfinite(self.min_price) and isfinite(self.min_dollar_volume)):
            raise ValueError("min_price and min_dollar_volume must be finite numbers")

    def parts(self) -> dict[str, Part]:
        """Return the parts by the name of their feature, in the order in which they are shown."""
        named = ((field, getattr(self, field)) for field in self.__struct_fields__)
        return {field: value for field, value in named if isinstance(value, Part)}


class Radar:
    """Ranks the whole market; what it remembers (the scores of the last minute) is shown and decides nothing.

    A part whose feature is unknown gives no points. Symbols that are halted, have no price, or lie under the minima of
    the weights are not ranked. A score is rounded to a millionth of a point, so that the last bits of a logarithm,
    which differ between processors, never decide an order.
    """

    def __init__(self, weights: RadarWeights) -> None:
        self.weights = weights
        parts = weights.parts()
        total = sum(part.points for part in parts.values())
        self._parts = {
            name: msgspec.structs.replace(part, points=100.0 * part.points / total) for name, part in parts.items()
        }
        self._kept: deque[tuple[int, Array]] = deque()

    def beat(self, market: Market, features: Features) -> Ranking:
        """Rank all symbols as of `features`, which must cover all rows of the market."""
        scores = self._scores(features)
        before = self._a_minute_before(features.ts)
        self._kept.append((features.ts, scores))
        return Ranking(market.table, features, self._parts, scores, self.weights.top, before)

    def _scores(self, features: Features) -> Array:
        scores = np.zeros(len(features["last"]))
        for name, part in self._parts.items():
            part.add_to(scores, features[name])
        np.round(scores, 6, out=scores)
        # Written so that NaN is not ranked.
        ranked = features["last"] >= self.weights.min_price
        ranked &= features["last"] > 0
        ranked &= features["dollar_volume"] >= self.weights.min_dollar_volume
        ranked &= features["halted"] == 0
        scores[~ranked] = np.nan
        return scores

    def _a_minute_before(self, ts: int) -> Array | None:
        """Return the latest scores that are a minute old, or up to two, and forget those before them."""
        kept = self._kept
        while kept and kept[0][0] <= ts - 2 * MINUTE:
            kept.popleft()
        while len(kept) > 1 and kept[1][0] <= ts - MINUTE:
            kept.popleft()
        return kept[0][1] if kept and kept[0][0] <= ts - MINUTE else None
