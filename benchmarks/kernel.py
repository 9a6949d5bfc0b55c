"""The compiled loop alone: records a second by number of symbols, undisturbed and with a wake in every minute."""

from __future__ import annotations

import argparse
import statistics

from benchmarks import stream
from benchmarks.measure import pin, report, seconds
from qm.clock import MINUTE
from qm.market import kernel
from qm.market.rows import new_rows
from qm.model.market import Events

SYMBOLS = (1, 100, 500, 11_000)
RECORDS = 4_000_000
WAKES = 100_000
NEVER = (1 << 63) - 1


def undisturbed(events: Events, symbols: int) -> float:
    """Return the seconds for all records in one call."""
    rows = new_rows(symbols)
    return seconds(lambda: kernel.run(rows, events, 0, NEVER, 0, 0, NEVER))


def woken(events: Events, symbols: int) -> tuple[float, int]:
    """Return the seconds for all records with a timer at every minute, and how often it woke."""
    rows = new_rows(symbols)
    wakes = 0

    def work() -> None:
        nonlocal wakes
        index, due = 0, int(events["ts"][0])
        while index < len(events):
            index, why = kernel.run(rows, events, index, due, 0, 0, NEVER)
            if why:
                due += MINUTE
                wakes += 1

    return seconds(work), wakes


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", type=int, default=0)
    arguments = parser.parse_args()
    pin(arguments.cpu)
    lines, figures = [], []
    for symbols in SYMBOLS:
        minutes = stream.bars(symbols, RECORDS)
        ticks = stream.prints(symbols, RECORDS)
        # A minute of 11,000 bars hides its wake: there the difference is noise, and is not shown.
        few = minutes[: min(len(minutes), WAKES * symbols)]
        undisturbed(minutes, symbols), undisturbed(ticks, symbols)
        bars_s, prints_s, woken_s, per_wake_us = [], [], [], []
        for _ in range(arguments.rounds):
            bars_s.append(undisturbed(minutes, symbols) / len(minutes))
            prints_s.append(undisturbed(ticks, symbols) / len(ticks))
            total_s, wakes = woken(few, symbols)
            woken_s.append(total_s / len(few))
            per_wake_us.append((total_s - bars_s[-1] * len(few)) / wakes * 1e6)
        bars, prints, disturbed = (1 / statistics.median(each) / 1e6 for each in (bars_s, prints_s, woken_s))
        wake_us = statistics.median(per_wake_us)
        figures.append({"symbols": symbols, "bars": bars, "prints": prints, "woken": disturbed, "wake_us": wake_us})
        lines.append(
            [
                f"{symbols:,}",
                f"{bars:.0f}",
                f"{prints:.0f}",
                f"{disturbed:.1f}",
                f"{wake_us:.2f}" if symbols <= 500 else "",
            ]
        )
    columns = ["symbols", "bars, M/s", "prints, M/s", "bars with a wake a minute, M/s", "a wake, us"]
    report("kernel", columns, lines, figures)


if __name__ == "__main__":
    main()
