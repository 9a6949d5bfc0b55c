"""Run the common job on our engine and its peers, side by side, and check that all of them made the same trades.

Bars a second are of processor time: every engine is pinned to one processor, and where others use the machine too, the
clock on the wall measures them as well.

Every run is a process of its own; the engines take turns (A B C A B C ...), so that a slow moment of the machine hits
all of them. One that takes long is run once, and one that takes very long is not asked for more symbols: the table says
so. Ends with code 1 when an engine fails or its trades differ from the
reference; a peer that cannot be installed here is named in the table, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import setup
from benchmarks.measure import ROOT, report

PACKAGE = "benchmarks.common_job"
REFERENCE = "reference"
OURS = "qm"
ENOUGH_S = 30.0
"""An engine whose run took longer than this is not run again: its share of a slow moment is small."""
ENGINES: dict[str, tuple[Path, str]] = {
    OURS: (Path(sys.executable), f"{PACKAGE}.ours"),
    **{peer: (setup.python(peer), f"{PACKAGE}.peers.{peer}") for peer in setup.PEERS},
}

COLUMNS = (
    "symbols x days",
    "bars/s",
    "processor s",
    "clock s",
    "qm is faster, times",
    "import s",
    "peak MB",
    "trades",
    "P&L $",
    "runs",
)

Run = dict[str, Any]


def run(name: str, symbols: int, days: int, cpu: int | None) -> Run | None:
    """Run one engine once in its own process; None, and the reason on stderr, when it fails."""
    python, module = ENGINES.get(name, (Path(sys.executable), f"{PACKAGE}.peers.{name}"))
    pinned = [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]
    command = [*pinned, str(python), "-m", module, "--symbols", str(symbols), "--days", str(days)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        print(f"{name}, {symbols} symbols: code {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    row: Run = json.loads(done.stdout.splitlines()[-1])
    return row


def side_by_side(names: list[str], symbols: int, days: int, rounds: int, cpu: int | None) -> dict[str, list[Run]]:
    """Run the engines in turn; returns each engine's runs. An engine that fails or differs is left out."""
    right = run(REFERENCE, symbols, days, cpu)
    if right is None:
        sys.exit(1)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, rows in list(runs.items()):
            if rows and rows[0]["run_cpu_s"] > ENOUGH_S:
                continue
            row = run(name, symbols, days, cpu)
            if row is not None and same(row, right):
                rows.append(row)
                print(f"{name}, {symbols} symbols: {row['run_cpu_s']:.2f} s", file=sys.stderr)
            else:
                del runs[name]
    return runs


def medians(rows: list[Run]) -> Run:
    """Return the medians of an engine's runs, and how many they are."""
    return {key: middle([row[key] for row in rows]) for key in rows[0]} | {"runs": len(rows)}


def same(row: Run, right: Run) -> bool:
    """Say whether a run gave the reference's trades, one by one, and its P&L to the cent."""
    wrong = [key for key in ("trades", "pnl_usd", "digest") if row[key] != right[key]]
    for key in wrong:
        print(f"{row['engine']}: {key} is {row[key]}, the reference has {right[key]}", file=sys.stderr)
    return not wrong


def middle(values: list[Any]) -> Any:
    """Return the median of numbers, or the one value that all runs agree on."""
    return values[0] if isinstance(values[0], str) else statistics.median(values)


def cells(name: str, row: Run, ours: Run | None) -> list[str]:
    """Return one line of the table."""
    ratio = "" if ours is None or name == OURS else f"{ours['bars_per_s'] / row['bars_per_s']:.1f}"
    return [
        f"{row['symbols']:.0f} x {row['days']:.0f}: {name}",
        f"{row['bars_per_s']:,.0f}",
        f"{row['run_cpu_s']:.3f}",
        f"{row['run_s']:.3f}",
        ratio,
        f"{row['import_s']:.2f}",
        f"{row['peak_mb']:,.0f}",
        f"{row['trades']:,.0f}",
        f"{row['pnl_usd']:,.2f}",
        f"{row['runs']}",
    ]


def main() -> None:
    """Run all sizes and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default=",".join(ENGINES), help="comma-separated; default: %(default)s")
    parser.add_argument("--symbols", default="1,20,100,500")
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--patience", type=float, default=60.0, help="s; one that took longer is not asked for more symbols"
    )
    parser.add_argument("--cpu", type=int, default=0, help="processor that every engine is pinned to; -1: none")
    arguments = parser.parse_args()
    cpu = None if arguments.cpu < 0 else arguments.cpu
    asked = arguments.engines.split(",")
    lacking = {name: reason for name in asked if name in setup.PEERS and (reason := setup.missing(name))}
    names = [name for name in asked if name not in lacking]
    rows, figures, failed = [], [], 0
    sizes = sorted(map(int, arguments.symbols.split(",")))
    for symbols in sizes:
        runs = side_by_side(names, symbols, arguments.days, arguments.rounds, cpu)
        found = {name: medians(each) for name, each in runs.items()}
        failed += len(names) - len(found)
        rows += [cells(name, row, found.get(OURS)) for name, row in found.items()]
        figures += list(found.values())
        slow = {name for name, row in found.items() if row["run_cpu_s"] > arguments.patience and symbols < sizes[-1]}
        lacking |= {name: f"{found[name]['run_cpu_s']:.0f} s at {symbols} symbols, not asked for more" for name in slow}
        names = [name for name in names if name not in slow]
    rows += [[f"{name}: {reason}", *[""] * (len(COLUMNS) - 1)] for name, reason in lacking.items()]
    report("common_job", COLUMNS, rows, figures)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
