"""How every benchmark here measures and reports: pinned, repeated, medians; a printed table and a JSON file each."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qm.clock import now_ns

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench"
"""Peers' environments and results; outside git."""
RESULTS = HOME / "results"


def pin(cpu: int | None) -> None:
    """Keep this process, and what it starts, on one processor; None leaves it to the system."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_s(work: Callable[[], object], rounds: int) -> float:
    """Return the median time of a call over some rounds, after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(rounds))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies: the nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def commit() -> str:
    """Return the commit that is measured, with a `+` when files differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def machine() -> str:
    """Describe the machine in a few words."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} processors, Python {platform.python_version()}"


def report(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Any) -> None:
    """Print a benchmark's table and keep it, with its figures, for the README."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {
        "name": name,
        "date": datetime.fromtimestamp(now_ns() / 1e9, UTC).date().isoformat(),
        "machine": machine(),
        "commit": commit(),
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "figures": figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(f"\n{name}  ({kept['date']}, {kept['commit']}, {kept['machine']})")
    print(table(columns, rows), flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "-" * (widths[0] + 2) + "|" + "|".join("-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(columns), rule, *(line(row) for row in rows)])


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
