"""What the sessions before say of the market as a whole, kept session by session in what its windows need."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.history.doubts import LIMIT
from qm.history.summary import Summary
from qm.market.climate import NAMES, Numbers, unknown
from qm.market.reference import Column, Single
from qm.market.trend import adx

YEAR: Final = 252
"""Sessions of SPY that are kept: as many as a run reads before its first, so that every run knows the same."""
MEANS: Final = (20, 50, 200)
"""Lengths of its means, sessions."""
BREADTH: Final = (20, 50)
"""Lengths of the means of all others, sessions."""
PERIODS: Final = 14
"""Of the average directional index, sessions."""
VOLATILITY: Final = 5
"""Moves behind a volatility."""
LEAST_WINDOWS: Final = 20
"""Other volatilities below which one has no rank among them."""
GAP: Final = 0.04
"""From which on an open above the prior close is a gap, as a fraction."""
GAP_SESSIONS: Final = 10
HOT, HOT_USD = 0.20, 10e6
"""A close above the prior close, as a fraction, with so many $ traded, that makes a name hot."""
EXACT: Final = 1e-9
"""What binary fractions may put between a price and a threshold, of the price."""

Rows = npt.NDArray[np.int64]


class ClimateBuilder:
    """Takes in sessions in order, by the rows of whoever feeds it; prices are in the shares of the latest session.

    - `spy_sma20_pct`, 50, 200: the last close of SPY, % from the mean of its last 20, 50, 200
    - `spy_adx14`: average directional index of its daily bars, from the 28th on, over a year at most
    - `spy_vol5_pct`: standard deviation (n - 1) of its last five log moves x sqrt(252), %; of five sessions in a row
    - `spy_vol5_rank_pct`: % of the other `spy_vol5_windows` of the year that were lower; 20 of them at least
    - `above_sma20_pct`, 50: % above their mean of 20, 50, of the `above_sma20_names` that traded in all those sessions
    - `hot_names`: closed up 20 % or more with at least $10M traded (regular volume x close), of `hot_of_names`
    - `gaps_held_pct`: % of the `gaps_names` that opened up 4 % or more in ten sessions and closed above the open
    - `gappers_pct`: mean move from open to close of the last session's `gappers_names`, %

    A move or a gap counts where both sessions follow each other and the symbol traded in both. An open at more than
    `LIMIT` times the prior close is a split that no file tells, as in `qm.history.doubts`.
    """

    def __init__(self) -> None:
        self._market: deque[Column] = deque(maxlen=YEAR)
        """Of SPY: open, high, low, close and log move; NaN where it did not trade."""
        self._closes: deque[Single] = deque(maxlen=max(BREADTH))
        self._gaps: deque[tuple[int, int]] = deque(maxlen=GAP_SESSIONS)
        """(how many, how many held) of the sessions before the latest."""
        self._body: Column = np.empty(0)
        """Move from open to close of the latest session's gappers, NaN of all others."""
        self._move: Column = np.empty(0)
        """1 where the latest session's close made a name hot, 0 where not, NaN where its move is not known."""

    def add(self, day: Summary, rows: Rows, prior: Column, width: int, market: int | None) -> None:
        """Take in a session: `prior` closes, NaN unless of the session before; `market` is the place of SPY in it."""
        if np.isfinite(self._move).any():
            self._gaps.append(_count(self._body))
        self._market.append(np.full(5, np.nan) if market is None else _bar(day, prior, market))
        closes = np.full(width, np.nan, np.float32)
        closes[rows] = day.close
        self._closes.append(closes)
        with np.errstate(divide="ignore", invalid="ignore"):
            believed = np.isfinite(prior) & (day.open <= prior * LIMIT)
            gapped = believed & (day.open >= prior * (1.0 + GAP - EXACT))
            hot = (day.close >= prior * (1.0 + HOT - EXACT)) & (day.volume * day.close >= HOT_USD)
            body = day.close / day.open - 1.0
        self._body, self._move = np.full(width, np.nan), np.full(width, np.nan)
        self._body[rows] = np.where(gapped, body, np.nan)
        self._move[rows] = np.where(believed & np.isfinite(day.close), hot, np.nan)

    def forget(self, rows: list[int]) -> None:
        """Let go of the past of some symbols; what earlier sessions counted stays counted."""
        columns: list[npt.NDArray[Any]] = [*self._closes, self._body, self._move]
        for column in columns:
            column[[row for row in rows if row < len(column)]] = np.nan

    def forget_market(self) -> None:
        """Let go of the past of SPY."""
        self._market.clear()

    def split(self, row: int, factor: float, *, market: bool) -> None:
        """Put earlier prices of a symbol into other shares; `market` says that it is SPY."""
        for column in self._closes:
            if row < len(column):
                column[row] *= np.float32(factor)
        for bar in self._market if market else ():
            bar[:4] *= factor

    def before(self, late: list[int], *, market: bool) -> Numbers:
        """Return what is known before the session after the latest, in the order of `NAMES`.

        The rows of `late` have splits that came out too late, and count nowhere; `market` is False where SPY is one.
        """
        found = self._of_market() if market else {}
        for length in BREADTH:
            found |= self._breadth(length, late)
        body, move = (np.delete(column, late) for column in (self._body, self._move))
        known = int(np.isfinite(move).sum())
        if known:
            gappers = np.isfinite(body)
            found |= {"hot_names": float(np.nansum(move)), "hot_of_names": known, "gappers_names": int(gappers.sum())}
            if gappers.any():
                found["gappers_pct"] = 100.0 * float(body[gappers].mean())
        gaps = [*self._gaps, *([_count(body)] if known else [])][-GAP_SESSIONS:]
        count, held = (sum(each) for each in zip(*gaps, strict=True)) if gaps else (0, 0)
        if len(gaps) == GAP_SESSIONS:
            found["gaps_names"] = count
            if count:
                found["gaps_held_pct"] = 100.0 * held / count
        climate = unknown()
        climate[:] = [found.get(name, np.nan) for name in NAMES]
        return climate

    def _of_market(self) -> dict[str, float]:
        whole = np.array(self._market)
        if not len(whole) or np.isnan(whole[-1, 3]):
            return {}
        closes = whole[np.isfinite(whole[:, 3]), 3]
        found = {
            f"spy_sma{length}_pct": 100.0 * float(closes[-1] / closes[-length:].mean() - 1.0)
            for length in MEANS
            if len(closes) >= length
        }
        found["spy_adx14"] = adx(whole[np.isfinite(whole[:, :4]).all(axis=1), :4], PERIODS)
        # The first move reaches back to a close that a run which begins later never reads.
        moves = whole[1:, 4]
        if len(moves) >= VOLATILITY:
            windows: Any = np.lib.stride_tricks.sliding_window_view(moves, VOLATILITY)
            each = 100.0 * windows.std(axis=1, ddof=1) * np.sqrt(252.0)
            latest, others = each[-1], each[:-1][np.isfinite(each[:-1])]
            found["spy_vol5_pct"] = float(latest)
            if np.isfinite(latest) and len(others) >= LEAST_WINDOWS:
                found["spy_vol5_rank_pct"] = 100.0 * float((others < latest).mean())
                found["spy_vol5_windows"] = len(others)
        return found

    def _breadth(self, length: int, late: list[int]) -> dict[str, float]:
        if len(self._closes) < length:
            return {}
        columns = list(self._closes)[-length:]
        # Who was not there in the first of them has no mean of so many.
        width = len(columns[0])
        total, last = np.zeros(width), columns[-1][:width].astype(np.float64)
        for column in columns:
            total += column[:width]
        total[[row for row in late if row < width]] = np.nan
        known = np.isfinite(total)
        names = int(known.sum())
        if not names:
            return {}
        above = float((last[known] > total[known] / length).mean())
        return {f"above_sma{length}_pct": 100.0 * above, f"above_sma{length}_names": names}


def _count(body: Column) -> tuple[int, int]:
    return int(np.isfinite(body).sum()), int((body > 0.0).sum())


def _bar(day: Summary, prior: Column, market: int) -> Column:
    prices = [float(column[market]) for column in (day.open, day.high, day.low, day.close)]
    return np.array([*prices, np.log(prices[3] / prior[market])])
