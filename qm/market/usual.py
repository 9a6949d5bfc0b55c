"""How much volume is usual by a time of day: the symbol's own course, or a day's average along the market's course.

A symbol's own mean is known at the end of every five minutes. Within them it goes the way of the whole market's curve,
so that the first minute of a day has its due, and evenly where that is not known.
"""

from __future__ import annotations

from math import isnan
from typing import Final, NamedTuple

import numba
import numpy as np

from qm.clock import MINUTE
from qm.market.market import Market
from qm.market.reference import Column, Reference, Single
from qm.rules.calendar import SESSION_MINUTES

MIN_DAYS: Final = 8
"""Sessions that must stand behind what is usual by a minute; 0 sessions are a baseline from elsewhere."""
FIVE: Final = 5 * MINUTE
QUARTER: Final = 15 * MINUTE


class Between(NamedTuple):
    """A moment on the courses of all symbols."""

    before: Single
    """Volume by the boundary before it, shares."""
    after: Single
    """Volume by the boundary after it, shares."""
    part: float
    """Of what is done between the two, how much is done by then."""


Course = tuple[Single, Single, float]
"""`Between` as a plain tuple, for compiled code."""
Moment = tuple[Course, Course, Course, Single, tuple[float, float, float]]
"""What is usual before the open by now; since the open by now, and by five boundaries ago; in the whole day; and what
share of a day's volume the whole market has done by now (NaN before the first minute has passed), since then, and by
now of this day. Of a half day nobody knows what is usual in the whole of it."""


def usual_share(curve: Column, since_open: int) -> float:
    """Return the share of a day's regular volume that is usually done `since_open` ns after the open."""
    if since_open <= 0:
        return 0.0
    minute, rest = divmod(since_open, MINUTE)
    if minute >= len(curve):
        return float(curve[-1])
    before = curve.item(minute - 1) if minute else 0.0
    share: float = before + (curve.item(minute) - before) * rest / MINUTE
    return share


def moment(market: Market) -> Moment:
    """Return what is usual at the market's now; bars tell no more than the last whole minute."""
    ref, session = market.reference, market.session
    opens, boundary, full = session.open_ns, market.now // MINUTE * MINUTE, session.minutes == SESSION_MINUTES
    told = market.now if market.prints else boundary
    ago = boundary - FIVE - opens
    now, share = between(ref, told - opens), usual_share(ref.curve, told - opens)
    if told - opens < MINUTE:
        # Of a few seconds nobody knows what is usual.
        now, share = now._replace(part=np.nan), np.nan
    return (
        _place(ref.pre_usual, (min(told, opens) - session.pre_ns) / QUARTER)[:],
        now[:],
        between(ref, ago)[:],
        ref.usual[-1] if full else np.full_like(ref.usual[-1], np.nan),
        (share, share - usual_share(ref.curve, ago), share if full else np.nan),
    )


def between(reference: Reference, since_open: int) -> Between:
    """Return the boundaries about a moment `since_open` ns after the open."""
    whole = max(since_open, 0) // FIVE
    found = _place(reference.usual, max(since_open, 0) / FIVE)
    first, last = (usual_share(reference.curve, each * FIVE) for each in (whole, whole + 1))
    if last > first:
        return found._replace(part=(usual_share(reference.curve, since_open) - first) / (last - first))
    return found


def usual_by(reference: Reference, since_open: int) -> Column:
    """Return the volume of each symbol that is usual by `since_open` ns after the open, shares; NaN when unknown."""
    before, after, part = between(reference, since_open)
    own = before + (np.asarray(after, np.float64) - before) * part
    other = reference.adv * usual_share(reference.curve, since_open)
    found = np.where(np.isnan(own), other, own)
    found[(reference.days < MIN_DAYS) & (reference.days != 0)] = np.nan
    return found


def usual_of(reference: Reference, row: int, since_open: int) -> float:
    """Return what `usual_by` does of one symbol."""
    if 0 != reference.days[row] < MIN_DAYS:
        return np.nan
    before, after, part = between(reference, since_open)
    first = before.item(row)
    own: float = first + (after.item(row) - first) * part
    return float(reference.adv[row]) * usual_share(reference.curve, since_open) if isnan(own) else own


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_usual(course: Course, first: int, out: Column) -> None:
    """Compute the volume of symbols from the row `first` on that is usual at a moment; NaN where it is not known."""
    before, after, part = course
    n = len(out)
    lower, upper = before[first : first + n], after[first : first + n]
    for k in range(n):
        low = np.float64(lower[k])
        out[k] = low + (np.float64(upper[k]) - low) * part


def _place(course: Single, at: float) -> Between:
    last = len(course) - 1
    whole = min(max(int(at), 0), last)
    return Between(course[whole], course[min(whole + 1, last)], at - whole if 0.0 <= at < last else 0.0)
