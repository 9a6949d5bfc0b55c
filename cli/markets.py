"""Sessions to run: out of the catalogue or made up, one at a time, each with what was known before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from brokers.sim.market.dirt import Dirt
from brokers.sim.synthetic import SyntheticMarket
from cli.feeds import Synthetic, parse_synthetic
from cli.output import say
from qm.clock import MINUTE
from qm.config import Paths, paths
from qm.engine.day import Day
from qm.errors import NotFoundError, UsageError
from qm.history.catalogue import Catalogue
from qm.history.doubts import Doubt
from qm.history.finality import unsettled
from qm.history.known import Known
from qm.history.layout import FACTS, QUOTES, SessionData, length_of
from qm.history.reference import YEAR
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Kind, Print
from qm.rules.calendar import Session, next_session, session, sessions
from qm.rules.luld_tape import LuldTape
from qm.rules.symbology import UNBANDED, named

SYNTHETIC_SESSIONS: Final = 5
"""Sessions of a synthetic dataset when no end is given."""
_DAY_SECONDS: Final = 86_400
_TOLD: Final = 5
"""Doubts about prior closes that are told one by one."""


class Batches:
    """Records that begin anew each time they are iterated."""

    def __init__(self, make: Callable[[], Iterable[Events]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Events]:
        return iter(self._make())


@dataclass(frozen=True, slots=True)
class Chosen:
    """Sessions of one dataset, in order."""

    name: str
    dates: tuple[dt.date, ...]
    prints: bool
    """It tells single trades, not only bars."""
    quotes: bool
    """It tells spreads."""
    sources: tuple[str, ...]
    """What proves which data it is: digests of files, or the spec of what is made up."""
    days: Callable[[], Iterator[Day]]
    """Yields the sessions, one in memory at a time."""


def catalogue(of: Paths | None = None) -> Catalogue:
    """Return the user's catalogue of market data."""
    of = of or paths("sim")
    return Catalogue(of.history, of.cache / "days")


def choose(
    dataset: str,
    since: dt.date | None = None,
    until: dt.date | None = None,
    kind: str | None = None,
    symbols: Sequence[str] = (),
) -> Chosen:
    """Return sessions of a dataset, both ends included; `symbols` leaves out all others.

    Raises NotFoundError with the nearest names, UsageError, and DataError as the sessions are read.
    """
    if since and until and until < since:
        raise UsageError(f"The last session ({until}) lies before the first ({since}).", "Exchange --from and --to.")
    if dataset == "synthetic" or dataset.startswith("synthetic:"):
        found = _made_up(parse_synthetic(dataset), since, until)
    else:
        found = _stored(catalogue(), dataset, since, until, kind)
    return _only(found, symbols) if symbols else found


def synthetic_day(spec: Synthetic) -> Day:
    """Return the one session of a synthetic feed."""
    return _made_up_day(_market(spec), spec, session(spec.date))


def read_symbols(text: str) -> tuple[str, ...]:
    """Return the symbols of `A,B` or of the file of `@FILE` (by line or comma, # begins a comment)."""
    if text.startswith("@"):
        path = Path(text[1:]).expanduser()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The symbols in {path} cannot be read: {error}.", "Give it a text file.") from error
        text = ",".join(line.partition("#")[0] for line in lines)
    found = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    if not found:
        raise UsageError("No symbol is named.", "Write --symbols AAPL,TSLA or --symbols @file.")
    return found


def _stored(of: Catalogue, dataset: str, since: dt.date | None, until: dt.date | None, kind: str | None) -> Chosen:
    everything = of.sessions(dataset, kind=kind)
    dates = [date for date in everything if (since or date) <= date <= (until or date)]
    if not dates:
        raise UsageError(
            f"Dataset {dataset} has no session from {since or 'its first'} to {until or 'its last'}.",
            f"It has {everything[0]} to {everything[-1]}.",
        )
    kinds = kind.split("+") if kind else of.kinds(dataset)
    daily = [each for each in kinds if length_of(each) == _DAY_SECONDS]
    if daily:
        raise UsageError(f"{daily[0]} of {dataset} are whole days; the engine runs inside one.", "Use shorter bars.")
    before = [date for date in everything if date < dates[0]][-YEAR:]
    digests = [of.sha256(dataset, each, date) for date in (*before, *dates) for each in kinds]
    digests += [of.sha256(dataset, each, date) for each in FACTS for date in of.facts(dataset, each)]

    def days() -> Iterator[Day]:
        known = Known(of, dataset, kinds, dates[0])
        for date in dates:
            data = of.load(dataset, date, kind)
            found = known.before(data)
            _tell(found.doubts, dataset, date)
            yield _stored_day(data, found.reference, prints)
            known.add(data)

    early = unsettled(of, dataset, kinds, dates)
    if early:
        say(f"qm: {len(early)} of {len(dates)} sessions were fetched before they settled, the first {early[0]}.")
    prints = all(length_of(each) is None for each in kinds)
    return Chosen(
        name=dataset,
        dates=tuple(dates),
        prints=prints,
        quotes=QUOTES in kinds,
        sources=tuple(each for each in digests if each is not None),
        days=days,
    )


def _tell(doubts: Sequence[Doubt], dataset: str, date: dt.date) -> None:
    for doubt in doubts[:_TOLD]:
        say(f"qm: {doubt.text}")
    if len(doubts) > _TOLD:
        say(f"qm: and {len(doubts) - _TOLD} more: qm data known {dataset} --session {date}")


def _stored_day(data: SessionData, known: Reference, prints: bool) -> Day:
    of = session(data.session)
    # What comes later than the minute after the close decides nothing; the closing auction is still in it.
    upto = int(np.searchsorted(data.events["ts"], of.close_ns + MINUTE, side="right"))
    events = data.events[:upto]
    if not prints:
        return Day(data.symbols, of, known, prints, [events])
    # A stored tape has neither statuses nor bands: both follow from its prints. Whether it marks those of auctions is a
    # fact about the feed.
    openings = bool(((events["kind"] == Kind.TRADE) & ((events["flag"] & Print.OPENING) != 0)).any())
    day_usd = known.adv * known.prior_close
    banded = np.array([named(name).security not in UNBANDED for name in data.symbols], bool)
    prior = np.where(banded, known.prior_close, np.nan)
    return Day(
        data.symbols,
        of,
        known,
        prints,
        Batches(lambda: LuldTape(of, prior, day_usd, known.leverage, openings).over([events])),
    )


def _made_up(spec: Synthetic, since: dt.date | None, until: dt.date | None) -> Chosen:
    first = since or (min(spec.date, until) if until else spec.date)
    found = sessions(first, until) if until else _following(first, SYNTHETIC_SESSIONS)
    if not found:
        raise UsageError(f"There is no session from {first} to {until}.", "The market is closed on those days.")

    def days() -> Iterator[Day]:
        market = _market(spec)
        for each in found:
            yield _made_up_day(market, spec, each)

    prints = spec.detail == "trades"
    return Chosen(spec.name, tuple(each.date for each in found), prints, prints, (spec.name,), days)


def _market(spec: Synthetic) -> SyntheticMarket:
    return SyntheticMarket(spec.symbols, spec.seed, [Dirt(kind) for kind in spec.dirt])


def _made_up_day(market: SyntheticMarket, spec: Synthetic, of: Session) -> Day:
    batches = Batches(lambda: market.minutes(of, detail=spec.detail))
    return Day(market.table, of, market.reference(of), spec.detail == "trades", batches)


def _following(first: dt.date, count: int) -> list[Session]:
    found = [next_session(first - dt.timedelta(days=1))]
    while len(found) < count:
        found.append(next_session(found[-1].date))
    return found


def _only(found: Chosen, symbols: Sequence[str]) -> Chosen:
    """Leave out all symbols but some, so that they cost nothing; a symbol no session has is a mistake."""
    wanted = set(symbols)

    def days() -> Iterator[Day]:
        seen: set[str] = set()
        everything: set[str] = set()
        for day in found.days():
            everything.update(day.table)
            seen.update(wanted.intersection(day.table))
            yield _Subset.of(day, wanted).day()
            if day.session.date == found.dates[0] and not seen:
                raise NotFoundError.of("symbol of this dataset", min(wanted), everything)

    return Chosen(found.name, found.dates, found.prints, found.quotes, (*found.sources, *sorted(wanted)), days)


@dataclass(frozen=True, slots=True)
class _Subset:
    whole: Day
    rows: tuple[int, ...]

    @classmethod
    def of(cls, day: Day, wanted: set[str]) -> Self:
        return cls(day, tuple(row for row, name in enumerate(day.table) if name in wanted))

    def day(self) -> Day:
        day, rows = self.whole, list(self.rows)
        table = SymbolTable(day.table.names[row] for row in rows)
        return Day(table, day.session, day.reference.of(rows), day.prints, Batches(self.batches))

    def batches(self) -> Iterator[Events]:
        # Records of no symbol (the clock's) have row -1, which picks the last place: it keeps them as they are.
        place = np.full(len(self.whole.table) + 1, -2, np.int32)
        place[list(self.rows)] = np.arange(len(self.rows))
        place[-1] = -1
        for batch in self.whole.batches:
            rows = place[batch["sym"]]
            kept = batch[rows != -2]
            kept["sym"] = rows[rows != -2]
            yield kept
