"""What is known of a symbol's last halt: why, at which price, and when quotes and trades go on."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from qm.clock import MINUTE
from qm.market.blocks import Target
from qm.market.names import F
from qm.market.rows import Rows

HALTED: Final = (F.HALT_REASON, F.HALT_PRICE, F.LULD_REF, F.HALT_AT, F.QUOTES_AT, F.TRADES_AT)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_halts(rows: Rows, s: int, open_ns: int, to: Target) -> None:
    """Compute `HALTED`; what the exchange did not tell is not known."""
    out, place, first, n = to
    for f in (F.HALT_REASON, F.HALT_PRICE, F.HALT_AT, F.QUOTES_AT, F.TRADES_AT):
        if place[f] >= 0:
            out[place[f], first : first + n] = np.nan
    if place[F.LULD_REF] >= 0:
        column = out[place[F.LULD_REF], first : first + n]
        for k in range(n):
            column[k] = rows[s + k]["band_ref"]
    for k in range(n):
        r = rows[s + k]
        # Hardly any symbol was ever halted.
        if r["halt_at"] > 0:
            _put(to, F.HALT_REASON, k, r["reason"] if r["reason"] > 0 else np.nan)
            _put(to, F.HALT_PRICE, k, r["halt_price"])
            _put(to, F.HALT_AT, k, _minute(r["halt_at"], open_ns))
            _put(to, F.QUOTES_AT, k, _minute(r["quotes_at"], open_ns))
            _put(to, F.TRADES_AT, k, _minute(r["trades_at"], open_ns))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _put(to: Target, f: int, k: int, value: float) -> None:
    out, place, first, _ = to
    if place[f] >= 0:
        out[place[f], first + k] = value


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _minute(ns: int, open_ns: int) -> float:
    return (ns - open_ns) / MINUTE if ns > 0 else np.nan
