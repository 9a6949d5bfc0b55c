"""Prior closes that cannot be right: a split that no file tells looks like the greatest runner of the day.

What is doubted becomes unknown, never guessed: the symbol has no gap, no change on the day and no relative volume, so
it does not rank by them. The rules, each measured on real days:

- The first price that counts is more than six times the prior close, or less than a sixth of one of 20 $ or more: who
  falls from less was not split, but crashed. The 2,465 gappers of
  2016 to 2019 all open below five times their close; of seven stocks that opened beyond six times it in three months
  of 2023, three traded as little as after a split. A trader who knows better says so with a split of factor 1.
- The first price is at least 1.8 times away from the prior close, and the shares outstanding moved the other way by
  the same factor, within 30 %, between the last two files of closes: that is what a split does, and a run does not.
- It opens at a half, a third and so on of a prior close of 20 $ or more, within 3 %: what a forward split does. No
  crash of the real days at hand lands there.
- The file of closes and the dataset's own last price of that session differ by more than a factor of 1.8.

The first price is the one by which a symbol is seen for the first time: nothing that was shown before it changes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qm.market.reference import Column, Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind, Print

LIMIT: Final = 6.0
"""Times the prior close, or parts of a high one, from which on it is not believed."""
SHARES_FROM: Final = 1.8
"""Times from which on a move of the shares outstanding speaks for a split."""
SHARES_WITHIN: Final = 0.30
FORWARD_FROM: Final = 20.0
"""$, prior close."""
FORWARD: Final = (2, 3, 4, 5)
"""Forward splits below the limit, new shares for one."""
FORWARD_WITHIN: Final = 0.03

_BLOCK: Final = 1 << 16
_PRICES: Final = ("prior_close", "atr", "prev_open", "prev_high", "prev_low", "high_52w")
_VOLUMES: Final = ("adv", "adv10", "adv20", "or_volume", "pre_volume", "float_shares")
_SHAPES: Final = ("nr7", "inside_day", "ssr_carried", "split_factor", "beta")


class Doubt(NamedTuple):
    """A prior close that is not believed."""

    symbol: str
    prior_close: float
    """$, as it was known."""
    first: float
    """First price of the session that counts, $."""
    why: str

    @property
    def text(self) -> str:
        """One sentence for people."""
        return (
            f"{self.symbol} is not measured against its prior close of {self.prior_close:,.4g}: it begins at "
            f"{self.first:,.4g}, {self.why}."
        )


def first_prices(events: Events, symbols: int) -> Column:
    """Return the first price of each symbol that may set one, NaN where there is none."""
    first = np.full(symbols, np.nan)
    left = symbols
    for start in range(0, len(events), _BLOCK):
        block = events[start : start + _BLOCK]
        kind = block["kind"]
        counts = (kind == Kind.BAR) | ((kind == Kind.TRADE) & (block["flag"] & Print.LAST != 0))
        # Backwards, so that the first one is the one that stays.
        sym, price = block["sym"][counts][::-1], block["a"][counts][::-1]
        fresh = np.isnan(first[sym]) & (price > 0)
        first[sym[fresh]] = price[fresh]
        left = int(np.isnan(first).sum())
        if not left:
            break
    return first


def doubted(
    symbols: SymbolTable,
    known: Reference,
    first: Column,
    *,
    shares: Column,
    own_close: Column,
    sure: npt.NDArray[np.bool_],
) -> list[Doubt]:
    """Return whose prior close is not believed, in the order of rows.

    `shares` is how many times the shares outstanding became, `own_close` what the dataset's own last price says, both
    NaN where unknown; `sure` where somebody said that there is no split, or which.
    """
    prior = known.prior_close
    with np.errstate(divide="ignore", invalid="ignore"):
        times = first / prior
        away = np.maximum(times, 1.0 / times)
        apart = np.maximum(prior / own_close, own_close / prior)
        far = (times > LIMIT) | ((times < 1.0 / LIMIT) & (prior >= FORWARD_FROM))
        by_shares = (away >= SHARES_FROM) & (np.abs(times * shares - 1.0) <= SHARES_WITHIN)
        forward = np.zeros(len(prior), bool)
        for new in FORWARD:
            forward |= (prior >= FORWARD_FROM) & (np.abs(times * new - 1.0) <= FORWARD_WITHIN)
        contradicted = apart > SHARES_FROM
    rows = np.flatnonzero((far | by_shares | forward | contradicted) & ~sure)
    found = []
    for row in rows.tolist():
        if contradicted[row]:
            why = f"while its own last price was {own_close[row]:,.4g}"
        elif by_shares[row]:
            why = f"and its shares outstanding became {shares[row]:.4g} times what they were: a split"
        elif far[row]:
            why = f"{_times(times[row])} it: probably a split that no file tells"
        else:
            why = f"{_times(times[row])} it: probably a forward split that no file tells"
        found.append(Doubt(symbols.names[row], float(prior[row]), float(first[row]), why))
    return found


def without(known: Reference, rows: list[int]) -> None:
    """Make unknown what is known of some symbols from before."""
    for name in (*_PRICES, *_VOLUMES, *_SHAPES):
        getattr(known, name)[rows] = np.nan
    for several in (known.noise, known.usual, known.pre_usual):
        several[:, rows] = np.nan
    known.days[rows] = 0


def _times(times: float) -> str:
    return f"{times:,.1f} times" if times >= 1 else f"1/{1 / times:,.3g} of"
