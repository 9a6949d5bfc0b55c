"""Audit of a dataset against its universe: what could be traded on the day, and is not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qm.errors import DataError
from qm.history.assets import universe
from qm.history.audit_report import Example, Level, Tally
from qm.history.catalogue import Catalogue
from qm.history.layout import ASSETS
from qm.rules.calendar import is_session, session

_STRANGE: Final = 0.1
"""Share of the universe from which on its absence is more than stocks that did not trade that day."""
_REMEDY: Final = "Compare with the vendor; a download of some symbols holds only those."


def audit_universe(
    catalogue: Catalogue, dataset: str, kinds: Sequence[str], since: dt.date | None, until: dt.date | None
) -> Tally:
    """Compare the symbols of each session with the universe that was known before it; nothing where there is none."""
    tally = Tally(ASSETS)
    if not catalogue.facts(dataset, ASSETS):
        return tally
    for kind in kinds:
        for date in catalogue.sessions(dataset, since, until, kind):
            if is_session(date):
                _compare(catalogue, dataset, kind, date, tally)
    return tally


def _compare(catalogue: Catalogue, dataset: str, kind: str, date: dt.date, tally: Tally) -> None:
    try:
        known = universe(catalogue, dataset, session(date).pre_ns)
        there = _symbols(catalogue.folder / dataset / kind / f"{date}.parquet") if known is not None else set()
    except (DataError, OSError, ValueError):
        # Another part of the audit says which file is damaged.
        return
    if known is None:
        return
    wanted = {name for name, each in known.assets.items() if each.active and each.tradable}
    absent, strangers = sorted(wanted - there), sorted(there - known.assets.keys())
    level = Level.WARN if len(absent) > _STRANGE * len(wanted) else Level.NOTE
    what = f"could be traded by the universe of {known.of} and have no {kind}"
    if absent:
        place = Example(date.isoformat(), absent[0])
        tally.add(f"absent:{kind}", level, len(absent), "symbol-days", what, remedy=_REMEDY, example=place)
    if strangers:
        what = f"have {kind} and are not in the universe that was known before"
        place = Example(date.isoformat(), strangers[0])
        tally.add(f"strangers:{kind}", Level.NOTE, len(strangers), "symbol-days", what, example=place)


def _symbols(path: Path) -> set[str]:
    """Read no more than the names: a day of quotes of the whole market has hundreds of millions of rows."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[str] = set()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["symbol"]):
            found.update(pc.unique(batch.column("symbol")).to_pylist())
    return found
