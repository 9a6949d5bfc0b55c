"""Audit of a dataset against its universe: what could be traded on the day, and is not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from qm.errors import DataError
from qm.history.assets import Universe, universe
from qm.history.audit.report import Example, Level, Tally
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
    asked = catalogue.facts(dataset, ASSETS)
    if not asked:
        return tally
    by_date: dict[dt.date, list[str]] = {}
    for kind in kinds:
        for date in catalogue.sessions(dataset, since, until, kind):
            by_date.setdefault(date, []).append(kind)
    for date in sorted(by_date):
        known = _before(catalogue, dataset, date, tally) if asked[0] <= date and is_session(date) else None
        if known is not None:
            for kind in by_date[date]:
                # Another part of the audit says which file is damaged.
                with suppress(OSError, ValueError):
                    _compare(known, catalogue.folder / dataset / kind / f"{date}.parquet", kind, date, tally)
    return tally


def _before(catalogue: Catalogue, dataset: str, date: dt.date, tally: Tally) -> Universe | None:
    try:
        return universe(catalogue, dataset, session(date).pre_ns)
    except DataError as error:
        what = f"cannot be read: {error.problem}"
        place = Example(date.isoformat())
        tally.add(f"damaged:{error.problem}", Level.BAD, 1, "files", what, remedy=error.remedy, example=place)
        return None


def _compare(known: Universe, path: Path, kind: str, date: dt.date, tally: Tally) -> None:
    there = _symbols(path)
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
