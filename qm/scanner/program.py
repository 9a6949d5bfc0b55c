"""Conditions as compiled code runs them: steps that leave one answer for each row, in the order of a pocket calculator.

A comparison puts its answers on a stack; `&` and `|` join the two on top. One compiled function runs all conditions,
so that a new scan needs no compiling, over blocks of rows that fit the processor's caches: what several of them ask
for is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from qm.market.features import Features

Mask = npt.NDArray[np.bool_]
_Array = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.int64]

_SIGNS: Final = (">=", "<=", ">", "<", "==", "&", "|")
_AT_LEAST, _AT_MOST, _ABOVE, _BELOW, _EQUAL, _AND, _OR = range(len(_SIGNS))
_BLOCK: Final = 1024


class Step(NamedTuple):
    """One comparison, or what joins the last two answers."""

    sign: str
    feature: str = ""
    """Empty where answers are joined."""
    limit: float = 0.0


class Program:
    """The steps of some conditions, which are run together."""

    def __init__(self, conditions: Sequence[Sequence[Step]]) -> None:
        steps = [step for condition in conditions for step in condition]
        self._names = tuple(dict.fromkeys(step.feature for step in steps if step.feature))
        self._signs = np.array([_SIGNS.index(step.sign) for step in steps])
        self._which = np.array([self._names.index(step.feature) if step.feature else -1 for step in steps])
        self._limits = np.array([step.limit for step in steps], np.float64)
        self._ends = np.cumsum([len(condition) for condition in conditions])
        self._depth = max(_depth(condition) for condition in conditions)

    def masks(self, features: Features) -> Mask:
        """Return for each condition and row whether the condition is true; unknown is not."""
        matrix, places = features.block(self._names)
        out = np.empty((len(self._ends), matrix.shape[1]), np.bool_)
        stack = np.empty((self._depth, _BLOCK), np.bool_)
        _run(matrix, places, self._signs, self._which, self._limits, self._ends, stack, out)
        return out


def _depth(steps: Sequence[Step]) -> int:
    return max(accumulate(1 if step.feature else -1 for step in steps))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _run(
    matrix: _Array,
    places: _Indices,
    signs: _Indices,
    which: _Indices,
    limits: _Array,
    ends: _Indices,
    stack: Mask,
    out: Mask,
) -> None:
    rows = out.shape[1]
    for start in range(0, rows, _BLOCK):
        stop = min(start + _BLOCK, rows)
        n, step = stop - start, 0
        for condition in range(ends.shape[0]):
            top = 0
            while step < ends[condition]:
                if which[step] < 0:
                    top -= 1
                    _join(stack[top - 1, :n], stack[top, :n], signs[step])
                else:
                    _compare(matrix[places[which[step]], start:stop], limits[step], signs[step], stack[top, :n])
                    top += 1
                step += 1
            out[condition, start:stop] = stack[0, :n]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _compare(values: _Array, limit: float, sign: int, held: Mask) -> None:
    # No comparison holds for NaN.
    if sign == _AT_LEAST:
        for k in range(held.shape[0]):
            held[k] = values[k] >= limit
    elif sign == _AT_MOST:
        for k in range(held.shape[0]):
            held[k] = values[k] <= limit
    elif sign == _ABOVE:
        for k in range(held.shape[0]):
            held[k] = values[k] > limit
    elif sign == _BELOW:
        for k in range(held.shape[0]):
            held[k] = values[k] < limit
    else:
        for k in range(held.shape[0]):
            held[k] = values[k] == limit


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _join(one: Mask, other: Mask, sign: int) -> None:
    if sign == _AND:
        for k in range(one.shape[0]):
            one[k] = one[k] & other[k]
    else:
        for k in range(one.shape[0]):
            one[k] = one[k] | other[k]
