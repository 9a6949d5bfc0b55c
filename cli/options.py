"""What commands that run backtests have in common on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from qm.errors import UsageError

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
Fills = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER",
        help="Where a bar tells no order of events: pessimistic, path or optimistic; all runs the three [pessimistic].",
    ),
]
Stress = Annotated[
    str,
    typer.Option(
        metavar="TIMES[,TIMES]",
        help="How many times the slippage and the spreads; 1,2,4 runs it at each, the result being that of the first.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        max=256,
        metavar="N",
        help="Processes: other assumptions run side by side, sessions are made ready ahead. The result is the same.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Exit with 8 when it holds, e.g. 'net<0' or 'trades<100'."),
]


def _can_be_written(path: Path | None) -> Path | None:
    """Refuse a place for a file before hours of work are done for it; UsageError."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent} for --report.", "Make it, or name another one.")
    if path is not None and not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise UsageError(f"{path} cannot be written.", "Check its permissions, or name another file.")
    return path


Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        callback=_can_be_written,
        help="Write a tear sheet: one HTML file, whole by itself.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Snapshots = Annotated[
    bool, typer.Option("--snapshots", help="Keep what the radar showed at every beat, for `qm radar`.")
]
Save = Annotated[bool, typer.Option(help="Keep the journal, for `qm journal list` and `qm explain`.")]
