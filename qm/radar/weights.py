"""The settings of the radar: which features make the score, and what a symbol must have to be ranked."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

import msgspec
from msgspec import Meta

from qm.radar.parts import Part

Dollars = Annotated[float, Meta(ge=0)]


def _parts(weights: msgspec.Struct) -> dict[str, Part]:
    named = ((field, getattr(weights, field)) for field in weights.__struct_fields__)
    return {field: value for field, value in named if isinstance(value, Part)}


def _refuse_nonsense(parts: dict[str, Part], *minima: float) -> None:
    if not sum(part.points for part in parts.values()) > 0:
        raise ValueError("at least one part must give points")
    if not all(isfinite(minimum) for minimum in minima):
        raise ValueError("minima must be finite numbers")


class PreWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The score before the open, part by part: what has traded since 04:00 is compared with earlier days by then."""

    chg_pct: Part = Part(30, 0, 20)
    """The gap so far: change since the prior close, %."""
    mom_5_pct: Part = Part(15, 0, 4)
    """Change over the last five minutes, %."""
    pre_rvol: Part = Part(20, 1, 5)
    """Volume since 04:00 against the symbol's usual one by this time, x."""
    pre_dollar_volume: Part = Part(25, 50_000, 20_000_000, decades=True)
    """Traded since 04:00, $."""
    pre_high_dist_pct: Part = Part(10, -5, 0)
    """From the pre-market high to the last price, %."""
    min_dollar_volume: Dollars = 25_000.0
    """Symbols that traded less since 04:00 are not ranked, $."""

    def __post_init__(self) -> None:
        _refuse_nonsense(self.parts(), self.min_dollar_volume)

    def parts(self) -> dict[str, Part]:
        """Return the parts by the name of their feature, in the order in which they are shown."""
        return _parts(self)


class RadarWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The score of the radar, part by part, and what a symbol must have to be ranked at all.

    The parts count from the open on; before it, those of `[radar.pre]` do.
    """

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
    pre: PreWeights = PreWeights()
    min_price: Dollars = 1.0
    """Symbols below are not ranked, $."""
    min_dollar_volume: Dollars = 100_000.0
    """Symbols that traded less today, pre-market included, are not ranked, $."""
    top: Annotated[int, Meta(ge=1, le=1000)] = 100
    """Most symbols on the radar's list, which is what is shown and kept of every beat."""
    margin: Annotated[float, Meta(ge=0, le=100)] = 2.0
    """On a full list a newcomer takes the weakest one's place when its score is more than this higher, points."""
    gone_beats: Annotated[int, Meta(ge=1, le=1000)] = 5
    """A listed symbol that can no longer be ranked leaves at so many beats in a row; a halt does not count."""

    def __post_init__(self) -> None:
        _refuse_nonsense(self.parts(), self.min_price, self.min_dollar_volume, self.margin)

    def parts(self) -> dict[str, Part]:
        """Return the parts by the name of their feature, in the order in which they are shown."""
        return _parts(self)


def scaled(parts: dict[str, Part]) -> dict[str, Part]:
    """Return the parts with points that add up to 100."""
    total = sum(part.points for part in parts.values())
    return {name: msgspec.structs.replace(part, points=100.0 * part.points / total) for name, part in parts.items()}
