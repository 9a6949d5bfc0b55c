"""Volatility pauses: where a synthetic path leaves its limit-up limit-down bands, trading stops for five minutes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brokers.sim.grid import PAUSED, Cut, Pause
from brokers.sim.universe import Array, Universe
from qm.clock import MINUTE
from qm.rules.calendar import Session
from qm.rules.limits import LULD, LuldRule, Tier, band_fraction


def find_pauses(universe: Universe, of: Session, log: Array, prior: Array) -> tuple[Pause, ...]:
    """Return the pauses that the log prices at the minute boundaries call for, in order of time.

    `prior` are the log closes of the session before. There are none before the plan began.
    """
    rule = LULD.at(of.date)
    if rule is None:
        return ()
    price = np.exp(log)
    total = np.cumsum(np.vstack((np.zeros((1, price.shape[1])), price)), axis=0)
    ends = np.arange(1, len(price))
    since = np.maximum(ends - rule.reference_minutes, 0)
    mean = (total[ends] - total[since]) / (ends - since)[:, None]
    away = np.abs(price[1:] / mean - 1.0).max(axis=0)
    # Few symbols ever come near the narrowest band; only those are followed minute by minute.
    near = np.flatnonzero(away > np.where(universe.large, rule.tier_one, rule.tier_two))
    found = [
        pause
        for row in near.tolist()
        for pause in _of_symbol(
            rule, of, row, Tier.ONE if universe.large[row] else Tier.TWO, float(np.exp(prior[row])), price[:, row]
        )
    ]
    return tuple(sorted(found, key=lambda pause: (pause.begin_ns, pause.row)))


def _of_symbol(rule: LuldRule, of: Session, row: int, tier: Tier, prior: float, price: Array) -> list[Pause]:
    found: list[Pause] = []
    marks: list[float] = []
    resumes = of.open_ns
    for minute in range(len(price) - 1):
        at = of.open_ns + minute * MINUTE
        if at < resumes:
            continue
        before, after = float(price[minute]), float(price[minute + 1])
        marks.append(before)
        recent = marks[-rule.reference_minutes :]
        reference = sum(recent) / len(recent)
        fraction = band_fraction(tier, prior, reference, of, at)
        if fraction is None or abs(after / reference - 1.0) <= fraction or after == before:
            continue
        band = reference * (1.0 + fraction if after > reference else 1.0 - fraction)
        part = min(max((band - before) / (after - before), 0.05), 0.95)
        begin = at + int(part * MINUTE)
        late = begin >= of.close_ns - rule.no_reopening_minutes * MINUTE
        resumes = of.close_ns if late else begin + rule.pause_minutes * MINUTE
        found.append(Pause(row, begin, resumes, float(np.log(band))))
        marks = []
    return found


def cut(pauses: tuple[Pause, ...], of: Session, log: Array, count: npt.NDArray[np.int64]) -> dict[int, tuple[Cut, ...]]:
    """Take the paused time out of `count`, in place, and return a `Cut` for the minutes at either end of a pause."""
    cuts: dict[int, tuple[Cut, ...]] = {}
    for pause in pauses:
        row = pause.row
        first, part = divmod(pause.begin_ns - of.open_ns, MINUTE)
        until = part / MINUTE
        cuts[first] = (*cuts.get(first, ()), Cut(row, 0.0, until, float(log[first, row]), pause.band))
        count[first, row] = int(np.ceil(count[first, row] * until))
        last, part = divmod(pause.end_ns - of.open_ns, MINUTE)
        count[first + 1 : last, row] = PAUSED
        if last < of.minutes:
            since = part / MINUTE
            start, end = float(log[last, row]), float(log[last + 1, row])
            cuts[last] = (*cuts.get(last, ()), Cut(row, since, 1.0, start + (end - start) * since, end))
            # A reopening is a trade.
            count[last, row] = max(1, int(np.ceil(count[last, row] * (1.0 - since))))
    return cuts
