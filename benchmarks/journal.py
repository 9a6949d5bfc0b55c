"""The journal in SQLite: entries a second, and how long an append takes, with and without durable commits."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from time import perf_counter_ns

from backtest.runner import run
from benchmarks.common_job import job, ours
from benchmarks.measure import HOME, percentile, pin, report
from qm.model.events import Entry
from qm.store.chain import RunHeader
from qm.store.journal import Journal

SIZES = (1, 10, 100)


def entries() -> list[Entry]:
    """Return what the engine states over the common job: signals with their features, checks, orders, fills, trades."""
    outcome = run(ours.plan(), ours.records(job.make_bars(20, 20)))
    return list(outcome.journal.read(outcome.header.id))


def append(folder: Path, stated: list[Entry], size: int, *, durable: bool) -> tuple[float, list[float]]:
    """Append in groups; returns entries a second and the milliseconds of each append."""
    journal = Journal.open(folder / f"{size}-{durable}.db", "sim")
    journal.start_run(RunHeader(id="bench", mode="sim", session="2024-01-02", started=0))
    spent = []
    for start in range(0, len(stated), size):
        group = stated[start : start + size]
        before = perf_counter_ns()
        journal.append(group, durable)
        spent.append((perf_counter_ns() - before) / 1e6)
    journal.close()
    return len(stated) / sum(spent) * 1e3, spent


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=HOME, help="where the file lies; default: %(default)s")
    arguments = parser.parse_args()
    pin(arguments.cpu)
    stated = entries()
    lines, figures = [], []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for durable in (False, True):
            for size in SIZES:
                # A durable commit waits for the disk: fewer of them say as much.
                part = stated[: 500 * size] if durable else stated
                per_s, spent = append(Path(folder), part, size, durable=durable)
                p50, p99 = statistics.median(spent), percentile(spent, 0.99)
                figures.append({"durable": durable, "entries": size, "per_s": per_s, "p50_ms": p50, "p99_ms": p99})
                name = f"{'durable' if durable else 'not durable'}, {size} an append"
                lines.append([name, f"{per_s:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{max(spent):.2f}"])
    report("journal", ["", "entries/s", "append p50 ms", "p99 ms", "max ms"], lines, figures)


if __name__ == "__main__":
    main()
