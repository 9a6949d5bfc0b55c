"""What the last minutes of a market lean to: the score of each label, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan, sqrt
from typing import Final

import numba
import numpy as np

from qm.model.events import Contribution
from qm.radar.parts import Array, Indices

LABELS: Final = ("trend_up", "trend_down", "volatile_reversal", "range", "quiet")
"""In the order in which equal scores are decided."""
WINDOW: Final = 30
"""Minutes that are looked back on."""
LEAST: Final = 10
"""Minutes below which nothing is said."""
RECENT: Final = 5
"""Minutes over which what jumps from minute to minute is averaged."""
TURN: Final = 10
"""Minutes whose move is held against that of those before them, to see a reversal."""

DIRECTION: Final[dict[str, tuple[float, float]]] = {
    "drift": (0.35, 2.0),
    "index_vwap_bp": (0.15, 25.0),
    "above_vwap_pct": (0.20, 25.0),
    "up_dollars": (0.15, 0.4),
    "net_highs_pct": (0.15, 2.0),
    "ema9_bp": (0.10, 5.0),
    "ema20_bp": (0.05, 3.0),
    "or_state": (0.10, 1.0),
}
"""What direction is made of: weight, and the value that counts in full (of above_vwap_pct, the distance from 50)."""
ADX: Final = (18.0, 25.0)
"""Average directional index below which the index funds chop, and from which they trend."""

READINGS: Final = ("move_bp", *list(DIRECTION)[1:], "adx_5m", "range_atr")
"""What is looked at of a reading of `qm.radar.tape.read`, by column: the move, the parts of `DIRECTION`, and more."""
_ABOVE, _UP, _HIGHS = (READINGS.index(name) for name in ("above_vwap_pct", "up_dollars", "net_highs_pct"))
_STRENGTH, _RANGE = READINGS.index("adx_5m"), READINGS.index("range_atr")
_WEIGHTS: Final = np.array([weight for weight, _ in DIRECTION.values()])
_FULL: Final = np.array([full for _, full in DIRECTION.values()])
_LOW, _HIGH = ADX
_DIRECTION, _EFFICIENCY, _FIRM, _PACE, _BUSY, _TURN, _REVERSAL, _TREND = range(8)


def row_of(reading: Mapping[str, float]) -> list[float]:
    """Return a reading by the columns of `READINGS`; NaN where it does not tell."""
    return [reading.get(name, nan) for name in READINGS]


def classify(minutes: Array) -> tuple[dict[str, float], tuple[Contribution, ...]]:
    """Return the score of each label, which add up to 1, and what they are made of; nothing when too little is known.

    `minutes` are float64[minute, `READINGS`], oldest first. Over the last `WINDOW` of known moves, with m the moves of
    the index in bp, n of them, s their root mean square: drift = sum(m) / (s sqrt(n)), about a normal deviate in a
    random walk; efficiency = |sum(m)| / sum(|m|); pace = mean(|m|). Direction is the weighted mean of the parts of
    `DIRECTION`, each cut to -1..1, those unknown left out.

    - trend_up, trend_down: direction x ramp(efficiency, 0.10, 0.35); where the average directional index of the index
      funds is known, direction x the mean of that and of ramp(adx_5m, 18, 25): below 18 is chop, above 25 a trend
    - quiet: 1 - ramp(pace, 0.5, 1.5)
    - volatile_reversal: ramp(pace, 2, 6) x how clearly the last ten minutes took back the ones before
    - range: what is left of 1 after each of these
    """
    values, shares, told = np.empty(len(DIRECTION)), np.empty(len(DIRECTION)), np.empty(8)
    last = _measure(minutes, values, shares, told)
    if last < 0:
        return {}, ()
    direction, efficiency, firm, pace, busy, turn, reversal, trend = told.tolist()
    strength, made = minutes[last, _STRENGTH].item(), minutes[last, _RANGE].item()
    quiet = 1.0 - busy
    scores = {
        "trend_up": max(0.0, trend),
        "trend_down": max(0.0, -trend),
        "volatile_reversal": reversal,
        "range": (1.0 - abs(trend)) * (1.0 - quiet) * (1.0 - reversal),
        "quiet": quiet,
    }
    # Not all can be 0: what is neither a trend nor quiet nor a reversal is a range.
    whole = sum(scores.values())
    parts = [
        Contribution(name, round(value, 4), round(share, 4))
        for name, value, share in zip(DIRECTION, values.tolist(), shares.tolist(), strict=True)
        if value == value
    ]
    parts += [
        Contribution("direction", round(direction, 4), round(direction, 4)),
        Contribution("efficiency", round(efficiency, 4), round(firm, 4)),
        Contribution("pace_bp", round(pace, 4), round(busy, 4)),
        Contribution("turn", round(turn, 4), round(reversal, 4)),
    ]
    if not isnan(strength):
        parts.append(Contribution("adx_5m", strength, round(_ramp(strength, _LOW, _HIGH), 4)))
    if not isnan(made):
        # Told, not weighed: it says how much of a day was already made.
        parts.append(Contribution("range_atr", round(made, 4), 0.0))
    return {label: round(score / whole, 4) for label, score in scores.items()}, tuple(parts)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _measure(minutes: Array, values: Array, shares: Array, told: Array) -> int:
    """Fill in the values and shares of `DIRECTION` and what follows; return the last minute known, -1 for too few."""
    moves, at = np.empty(WINDOW), np.empty(WINDOW, np.int64)
    first = WINDOW
    for i in range(len(minutes) - 1, -1, -1):
        if first > 0 and not np.isnan(minutes[i, 0]):
            first -= 1
            moves[first], at[first] = minutes[i, 0], i
    moves, at = moves[first:], at[first:]
    n = len(moves)
    if n < LEAST:
        return -1
    total = path = squares = 0.0
    for move in moves:
        total += move
        path += abs(move)
        squares += move * move
    size = sqrt(squares / n)
    values[0] = total / (size * sqrt(n)) if size > 0.0 else 0.0
    # States are as they are, flows are averaged.
    for part in range(1, len(values)):
        values[part] = minutes[at[-1], part]
    values[_UP], values[_HIGHS] = _recent(minutes, at, _UP), _recent(minutes, at, _HIGHS)
    known = 0.0
    for part in range(len(values)):
        if not np.isnan(values[part]):
            known += _WEIGHTS[part]
    direction = 0.0
    for part in range(len(values)):
        shares[part] = 0.0
        if not np.isnan(values[part]):
            away = values[part] - (50.0 if part == _ABOVE else 0.0)
            shares[part] = _WEIGHTS[part] / known * _cut(away / _FULL[part])
            direction += shares[part]
    efficiency, pace, turn = abs(total) / path if path > 0.0 else 0.0, path / n, _turn(moves, size)
    firm = _ramp(efficiency, 0.10, 0.35)
    told[_DIRECTION], told[_EFFICIENCY], told[_FIRM], told[_PACE] = direction, efficiency, firm, pace
    told[_BUSY], told[_TURN] = _ramp(pace, 0.5, 1.5), turn
    told[_REVERSAL] = turn * _ramp(pace, 2.0, 6.0)
    strength = minutes[at[-1], _STRENGTH]
    if not np.isnan(strength):
        firm = (firm + _ramp(strength, _LOW, _HIGH)) / 2.0
    told[_TREND] = direction * firm
    return int(at[-1])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _recent(minutes: Array, at: Indices, name: int) -> float:
    total, count = 0.0, 0
    for i in at[-RECENT:]:
        if not np.isnan(minutes[i, name]):
            total += minutes[i, name]
            count += 1
    return total / count if count else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _turn(moves: Array, size: float) -> float:
    """How clearly the last minutes went against the ones before: 1 when both went 1.5 times as far as chance goes."""
    late, early = moves[-TURN:], moves[:-TURN]
    if len(early) < TURN or not size > 0.0:
        return 0.0
    now = then = 0.0
    for move in late:
        now += move
    for move in early:
        then += move
    now, then = now / (size * sqrt(len(late))), then / (size * sqrt(len(early)))
    return _ramp(min(abs(now), abs(then)), 0.5, 1.5) if now * then < 0.0 else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _ramp(value: float, start: float, full: float) -> float:
    part = (value - start) / (full - start)
    return 0.0 if not part > 0.0 else min(part, 1.0)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _cut(value: float) -> float:
    return min(1.0, max(-1.0, value))
