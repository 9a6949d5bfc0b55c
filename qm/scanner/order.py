"""What puts one find before another: the radar's score, a feature, or a product such as `mom_5_pct * log(volume)`.

Nothing in such a text is ever executed.

    order   = factor { "*" factor }
    factor  = name | "log(" name ")"
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from qm.errors import UsageError
from qm.market.features import UNITS, Features
from qm.market.untold import no_feature
from qm.scanner.text import known

SCORE: Final = "score"
"""The radar's score, by which a scan can rank as it can by any feature."""
FACTORS_MAX: Final = 4

_FACTOR: Final = re.compile(r"(?:(?P<log>log)\s*\(\s*(?P<of>\w+)\s*\)|(?P<name>\w+))\Z", re.ASCII | re.IGNORECASE)

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Factor(NamedTuple):
    """One part of the product."""

    name: str
    logged: bool

    def __str__(self) -> str:
        return f"log({self.name})" if self.logged else self.name


@lru_cache(maxsize=256)
def factors(text: str) -> tuple[Factor, ...]:
    """Read an order; NotFoundError with the nearest names for a feature that is none, UsageError for anything else."""
    parts = text.split("*")
    if len(parts) > FACTORS_MAX:
        raise UsageError(f"An order has at most {FACTORS_MAX} factors.", "Rank by the one that matters.")
    return tuple(_factor(part.strip(), text) for part in parts)


def canonical(text: str) -> str:
    """Return an order in the one form that means the same; raises like `factors`."""
    return " * ".join(map(str, factors(text)))


def names(text: str) -> tuple[str, ...]:
    """Return the features of an order, each once; the score is none."""
    return tuple(dict.fromkeys(factor.name for factor in factors(text) if factor.name != SCORE))


def values(text: str, features: Features, scores: Array) -> Array:
    """Return for each row what it is ranked by, the largest first; NaN where it is unknown."""
    product: Array | None = None
    for factor in factors(text):
        value = scores if factor.name == SCORE else features[factor.name]
        if factor.logged:
            # Of nothing, there is no logarithm: it is unknown and comes last.
            value = np.log(np.where(value > 0, value, np.nan))
        product = value if product is None else product * value
    assert product is not None
    return product


def largest(by: Array, top: int) -> Indices:
    """Return the places of the `top` largest values, equal ones in their order, unknown ones last."""
    found = np.empty(min(top, len(by)), np.int64)
    _largest(by, found)
    return found


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _largest(by: Array, found: Indices) -> None:
    top, known = found.shape[0], 0
    for at in range(by.shape[0]):
        value = by[at]
        if value != value or (known == top and not value > by[found[top - 1]]):
            continue
        place = min(known, top - 1)
        while place > 0 and by[found[place - 1]] < value:
            found[place] = found[place - 1]
            place -= 1
        found[place] = at
        known = min(known + 1, top)
    at = 0
    while known < top:
        if by[at] != by[at]:
            found[known] = at
            known += 1
        at += 1


def _factor(part: str, text: str) -> Factor:
    found = _FACTOR.match(part)
    if not found:
        raise UsageError(
            f"{part[:40]!r} of the order {text[:80]!r} is neither a feature nor its log.",
            "Write e.g. rvol, or gap_pct * log(pre_dollar_volume).",
        )
    written = found["of"] or found["name"]
    if written.lower() == SCORE:
        return Factor(SCORE, bool(found["log"]))
    name = known(written)
    if not name:
        raise no_feature(written, (SCORE, *UNITS))
    return Factor(name, bool(found["log"]))
