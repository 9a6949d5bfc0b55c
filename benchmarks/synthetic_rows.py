"""One statistic of the synthetic market beside the measured one, and when it counts as met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokers.sim.market.calibration import Quantiles

WITHIN: Final = 0.20


@dataclass(frozen=True, slots=True)
class Row:
    """A statistic: what was measured, what the generator gives, and whether that is near enough."""

    name: str
    target: float
    found: float
    met: bool

    def cells(self) -> list[str]:
        """Return the row of a table."""
        off = f"{self.found / self.target - 1.0:+.0%}" if self.target else "-"
        return [self.name, f"{self.target:,.3g}", f"{self.found:,.3g}", off, "yes" if self.met else "NO"]


def near(name: str, target: float, found: float, least: float = 0.0) -> Row:
    """Return a row that is met within 20 %, or within `least` of the target."""
    return Row(name, target, found, bool(abs(found - target) <= max(WITHIN * abs(target), least)))


def count(name: str, target: float, found: float) -> Row:
    """Return a row that is met within the 95 % of a Poisson law around a day's target."""
    return Row(name, target, found, bool(abs(found - target) <= 1.96 * target**0.5))


def quantiles(name: str, values: npt.NDArray[np.float64], of: Quantiles) -> Iterator[Row]:
    """Yield a row for each measured quantile."""
    known = values[np.isfinite(values)]
    for share, target in zip(*of, strict=True):
        found = float(np.quantile(known, share)) if len(known) else float("nan")
        yield near(f"{name}, q{100 * share:.0f}", target, found)
