"""What the tapes tell with a quotation: how its sizes count, and whether anybody has to honour it.

Sources: Market Data Infrastructure rules, SEC Rel. 34-101070 (sizes in shares from 2025-11-03 on, before in round
lots); CTA and UTP, quote conditions.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

IN_SHARES_FROM: Final = dt.date(2025, 11, 3)
LOT: Final = 100
SMALL_LOTS_FROM: Final = 1_000.0
"""$; above it the exchanges gave single stocks lots of 10 or 1 share, and nothing in a quotation says which."""

NOT_DEALABLE: Final = frozenset("DGIJKLMNPQSVXZ")
"""Letters of quotations that nobody deals on: closed, not firm, an indication, or told during a halt.

These stand: slow (A, B, E, F, H, U, W), closing (C), opening (O), regular (R), one side (Y), resumed (T).
"""


def shares_of_a_lot(price: float, date: dt.date) -> float:
    """Return how many shares a size of one stands for; where it is not known, the fewest that it can be."""
    return 1.0 if date >= IN_SHARES_FROM or price > SMALL_LOTS_FROM else float(LOT)
