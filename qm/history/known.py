"""What is known before each session of a dataset: its own history, files of closes, and splits; nothing later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from qm.errors import DataError
from qm.history.actions import Actions
from qm.history.assets import Assets, Universe
from qm.history.auctions import Official, official
from qm.history.catalogue import Catalogue
from qm.history.doubts import Doubt, doubted, first_prices, without
from qm.history.layout import REFERENCE, SessionData
from qm.history.reference import DAYS, YEAR, ReferenceBuilder
from qm.history.summaries import Summaries, kind_of
from qm.history.summary import hours
from qm.market.reference import Column, Reference
from qm.model.instrument import SymbolTable
from qm.rules.auctions import EXCHANGES, LISTED
from qm.rules.borrow import TOLD
from qm.rules.calendar import is_session, previous_session, session

COURSES: Final = DAYS + 6
"""Sessions whose courses of volume are read: more than `DAYS` full ones, half days being three a year."""


class Before(NamedTuple):
    """What is known before one session."""

    reference: Reference
    doubts: tuple[Doubt, ...]
    """Whose prior close is not believed, and why."""
    closes_of: dt.date | None
    """Session of the file whose closes were taken, None where there is none."""
    official: int = 0
    """Symbols whose official close was told by the auctions of the session before."""


class _Closes(NamedTuple):
    of: dt.date
    row: dict[str, int]
    """By symbol."""
    close: Column
    shares: Column
    float_shares: Column
    id: Column
    known_at: Column


class Known:
    """Takes in the sessions of a dataset in the order of their dates, from a year before the first one asked for."""

    def __init__(self, catalogue: Catalogue, dataset: str, kinds: Sequence[str], first: dt.date) -> None:
        self._catalogue = catalogue
        self._dataset = dataset
        self._actions = Actions(catalogue, dataset)
        self._renamed = self._actions.renamed
        """Those that the builder does not know yet."""
        self._builder = ReferenceBuilder(self._actions.splits)
        self._files: dict[dt.date, _Closes] = {}
        self._assets = Assets(catalogue, dataset)
        self._universe: Universe | None = None
        kind = kind_of(list(kinds))
        self._summaries = summaries = Summaries(catalogue, dataset, kind)
        earlier = [each for each in catalogue.sessions(dataset, kind=kind) if each < first][-YEAR:]
        for left, date in zip(range(len(earlier), 0, -1), earlier, strict=True):
            self._break(date, _known_by(date))
            self._rename(date)
            self._builder.add_summary(date, *summaries.of(date, courses=left <= COURSES))

    def before(self, data: SessionData) -> Before:
        """Return what is known before a session, its first prices being all that is asked of it.

        Raises DataError when there are files of closes and none of them is of the session before, nor is the dataset's
        own history: closes that are older would make every gap a lie.
        """
        on, symbols = data.session, data.symbols
        known_by = _known_by(on)
        self._break(on, known_by)
        dates = self._known_files(on, known_by)
        newest = self._file(dates[-1]) if dates else None
        older = self._file(dates[-2]) if len(dates) > 1 else None
        if newest is not None and older is not None:
            self._builder.forget(_renamed(older, newest))
        earlier = self._rename(on)
        reference = self._builder.reference(symbols, on)
        own = reference.prior_close.copy()
        fresh = newest is not None and newest.of == _before(on)
        closes = self._official_closes(on, known_by)
        if newest is not None and not fresh and self._builder.last != _before(on) and not closes:
            raise DataError(
                f"The closes of {self._dataset} that were known before {on} are those of {newest.of}, not those of "
                f"{_before(on)}, the session before.",
                "Import the closes of the session before: qm data import FILE --kind reference.",
            )
        compared = self._builder.last is not None and (fresh or closes) and self._builder.last == _before(on)
        self._dividends(reference, symbols, on, known_by)
        self._of_assets(reference, symbols, on, known_by)
        if newest is not None:
            self._take(reference, symbols, newest, on, known_by, fresh=fresh)
        taken = self._take_official(reference, symbols, closes, earlier, on, known_by)
        found = doubted(
            symbols,
            reference,
            first_prices(data.events, len(symbols)),
            shares=_shares(symbols, older, newest),
            own_close=own if compared else np.full(len(symbols), np.nan),
            sure=self._sure(symbols, on, known_by),
        )
        without(reference, [symbols.row(doubt.symbol) for doubt in found])
        return Before(reference, tuple(found), newest.of if newest is not None and fresh else None, taken)

    def add(self, data: SessionData) -> None:
        """Take in a session; DataError when it is not after those taken in before."""
        self._builder.add_summary(data.session, *self._summaries.summed(data))

    def _known_files(self, on: dt.date, known_by: int) -> list[dt.date]:
        dates = [date for date in self._catalogue.facts(self._dataset, REFERENCE) if date < on]
        # Two are enough: the closes, and the shares that there were before.
        return [date for date in dates[-3:] if int(self._file(date).known_at.max()) <= known_by][-2:]

    def _file(self, date: dt.date) -> _Closes:
        if date not in self._files:
            columns = self._catalogue.fact(self._dataset, REFERENCE, date)
            names = columns["names"][columns["symbol"]]
            self._files[date] = _Closes(
                of=date,
                row={str(name): i for i, name in enumerate(names)},
                close=columns["close"],
                shares=columns["shares"],
                float_shares=columns["float_shares"],
                id=columns["id"],
                known_at=columns["ts"],
            )
            for stale in sorted(self._files)[:-3]:
                del self._files[stale]
        return self._files[date]

    def _take(
        self, known: Reference, symbols: SymbolTable, file: _Closes, on: dt.date, known_by: int, *, fresh: bool
    ) -> None:
        factors = self._factors(file.of, on, known_by)
        for row, name in enumerate(symbols):
            place = file.row.get(name)
            if place is None:
                continue
            factor = factors.get(name, 1.0)
            known.float_shares[row] = file.float_shares[place] / factor
            if fresh:
                known.prior_close[row] = file.close[place] * factor
                known.split_factor[row] = factor
                known.known_at[row] = max(int(known.known_at[row]), int(file.known_at[place]))

    def _rename(self, on: dt.date) -> dict[str, str]:
        """Give the builder the names that hold in a session; returns what those that are new today were called."""
        due = [each for each in self._renamed if each.date <= on]
        self._renamed = [each for each in self._renamed if each.date > on]
        for date in sorted({each.date for each in due}):
            self._builder.rename({each.symbol: each.becomes for each in due if each.date == date})
        return {each.becomes: each.symbol for each in due if each.date == on and each.becomes}

    def _official_closes(self, on: dt.date, known_by: int) -> dict[str, Official]:
        before = _before(on)
        if before is None:
            return {}
        found = official(self._catalogue, self._dataset, before, "close")
        return {name: each for name, each in found.items() if each.known_at <= known_by}

    def _take_official(
        self,
        known: Reference,
        symbols: SymbolTable,
        closes: dict[str, Official],
        earlier: dict[str, str],
        on: dt.date,
        known_by: int,
    ) -> int:
        if not closes:
            return 0
        factors = self._factors(_before(on) or on, on, known_by)
        taken = 0
        for row, name in enumerate(symbols):
            close = closes.get(earlier.get(name, name))
            if close is not None:
                taken += 1
                known.prior_close[row] = close.price * factors.get(name, 1.0)
                known.split_factor[row] = factors.get(name, 1.0)
                known.known_at[row] = max(int(known.known_at[row]), close.known_at)
        return taken

    def _factors(self, after: dt.date, on: dt.date, known_by: int) -> dict[str, float]:
        factors: dict[str, float] = {}
        for split in self._actions.splits:
            if after < split.date <= on and split.known_at <= known_by:
                factors[split.symbol] = factors.get(split.symbol, 1.0) * split.factor
        return factors

    def _dividends(self, known: Reference, symbols: SymbolTable, on: dt.date, known_by: int) -> None:
        for name, amount in self._actions.dividends(on, known_by).items():
            if name in symbols:
                known.dividend[symbols.row(name)] = amount

    def _of_assets(self, known: Reference, symbols: SymbolTable, on: dt.date, known_by: int) -> None:
        near, told = self._assets.nearest(on), self._assets.known(on, known_by)
        if near is None:
            return
        # Lists of what can be borrowed change every day: one of an earlier session says nothing of this one.
        fresh = {} if told is None or told.of not in (on, _before(on)) else told.assets
        for row, name in enumerate(symbols):
            asset = near.assets.get(name)
            if asset is not None:
                venue = LISTED.get(asset.listing)
                known.listing[row] = np.nan if venue is None else EXCHANGES.index(venue)
                known.leverage[row] = np.nan if asset.leverage is None else asset.leverage
            if name in fresh:
                known.borrow[row] = TOLD.index(fresh[name].availability)

    def _break(self, on: dt.date, known_by: int) -> None:
        """Forget what was known of names that another company has now, as two universes in a row tell it."""
        told = self._assets.known(on, known_by)
        was, self._universe = self._universe, told or self._universe
        if told is None or was is None or told.of == was.of:
            return
        # The past of a new name is that of the old one, and comes with it.
        taken = {each.becomes for each in self._actions.renamed if was.of < each.date <= on}
        self._builder.forget(
            name
            for name, asset in told.assets.items()
            if name not in taken and name in was.assets and asset.id and was.assets[name].id not in ("", asset.id)
        )

    def _sure(self, symbols: SymbolTable, on: dt.date, known_by: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        sure = np.zeros(len(symbols), np.bool_)
        for split in self._actions.splits:
            # Factor 1 is how a trader says that there is none.
            if split.date == on and split.factor == 1.0 and split.known_at <= known_by and split.symbol in symbols:
                sure[symbols.row(split.symbol)] = True
        return sure


def _known_by(on: dt.date) -> int:
    return session(on).pre_ns if is_session(on) else hours(on)[0]


def _before(on: dt.date) -> dt.date | None:
    try:
        return previous_session(on).date
    except DataError:
        return None


def _renamed(older: _Closes, newer: _Closes) -> list[str]:
    """Return the symbols that name another company now."""
    shared = [(name, older.id[older.row[name]], newer.id[i]) for name, i in newer.row.items() if name in older.row]
    return [name for name, before, now in shared if before and now and before != now]


def _shares(symbols: SymbolTable, older: _Closes | None, newer: _Closes | None) -> Column:
    became = np.full(len(symbols), np.nan)
    if older is None or newer is None:
        return became
    for row, name in enumerate(symbols):
        if name in older.row and name in newer.row:
            became[row] = newer.shares[newer.row[name]] / older.shares[older.row[name]]
    return became
