"""One beat over the whole market, in the engine's order: tape, features, score and list, ten scans, lines, snapshots.

Between two beats a second of prints goes through the market, so that a beat finds the caches as it would live, and the
thread of the snapshots has the rest of that second: what it does there is told by itself. Time by the clock holds what
else ran on the processor; processor time does not.
"""

from __future__ import annotations

import argparse
import statistics
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns, process_time_ns, thread_time_ns

import numpy as np

from benchmarks import stream
from benchmarks.measure import percentile, pin, report
from qm.clock import MINUTE
from qm.history.snapshots import SnapshotWriter
from qm.market.features import SHOWN, features
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.timers import NEVER
from qm.model.events import Beat, Entry
from qm.model.instrument import SymbolTable
from qm.radar.radar import Radar
from qm.radar.regime import Regime
from qm.radar.weights import RadarWeights
from qm.rules.calendar import Session, next_session
from qm.scanner.conditions import Condition, above, at_least, at_most, flag, within
from qm.scanner.presets import Scan
from qm.scanner.scanner import Scanner

SYMBOLS = 11_000
MINUTES = 30
"""Of bars before the first beat."""
BETWEEN = 5_000
"""Prints between two beats."""
STEPS = ("tape", "features", "radar", "scans", "100 lines", "snapshots", "beat")
THREAD = "thread of the snapshots"
OBJECTS = "100 lines as objects"
"""Besides the beat: what a client that is shown the list costs."""


def market() -> Market:
    """Return a market half an hour after the open, with a quote and a reference for every symbol."""
    session: Session = next_session(date(2024, 1, 2))
    rng = np.random.default_rng(1)
    known = Reference.empty(SYMBOLS)
    made = Market(SymbolTable(f"S{i:05d}" for i in range(SYMBOLS)), session, known)
    bars = stream.bars(SYMBOLS, SYMBOLS * MINUTES, start_ns=session.open_ns)
    for minute in range(MINUTES):
        made.run(bars[minute * SYMBOLS : (minute + 1) * SYMBOLS], 0)
        made.mark_minute(session.open_ns + (minute + 1) * MINUTE)
    last, volume = made.col["last"], made.col["volume"]
    known.prior_close[:] = last * np.exp(rng.normal(0.0, 0.02, SYMBOLS))
    known.adv[:] = volume * 390 / MINUTES * np.exp(rng.normal(0.0, 0.7, SYMBOLS))
    known.atr[:] = last * 0.03
    known.or_volume[:] = known.adv * 5 / 390 * np.exp(rng.normal(0.0, 0.7, SYMBOLS))
    known.float_shares[:] = known.adv * rng.uniform(1.0, 50.0, SYMBOLS)
    known.days[:] = 14
    known.curve[:] = np.linspace(1 / 390, 1.0, 390)
    known.adv10[:], known.adv20[:] = known.adv, known.adv
    known.usual[:] = np.linspace(0.0, 1.0, len(known.usual))[:, None] * known.adv
    made.col["bid"][:], made.col["ask"][:] = last - 0.01, last + 0.01
    return made


def scans() -> list[Scan]:
    """Return ten scans that differ in what they ask."""
    running = at_least("mom_5_pct", 0.4) & within("last", 2, 100) & at_least("range_pos", 0.8) & ~flag("halted")
    asked: list[Condition] = [
        running & at_least("chg_pct", 4) & at_least("rvol", 2),
        running & at_most("spread_bps", 60) & at_least("rvol", 3),
        above("last", 5) & at_least("adv", 1_000_000) & above("atr", 0.5) & at_least("opening_rvol", 5),
        at_least("gap_pct", 5) & at_least("dollar_volume", 1e6),
        at_most("gap_pct", -5) & at_least("dollar_volume", 1e6),
        at_least("range_atr", 0.7) & at_most("high_age_s", 60),
        at_least("float_rotation", 0.3) | at_least("rvol", 6),
        within("vwap_dist_pct", 0, 1) & at_least("mom_15_pct", 1),
        at_least("mom_1_pct", 0.3) & at_least("rvol", 3),
        ~(at_least("chg_open_pct", -1) | at_most("range_pos", 0.2)) & at_least("dollar_volume", 1e7),
    ]
    return [Scan(f"scan_{i}", condition, ("09:30", "16:00"), top=20) for i, condition in enumerate(asked)]


def beats(count: int) -> tuple[dict[str, list[tuple[float, float]]], int]:
    """Return the milliseconds of every step of so many beats, by clock and by processor, and the finds alive."""
    whole, radar, scanner, regime = market(), Radar(RadarWeights()), Scanner(scans()), Regime()
    radar.open(whole)
    regime.open(whole)
    fold, weights = radar.appliers()[Beat], radar.weights
    needed = frozenset(
        (*SHOWN, *weights.parts(), *weights.pre.parts(), *(name for scan in scanner.scans for name in scan.asks))
    )
    whole.timers.due = NEVER
    price = whole.col["last"].copy()
    applied, seq = scanner.appliers(), 0
    spent: dict[str, list[tuple[float, float]]] = {step: [] for step in (*STEPS, OBJECTS, THREAD)}
    folder = TemporaryDirectory()
    store = SnapshotWriter(Path(folder.name), whole.table, whole.session)
    for beat in range(count):
        whole.run(stream.prints(SYMBOLS, BETWEEN, seed=beat, start_ns=whole.now, near=price), 0)
        marks = [_now()]
        regime.on_minute(whole.now)
        marks.append(_now())
        seen = features(whole, needed=needed)
        marks.append(_now())
        ranking = radar.beat(whole, seen)
        names = ranking.names_of(*ranking.change)
        fold(Entry(0, whole.now, whole.consumed, 0, Beat(beat * MINUTE, ranking.count, "", *names)))
        marks.append(_now())
        for found in scanner.on_beat(seen, ranking, whole.now):
            seq += 1
            applied[type(found)](Entry(seq, whole.now, whole.consumed, 0, found))
        marks.append(_now())
        lines = ranking.lines(ranking.listed)
        marks.append(_now())
        store.add(ranking)
        marks.append(_now())
        shown = _now()
        list(lines)
        done = _now()
        spent[OBJECTS].append(((done[0] - shown[0]) / 1e6, (done[1] - shown[1]) / 1e6))
        before = process_time_ns() - thread_time_ns()
        store.settle()
        spent[THREAD].append((0.0, (process_time_ns() - thread_time_ns() - before) / 1e6))
        pairs = [*pairwise(marks), (marks[0], marks[-1])]
        for step, (begun, ended) in zip(STEPS, pairs, strict=True):
            spent[step].append(((ended[0] - begun[0]) / 1e6, (ended[1] - begun[1]) / 1e6))
    store.close()
    folder.cleanup()
    return spent, len(scanner.active())


def _now() -> tuple[int, int]:
    return perf_counter_ns(), thread_time_ns()


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beats", type=int, default=500)
    parser.add_argument("--cpu", type=int, default=0)
    arguments = parser.parse_args()
    pin(arguments.cpu)
    beats(20)
    spent, alive = beats(arguments.beats)
    figures, lines = {}, []
    for step, each in spent.items():
        clock, processor = ([pair[n] for pair in each] for n in (0, 1))
        figures[step] = {
            "p50_ms": statistics.median(clock),
            "p99_ms": percentile(clock, 0.99),
            "max_ms": max(clock),
            "p50_processor_ms": statistics.median(processor),
            "p99_processor_ms": percentile(processor, 0.99),
        }
        told = [f"{value:.2f}" for value in figures[step].values()]
        lines.append([step, *(["", "", ""] if step == THREAD else told[:3]), *told[3:]])
    lines.append(["opportunities alive", "", "", "", "", f"{alive:,}"])
    columns = [f"{SYMBOLS:,} symbols", "p50 ms", "p99 ms", "max ms", "processor p50", "p99"]
    report("beat", columns, lines, figures)


if __name__ == "__main__":
    main()
