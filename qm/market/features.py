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
import numpy.typing as npt

from qm.errors import NotFoundError
from qm.market.day_facts import spy_pct, ssr_drop, usual_share, whole_share
from qm.market.five_features import FIVES, WHOLE, fill_fives
from qm.market.fives import BAND, HIGH
from qm.market.market import MINUTE_NS, Market
from qm.market.names import ABOUT, FLAGS, NAMES, UNITS, F
from qm.market.price_features import (
    PRE,
    PRICES,
    QUOTES,
    RANGES,
    STATES,
    fill_pre,
    fill_prices,
    fill_quotes,
    fill_ranges,
    fill_states,
)
from qm.market.volume_features import MOVES, VOLUMES, fill_moves, fill_volumes

__all__ = [
    "ABOUT",
    "FLAGS",
    "NAMES",
    "SHOWN",
    "UNITS",
    "F",
    "Features",
    "features",
    "named",
]

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_KNOWN: Final = {
    F.ADV: "adv",
    F.ATR: "atr",
    F.REF_DAYS: "days",
    F.FLOAT_SHARES: "float_shares",
    F.PREV_HIGH: "prev_high",
    F.PREV_LOW: "prev_low",
    F.PREV_CLOSE: "prior_close",
    F.HIGH_52W: "high_52w",
    F.NR7: "nr7",
    F.INSIDE_DAY: "inside_day",
}
"""What is known before the session and does not change."""


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

    def of(self, row: int) -> dict[str, float]:
        """Return what is known of one symbol among the features that were computed at first."""
        return named(self.matrix[:, row].tolist(), self.names)

    def _later(self, name: str) -> Array:
        found = self._more.get(name)
        if found is None:
            subject = _subject(name)
            if self._market is not None and _moment(self._market) == self._moment:
                more = features(self._market, needed=subject)
                self._more |= {each: more.matrix[n] for n, each in enumerate(more.names)}
            else:
                self._more |= {each: np.full(self.matrix.shape[1], nan) for each in subject if each not in self._more}
            found = self._more[name]
        return found


def _moment(market: Market | None) -> tuple[int, int, int]:
    return (0, 0, 0) if market is None else (market.now, market.consumed, market.marked)


@lru_cache(maxsize=len(F))
def _subject(name: str) -> tuple[str, ...]:
    """Return the features that are computed in one go with this one; KeyError."""
    wanted = F[name.upper()]
    for subject in (PRICES, RANGES, STATES, QUOTES, PRE, VOLUMES, MOVES, FIVES):
        if wanted in subject:
            return tuple(f.name.lower() for f in subject)
    return (name,)


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...]) -> dict[str, int]:
    return {name: n for n, name in enumerate(names)}


def named(values: list[float], names: tuple[str, ...] = NAMES) -> dict[str, float]:
    """Name the known features of one symbol, in the order of `names`; what is not known is left out."""
    return {name: value for name, value in zip(names, values, strict=True) if isfinite(value)}


def features(market: Market, out: Array | None = None, needed: Iterable[str] | None = None) -> Features:
    """Compute features of every symbol as of the market's now.

    All of them, into `out` where it is given (float64[len(NAMES), symbols]); or at first only those that are `needed`,
    in the order of `NAMES`, which is faster. Raises NotFoundError for a name that is none.
    """
    symbols = len(market.table)
    if needed is None:
        matrix = np.empty((len(NAMES), symbols)) if out is None else out
        _fill(market, 0, symbols, _ALL, matrix)
        return Features(market.now, matrix)
    plan = _plan(frozenset(needed))
    # Features of the same subject are computed together; those that nobody asked for go to a row that nobody reads.
    matrix = np.empty((len(plan.names) + 1, symbols))
    _fill(market, 0, symbols, plan, matrix)
    return Features(market.now, matrix[:-1], plan.names, market)


class _Plan:
    """Which features go where, and which subjects must be computed for them."""

    def __init__(self, wanted: frozenset[F]) -> None:
        picked = [f for f in F if f in wanted]
        self.names = tuple(f.name.lower() for f in picked)
        self.place: Places = np.full(len(F), len(picked), np.int64)
        for n, f in enumerate(picked):
            self.place[f] = n
        self.wanted = wanted
        self.prices, self.ranges, self.states, self.quotes, self.pre, self.volumes, self.moves, self.fives = (
            not wanted.isdisjoint(subject) for subject in (PRICES, RANGES, STATES, QUOTES, PRE, VOLUMES, MOVES, FIVES)
        )
        self.whole = [(int(self.place[f]), known) for f, known in WHOLE.items() if f in wanted]
        self.known = [(int(self.place[f]), column) for f, column in _KNOWN.items() if f in wanted]


@lru_cache(maxsize=64)
def _plan(names: frozenset[str]) -> _Plan:
    for name in sorted(names):
        if name not in UNITS:
            raise NotFoundError.of("feature", name, NAMES)
    return _Plan(frozenset(F[name.upper()] for name in names))


_ALL: Final = _Plan(frozenset(F))


def _fill(market: Market, start: int, stop: int, plan: _Plan, out: Array) -> None:
    ref, rows, place = market.reference, market.rows, plan.place
    since_open = market.now - market.session.open_ns
    moment = (market.now, since_open, start, stop)
    if plan.prices:
        given = (ref.prior_close, ref.dividend, ref.high_52w, spy_pct(market))
        fill_prices(rows, *given, moment, place, out)
    if plan.ranges:
        fill_ranges(rows, ref.atr, moment, place, out)
    if plan.states:
        fill_states(rows, ref.prior_close, ref.ssr_carried, ssr_drop(market), moment, place, out)
    if plan.quotes:
        fill_quotes(rows, moment, place, out)
    if plan.pre:
        fill_pre(rows, ref.pre_volume, moment, place, out)
    if plan.volumes:
        usual = (ref.adv, ref.atr, ref.or_volume, ref.float_shares, ref.days, whole_share(ref.curve, since_open))
        fill_volumes(rows, market.opening_volume, *usual, moment, place, out)
    if plan.moves:
        _fill_moves(market, moment, place, out)
    if plan.fives:
        fives, known = market.minutes.fives, market.minutes.fives.known
        fill_fives(rows, fives.opening, known[BAND], known[HIGH], ref.atr, moment, place, out)
    _copy(market, start, stop, plan, out)


def _copy(market: Market, start: int, stop: int, plan: _Plan, out: Array) -> None:
    """Fill in what does not change from beat to beat, or is the same for all."""
    ref, place = market.reference, plan.place
    for at, n in plan.whole:
        out[at] = market.minutes.fives.known[n, start:stop]
    for at, name in plan.known:
        out[at] = getattr(ref, name)[start:stop]
    if F.ADV_DOLLAR in plan.wanted:
        out[place[F.ADV_DOLLAR]] = ref.adv[start:stop] * ref.prior_close[start:stop]
    if F.ATR_PCT in plan.wanted:
        prior = ref.prior_close[start:stop]
        out[place[F.ATR_PCT]] = 100.0 * ref.atr[start:stop] / np.where(prior > 0.0, prior, nan)
    if F.MINS_SINCE_OPEN in plan.wanted:
        out[place[F.MINS_SINCE_OPEN]] = (market.now - market.session.open_ns) / MINUTE_NS
    if F.MINS_BELOW_VWAP in plan.wanted:
        out[place[F.MINS_BELOW_VWAP]] = market.minutes.below_at(market.now // MINUTE_NS * MINUTE_NS)[start:stop]


def _fill_moves(market: Market, moment: tuple[int, int, int, int], place: Places, out: Array) -> None:
    ref, minutes, curve = market.reference, market.minutes, market.reference.curve
    since_open = market.now - market.session.open_ns
    boundary = market.now // MINUTE_NS * MINUTE_NS
    ago = {n: boundary - n * MINUTE_NS for n in (1, 2, 5, 10, 15)}
    closes = (
        minutes.close_at(ago[1]),
        minutes.close_at(ago[2]),
        minutes.close_at(ago[5]),
        minutes.close_at(ago[10]),
        minutes.close_at(ago[15]),
    )
    volumes = (minutes.volume_at(ago[5]), minutes.volume_at(ago[10]))
    known = (ref.prior_close, ref.dividend, ref.adv, ref.days)
    usual_5 = usual_share(curve, since_open) - usual_share(curve, ago[5] - market.session.open_ns)
    fill_moves(market.rows, closes, volumes, minutes.prints_at(ago[1]), known, usual_5, moment, place, out)
