"""One statistic of the synthetic market beside the measured one, how well each is known, and when it counts as met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.calibration import Quantiles

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]

WITHIN: Final = 0.20
SURE: Final = 1.96
BLOCKS: Final = 10
"""Parts of the sessions whose differences tell how well a statistic is known."""
LEAST: Final = 5
"""Values that a part needs to tell anything."""


@dataclass(frozen=True, slots=True)
class Row:
    """A statistic: what was measured, what the generator gives, and how well both are known."""

    name: str
    target: float
    found: float
    size: int
    """Values behind `found`."""
    error: float
    """Half of the 95 % interval of `found`; NaN when nothing is known of it."""
    within: Interval
    """Where `found` may lie: 20 % around the target, or what else was agreed."""
    known: Interval | None = None
    """The 95 % interval of the target itself, where few were measured."""

    @property
    def met(self) -> bool:
        """Within what was agreed."""
        return bool(self.within[0] <= self.found <= self.within[1])

    @property
    def told_apart(self) -> bool:
        """Not met, and neither its own sampling error nor the target's explains it."""
        error = 0.0 if np.isnan(self.error) else self.error
        low, high = self.known or (self.target, self.target)
        return not self.met and not (self.found + error >= low and self.found - error <= high)

    def cells(self) -> list[str]:
        """Return the row of a table."""
        off = f"{self.found / self.target - 1.0:+.0%}" if self.target else "-"
        error = "?" if np.isnan(self.error) else f"{self.error:,.2g}"
        verdict = "yes" if self.met else "NO" if self.told_apart else "error"
        known = "" if self.known is None else f"{self.known[0]:,.3g} to {self.known[1]:,.3g}"
        target, found = f"{self.target:,.3g}", f"{self.found:,.3g}"
        return [self.name, target, known, found, error, f"{self.size:,}", off, verdict]


COLUMNS: Final = ["", "measured", "known within", "found", "+-", "n", "off", "met"]


class Pool:
    """Columns of values, gathered session by session."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}
        self._session: list[npt.NDArray[np.int64]] = []

    def add(self, session: int, **columns: Array) -> None:
        """Take one session's values, the same number in each column."""
        size = {len(values) for values in columns.values()}
        assert len(size) == 1
        for name, values in columns.items():
            self._parts.setdefault(name, []).append(np.asarray(values, np.float32))
        self._session.append(np.full(size.pop(), session))

    def whole(self) -> dict[str, Array]:
        """Return the columns, `session` among them."""
        if not self._session:
            return {"session": np.zeros(0)}
        found = {name: np.concatenate(parts).astype(np.float64) for name, parts in self._parts.items()}
        return found | {"session": np.concatenate(self._session).astype(np.float64)}


def choose(columns: dict[str, Array], which: npt.NDArray[np.bool_]) -> dict[str, Array]:
    """Return some rows of all columns."""
    return {name: values[which] for name, values in columns.items()}


def around(target: float, least: float = 0.0) -> Interval:
    """Return 20 % around a target, or `least`."""
    wide = max(WITHIN * abs(target), least)
    return target - wide, target + wide


def row(
    name: str,
    target: float,
    of: dict[str, Array],
    what: Callable[[dict[str, Array]], float],
    *,
    within: Interval | None = None,
    known: Interval | None = None,
    least: float = 0.0,
) -> Row:
    """Compute a statistic over all values, and its error from parts of the sessions, or at least `least`."""
    size = len(of["session"])
    found = what(of) if size else float("nan")
    sessions = np.unique(of["session"])
    parts = []
    for chosen in np.array_split(sessions, min(BLOCKS, len(sessions))) if len(sessions) else []:
        part = choose(of, np.isin(of["session"], chosen))
        if len(part["session"]) >= LEAST:
            parts.append(what(part))
    error = float(np.fmax(_error(np.array(parts)), least)) if least else _error(np.array(parts))
    return Row(name, target, found, size, error, within or around(target), known)


def mean_row(name: str, target: float, values: Array, *, within: Interval | None = None) -> Row:
    """Return the row of a figure that every session has: its mean."""
    known = values[np.isfinite(values)]
    found = float(known.mean()) if len(known) else float("nan")
    return Row(name, target, found, len(known), _error(known), within or around(target))


def quantile_rows(
    name: str, of: dict[str, Array], column: str, targets: Quantiles, known: tuple[Interval, ...] | None = None
) -> Iterator[Row]:
    """Yield a row for each measured quantile of a column."""
    finite = choose(of, np.isfinite(of[column])) if column in of else of
    for at, (share, target) in enumerate(zip(*targets, strict=True)):

        def what(part: dict[str, Array], share: float = share) -> float:
            return float(np.quantile(part[column], share))

        yield row(f"{name}, q{100 * share:.0f}", target, finite, what, known=None if known is None else known[at])


def _error(parts: Array) -> float:
    return SURE * float(parts.std(ddof=1)) / len(parts) ** 0.5 if len(parts) > 1 else float("nan")
