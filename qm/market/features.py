"""What the radar, the scans and the explanations compare, as of one moment.

NaN is "not known" everywhere and never passes a comparison; no feature is ever infinite. The formulae are the trader's
usual ones; volume is compared with the same symbol's own earlier days, never across vendors. They stand once, compiled.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import isfinite, nan
from typing import Final

import numpy as np

from qm.market.blocks import Array, Places
from qm.market.filling import SUBJECTS, Wanted, fill
from qm.market.market import Market
from qm.market.names import ABOUT, CODES, FLAGS, MOMENTS, NAMES, UNITS, F
from qm.market.untold import no_feature

__all__ = [
    "ABOUT",
    "CODES",
    "FLAGS",
    "MOMENTS",
    "NAMES",
    "SHOWN",
    "UNITS",
    "F",
    "Features",
    "features",
    "named",
]

SHOWN: Final = ("last", "chg_pct", "dollar_volume", "pre_dollar_volume", "halted", "new_high")
"""What every ranking shows or asks of a symbol."""


class Features:
    """The features of all symbols at one moment, each a column of float64 by row.

    One that was not computed at first is computed when it is asked for, as long as the market has not moved on; after
    that it is not known.
    """

    def __init__(self, ts: int, matrix: Array, names: tuple[str, ...] = NAMES, market: Market | None = None) -> None:
        self.ts = ts
        self.matrix = matrix
        """float64[feature, row], in the order of `names`."""
        self.names = names
        """What was computed at first: all of `NAMES`, or what was needed."""
        self._at = _index(names)
        self._market = market
        self._moment = _moment(market)
        self._more: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        """Return a feature's column; KeyError for a name that is none."""
        at = self._at.get(name)
        column: Array = self.matrix[at] if at is not None else self._later(name)
        return column

    def block(self, names: tuple[str, ...]) -> tuple[Array, Places]:
        """Return a matrix, and the rows in it that hold these features, for compiled code."""
        places = _places(self.names, names)
        if places is not None:
            return self.matrix, places
        self.also(names)
        return np.array([self[name] for name in names]), np.arange(len(names), dtype=np.int64)

    def of(self, row: int) -> dict[str, float]:
        """Return what is known of one symbol among the features that were computed at first."""
        return named(self.matrix[:, row].tolist(), self.names)

    def also(self, names: Iterable[str]) -> None:
        """Compute in one go what of these is not there yet; NotFoundError for a name that is none."""
        missing = [name for name in names if name not in self._at and name not in self._more]
        if not missing:
            return
        if self._market is not None and _moment(self._market) == self._moment:
            more = features(self._market, needed=missing)
            self._more |= {each: more.matrix[n] for n, each in enumerate(more.names)}
        else:
            self._more |= {each: np.full(self.matrix.shape[1], nan) for each in missing}

    def _later(self, name: str) -> Array:
        if name not in self._more:
            self.also(_subject(name))
        return self._more[name]


def _moment(market: Market | None) -> tuple[int, int, int]:
    return (0, 0, 0) if market is None else (market.now, market.consumed, market.marked)


@lru_cache(maxsize=len(F))
def _subject(name: str) -> tuple[str, ...]:
    """Return the features that are computed in one go with this one; KeyError."""
    wanted = F[name.upper()]
    for subject in SUBJECTS:
        if wanted in subject:
            return tuple(f.name.lower() for f in subject)
    return (name,)


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...]) -> dict[str, int]:
    return {name: n for n, name in enumerate(names)}


@lru_cache(maxsize=256)
def _places(there: tuple[str, ...], names: tuple[str, ...]) -> Places | None:
    at = _index(there)
    return np.array([at[name] for name in names], np.int64) if all(name in at for name in names) else None


def named(values: list[float], names: tuple[str, ...] = NAMES) -> dict[str, float]:
    """Name the known features of one symbol, in the order of `names`; what is not known is left out."""
    return {name: value for name, value in zip(names, values, strict=True) if isfinite(value)}


def features(market: Market, needed: Iterable[str] | None = None) -> Features:
    """Compute features of every symbol as of the market's now.

    All of them; or at first only those that are `needed`, in the order of `NAMES`, which is faster. What was computed
    never changes any more. Raises NotFoundError for a name that is none.
    """
    symbols = len(market.table)
    plan = _ALL if needed is None else _plan(frozenset(needed))
    # Before the first record and before the open, time changes nothing but the clock itself.
    blank = market.untouched and market.now < market.session.open_ns and F.MINS_SINCE_OPEN not in plan
    if blank and plan.names in market.blank:
        return Features(market.now, market.blank[plan.names], plan.names, market)
    matrix = np.empty((len(plan.names), symbols))
    fill(market, (0, symbols), plan.place, plan.wanted, matrix)
    if blank:
        market.blank[plan.names] = matrix
    return Features(market.now, matrix, plan.names, market)


class _Plan:
    """Which features go where, and which subjects must be looked at for them."""

    def __init__(self, features: frozenset[F]) -> None:
        picked = [f for f in F if f in features]
        self.names = tuple(f.name.lower() for f in picked)
        self.place: Places = np.full(len(F), -1, np.int64)
        for n, f in enumerate(picked):
            self.place[f] = n
        self.wanted = Wanted.of(features)

    def __contains__(self, feature: F) -> bool:
        return bool(self.place[feature] >= 0)


@lru_cache(maxsize=64)
def _plan(names: frozenset[str]) -> _Plan:
    for name in sorted(names):
        if name not in UNITS:
            raise no_feature(name)
    return _Plan(frozenset(F[name.upper()] for name in names))


_ALL: Final = _Plan(frozenset(F))
