"""A condition as compiled code runs it: steps that leave one answer for each row, in the order of a pocket calculator.

A comparison puts its answers on a stack; `&` and `|` join the two on top. One compiled function runs every condition,
over blocks of rows that fit the processor's first cache, so that a new scan needs no compiling.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """The steps of one condition."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._names = tuple(dict.fromkeys(step.feature for step in steps if step.feature))
        self._signs = np.array([_SIGNS.index(step.sign) for step in steps])
        self._which = np.array([self._names.index(step.feature) if step.feature else -1 for step in steps])
        self._limits = np.array([step.limit for step in steps], np.float64)
        self._depth = int(np.max(np.cumsum(np.where(self._which >= 0, 1, -1))))

    def mask(self, features: Features) -> Mask:
        """Return for each row whether the condition is true; unknown is not."""
        matrix, places = features.block(self._names)
        out = np.empty(matrix.shape[1], np.bool_)
        stack = np.empty((self._depth, _BLOCK), np.bool_)
        _run(matrix, places, self._signs, self._which, self._limits, stack, out)
        return out


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _run(
    matrix: _Array, places: _Indices, signs: _Indices, which: _Indices, limits: _Array, stack: Mask, out: Mask
) -> None:
    for start in range(0, out.shape[0], _BLOCK):
        stop = min(start + _BLOCK, out.shape[0])
        n, top = stop - start, 0
        for step in range(signs.shape[0]):
            if which[step] < 0:
                top -= 1
                _join(stack[top - 1, :n], stack[top, :n], signs[step])
            else:
                _compare(matrix[places[which[step]], start:stop], limits[step], signs[step], stack[top, :n])
                top += 1
        out[start:stop] = stack[0, :n]


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
