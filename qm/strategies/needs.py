"""Whether a session can tell a strategy what it needs: one that would decide blindly is not started."""

from __future__ import annotations

from math import isfinite

from qm.market.market import Market
from qm.strategies.api import Strategy
from qm.strategies.contract import Need

BY_PRINTS = (Need.PRINTS, Need.QUOTES, Need.STATUS)
"""What feeds of single trades tell, and feeds of bars do not."""
COLUMNS = {
    "prior_close": "no earlier session is there to take a close from",
    "atr": "no earlier sessions are there to take an average range from",
    "adv": "no earlier sessions are there to take an average volume from",
    "or_volume": "no earlier sessions are there to take the usual volume of the opening from",
    "pre_volume": "no earlier session has any",
    "float_shares": "no shares free to trade are imported",
}
"""Why nothing may be known in a column of the reference data."""
NAMES = {
    "prior_close": "prior closes",
    "atr": "average ranges",
    "adv": "average volumes",
    "or_volume": "opening volumes",
    "pre_volume": "usual volumes before the open",
}
"""What is missing when a column is."""


def unmet(strategy: Strategy, market: Market) -> str:
    """Return what the session cannot tell that the strategy needs, in words; empty when it can be started."""
    missing = [f"{need}, which a feed of bars does not tell" for need in strategy.needs if _untold(need, market)]
    missing += [_why(column) for column in strategy.columns if not _known(column, market)]
    return f"it needs {'; and '.join(missing)}" if missing else ""


def _untold(need: Need, market: Market) -> bool:
    return need in BY_PRINTS and not market.prints


def _known(column: str, market: Market) -> bool:
    # One symbol is enough: what is unknown of the others, the strategy sees as unknown.
    values = getattr(market.reference, column)
    return any(isfinite(value) for value in values.ravel().tolist())


def _why(column: str) -> str:
    name = NAMES.get(column, column.replace("_", " "))
    return f"{name}, and {COLUMNS.get(column, 'it is known of no symbol')}"
