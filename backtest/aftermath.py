"""What came after the finds of a scan, all together, and how little that may say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from backtest.scans import After, Found

MOVES: Final = ("min_5_pct", "min_15_pct", "min_60_pct", "close_pct", "mfe_pct", "mae_pct")
ANECDOTE, HYPOTHESIS, TENTATIVE = 30, 100, 300
"""Fewer finds than this are no more than that."""
SILENT_MIN: Final = 30
"""A symbol that does not trade for so long before the close has stopped trading."""
FEW_SESSIONS, MANY_SESSIONS = 15, 40


class Move(msgspec.Struct, frozen=True):
    """One column of `After` over all finds for which it is known; None without any."""

    name: str
    n: int
    mean_pct: float | None
    median_pct: float | None
    positive: float | None
    """Share of finds after which it was more than 0."""


def moves(found: Sequence[Found]) -> list[Move]:
    """Sum up what came after each find, one `Move` for each of `MOVES`."""
    after = [each.after for each in found if each.after is not None]
    return [_move(name, after) for name in MOVES]


def stopped(found: Sequence[Found]) -> int:
    """Count the finds after which the symbol did not trade again; they count with their last price."""
    return sum(each.after is not None and not each.after.traded for each in found)


def fell_silent(found: Sequence[Found]) -> int:
    """Count the finds after which the symbol traded for a while, and not in the last `SILENT_MIN` minutes."""
    return sum(each.after is not None and each.after.traded and each.after.silent_min >= SILENT_MIN for each in found)


def caution(found: Sequence[Found]) -> str:
    """Say in a sentence how far the numbers can be trusted; empty when there are none."""
    n, sessions = len(found), len({each.session for each in found})
    of = f"{n:,} finds in {sessions:,} sessions"
    if not n:
        return ""
    if n < ANECDOTE or sessions < FEW_SESSIONS:
        return f"{of} are an anecdote: {ANECDOTE} in {FEW_SESSIONS} sessions are the least that may suggest anything."
    if n < HYPOTHESIS:
        return f"{of} are enough for a hypothesis, not for an answer."
    if n < TENTATIVE or sessions < MANY_SESSIONS:
        return f"{of} give a tentative answer; {TENTATIVE} in {MANY_SESSIONS} sessions and other years may support it."
    return f"{of}: finds of one day move together, so that there are fewer independent ones than that."


def _move(name: str, after: Sequence[After]) -> Move:
    known = [value for each in after if (value := getattr(each, name)) is not None]
    if not known:
        return Move(name, 0, None, None, None)
    values = np.array(known)
    return Move(
        name=name,
        n=len(known),
        mean_pct=round(float(values.mean()), 6),
        median_pct=round(float(np.median(values)), 6),
        positive=round(float((values > 0).mean()), 6),
    )
