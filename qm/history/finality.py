"""How final a told bar is: just closed, with its late prints, or with the corrections of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from qm.clock import SECOND, at_ny
from qm.history.catalogue import Catalogue
from qm.rules.calendar import Session, is_session, session

UPDATE_NS: Final = 30 * SECOND
"""Feeds tell a minute bar again so long after its end, when prints came late."""
SETTLED: Final = "11:00"
"""New York, on the day after: vendors publish their files of a day about then, with its corrections."""


class Finality(StrEnum):
    """What may still change."""

    PROVISIONAL = "provisional"
    """Prints that come late will change it."""
    UPDATED = "updated"
    """Cancels and corrections of the day may change it."""
    SETTLED = "settled"


def finality(of: Session, end_ns: int, seen_ns: int) -> Finality:
    """Return how final a bar of a session that ended at `end_ns` is, as it was seen at `seen_ns`."""
    if seen_ns >= settled_ns(of):
        return Finality.SETTLED
    return Finality.UPDATED if seen_ns >= end_ns + UPDATE_NS else Finality.PROVISIONAL


def settled_ns(of: Session) -> int:
    """Return from when on what is fetched of a session is settled, ns UTC."""
    return at_ny(of.date + dt.timedelta(days=1), SETTLED)


def unsettled(catalogue: Catalogue, dataset: str, kinds: Iterable[str], dates: Sequence[dt.date]) -> list[dt.date]:
    """Return the sessions of which something was taken in before it settled; DataError when a manifest is damaged.

    What says that it was fetched before its session began has a clock that cannot be right: nothing is said of it.
    """
    found = []
    names = list(kinds)
    for date in filter(is_session, dates):
        of = session(date)
        told = [catalogue.manifest(dataset, kind, date) for kind in names]
        if any(each is not None and of.open_ns <= each.fetched_at < settled_ns(of) for each in told):
            found.append(date)
    return found
