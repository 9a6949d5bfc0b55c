"""Audit of what is known beside the market: closes of two sessions that only a split can have moved apart."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np

from qm.errors import DataError
from qm.history.actions import Actions
from qm.history.audit.report import Example, Level, Tally
from qm.history.catalogue import Catalogue
from qm.history.doubts import doubted
from qm.history.layout import REFERENCE, Array
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable

_APART: Final = dt.timedelta(days=5)
"""Files further apart than this tell prices that may have gone anywhere."""
_REMEDY: Final = "Import splits: qm data import FILE --kind splits; until then a gap across it is not believed."


def audit_closes(catalogue: Catalogue, dataset: str, since: dt.date | None, until: dt.date | None) -> Tally:
    """Compare files of closes, each with the one of the session before."""
    tally = Tally(REFERENCE)
    dates = [date for date in catalogue.facts(dataset, REFERENCE) if (since or date) <= date <= (until or date)]
    before: dict[str, Array] | None = None
    last: dt.date | None = None
    for date in dates:
        try:
            now = catalogue.fact(dataset, REFERENCE, date)
        except DataError as error:
            place = Example(date.isoformat())
            what = f"cannot be read: {error.problem}"
            tally.add(f"damaged:{date}", Level.BAD, 1, "files", what, remedy=error.remedy, example=place)
            continue
        if before is not None and last is not None and date - last <= _APART:
            _compare(before, now, date, _told(catalogue, dataset, last, date), tally)
        before, last = now, date
    return tally


def _compare(before: dict[str, Array], now: dict[str, Array], date: dt.date, told: set[str], tally: Tally) -> None:
    names = [str(name) for name in now["names"][now["symbol"]]]
    row = {str(name): i for i, name in enumerate(before["names"][before["symbol"]])}
    known = Reference.empty(len(names))
    shares = np.full(len(names), np.nan)
    for i, name in enumerate(names):
        if name in row:
            known.prior_close[i] = before["close"][row[name]]
            shares[i] = now["shares"][i] / before["shares"][row[name]]
    nothing = np.full(len(names), np.nan)
    sure = np.array([name in told for name in names], bool)
    for doubt in doubted(SymbolTable(names), known, now["close"], shares=shares, own_close=nothing, sure=sure):
        what = (
            f"look split between two files of closes (the first: {doubt.symbol} from {doubt.prior_close:,.4g} to "
            f"{doubt.first:,.4g})"
        )
        place = Example(date.isoformat(), doubt.symbol)
        tally.add("split", Level.WARN, 1, "symbols", what, remedy=_REMEDY, example=place)


def _told(catalogue: Catalogue, dataset: str, after: dt.date, upto: dt.date) -> set[str]:
    return {split.symbol for split in Actions(catalogue, dataset).splits if after < split.date <= upto}
