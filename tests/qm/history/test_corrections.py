"""Prints that are taken back or put right, from the file to the market."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qm.clock import MINUTE, SECOND
from qm.history.checks import Action
from qm.history.corrections import settled
from qm.history.importer import ImportReport
from qm.history.reference import ReferenceBuilder
from qm.history.summary import summarise
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events, Print, cancel, correction, events, trade
from qm.rules.calendar import session
from tests.qm.history.markets import DAY, NEXT, OPEN, day_of, imported, parquet

Row = tuple[int, float, int]


def brought_in(tmp_path: Path, *rows: Row, **more: list[Any]) -> tuple[Events, ImportReport]:
    ts, price, size = zip(*rows, strict=True)
    seconds = [OPEN + second * SECOND for second in ts]
    columns = {"ts": seconds, "symbol": ["A"] * len(rows), "price": list(price), "size": list(size), **more}
    tmp_path.mkdir(exist_ok=True)
    catalogue, report = imported(tmp_path, parquet(tmp_path / "a.parquet", columns))
    return catalogue.load("made_up", DAY).events, report


def told(report: ImportReport) -> dict[str, int]:
    return {each.what: each.rows for each in report.parts[0].findings}


PRINTS = [trade(OPEN, 0, 10.0, 100), trade(OPEN + SECOND, 0, 99.0, 200), trade(OPEN + 2 * SECOND, 0, 10.1, 100)]


@pytest.mark.parametrize("word", ["x", "cancel", "10"])
def test_a_cancel_of_an_id_is_told_when_it_was_told(tmp_path: Path, word: str) -> None:
    rows = [(0, 10.0, 100), (1, 99.0, 200), (2, 10.1, 100), (9, 99.0, 200)]
    found, report = brought_in(tmp_path, *rows, id=[1, 2, 3, 2], action=["", "", "", word])
    known = [trade(each[0], 0, each[6], each[7], known_by=number) for number, each in enumerate(PRINTS, 1)]
    assert found.tolist() == events([*known, cancel(OPEN + 9 * SECOND, known[1])]).tolist()
    assert told(report) == {"takes back or corrects a print": 1}
    assert report.rows_refused == 0


def test_a_correction_repeats_what_it_corrects(tmp_path: Path) -> None:
    rows = [(0, 10.0, 100), (1, 99.0, 200), (2, 10.1, 100), (9, 9.9, 50)]
    found, _ = brought_in(tmp_path, *rows, id=["a", "b", "c", "b"], correction=["00", "01", "00", "12"])
    # Fifty shares are an odd lot: the corrected print sets no price.
    known = [(*each[:10], told) for each, told in zip(PRINTS, found["e"].tolist(), strict=False)]
    expected = correction(OPEN + 9 * SECOND, known[1], 9.9, 50, Print.VOLUME)
    assert found.tolist() == events([*known, expected]).tolist()
    # Ids that are words are told apart by what is left of them in a record.
    assert len({*found["e"].tolist()}) == 3


def test_ids_are_kept_only_where_something_is_taken_back(tmp_path: Path) -> None:
    found, _ = brought_in(tmp_path, (0, 10.0, 100), (1, 99.0, 200), id=[1, 2])
    assert not found["e"].any()


def test_without_ids_the_tape_marks_what_was_taken_back(tmp_path: Path) -> None:
    rows = [(0, 10.0, 100), (1, 99.0, 200), (2, 10.1, 100), (8, 99.0, 200)]
    found, _ = brought_in(tmp_path, *rows, correction=[0, 8, 0, 10])
    assert found.tolist() == events([*PRINTS, cancel(OPEN + 8 * SECOND, PRINTS[1])]).tolist()


def test_what_was_taken_back_at_no_known_time_never_was(tmp_path: Path) -> None:
    rows = [(0, 10.0, 100), (1, 99.0, 200), (2, 10.1, 100), (3, 5.0, 100)]
    found, report = brought_in(tmp_path, *rows, correction=["00", "07", "00", "11"])
    assert found["a"].tolist() == [10.0, 10.1]
    assert told(report) == {
        "takes back a print that is not there: left out": 1,
        "taken back, and not told when: left out": 1,
    }
    _, report = brought_in(tmp_path / "other", *rows, correction=["00", "?", "00", "00"])
    ((what, action),) = [(each.what, each.action) for each in report.parts[0].findings]
    assert (what, action) == ("unknown correction indicator: left out", Action.REFUSED)


def test_a_file_that_tells_no_corrections_takes_none_from_another(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    plain = {"ts": [OPEN], "symbol": ["A"], "price": [10.0], "size": [100]}
    parquet(folder / "1.parquet", plain)
    more = {"ts": [OPEN + 1, OPEN + 2], "symbol": ["A"] * 2, "price": [99.0] * 2, "size": [100] * 2}
    parquet(folder / "2.parquet", more | {"id": [5, 5], "action": ["new", "cancel"]})
    catalogue, _ = imported(tmp_path, folder)
    assert catalogue.load("made_up", DAY).events["kind"].tolist() == [2, 2, 7]


def test_a_late_print_is_known_late(tmp_path: Path) -> None:
    rows = [(10, 10.0, 100), (20, 10.1, 100)]
    happened = [OPEN + 5 * SECOND, OPEN + 25 * SECOND]
    found, _ = brought_in(tmp_path, *rows, participant_timestamp=happened)
    assert found["ts"].tolist() == [OPEN + 10 * SECOND, OPEN + 20 * SECOND]
    # A venue's clock that is ahead does not tell of the future.
    assert found["event_ts"].tolist() == [OPEN + 5 * SECOND, OPEN + 20 * SECOND]


def test_the_market_forgets_a_print_that_was_cancelled(tmp_path: Path) -> None:
    rows = [(0, 10.0, 100), (1, 99.0, 200), (2, 10.1, 100), (9, 99.0, 200)]
    found, _ = brought_in(tmp_path, *rows, id=[1, 2, 3, 2], action=["", "", "", "x"])
    markets = [Market(SymbolTable(["A"]), session(DAY), Reference.empty(1)) for _ in range(2)]
    for market, batch in zip(markets, (found, events([PRINTS[0], PRINTS[2]])), strict=True):
        index = 0
        while index < len(batch):
            index, _ = market.run(batch, index)
    for name in ("volume", "pv", "high", "low", "last"):
        assert float(markets[0].rows[name][0]) == pytest.approx(float(markets[1].rows[name][0])), name


def test_history_knows_a_day_as_it_stood_in_the_end() -> None:
    bad, low = trade(OPEN + SECOND, 0, 99.0, 200), trade(OPEN + 2 * SECOND, 0, 1.0, 100)
    rows = [
        trade(OPEN, 0, 10.0, 100),
        bad,
        low,
        trade(OPEN + MINUTE, 0, 10.1, 100),
        cancel(OPEN + 3 * MINUTE, bad),
        correction(OPEN + 4 * MINUTE, low, 9.0, 300),
    ]
    day = summarise(day_of(rows))
    assert (day.high[0], day.low[0], day.volume[0], day.close[0]) == (10.1, 9.0, 500.0, 10.1)
    builder = ReferenceBuilder()
    builder.add(day_of(rows))
    assert builder.reference(SymbolTable("AB"), NEXT).prev_high[0] == 10.1


def test_of_equal_prints_the_one_with_the_id_is_taken_back() -> None:
    sweep = [trade(OPEN, 0, 10.0, 100, known_by=number) for number in (1, 2, 3)]
    left = settled(events([*sweep, cancel(OPEN + 1, sweep[1])]))
    assert left.tolist() == events([sweep[0], sweep[2]]).tolist()


def test_of_equal_prints_one_is_taken_back() -> None:
    sweep = [trade(OPEN, 0, 10.0, 100)] * 3
    left = settled(events([*sweep, cancel(OPEN + 1, sweep[0]), cancel(OPEN + 2, sweep[0])]))
    assert left.tolist() == events(sweep[:1]).tolist()
    plain = events(sweep)
    assert settled(plain) is plain
    assert np.array_equal(settled(events([*sweep, cancel(OPEN + 1, trade(OPEN, 0, 11.0, 100))])), plain)
