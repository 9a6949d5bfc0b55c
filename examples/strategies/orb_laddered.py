"""Parts put together anew: the entry of `orb_robust` with an exit of targets, a swing trail and a time stop.

Copy it into the folder that `qm strategy new` shows, and run it: qm backtest run orb_laddered -d synthetic:200
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from qm.strategies.api import Strategy
from qm.strategies.exits import AtMinute, Exits, SwingTrail, Targets, TimeStop
from qm.strategies.orb import OrbEntry, OrbParams


class LadderParams(OrbParams, frozen=True):
    """The parameters of the opening-range breakout, and those of the other exit."""

    first_r: Annotated[float, Meta(gt=0, le=10)] = 1.0
    """A third is sold here, R."""
    second_r: Annotated[float, Meta(gt=0, le=20)] = 2.0
    """Another third is sold here, R."""
    trail_bars: Annotated[int, Meta(ge=2, le=60)] = 20
    """The stop follows the low of so many minutes."""
    tstop_min: Annotated[float, Meta(gt=0, le=390)] = 45.0
    """Leave what is not ahead after so many minutes."""

    def __post_init__(self) -> None:
        if not self.first_r < self.second_r:
            raise ValueError("first_r must be less than second_r")


def strategy(params: LadderParams | None = None) -> Strategy:
    """Return it with its defaults, or with the parameters that were given; its name is that of the file."""
    p = params or LadderParams()
    ways_out = Exits(
        Targets((p.first_r, 1 / 3), (p.second_r, 1 / 3)),
        SwingTrail(p.trail_bars),
        TimeStop(p.tstop_min, 0.0),
        AtMinute(p.exit_min),
    )
    about = "the entry of orb_robust, sold in thirds with a trail"
    return Strategy(__name__, "1", "experimental", about, p, OrbEntry(p), ways_out, scans=("stocks_in_play",))
