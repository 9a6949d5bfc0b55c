"""Run an engine for long, look at it as a script would, and fail when its memory or its latencies grow.

The engine trades the synthetic market under a screen's worth of queries, in folders of its own. The first tenth of the
run is left out of the comparison: caches fill, and the first trades of a day make tables that later ones share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.measure import report
from benchmarks.startup import QM, places, qm

SAMPLE_S = 5.0
GROWN_MB = 100.0
LAG_MS = 250.0
"""What the loop may be late for at the median of a run; a frame is 200 ms."""
SHOWN = {
    "rss_mb": "memory, MB",
    "loop_lag_ms": "loop lag, ms",
    "store_ms": "durable commit, ms",
    "queue_depth": "queue",
}


def health(environment: dict[str, str]) -> dict[str, Any] | None:
    """Ask the engine how it is; None when there is no engine any more."""
    done = subprocess.run([QM, "status", "--json"], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    found: dict[str, Any] = json.loads(done.stdout)[0]["health"]
    return found


def watch(environment: dict[str, str], minutes: float) -> list[dict[str, Any]]:
    """Sample an engine's health until the time is over or its session is."""
    samples: list[dict[str, Any]] = []
    until = time.perf_counter() + minutes * 60
    while time.perf_counter() < until:
        found = health(environment)
        if found is None:
            break
        samples.append(found)
        shown = "  ".join(f"{name} {found[field]:,.1f}" for field, name in SHOWN.items())
        print(f"{found['records']:>12,} records  {shown}", flush=True)
        time.sleep(SAMPLE_S)
    return samples


def main() -> None:
    """Run, watch, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--feed", default="synthetic:2000:seed=1@30x")
    arguments = parser.parse_args()
    with places() as environment:
        qm(environment, "up", "--fresh", "--feed", arguments.feed)
        try:
            samples = watch(environment, arguments.minutes)
        finally:
            subprocess.run([QM, "down"], env=environment, capture_output=True, check=False)
    settled = samples[len(samples) // 10 :]
    if len(settled) < 10:
        sys.exit(f"only {len(samples)} samples: the engine ended early, or was watched for less than a minute")
    part = max(1, len(settled) // 5)
    lines, figures = [], {}
    for field, name in SHOWN.items():
        values = [float(sample[field]) for sample in settled]
        early, late = statistics.median(values[:part]), statistics.median(values[-part:])
        figures[field] = {"early": early, "late": late, "max": max(values)}
        lines.append([name, f"{early:,.1f}", f"{late:,.1f}", f"{max(values):,.1f}"])
    report("soak", ["", "first fifth", "last fifth", "max"], lines, figures)
    grown, lag = figures["rss_mb"]["late"] - figures["rss_mb"]["early"], figures["loop_lag_ms"]["late"]
    if grown > GROWN_MB:
        sys.exit(f"memory grew by {grown:,.0f} MB")
    if lag > LAG_MS:
        sys.exit(f"the loop is late by {lag:,.0f} ms")


if __name__ == "__main__":
    main()
