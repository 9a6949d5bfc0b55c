"""How far from the market a print may be: limits of every symbol, set when its session begins."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.market.reference import Column
from qm.market.rows import Rows
from qm.rules.calendar import Session
from qm.rules.limits import LULD, LuldRule, widths
from qm.rules.ticks import TICKS

LEAST: Final = 0.05
"""A print this close, as a fraction, is never set aside."""
BANDS: Final = 3.0
"""Widths of the volatility bands that a print may be away."""


def set_limits(rows: Rows, prior_close: Column, leverage: Column, of: Session) -> None:
    """Put tick and limits into the rows of a new session, by the prior close in $ and the leverage of funds.

    The limit is three times the width of the volatility bands of tier two, at least 5 %; where the prior close is not
    known, that of symbols between the price levels of the plan. Before the plan its present widths stand for them.
    Prices further up than the limit are far, and so are those further down; from 100 % on, as many times down as up.
    """
    rule = LULD.at(of.date) or LuldRule()
    band = widths(rule, np.False_, prior_close, prior_close)
    wide = np.maximum(LEAST, BANDS * band * np.where(leverage >= 1.0, leverage, 1.0))
    rows["wide_up"] = 1.0 + wide
    rows["wide_down"] = np.where(wide < 1.0, 1.0 - wide, 1.0 / (1.0 + wide))
    ticks = TICKS.at(of.date)
    edge, fine, coarse = float(ticks.edge), float(ticks.fine), float(ticks.coarse)
    rows["tick"] = np.where(prior_close < edge, fine, coarse)
