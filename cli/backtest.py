"""`qm backtest`: the engine over past sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Progress, say

if TYPE_CHECKING:
    from backtest.runner import Outcome
    from backtest.summary import DayResult
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


Name = Annotated[
    str,
    typer.Argument(
        metavar="STRATEGY", help="A strategy, several as a,b in order of preference, or all of the settings."
    ),
]
Dataset = Annotated[
    str,
    typer.Option("--dataset", "-d", metavar="NAME", help="A dataset of `qm data ls`, or a made-up one: synthetic:500."),
]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session.")]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session.")]
Symbols = Annotated[
    str | None,
    typer.Option(metavar="A,B|@FILE", help="Trade exactly these, past radar and scanner; all others are left out."),
]
Kind = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="Which data of the dataset, where it has several: bars_1m, trades+quotes."),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-p", metavar="KEY=VALUE", help="A parameter of the strategy; NAME.KEY=VALUE among several."
    ),
]
Equity = Annotated[float | None, typer.Option(metavar="USD", help="Equity at the start [100000].")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="A setting, e.g. risk.risk_per_trade=0.003."),
]
Costs = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="house: measured slippage and latency; ibkr: plus commission; none: nothing costs anything.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Exit with 8 when it holds, e.g. 'net<0' or 'trades<100'."),
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Write a tear sheet: one HTML file, whole by itself."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Snapshots = Annotated[
    bool, typer.Option("--snapshots", help="Keep what the radar showed at every beat, for `qm radar`.")
]
Save = Annotated[bool, typer.Option(help="Keep the journal, for `qm journal list` and `qm explain`.")]


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
    qm backtest run orb_robust -d us99_1m --report orb.html
    qm backtest run thrust -d synthetic:200:seed=7 --json --fail-if 'net<0'
    """
    from cli import trial
    from cli.conditions import parse

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
    )
    planned = trial.plan(order, snapshots=snapshots and save)
    outcome, interrupted = _run(planned)
    kept = trial.keep(planned, outcome) if save else ""
    if report is not None:
        from cli.sheet import write

        write(report, planned, outcome, kept)
        say(f"The tear sheet is {report}.")
    _report(planned, outcome, kept, interrupted=interrupted, as_json=as_json)
    held = [text for condition in conditions if (text := condition.holds(outcome.summary))]
    for text in held:
        say(f"qm: {text}")
    if interrupted or held:
        raise typer.Exit(130 if interrupted else 8)


@app.command("sweep")
def sweep_parameters(
    name: Name,
    dataset: Dataset,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary", "-v", metavar="KEY=VALUES", help="What to vary: key=1,2,3 or key=0.5..2 or key=0.5..2:0.25."
        ),
    ],
    method: Annotated[
        str, typer.Option(metavar="METHOD", help="grid, random, or optuna, which learns as it goes.")
    ] = "grid",
    trials: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Trials, unless it is a grid.")] = 100,
    objective: Annotated[str, typer.Option(metavar="FIGURE", help="What makes a trial the best.")] = "sharpe",
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    equity: Equity = None,
    override: Overrides = None,
    costs: Costs = "house",
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, metavar="N", help="Processes; all cores by default.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler instead, e.g. tcp://host:8786.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of random and optuna.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Try many parameters, and say what the best of them proves.

    Every trial goes into a ledger from which nothing is ever removed: the more were tried, the less the best one means.
    The same command goes on where it was interrupted.

    \b
    qm backtest sweep orb_robust -d us99_1m -v stop_atr=0.5,1,1.5 -v top_n=3..9:2
    qm backtest sweep thrust -d us99_1m -v bars=2..6 -v min_stop_atr=0..1 --method optuna --trials 200
    """
    from cli.output import emit_json
    from cli.sweep import define, make, show
    from cli.trial import Order

    order = Order(
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
    )
    found = make(order, define(order, vary, method, trials, seed, objective), objective, workers, dask)
    if as_json:
        emit_json(found)
    else:
        show(found)


@app.command("sweeps")
def list_sweeps(as_json: AsJson = False) -> None:
    """List the sweeps of the ledger, and check that no trial was changed or removed."""
    import msgspec

    from cli.output import emit_json
    from cli.sweep import ledger, show_all

    with ledger() as book:
        book.verify()
        rows = [{"sweep": of.id, "made": made, **msgspec.to_builtins(of)} for of, made in book.sweeps()]
    if as_json:
        emit_json(rows)
    elif rows:
        show_all(rows)
    else:
        say("There is no sweep yet: qm backtest sweep.")


@app.command("walkforward")
def walk(
    name: Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep of the ledger, see qm backtest sweeps.")],
    train: Annotated[int, typer.Option(min=2, metavar="N", help="Sessions to choose on.")] = 60,
    test: Annotated[int, typer.Option(min=1, metavar="N", help="Sessions to trade the choice on.")] = 20,
    purge: Annotated[int, typer.Option(min=0, metavar="N", help="Sessions between the two that neither uses.")] = 1,
    rolling: Annotated[bool, typer.Option("--rolling", help="Forget the oldest; all of the past otherwise.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the best trial of a sweep on past sessions and trade it on those that follow, again and again.

    Nothing is run again: a choice sees the returns of its training sessions alone.

    \b
    qm backtest walkforward orb_robust-grid-1a2b3c4d --train 120 --test 20
    """
    from backtest.walkforward import walk_forward
    from cli.output import emit_json
    from cli.sweep import ledger, show_walk

    with ledger() as book:
        found = walk_forward(name, book.trials(name), train, test, purge, rolling=rolling)
    if as_json:
        emit_json(found)
    else:
        show_walk(found)


@app.command("check")
def check_for_peeking(
    name: Name,
    dataset: Dataset,
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    kind: Kind = None,
    param: Params = None,
    override: Overrides = None,
    cuts: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Moments at which to change the future.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the moments.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Find out whether a strategy looks into the future.

    It runs again with the future cut off at random moments, and with it shuffled. Whatever was decided before must be
    decided again, byte for byte. A strategy that reads the answers from a file of its own is not found out.

    Exit code 8 when a decision changed.

    \b
    qm backtest check orb_robust -d us99_1m
    """
    from backtest.check import check
    from cli import trial
    from cli.output import emit_json
    from cli.result import show_check

    order = trial.Order(
        strategy=name,
        dataset=dataset,
        since=since,
        until=until,
        symbols=symbols,
        kind=kind,
        params=tuple(param or ()),
        overrides=tuple(override or ()),
    )
    planned = trial.plan(order)
    with Progress() as progress:
        found = check(
            planned.plan, planned.chosen.days, cuts, seed, lambda n, of: progress.show(f"{n}/{of} runs compared")
        )
    if as_json:
        emit_json(found)
    else:
        show_check(planned.strategies, found)
    raise typer.Exit(0 if found.clean else 8)


Kept = Annotated[str, typer.Argument(metavar="RUN", help="A kept run, see qm journal list --run all.")]


@app.command("repro")
def make_again(run: Kept, as_json: AsJson = False) -> None:
    """Make a kept run again, and compare.

    It says what of the inputs is no longer the same (code, data, settings), and whether the decisions and the trades
    are. Exit code 8 when they are not.
    """
    from cli.output import emit_json
    from cli.repro import repeat, show

    with Progress() as progress:
        found = repeat(run, progress)
    if as_json:
        emit_json(found)
    else:
        show(found)
    raise typer.Exit(0 if found.same_trades else 8)


@app.command("compare")
def compare_runs(
    first: Kept,
    second: Annotated[str, typer.Argument(metavar="RUN", help="The run to hold against it.")],
    as_json: AsJson = False,
) -> None:
    """Compare two kept runs, session by session.

    Sessions are taken in pairs and resampled whole, so that a difference which is only luck shows as such.

    \b
    qm backtest compare orb_robust-20250102-20250117-1a2b3c4d orb_robust-20250102-20250117-5e6f7a8b
    """
    from backtest.compare import compare
    from cli.kept import read, show_comparison
    from cli.output import emit_json

    found = compare(read(first), read(second))
    if as_json:
        emit_json(found)
    else:
        show_comparison(found)


@app.command("montecarlo")
def draw_again(
    run: Kept,
    paths: Annotated[int, typer.Option(min=100, max=100_000, metavar="N", help="How many times to draw.")] = 5_000,
    ruin: Annotated[
        float, typer.Option(min=0.01, max=0.99, metavar="SHARE", help="The fall that counts as ruin.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random numbers.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Draw the sessions of a kept run again and again.

    It tells which returns and drawdowns as many sessions of the same kind may bring. It knows no session that is not in
    the run: what never happened there does not happen here.
    """
    from backtest.montecarlo import futures
    from cli.kept import read, show_futures
    from cli.output import emit_json

    found = futures(read(run), paths, ruin, seed)
    if as_json:
        emit_json(found)
    else:
        show_futures(found)


def _report(planned: Trial, outcome: Outcome, run: str, *, interrupted: bool, as_json: bool) -> None:
    from cli.output import emit_json
    from cli.result import as_data, show

    if as_json:
        emit_json(as_data(planned, outcome, run, interrupted=interrupted))
    else:
        show(planned, outcome, run)
    if interrupted:
        say(f"Interrupted: {outcome.summary.sessions} of {len(planned.chosen.dates)} sessions were run.")


def _run(planned: Trial) -> tuple[Outcome, bool]:
    from backtest.runner import run
    from cli.interrupts import Interrupts

    total = len(planned.chosen.dates)
    with Interrupts("finishing this session; Ctrl-C again stops at once") as interrupts, Progress() as progress:
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
