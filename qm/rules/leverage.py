"""How many times a leveraged fund moves with what it follows: out of its name, because no feed tells it otherwise."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_FUND: Final = re.compile(
    r"\b(?:ET[FNP]s?|ProShares|Direxion|GraniteShares|MicroSectors|Daily|Leveraged|Tradr|T-Rex)\b", re.IGNORECASE
)
_TIMES: Final = re.compile(r"(?<![\w.])[-+]?([1-4](?:\.\d{1,2})?)\s?x\b", re.IGNORECASE)
_ULTRA: Final = re.compile(r"\bultra(pro)?(?:short)?\b", re.IGNORECASE)
_VIX: Final = re.compile(r"\bVIX\b")


@lru_cache(maxsize=16_384)
def leverage_of(name: str) -> float | None:
    """Return the leverage that the name of a fund tells, without its sign; None where it tells none.

    `3X` and the like in any fund's name, and the house style of ProShares: Ultra is 2, UltraPro 3, 1.5 with the VIX.
    """
    if not _FUND.search(name):
        return None
    times = _TIMES.search(name)
    if times is not None:
        return float(times[1])
    ultra = _ULTRA.search(name) if "proshares" in name.lower() else None
    if ultra is None:
        return None
    return 1.5 if _VIX.search(name) else 3.0 if ultra[1] else 2.0
