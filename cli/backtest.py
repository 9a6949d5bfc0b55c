"""`qm backtest`: the engine over past sessions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import checks, runs, sweeps
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
    qm backtest run orb_robust -d us99_1m --from 2025-01-03 --symbols AAPL,TSLA -p stop_atr=0.5
    qm backtest run orb_robust,thrust -d us99_1m -p thrust.thrust_atr=0.5
    qm backtest run orb_robust -d us99_1m --report orb.html --fills all --stress 1,2 --workers 2
    qm backtest run thrust -d synthetic:200:seed=7 --json --fail-if 'net<0'
    """
    from cli import trial
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
    outcome, kept, bounds, interrupted = _made(planned, workers, save=save)
    _tell(planned, outcome, kept, bounds, report, interrupted=interrupted, as_json=as_json)
    held = [text for condition in conditions if (text := condition.holds(outcome.summary))]
    for text in held:
        say(f"qm: {text}")
    if interrupted or held:
        raise typer.Exit(130 if interrupted else 8)


# Their commands stand beside those above.
app.add_typer(checks.app)
app.add_typer(sweeps.app)
app.add_typer(runs.app)


def _made(planned: Trial, workers: int, *, save: bool) -> tuple[Outcome, str, list[Bound], bool]:
    """Run a backtest, keep it, and run it under the other assumptions; say whether that was interrupted."""
    from cli import trial
    from cli.beside import Beside

    with Beside(planned.order.others(), workers) as beside:
        beside.begin(planned)
        outcome, interrupted = _run(planned)
        kept = trial.keep(planned, outcome) if save else ""
        bounds, interrupted = _bounds(planned, outcome, beside, interrupted=interrupted)
        if interrupted:
            beside.stop()
    return outcome, kept, bounds, interrupted


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


def _tell(
    planned: Trial,
    outcome: Outcome,
    run: str,
    bounds: list[Bound],
    report: Path | None,
    *,
    interrupted: bool,
    as_json: bool,
) -> None:
    try:
        _draw(report, planned, outcome, run, bounds)
    finally:
        # A page that cannot be written takes no result with it.
        _report(planned, outcome, run, bounds, interrupted=interrupted, as_json=as_json)


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
