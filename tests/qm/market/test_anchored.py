"""What is anchored at a moment of the day: late opens, prices since a resumption, and the VWAP at closes gone by."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from qm.clock import MINUTE
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.instrument import SymbolTable
from qm.model.market import Kind, Print, Status, events, trade
from qm.strategies.api import View
from qm.strategies.reading import recent, vwaps
from tests.qm.strategies.stage import SESSION, at

OFFICIAL = Print.ALL | Print.OPENING


def lived(records: list[tuple[object, ...]], until: int, skipped: int = -1) -> Market:
    made = Market(SymbolTable(["AAA"]), SESSION, Reference.empty(1))
    for minute in range(until + 1):
        end = at(minute)
        made.replay(events([r for r in records if end - MINUTE <= int(str(r[0])) < end]))
        made.now = end
        if minute != skipped:
            made.mark_minute(end)
    return made


PRICES = [(minute, 10.0 + minute * 0.1) for minute in range(12)]


def test_ranges_run_from_the_official_opening_print() -> None:
    told = [trade(at(m, 1), 0, p, 100.0, OFFICIAL if m == 4 else Print.ALL) for m, p in PRICES]
    before = features_of(lived(told, 4), 0)
    assert (before["or_1_high"], before["late_open"]) == (10.0, 0.0)
    found = features_of(lived(told, 5), 0)
    assert (found["or_1_high"], found["or_1_low"], found["late_open"]) == (10.4, 10.4, 1.0)
    assert "or_high" not in found
    found = features_of(lived(told, 9), 0)
    assert [found[name] for name in ("or_high", "or_low", "or_dir")] == pytest.approx([10.8, 10.4, 1.0])


def test_who_opens_late_has_a_range_from_there_and_an_opening_that_was_not_seen_is_none() -> None:
    told = [trade(at(m, 1), 0, p, 100.0) for m, p in PRICES if m >= 3]
    found = features_of(lived(told, 8), 0)
    assert [found[name] for name in ("or_high", "or_low", "late_open")] == pytest.approx([10.7, 10.3, 1.0])
    missed = features_of(lived([trade(at(m, 1), 0, p, 100.0) for m, p in PRICES], 8, skipped=1), 0)
    assert {"or_1_high", "or_high", "late_open"}.isdisjoint(missed)


def status(ts: int, code: Status) -> tuple[object, ...]:
    return (ts, ts, 0, Kind.STATUS, 0, int(code), nan, nan, nan, nan, nan)


def test_the_price_since_a_resumption_counts_from_it() -> None:
    told = [trade(at(1, 1), 0, 10.0, 500.0), status(at(2), Status.PAUSED)]
    assert "avwap_resume" not in features_of(lived(told, 4), 0)
    told += [status(at(7), Status.TRADING), trade(at(7, 1), 0, 12.0, 100.0), trade(at(7, 2), 0, 13.0, 300.0)]
    found = features_of(lived(told, 9), 0)
    assert found["avwap_resume"] == pytest.approx(12.75)
    assert found["avwap_resume_dist_pct"] == pytest.approx(100 * (13.0 / 12.75 - 1))


def test_the_speed_of_the_tape_is_in_deviations_of_the_minutes_before() -> None:
    counts = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 20]
    told = [trade(at(m, 1 + k), 0, 10.0, 100.0) for m, count in enumerate(counts) for k in range(count)]
    before = counts[:-1]
    assert features_of(lived(told, 12), 0)["tape_speed"] == pytest.approx(
        (20 - np.mean(before)) / np.std(before, ddof=1)
    )
    assert "tape_speed" not in features_of(lived(told, 10), 0)


def test_the_vwaps_at_closes_are_those_of_prints_and_of_nothing_else() -> None:
    # Two prints a minute, the heavy one at the high: bars would put the price in the middle.
    told = []
    for minute in range(6):
        low = 10.0 + minute
        told += [trade(at(minute, 1), 0, low, 100.0), trade(at(minute, 2), 0, low + 1.0, 900.0)]
    made = lived(told, 6)
    view = View(made, 0, {})
    lines = vwaps(view, recent(view, 6))
    shares, dollars = np.arange(1, 7) * 1000.0, np.cumsum([100.0 * (10 + m) + 900.0 * (11 + m) for m in range(6)])
    assert lines == pytest.approx((dollars / shares).tolist())
