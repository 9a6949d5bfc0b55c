"""A backtest as it was asked for: what it runs on, under which settings, and what names its result."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Final

import msgspec

from backtest.runner import Outcome, Plan
from brokers.sim.settings import Intrabar, SimSettings, stressed
from cli import compose
from cli.feeds import parse_date
from cli.markets import Chosen, choose, read_symbols
from cli.stores import BACKTEST, journal_file, keep_run, radar_folder
from qm.clock import now_ns
from qm.engine.day import Day
from qm.engine.settings import RunSettings
from qm.errors import UsageError
from qm.history.files import file_error, fill, write_whole
from qm.history.retention import SnapshotSettings, prune
from qm.rules.fees import COMMISSIONS, NO_COMMISSION
from qm.runtime.strategy_files import keep_sources
from qm.store.chain import RunHeader

ALL: Final = "all"
"""Stands for each of the assumptions where one could be named."""

UNFINISHED: Final = "unfinished-"
"""How the folder of snapshots begins while its backtest runs."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest as it was typed; it is kept beside the run, so that the run can be made again."""

    strategy: str
    dataset: str
    since: str | None = None
    until: str | None = None
    symbols: str | None = None
    kind: str | None = None
    params: tuple[str, ...] = ()
    equity: float | None = None
    overrides: tuple[str, ...] = ()
    costs: str = "house"
    fills: str | None = None
    """What to assume where a bar tells no order of events, all for a run under each; None leaves it to the settings."""
    stress: float = 1.0
    """How many times the slippage and the spread."""
    stresses: tuple[float, ...] = ()
    """Other multiples to run it at."""

    def others(self) -> list[Order]:
        """Return the same backtest under each of the other assumptions that were asked for, one a run."""
        alone = msgspec.structs.replace(self, stresses=(), fills=self.first_fills())
        fills = [each for each in Intrabar if each != alone.fills] if self.fills == ALL else []
        return [
            *(msgspec.structs.replace(alone, fills=each.value) for each in fills),
            *(msgspec.structs.replace(alone, stress=times) for times in self.stresses),
        ]

    def first_fills(self) -> str | None:
        """Return the assumption under which the run itself is made; None leaves it to the settings."""
        return Intrabar.PESSIMISTIC.value if self.fills == ALL else self.fills


@dataclass
class Trial:
    """One backtest."""

    order: Order
    chosen: Chosen
    plan: Plan
    settings: RunSettings
    code: str
    snapshots: SnapshotSettings

    @property
    def strategies(self) -> str:
        """Names of the strategies, joined."""
        return "+".join(choice.name for choice in self.settings.engine.strategies)

    @property
    def fills(self) -> str:
        """What is assumed where a bar tells no order of events."""
        return self.plan.exchange.intrabar.value

    @property
    def costs(self) -> str:
        """What trading is taken to cost, in words."""
        stress = self.order.stress
        return self.order.costs + (f", slippage and spread {stress:g} times" if stress != 1.0 else "")

    def __post_init__(self) -> None:
        self._days = self.chosen.days()
        self._first = next(self._days)
        for name, symbols in self.plan.assigned.items():
            if symbols and not any(symbol in self._first.table for symbol in symbols):
                raise UsageError(
                    f"{name} works {', '.join(symbols)}, and {self.chosen.name} has none of them.",
                    "Take another dataset, or name symbols: --symbols A,B.",
                )

    def days(self) -> Iterator[Day]:
        """Yield the sessions; once."""
        return chain([self._first], self._days)

    def header(self) -> RunHeader:
        """Return the header of its journal."""
        return RunHeader(
            id=self.plan.run_id,
            mode=BACKTEST,
            session=self.chosen.dates[0].isoformat(),
            started=now_ns(),
            feed=self.chosen.name,
            settings=self.settings.text(),
            symbols=self._first.table.digest(),
            code=self.code,
        )

    def digest(self) -> str:
        """Return the first digits of a digest over the data."""
        return hashlib.sha256(msgspec.json.encode(self.chosen.sources)).hexdigest()[:16]

    def name(self, sessions: int) -> str:
        """Return the id of its first sessions: equal for equal inputs, settings and code."""
        rules = [each.source for each in self.plan.strategies.values()]
        inputs = [
            self.code,
            self.settings.text(),
            self.order.costs,
            self.order.fills == ALL,
            self.order.stresses,
            self.chosen.name,
            self.chosen.sources,
            sessions,
            rules,
        ]
        digest = hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()[:8]
        first, last = self.chosen.dates[0], self.chosen.dates[sessions - 1]
        return f"{self.strategies}-{first:%Y%m%d}-{last:%Y%m%d}-{digest}"


def plan(order: Order, params: Mapping[str, str] | None = None, *, snapshots: bool = False) -> Trial:
    """Put a backtest together, with further parameters; raises what is wrong with any part, before anything runs."""
    preset = compose.cost_preset(order.costs)
    settings = compose.settings(order.overrides, preset.exchange)
    settings = settings._replace(exchange=_assumed(settings.exchange, order))
    given = (*order.params, *(f"{key}={value}" for key, value in (params or {}).items()))
    chosen_ones = compose.choices(order.strategy, given, settings.engine)
    alone = msgspec.structs.replace(settings.engine, strategies=chosen_ones)
    made = compose.strategies(alone)
    wanted = read_symbols(order.symbols) if order.symbols else ()
    since = parse_date(order.since, "--from") if order.since else None
    until = parse_date(order.until, "--to") if order.until else None
    chosen = choose(order.dataset, since, until, order.kind, wanted)
    # Who waits for hits would never see one of a list; who waits for none must be handed its symbols.
    listed = tuple(name for name, each in made.items() if wanted or not each.scans)
    everything = len(listed) == len(made)
    engine = compose.for_strategies(alone, made, assigned=everything, quotes=chosen.quotes)
    commission = preset.commission
    if commission is not None and settings.account.commission != NO_COMMISSION.id:
        commission = COMMISSIONS[settings.account.commission]
    run = RunSettings(
        mode=BACKTEST,
        equity=settings.account.equity_usd if order.equity is None else compose.amount(order.equity),
        prints=chosen.prints,
        engine=engine,
        exchange=msgspec.to_builtins(settings.exchange),
        commission="" if commission is None else commission.id,
        # No symbols stand for all of the session: others were left out of the data already.
        assigned={name: () if wanted else made[name].symbols for name in listed},
    )
    planned = Plan(
        settings=engine,
        strategies=made,
        equity=run.equity,
        exchange=settings.exchange,
        fees=compose.fees_of(commission),
        assigned=dict(run.assigned),
    )
    if snapshots:
        # Its name says how many sessions were run, which is known at the end.
        planned = replace(
            planned,
            snapshots=radar_folder(BACKTEST) / f"{UNFINISHED}{os.getpid()}",
            market_s=settings.snapshots.market_s,
        )
    return Trial(order, chosen, planned, run, compose.code(), settings.snapshots)


def _assumed(exchange: SimSettings, order: Order) -> SimSettings:
    """Return what is assumed of the exchange; UsageError for words and numbers that are no assumption."""
    if order.fills not in (None, ALL, *Intrabar):
        raise UsageError(f"--fills {order.fills!r} is not known.", f"These are: {', '.join(Intrabar)}, {ALL}.")
    how = order.first_fills()
    if how is not None:
        exchange = msgspec.structs.replace(exchange, intrabar=Intrabar(how))
    return stressed(exchange, order.stress)


def own_params(given: Iterable[str], name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters meant for one of several strategies that run alone, each `NAME.KEY=VALUE`; UsageError."""
    if len(names) == 1:
        return tuple(given)
    found = []
    for text in given:
        owner, dot, _ = text.partition("=")[0].partition(".")
        if not dot or owner not in names:
            raise UsageError(f"It is not clear whose parameter {text!r} is.", f"Write --param {names[0]}.KEY=VALUE.")
        found += [text] if owner == name else []
    return tuple(found)


def read_one_stress(text: str) -> float:
    """Read one multiple of slippage and spreads; UsageError, for several too."""
    first, *others = read_stress(text)
    if others:
        raise UsageError("A sweep chooses at one multiple of costs.", "Write one, and run the best alone at others.")
    return first


def read_stress(text: str) -> tuple[float, ...]:
    """Read `2` or `1,2,4`, multiples of slippage and spreads; UsageError."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(isfinite(each) and each >= 0 for each in found) or len(set(found)) < len(found):
        raise UsageError(
            f"--stress {text!r} is no multiple of costs.", "Write 2 for twice the costs, or 1,2,4 to run it at each."
        )
    return found


def keep(trial: Trial, outcome: Outcome) -> str:
    """Store the journal of a backtest and return the id of its run; an equal one that is there already is left."""
    header = outcome.header
    keep_sources(trial.plan.strategies.values(), journal_file(BACKTEST).parent / "strategies")
    name = trial.name(outcome.summary.sessions)
    keep_run(outcome.journal, header.id, msgspec.structs.replace(header, id=name))
    body = msgspec.json.encode(trial.order)
    write_whole(order_file(name), lambda beside: fill(beside, body))
    _keep_snapshots(trial, name)
    return name


def order_file(run: str) -> Path:
    """Return where it is kept how a run was asked for."""
    return journal_file(BACKTEST).parent / "orders" / f"{run}.json"


def _keep_snapshots(trial: Trial, name: str) -> None:
    made = trial.plan.snapshots
    if made is None or not made.is_dir():
        return
    kept = made.with_name(name)
    # An equal run showed the same.
    shutil.rmtree(kept, ignore_errors=True)
    try:
        made.rename(kept)
    except OSError as error:
        raise file_error(error, kept) from error
    limits = trial.snapshots
    prune(made.parent, limits.days, limits.max_mb * 1_000_000, now_ns(), spare=[name])
