"""The tear sheet of a backtest, written beside nothing else: one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from backtest.bounds import Bound
from backtest.runner import Outcome
from backtest.sheet.page import Sheet, render
from cli.trial import Trial
from qm.history.files import fill, write_whole


def write(path: Path, trial: Trial, outcome: Outcome, run: str, bounds: Sequence[Bound]) -> None:
    """Write the page; DiskFullError and DataError leave an earlier one as it was."""
    s = outcome.summary
    last = outcome.days[-1].session if outcome.days else trial.chosen.dates[0].isoformat()
    sheet = Sheet(
        title=f"{trial.strategies} on {trial.chosen.name}, {trial.chosen.dates[0]} to {last}",
        facts=[
            ("run", run or "not kept"),
            ("data", f"{trial.chosen.name}; {len(trial.chosen.sources)} sources, {trial.digest()}"),
            ("sessions", f"{trial.chosen.dates[0]} to {last}"),
            ("costs", trial.costs),
            ("order of events inside bars", trial.fills),
            ("code", trial.code),
            ("run hash", trial.name(s.sessions).rpartition("-")[2]),
            ("journal hash", s.journal_hash),
            ("result hash", s.result_hash),
        ],
        settings=msgspec.json.format(trial.settings.text(), indent=2),
        summary=s,
        days=outcome.days,
        trades=outcome.trades,
        entries=outcome.journal.read(outcome.header.id),
        market=trial.chosen.days(),
        fills=trial.fills,
        bounds=bounds,
    )
    page = render(sheet).encode()
    write_whole(path, lambda beside: fill(beside, page))
