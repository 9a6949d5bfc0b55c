"""The radar over a real day of runners: who ran when, what two pauses look like, and that nothing looks ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from backtest.runner import Plan, run
from qm.clock import MINUTE, at_ny
from qm.engine.day import Day
from qm.engine.settings import EngineSettings
from qm.history.catalogue import Catalogue
from qm.history.fact_columns import FactOptions
from qm.history.facts import import_facts
from qm.history.importer import ImportOptions, import_files
from qm.history.known import Known
from qm.history.parted import read
from qm.history.radar_days import at, difference, runners, story
from qm.history.snapshots import market_path
from qm.model.market import Events
from qm.rules.calendar import session
from qm.rules.luld_tape import LuldTape
from qm.strategies.presets import strategy
from tests.qm.history.markets import NOW, real

DATE, BEFORE = dt.date(2025, 11, 14), dt.date(2025, 11, 13)
NAME = f"{DATE}.parquet"
LATER = 2 * NOW
RUNNERS = ["GORV", "CMBM", "MGRX", "MSGY", "HCWB", "DRIO", "CMCT"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Prints and the best quotes of the day, and the official closes of the day before."""
    folder = tmp_path_factory.mktemp("runners")
    catalogue = Catalogue(folder / "history", folder / "cache")
    for name in ("trades", "venue_bbo"):
        import_files(catalogue, real(f"runners_20251114/{name}.parquet"), "runners", LATER, ImportOptions())
    closes = real("reference/universe_2025-11-13_close.parquet")
    import_facts(catalogue, closes, "runners", "reference", LATER, FactOptions(as_of=BEFORE))
    found = catalogue.load("runners", DATE)
    known = Known(catalogue, "runners", catalogue.kinds("runners"), DATE).before(found)
    until = int(np.searchsorted(found.events["ts"], session(DATE).close_ns + MINUTE, side="right"))
    return Day(found.symbols, session(DATE), known.reference, prints=True, batches=[found.events[:until]])


def snapshots(market: Day, folder: Path, records: Events | None = None) -> Path:
    """Run the day, or only `records` of it, and return where the radar's snapshots are.

    The pauses follow from the prints, by the rules of the volatility bands.
    """
    ref = market.reference
    tape = LuldTape(market.session, ref.prior_close, ref.adv * ref.prior_close)
    batches = tape.over(market.batches if records is None else [records])
    day = Day(market.table, market.session, ref, prints=True, batches=batches)
    settings = EngineSettings()
    run(Plan(settings, {"orb_robust": strategy("orb_robust", {})}, snapshots=folder), [day])
    return folder / NAME


@pytest.fixture(scope="module")
def whole(market: Day, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshots(market, tmp_path_factory.mktemp("whole"))


def ran_at(rise: float, dollars: float) -> dict[str, int]:
    """When each symbol had first risen so far since the close before, on so many dollars: plain arithmetic."""
    table = pq.read_table(real("runners_20251114/trades.parquet"))
    closes = pq.read_table(real("reference/universe_2025-11-13_close.parquet"), columns=["symbol", "last"])
    prior = dict(zip(closes["symbol"].to_pylist(), closes["last"].to_pylist(), strict=True))
    names = np.array(table["symbol"].to_pylist(), object)
    ts, price, size = (table[name].to_numpy() for name in ("ts", "price", "size"))
    found = {}
    for symbol in sorted(set(names)):
        own = np.flatnonzero(names == symbol)
        own = own[np.argsort(ts[own], kind="stable")]
        there = (price[own] >= (1 + rise) * prior[symbol]) & (np.cumsum(price[own] * size[own]) >= dollars)
        if there.any():
            found[symbol] = int(ts[own][there.argmax()])
    return found


def test_the_runners_are_found_in_the_order_in_which_they_ran(whole: Path) -> None:
    close = session(DATE).close_ns
    plain = ran_at(rise=0.10, dollars=100_000)
    in_order = sorted((ts, symbol) for symbol, ts in plain.items() if ts < close)
    assert [symbol for _, symbol in in_order] == RUNNERS
    found = runners(whole, top=3, score=50)
    assert [each.line.symbol for each in found] == RUNNERS
    # And soon: the one of the night and the slow one of the afternoon aside, within a quarter of an hour.
    late = {each.line.symbol: (each.line.ts - plain[each.line.symbol]) / MINUTE for each in found}
    assert max(late[symbol] for symbol in ("CMBM", "MGRX", "MSGY", "DRIO", "CMCT", "GORV")) < 15


def test_the_pause_of_a_listed_symbol_is_told_and_keeps_its_place(whole: Path) -> None:
    # It paused from 15:33:21 to 15:38:21; the beats are on the minute.
    told = [(turn.what, turn.line.ts) for turn in story(whole, "CMCT").turns]
    assert ("halted", at_ny(DATE, "15:34")) in told
    assert ("trades again", at_ny(DATE, "15:39")) in told
    for wall in ("15:34", "15:36", "15:38"):
        (line,) = [line for line in at(whole, at_ny(DATE, wall)) if line.symbol == "CMCT"]
        assert (line.rank, line.last) == (0, 10.24)
        assert {"halt", "list"} <= set(line.flags)
    assert at(whole, at_ny(DATE, "15:39"))[0].symbol == "CMCT"


def test_the_pause_of_another_symbol_is_why_it_is_not_ranked(whole: Path) -> None:
    # It paused from 10:08:36 to 10:13:45.
    for wall, lack in (("10:08", "too few dollars traded"), ("10:10", "halted"), ("10:13", "halted"), ("10:15", "")):
        (line,) = [line for line in at(whole, at_ny(DATE, wall), whole=True) if line.symbol == "HCWB"]
        assert line.lack == lack, wall


@pytest.mark.parametrize("cut", ["05:10:00", "09:41:17", "10:14:03", "13:59:59", "15:34:30"])
def test_cutting_off_the_future_changes_no_earlier_rank(market: Day, whole: Path, tmp_path: Path, cut: str) -> None:
    (records,) = market.batches
    moment = at_ny(DATE, cut)
    short = snapshots(market, tmp_path, records[records["ts"] <= moment])
    for path, other in ((whole, short), (market_path(whole), market_path(short))):
        kept, again = (read(each).to_pylist() for each in (path, other))
        past = [row for row in kept if row["ts"] <= moment]
        assert past
        assert past == [row for row in again if row["ts"] <= moment]


def test_shuffling_the_future_changes_no_earlier_rank(market: Day, whole: Path, tmp_path: Path) -> None:
    (records,) = market.batches
    moment = at_ny(DATE, "11:00")
    other = records.copy()
    later = np.flatnonzero(other["ts"] > moment)
    shuffled = np.random.default_rng(3).permutation(later)
    for name in ("sym", "kind", "flag", "a", "b", "c", "d", "e"):
        other[name][later] = records[name][shuffled]
    again = snapshots(market, tmp_path, other)
    past: Sequence[dict[str, object]] = [row for row in read(whole).to_pylist() if row["ts"] <= moment]
    assert past == [row for row in read(again).to_pylist() if row["ts"] <= moment]


def test_the_same_day_again_shows_the_same(market: Day, whole: Path, tmp_path: Path) -> None:
    found = difference(whole, snapshots(market, tmp_path))
    assert found.same
    assert found.rows > 1000
