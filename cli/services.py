"""What the daemon serves, put together from the command line, the settings and the data."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

import msgspec

from cli import compose
from cli.feeds import Feed, Recorded, Stored, Synthetic
from cli.markets import catalogue, choose, synthetic_day
from cli.recordings import find
from cli.starting import Request
from qm.config import create
from qm.engine.day import Day
from qm.engine.settings import RunSettings
from qm.errors import NotFoundError, UsageError
from qm.history.records import read_records
from qm.market.reference import Reference
from qm.model.market import Kind
from qm.rules.calendar import session
from qm.runtime.daemon import Service
from qm.runtime.run import Setup


def made(asked: Request) -> Service:
    """Return the service that was asked for; raises what is wrong with settings, strategies or data."""
    of = asked.paths
    settings = compose.settings(asked.overrides)
    day, quotes, feed = market_of(asked.feed)
    equity = settings.account.equity_usd
    if asked.equity is not None:
        equity = compose.amount(asked.equity)
    engine = compose.for_data(settings.engine, quotes=quotes)
    chosen = compose.strategies(engine)
    run = RunSettings(
        mode=of.mode,
        equity=equity,
        prints=day.prints,
        engine=engine,
        exchange=msgspec.to_builtins(settings.exchange),
        commission=settings.account.commission,
        assigned={name: each.symbols for name, each in chosen.items() if each.symbols and not each.scans},
    )
    setup = Setup(
        settings=run,
        strategies=chosen,
        day=day,
        make_venue=compose.make_venue,
        feed=feed,
        code=compose.code(),
        recordings=create(of.data) / "recordings",
        remake=compose.strategies,
    )
    return Service(of, setup, asked.feed.speed, asked.fresh, settings.snapshots)


def market_of(feed: Feed) -> tuple[Day, bool, str]:
    """Return the session of a feed, whether it tells spreads, and the name of the feed without its speed.

    Two starts with equal names are fed the same records, so that the second can go on where the first was cut off.
    """
    source = feed.source
    if isinstance(source, Synthetic):
        return synthetic_day(source), source.detail == "trades", f"{source.name}:date={source.date}"
    if isinstance(source, Recorded):
        return _recorded(source)
    return _stored(source)


def _stored(source: Stored) -> tuple[Day, bool, str]:
    date = source.date
    if date is None and source.dataset not in catalogue().names():
        with suppress(NotFoundError):
            return _recorded(Recorded(find(source.dataset, None).path))
    if date is None:
        date = choose(source.dataset, kind=source.kind).dates[-1]
    chosen = choose(source.dataset, date, date, source.kind)
    kind = f":{source.kind}" if source.kind else ""
    return next(chosen.days()), chosen.quotes, f"replay:{source.dataset}{kind}/{date}"


def _recorded(source: Recorded) -> tuple[Day, bool, str]:
    if not source.path.exists():
        raise NotFoundError(f"There is no recording at {source.path}.", "Recordings lie in the data folder of a mode.")
    header, records = read_records(source.path)
    try:
        prints = RunSettings.of(header.settings).prints
    except msgspec.DecodeError as error:
        raise UsageError(
            f"The settings in {source.path} cannot be read ({error}).", "Use another recording."
        ) from error
    known = header.reference.reference() if header.reference else Reference.empty(len(header.symbols))
    # The engine's own clock adds these records; those of the recording belong to the run that made it.
    fed = records[records["kind"] != Kind.CLOCK]
    quotes = bool((fed["kind"] == Kind.QUOTE).any())
    day = Day(header.table(), session(dt.date.fromisoformat(header.session)), known, prints, [fed])
    return day, quotes, f"replay:{source.path}"
