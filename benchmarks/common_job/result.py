"""What every engine's process does around its run: arguments in, stage times and the trades' digest out, as JSON."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from benchmarks.common_job import job

Fill = tuple[int, int, bool, float]
"""Symbol's index, anything that orders the fills of a symbol in time, whether it bought, price in $."""


class Result:
    """One run of one engine: times its stages and prints the line that `run.py` reads."""

    def __init__(self, engine: str, import_s: float) -> None:
        parser = argparse.ArgumentParser(description=f"Run the common job with {engine}.")
        parser.add_argument("--symbols", type=int, default=20)
        parser.add_argument("--days", type=int, default=20)
        arguments = parser.parse_args()
        self.symbols: int = arguments.symbols
        self.days: int = arguments.days
        self._row: dict[str, str | float] = {
            "engine": engine,
            "symbols": self.symbols,
            "days": self.days,
            "bars": self.symbols * self.days * job.MINUTES,
            "import_s": import_s,
        }

    def bars(self) -> job.Bars:
        """Make the job's bars, untimed."""
        return job.make_bars(self.symbols, self.days)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; `run` is the one that counts."""
        start, start_cpu = time.perf_counter(), time.process_time()
        yield
        self._row[f"{name}_s"] = time.perf_counter() - start
        self._row[f"{name}_cpu_s"] = time.process_time() - start_cpu

    def finish(self, fills: Iterable[Fill], pnl_usd: float, **more: float) -> None:
        """Print the result."""
        trades = pair(fills)
        # Of the processor's time: where others use the machine too, the clock on the wall measures them as well.
        run_s = float(self._row["run_cpu_s"])
        self._row |= {
            "trades": len(trades),
            "pnl_usd": round(float(pnl_usd), 2),
            "digest": digest(trades),
            "bars_per_s": float(self._row["bars"]) / run_s,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **more,
        }
        sys.stdout.write(json.dumps(self._row) + "\n")


def pair(fills: Iterable[Fill]) -> list[tuple[int, int, int]]:
    """Pair buys with the sells after them: symbol, price bought and sold in cents; by symbol, then in time."""
    trades: list[tuple[int, int, int]] = []
    bought: dict[int, int] = {}
    for symbol, _, buys, price in sorted(fills):
        cents = round(price * 100)
        if buys:
            bought[symbol] = cents
        else:
            trades.append((symbol, bought.pop(symbol), cents))
    if bought:
        raise ValueError(f"{len(bought)} positions were never sold")
    return trades


def digest(trades: list[tuple[int, int, int]]) -> str:
    """Return a short hash of the paired trades."""
    return sha256(json.dumps(trades).encode()).hexdigest()[:16]
