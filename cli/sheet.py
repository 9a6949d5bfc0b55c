"""The tear sheet of a backtest, written beside nothing else: one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from backtest.bounds import Bound, apart
from backtest.evidence import Tried, evidence, recorded
from backtest.kept import KeptRun
from backtest.runner import Outcome
from backtest.sheet.page import Sheet, render
from cli.ledger import ledger, ledger_file
from cli.trial import Trial
from qm.history.files import fill, write_whole


def write(path: Path, trial: Trial, outcome: Outcome, run: str, bounds: Sequence[Bound]) -> None:
    """Write the page; DiskFullError and DataError leave an earlier one as it was."""
    put(path, render(sheet_of(trial, outcome, run, bounds, searched(trial, outcome))))


def put(path: Path, page: str) -> None:
    """Write a page whole; DiskFullError and DataError leave an earlier one as it was."""
    body = page.encode()
    write_whole(path, lambda beside: fill(beside, body))


def sheet_of(trial: Trial, outcome: Outcome, run: str, bounds: Sequence[Bound], tried: Tried | None) -> Sheet:
    """Return what the page of a backtest is made of."""
    s = outcome.summary
    last = outcome.days[-1].session if outcome.days else trial.chosen.dates[0].isoformat()
    fills, stressed = apart(bounds)
    planned = len(trial.chosen.dates)
    cut = [] if s.sessions == planned else [f"Interrupted: only {s.sessions} of {planned} sessions were run."]
    returns = KeptRun(run, Decimal(str(s.start_equity_usd)), outcome.days, []).returns()
    return Sheet(
        title=f"{trial.strategies} on {trial.chosen.name}, {trial.chosen.dates[0]} to {last}",
        facts=[
            ("run", run or "not kept"),
            ("run hash", trial.name(s.sessions).rpartition("-")[2]),
            ("result hash", s.result_hash),
            ("journal hash", s.journal_hash),
            ("data hash", f"{trial.digest()} over {len(trial.chosen.sources)} sources, listed at the end"),
            ("code", trial.code),
            ("data", trial.chosen.name),
            ("sessions", f"{trial.chosen.dates[0]} to {last}"),
            ("strategies", ", ".join(f"{name} {each.version}" for name, each in trial.plan.strategies.items())),
            ("parameters", ", ".join((*trial.order.params, *trial.order.overrides)) or "all as shipped"),
            ("costs", trial.costs),
            ("order in bars", f"{trial.fills}, where a bar tells none"),
        ],
        settings=msgspec.json.format(trial.settings.text(), indent=2),
        summary=s,
        days=outcome.days,
        trades=outcome.trades,
        entries=outcome.journal.read(outcome.header.id),
        market=trial.chosen.days(),
        warnings=cut,
        fills=trial.fills,
        bounds=fills,
        stressed=stressed,
        sources=trial.chosen.sources,
        evidence=evidence(returns, tried),
    )


def searched(trial: Trial, outcome: Outcome) -> Tried | None:
    """Return what the ledger of sweeps holds of the search behind a backtest; None when there is nothing."""
    if not ledger_file().exists():
        return None
    given = dict(each.partition("=")[::2] for each in (*trial.order.params, *trial.order.overrides))
    with ledger() as book:
        return recorded(book, trial.order.strategy, trial.name(outcome.summary.sessions), given)
