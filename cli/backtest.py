"""`qm backtest`: the engine over past sessions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import runs, sweeps
from cli.options import (
    AsJson,
    Conditions,
    Costs,
    Dataset,
    Equity,
    Fills,
    Kind,
    Name,
    Overrides,
    Params,
    Report,
    Save,
    Since,
    Snapshots,
    Stress,
    Symbols,
    Until,
    Workers,
)
from cli.output import Progress, say

if TYPE_CHECKING:
    from backtest.bounds import Bound
    from backtest.runner import Outcome
    from backtest.summary import DayResult
    from cli.beside import Beside
    from cli.markets import Chosen
    from cli.trial import Trial
    from qm.engine.day import Day

app = typer.Typer(
    name="backtest",
    help="Run strategies over past sessions.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback()
def backtest() -> None:
    """Run strategies over past sessions."""


@app.command("run")
def run_strategy(
    name: Name,
    dataset: Dataset,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    equity: Equity = None,
    override: Overrides = None,
    costs: Costs = "house",
    fills: Fills = None,
    stress: Stress = "1",
    workers: Workers = 1,
    fail_if: Conditions = None,
    report: Report = None,
    as_json: AsJson = False,
    snapshots: Snapshots = False,
    save: Save = True,
) -> None:
    """Run strategies over past sessions.

    It is the same engine as live: radar, scanner, gate and order handling. A strategy gets its symbols from the radar
    and the scanner, as it would on the day. Ctrl-C ends the run after the session it is in, with the result so far.

    \b
    qm backtest run orb_robust --dataset us99_1m
    qm backtest run orb_robust -d us99_1m --from 2025-01-03 --symbols AAPL,TSLA -p stop_atr=0.5
    qm backtest run orb_robust,thrust -d us99_1m -p thrust.thrust_atr=0.5
    qm backtest run orb_robust -d us99_1m --report orb.html --fills all --stress 1,2 --workers 2
    qm backtest run thrust -d synthetic:200:seed=7 --json --fail-if 'net<0'
    """
    from cli import trial
    from cli.beside import Beside
    from cli.conditions import parse

    multiples = trial.read_stress(stress)
    conditions = [parse(text) for text in fail_if or ()]
    order = trial.Order(
        strategy=name,
        dataset=dataset,
        since=since,
        until=until,
        symbols=symbols,
        kind=kind,
        params=tuple(param or ()),
        equity=equity,
        overrides=tuple(override or ()),
        costs=costs,
        fills=fills,
        stress=multiples[0],
        stresses=multiples[1:],
    )
    planned = trial.plan(order, snapshots=snapshots and save)
    with Beside(order.others(), workers) as beside:
        beside.begin(planned)
        outcome, interrupted = _run(planned)
        kept = trial.keep(planned, outcome) if save else ""
        bounds, interrupted = _bounds(planned, outcome, beside, interrupted=interrupted)
        if interrupted:
            beside.stop()
    _draw(report, planned, outcome, kept, bounds)
    _report(planned, outcome, kept, bounds, interrupted=interrupted, as_json=as_json)
    held = [text for condition in conditions if (text := condition.holds(outcome.summary))]
    for text in held:
        say(f"qm: {text}")
    if interrupted or held:
        raise typer.Exit(130 if interrupted else 8)


@app.command("check")
def check_for_peeking(
    dataset: Dataset,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[STRATEGY]...", help="Strategies, each checked alone.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, the shipped ones and your own.")] = False,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    override: Overrides = None,
    cuts: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, metavar="N", help="Moments at which to change the future [10; for several strategies 4]."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the moments.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, metavar="N", help="Processes for several; all cores by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out whether strategies look into the future.

    Each runs again with the future cut off at random moments, and with it shuffled. Whatever was decided before must be
    decided again, byte for byte. A strategy that reads the answers from a file of its own is not found out.

    Exit code 8 when a decision changed.

    \b
    qm backtest check orb_robust -d us99_1m
    qm backtest check --all -d us99_1m
    """
    import os

    from cli import trial
    from cli.output import emit_json
    from cli.peeking import Checked, check_each, every_name, possible, show_checks
    from qm.errors import UsageError

    if every == bool(names):
        raise UsageError("It is not clear what to check.", "Name strategies, or write --all.")
    wanted = every_name() if every else list(dict.fromkeys(names or ()))
    orders = [
        trial.Order(
            strategy=name,
            dataset=dataset,
            since=since,
            until=until,
            symbols=symbols,
            kind=kind,
            params=trial.own_params(param or (), name, wanted),
            overrides=tuple(override or ()),
        )
        for name in wanted
    ]
    able, left_out = possible(orders)
    if left_out and not (every and able):
        trial.plan(next(order for order in orders if order.strategy in left_out))
    with Progress(quiet=not sys.stderr.isatty()) as progress:
        moments = cuts or (10 if len(orders) == 1 else 4)
        found = check_each(able, moments, seed, workers or os.cpu_count() or 1, progress)
    clean = all(each.clean for each in found.values())
    if as_json:
        emit_json(found[wanted[0]] if len(wanted) == 1 else Checked(clean=clean, strategies=found, left_out=left_out))
    else:
        show_checks(found, left_out)
    raise typer.Exit(0 if clean else 8)


# Their commands stand beside those above.
app.add_typer(sweeps.app)
app.add_typer(runs.app)


def _bounds(planned: Trial, outcome: Outcome, beside: Beside, *, interrupted: bool) -> tuple[list[Bound], bool]:
    """Run under the other assumptions, when that was asked for; what was not run to its end bounds nothing."""
    from backtest.bounds import bound
    from cli import trial

    found = [bound(planned.fills, outcome.summary, planned.order.stress)]
    for order in () if interrupted else beside.orders:
        made = beside.found(order)
        if made is None:
            again, interrupted = _run(trial.plan(order))
            if interrupted:
                break
            made = bound(order.fills or planned.fills, again.summary, order.stress)
        found.append(made)
    return found, interrupted


def _draw(path: Path | None, planned: Trial, outcome: Outcome, run: str, bounds: list[Bound]) -> None:
    from cli.sheet import write

    if path is None:
        return
    write(path, planned, outcome, run, bounds)
    say(f"The tear sheet is {path}.")


def _report(
    planned: Trial, outcome: Outcome, run: str, bounds: list[Bound], *, interrupted: bool, as_json: bool
) -> None:
    from cli.output import emit_json
    from cli.result import as_data, show

    if as_json:
        emit_json(as_data(planned, outcome, run, bounds, interrupted=interrupted))
    else:
        show(planned, outcome, run, bounds)
    if interrupted:
        whole = outcome.summary.sessions == len(planned.chosen.dates)
        left = "" if not whole else f", and {len(bounds)} of the assumptions"
        say(f"Interrupted: {outcome.summary.sessions} of {len(planned.chosen.dates)} sessions were run{left}.")


def _run(planned: Trial) -> tuple[Outcome, bool]:
    from backtest.runner import run
    from cli.interrupts import Interrupts

    total = len(planned.chosen.dates)
    promise = "finishing this session; Ctrl-C again stops at once"
    with Interrupts(promise) as interrupts, Progress(quiet=not sys.stderr.isatty()) as progress:
        reporter = _Reporter(planned.chosen, progress)
        days = interrupts.until_asked(reporter.watched(planned.days()))
        outcome = run(planned.plan, days, planned.header(), reporter.on_session)
        return outcome, interrupts.asked and outcome.summary.sessions < total


class _Reporter:
    """Tells how far a run is."""

    def __init__(self, chosen: Chosen, progress: Progress) -> None:
        from qm.clock import monotonic_ns

        self._now = monotonic_ns
        self._started = monotonic_ns()
        self._total = len(chosen.dates)
        self._done = 0
        self._trades = 0
        self._progress = progress

    def watched(self, days: Iterable[Day]) -> Iterator[Day]:
        """Yield days, telling which one begins."""
        for day in days:
            self._tell(f"running {day.session.date}")
            yield day

    def on_session(self, result: DayResult, trades: int) -> None:
        """Tell that a session is over."""
        self._done, self._trades = self._done + 1, trades
        self._tell(f"equity {float(result.equity_usd):,.0f} $")

    def _tell(self, what: str) -> None:
        took_s = (self._now() - self._started) / 1e9
        rate = self._done / took_s if took_s and self._done else 0.0
        left = f"{(self._total - self._done) / rate:,.0f} s left" if rate else "..."
        self._progress.show(
            f"{self._done}/{self._total} sessions, {rate:.1f}/s, {left}, {self._trades:,} trades, {what}"
        )
