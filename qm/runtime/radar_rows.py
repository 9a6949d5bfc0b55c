"""The radar as it is shown: who is strongest by the last beat, with prices of this moment and reasons in words."""

from __future__ import annotations

from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from qm.clock import MS
from qm.engine.core import Core
from qm.market.features import UNITS, features
from qm.market.market import Market
from qm.model.events import RadarRow
from qm.model.market import Status
from qm.radar.ranking import Ranking
from qm.wire.views import RadarView

SHOWN: Final = 100
WHY_PARTS: Final = 3
WHY_POINTS: Final = 1.0
"""A part of the score that gave less is no reason."""

LIVE: Final = (
    "last",
    "chg_pct",
    "gap_pct",
    "rvol",
    "volume",
    "mom_5_pct",
    "spread_bps",
    "float_shares",
    "new_high",
)
"""Features that are shown as of this moment; the others are those of the beat."""

_FINE_MS: Final = 10_000
_STEPS_MS: Final = ((_FINE_MS, 1_000), (600_000, 10_000))


class RadarRows:
    """Makes the rows of the radar's list; what only changes at a beat is kept until the next one."""

    def __init__(self) -> None:
        self._ranking: Ranking | None = None
        self._rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._made: list[tuple[RadarRow, float, str, tuple[int, ...]]] = []

    def rows(self, core: Core) -> list[RadarView]:
        """Return the strongest symbols, the strongest first; none before the first beat."""
        ranking, market = core.ranking, core.book.market
        if ranking is None or ranking.table is not market.table:
            return []
        if ranking is not self._ranking:
            self._take(ranking)
        seen = features(market, needed=LIVE)
        live = {name: seen[name][self._rows].tolist() for name in LIVE}
        watched, held = core.book.watchlist, core.book.portfolio.positions
        ages = ages_ms(market, self._rows)
        high = market.col["high"][self._rows].tolist()
        status = market.col["status"][self._rows].tolist()
        out = []
        for i, (row, score, why, ranks) in enumerate(self._made):
            symbol, last = row.symbol, live["last"][i]
            flags = []
            if status[i] >= Status.HALTED:
                flags.append("halt")
            if symbol in held:
                flags.append("held")
            elif symbol in watched:
                flags.append("watch")
            if last >= high[i] or live["new_high"][i] > 0:
                flags.append("HOD")
            out.append(
                RadarView(
                    symbol=symbol,
                    rank=row.rank,
                    score=score,
                    last=last,
                    chg_pct=known(live["chg_pct"][i], 2),
                    gap_pct=known(live["gap_pct"][i], 2),
                    rvol=known(live["rvol"][i], 2),
                    volume=live["volume"][i],
                    mom_pct=known(live["mom_5_pct"][i], 2),
                    spread_bps=known(live["spread_bps"][i], 1),
                    float_shares=known(live["float_shares"][i], 0),
                    flags=" ".join(flags),
                    why=why,
                    rank_change=row.rank_change,
                    age_ms=ages[i],
                    velocity=row.velocity,
                    listed_min=None if row.listed_s is None else int(row.listed_s // 60),
                    ranks=ranks,
                )
            )
        return out

    def _take(self, ranking: Ranking) -> None:
        self._ranking = ranking
        self._rows = ranking.listed[:SHOWN]
        self._made = [
            (row, round(float(ranking.strength_of[at]), 1), why_of(row), ranking.past(at))
            for row, at in zip(ranking.lines(self._rows), self._rows.tolist(), strict=True)
        ]


def why_of(row: RadarRow) -> str:
    """Return the largest parts of a symbol's score in words, the largest first."""
    parts = sorted(row.parts, key=lambda part: -part.points)[:WHY_PARTS]
    return ", ".join(_words(p.name, p.value) for p in parts if p.points >= WHY_POINTS and p.value is not None)


def _words(name: str, value: float) -> str:
    if name == "chg_pct":
        return f"{value:+.1f}% today"
    if name == "mom_5_pct":
        return f"{value:+.1f}% in 5 min"
    if name == "rvol":
        return f"{value:.1f}x volume"
    if name in ("dollar_volume", "pre_dollar_volume"):
        return f"${value / 1e6:,.1f}M traded"
    if name == "pre_rvol":
        return f"{value:.1f}x pre-market volume"
    if name == "pre_high_dist_pct":
        return "at the pre-market high" if value >= 0 else f"{-value:.1f}% off the pre-market high"
    if name == "range_pos":
        return "at the high" if value >= 1 else f"{100 * value:.0f}% of the range"
    if name == "high_age_s":
        return f"high {value:.0f} s ago"
    return f"{name.replace('_', ' ')} {value:.3g} {UNITS.get(name, '')}".rstrip()


def known(value: float, digits: int) -> float | None:
    """Return a number for the eye, None when it is not known."""
    return round(value, digits) if isfinite(value) else None


def ages_ms(market: Market, rows: npt.NDArray[np.int64]) -> list[int | None]:
    """Return the age of each symbol's last price, None before the first.

    Rounded up, to seconds and from ten seconds on to tens of them: a row in which nothing happened is not sent again
    with every frame, and a price never looks fresher than it is.
    """
    times = market.col["ts"][rows].tolist()
    return [_age_ms(market.now - ts) if ts else None for ts in times]


def _age_ms(age_ns: int) -> int:
    age = max(0, age_ns) // MS
    step = next((step for below, step in _STEPS_MS if age <= below), 60_000)
    return -(-age // step) * step
