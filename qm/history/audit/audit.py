"""`qm data audit`: every session of a dataset against the calendar, its peers and what is known of feeds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

import numpy as np

from qm.errors import DataError, NotFoundError, UsageError
from qm.history.audit.coverage import Coverage
from qm.history.audit.day import AuditDay
from qm.history.audit.facts import audit_closes
from qm.history.audit.gaps import Lives, audit_minutes, audit_sessions
from qm.history.audit.report import Audit, Audited, Example, Level, Tally, at
from qm.history.audit.rows import audit_bars
from qm.history.audit.ticks import Prints, Quotes
from qm.history.audit.universe import audit_universe
from qm.history.catalogue import Catalogue
from qm.history.checks import Action, Finding
from qm.history.finality import settled_ns
from qm.history.known import Known
from qm.history.layout import QUOTES, TRADES, SessionData, events_of, length_of
from qm.history.manifest import Manifest
from qm.model.instrument import SymbolTable
from qm.rules.calendar import Session, is_session, session, sessions

_DAY_SECONDS: Final = 86_400
_OVERLAPS: Final = "overlaps"


def audit(
    catalogue: Catalogue,
    dataset: str,
    since: dt.date | None = None,
    until: dt.date | None = None,
    kind: str | None = None,
    tolerance: int = 5,
    told: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Look at a dataset, both ends included; `tolerance` is how many minutes in a row may be missing.

    A damaged session is a concern, and the others are looked at. `told` hears how far it is. Raises NotFoundError for
    an unknown dataset or kind, UsageError for a range without sessions.
    """
    kinds = _kinds(catalogue, dataset, kind)
    found = [_Kind(catalogue, dataset, each, since, until, tolerance, told) for each in kinds]
    if found and not any(each.dates for each in found):
        every = [date for each in kinds for date in catalogue.sessions(dataset, kind=each)]
        raise UsageError(
            f"Dataset {dataset} has no session from {since or 'its first'} to {until or 'its last'}.",
            f"It has {min(every)} to {max(every)}.",
        )
    audited = [each.audit() for each in found if each.dates]
    tallies = [each.tally for each in found]
    if kind is None:
        tallies.append(audit_closes(catalogue, dataset, since, until))
        tallies.append(audit_universe(catalogue, dataset, kinds, since, until))
    concerns = sorted((c for each in tallies for c in each.concerns()), key=lambda c: -c.level.weight)
    return Audit(dataset, tuple(audited), tuple(concerns))


def _kinds(catalogue: Catalogue, dataset: str, kind: str | None) -> list[str]:
    if kind is None:
        try:
            return catalogue.kinds(dataset)
        except NotFoundError:
            # Closes and splits without a market can be looked at, too.
            if dataset in catalogue.names():
                return []
            raise
    catalogue.sessions(dataset, kind=kind)
    return kind.split("+")


class _Kind:
    """One kind of the dataset, session by session."""

    def __init__(
        self,
        catalogue: Catalogue,
        dataset: str,
        kind: str,
        since: dt.date | None,
        until: dt.date | None,
        tolerance: int,
        told: Callable[[str], None],
    ) -> None:
        self.tally = Tally(kind)
        self.dates = catalogue.sessions(dataset, since, until, kind)
        self._catalogue, self._dataset, self._kind = catalogue, dataset, kind
        self._since, self._until = since, until
        self._tolerance, self._told = tolerance, told
        self._seconds = length_of(kind)
        self._lives, self._coverage, self._prints, self._quotes = Lives(), Coverage(), Prints(), Quotes()
        self._early: list[dt.date] = []
        self._known: Known | None = None
        self._guarded = True
        self._rows = self._there = self._possible = 0

    def audit(self) -> Audited:
        """Look at all sessions."""
        first, last = self._since or self.dates[0], self._until or self.dates[-1]
        expected = _expected(first, last)
        audit_sessions(expected, self.dates, self.tally)
        for i, date in enumerate(self.dates):
            self._told(f"{self._dataset}/{self._kind}: session {i + 1} of {len(self.dates)}, {date}")
            try:
                self._look(date)
            except DataError as error:
                what = f"cannot be read: {error.problem}"
                self.tally.add(
                    f"damaged:{date}",
                    Level.BAD,
                    1,
                    "files",
                    what,
                    remedy=error.remedy,
                    example=Example(date.isoformat()),
                )
        if self._seconds is not None or self._kind == TRADES:
            self._lives.audit(self.tally)
        self._settled()
        self._coverage.audit(self.tally)
        self._prints.audit(self.tally)
        self._quotes.audit(self.tally)
        return Audited(
            kind=self._kind,
            first=self.dates[0].isoformat(),
            last=self.dates[-1].isoformat(),
            sessions=len(self.dates),
            expected_sessions=len(expected),
            closed=tuple(_closed(first, last)),
            half_days=tuple(of.date.isoformat() for of in expected if of.half),
            rows=self._rows,
            symbols=len(self._lives),
            filled=self._there / self._possible if self._possible else None,
        )

    def _settled(self) -> None:
        if self._early:
            what = "were taken in before the corrections of the day were in: they may differ from what settled"
            remedy = "Fetch them again: qm data download with --repair, or qm data import with --replace."
            place = at(session(self._early[0]))
            self.tally.add("not_settled", Level.WARN, len(self._early), "sessions", what, remedy=remedy, example=place)

    def _look(self, date: dt.date) -> None:
        manifest = self._catalogue.manifest(self._dataset, self._kind, date)
        assert manifest is not None
        columns = self._catalogue.fact(self._dataset, self._kind, date)
        used = np.unique(columns["symbol"])
        names = columns["names"]
        self._lives.add(date, names[used])
        self._rows += len(columns["ts"])
        for finding in manifest.findings:
            self._imported(finding, date)
        if not is_session(date):
            return
        if session(date).open_ns <= manifest.fetched_at < settled_ns(session(date)):
            self._early.append(date)
        day = AuditDay(session(date), _length(manifest), names, columns["symbol"], columns["ts"], columns)
        if self._kind == TRADES:
            self._prints.add(day, self.tally)
            self._coverage.add_prints(day)
        elif self._kind == QUOTES:
            self._quotes.add(day, self.tally)
        else:
            self._look_at_bars(day)
        if self._kind != QUOTES:
            self._splits(date, manifest, day)

    def _imported(self, finding: Finding, date: dt.date) -> None:
        """Say what the import left out, put right or found: the rows at rest do not show it any more."""
        if self._seconds is not None and finding.action is Action.KEPT and not finding.what.startswith(_OVERLAPS):
            # What was kept is still there, and found again.
            return
        refused = finding.action is Action.REFUSED
        level = Level.WARN if refused else Level.NOTE
        examples = f" (the first: {finding.examples[0]})" if finding.examples else ""
        what = f"were {finding.action} by the import: {finding.what}{examples}"
        remedy = "Ask the source for them; what a symbol did on such a day is unknown." if refused else ""
        code, place = f"import:{finding.action}:{finding.what}", Example(date.isoformat())
        self.tally.add(code, level, finding.rows, "rows", what, remedy=remedy, example=place)

    def _look_at_bars(self, day: AuditDay) -> None:
        audit_bars(day, self.tally)
        if self._seconds == _DAY_SECONDS:
            return
        there, possible = audit_minutes(day, self.tally, self._tolerance)
        self._there += there
        self._possible += possible
        self._coverage.add_bars(day)

    def _splits(self, date: dt.date, manifest: Manifest, day: AuditDay) -> None:
        """Ask the guard that a run asks, whose prior close is not believed."""
        if not self._guarded:
            return
        rows = day.symbol.astype(np.int32)
        events = events_of(self._kind, day.values, rows, manifest.seconds)
        data = SessionData(SymbolTable(map(str, day.names)), events, date, manifest.sha256)
        try:
            self._known = self._known or Known(self._catalogue, self._dataset, [self._kind], date)
            doubts = self._known.before(data).doubts
        except DataError as error:
            place = Example(date.isoformat())
            self.tally.add("closes", Level.WARN, 1, "sessions", error.problem, remedy=error.remedy, example=place)
            doubts = ()
            # Where the sessions before the first cannot be read, no later one can be judged.
            self._guarded = self._known is not None
        if self._known is not None:
            self._known.add(data)
        for doubt in doubts:
            what = "look split without a file that tells it (the first: " + doubt.text.removesuffix(".") + ")"
            remedy = "Import splits: qm data import FILE --kind splits; until then it has no gap and does not rank."
            place = Example(date.isoformat(), doubt.symbol)
            self.tally.add("split", Level.WARN, 1, "symbol-days", what, remedy=remedy, example=place)


def _length(manifest: Manifest) -> int:
    # A daily bar carries the length of its session.
    return length_of(manifest.kind) or 0


def _expected(first: dt.date, last: dt.date) -> list[Session]:
    try:
        return sessions(first, last)
    except DataError:
        return []


def _closed(first: dt.date, last: dt.date) -> list[str]:
    days = (first + dt.timedelta(days=day) for day in range((last - first).days + 1))
    try:
        return [day.isoformat() for day in days if day.weekday() < 5 and not is_session(day)]
    except DataError:
        return []
