"""What else could have happened: the sessions of a run drawn again, in blocks that keep what follows on what."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from backtest.intervals import LEAST_SESSIONS
from backtest.kept import KeptRun
from qm.errors import UsageError

SCHEMA = 1
PERCENTILES = (5, 25, 50, 75, 95)

Array = npt.NDArray[np.floating[Any]]


class Futures(msgspec.Struct, frozen=True, kw_only=True):
    """What so many sessions like those of a run may come to."""

    schema: int = SCHEMA
    run: str
    sessions: int
    paths: int
    block: float
    """Mean length of the blocks, sessions (Politis and White 2004, as corrected in 2009)."""
    total_return: dict[str, float]
    """By percentile."""
    max_drawdown: dict[str, float]
    """By percentile, as a share of the peak."""
    loss: float
    """Share of the paths that end below their start."""
    ruin: float
    """Share of the paths that once lost `ruin_at` of their highest equity."""
    ruin_at: float


def futures(of: KeptRun, paths: int = 5_000, ruin_at: float = 0.2, seed: int = 0) -> Futures:
    """Draw a run's sessions again, as many as there are; UsageError below 15 sessions, or when none differs."""
    returns = of.returns()
    if not drawable(of):
        raise UsageError(
            f"{of.run} has {len(returns)} sessions, which is too little to draw from.",
            f"Take a run of {LEAST_SESSIONS} sessions or more that traded.",
        )
    block = _block(returns)
    drawn = _drawn(returns, paths, block, seed)
    curves = np.cumprod(1 + drawn, axis=1)
    whole = np.hstack([np.ones((paths, 1)), curves])
    falls: Array = (1 - whole / np.maximum.accumulate(whole, axis=1)).max(axis=1)
    ends: Array = curves[:, -1] - 1
    return Futures(
        run=of.run,
        sessions=len(returns),
        paths=paths,
        block=round(block, 2),
        total_return=_percentiles(ends),
        max_drawdown=_percentiles(falls),
        loss=float((ends < 0).mean()),
        ruin=float((falls >= ruin_at).mean()),
        ruin_at=ruin_at,
    )


def drawable(of: KeptRun) -> bool:
    """Say whether a run has enough sessions to draw from, and they differ."""
    returns = of.returns()
    return len(returns) >= LEAST_SESSIONS and bool(np.ptp(returns) > 0)


def _block(returns: Array) -> float:
    try:
        from arch.bootstrap import optimal_block_length
    except ImportError as error:
        raise UsageError(
            "Drawing again needs the package arch.", "Install it: pip install 'quantmatrix[stats]'."
        ) from error
    found = float(optimal_block_length(returns)["stationary"].iloc[0])
    return max(1.0, found) if np.isfinite(found) else 1.0


def _drawn(returns: Array, paths: int, block: float, seed: int) -> Array:
    from arch.bootstrap import StationaryBootstrap

    again = StationaryBootstrap(max(1, round(block)), returns, seed=np.random.default_rng(seed))
    out: Array = np.vstack([data[0][0] for data in again.bootstrap(paths)])
    return out


def _percentiles(values: Array) -> dict[str, float]:
    found = np.percentile(values, PERCENTILES)
    return {str(name): float(value) for name, value in zip(PERCENTILES, found, strict=True)}
