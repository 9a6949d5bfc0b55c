"""Questions to the radar's snapshots, over a hand-made session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from qm.clock import MINUTE
from qm.errors import NotFoundError
from qm.history.radar_days import Difference, at, difference, runners, span, story
from qm.history.snapshots import SnapshotWriter
from qm.radar.weights import RadarWeights
from tests.qm.radar.day import OPEN, SESSION, Driven, made

NAN = float("nan")
NAME = f"{SESSION.date}.parquet"
ONLY = {name: {"points": 0, "start": 0, "full": 1} for name in RadarWeights().parts() if name != "chg_pct"}
WEIGHTS = msgspec.convert(
    {**ONLY, "chg_pct": {"points": 1, "start": 0, "full": 100}, "top": 3, "margin": 0}, RadarWeights
)
"""The score is the change since the prior close, in points."""
SCORES = [(10.0, 20.0, 30.0, NAN), (60.0, 20.0, 30.0, NAN), (70.0, 80.0, 30.0, NAN), (55.0, 40.0, 30.0, NAN)]
"""Of four symbols at four minutes; the last one has no prior close."""


def store(folder: Path, scores: Sequence[Sequence[float]] = SCORES, halted: Sequence[int] = ()) -> Path:
    driven = Driven(WEIGHTS, 4)
    with SnapshotWriter(folder, driven.market.table, SESSION) as writer:
        for minute, each in enumerate(scores):
            same = {"last": [10.0 + minute] * 4, "dollar_volume": [1e6] * 4, "rvol": [2.25, NAN, 1.0, 1.0]}
            halt = [float(minute in halted), 0.0, 0.0, 0.0]
            writer.add(driven.beat(made(OPEN + minute * MINUTE, chg_pct=each, halted=halt, **same)))
    return folder / NAME


def test_a_beat_is_told_as_it_was(tmp_path: Path) -> None:
    path = store(tmp_path)
    assert span(path) == (OPEN, OPEN + 3 * MINUTE)
    lines = at(path, OPEN + MINUTE + 59)
    assert [(line.symbol, line.rank, line.score) for line in lines] == [
        ("S000", 1, 60),
        ("S002", 2, 30),
        ("S001", 3, 20),
    ]
    first = lines[0]
    assert (first.ts, first.last, first.chg_pct, first.rvol, first.dollars) == (OPEN + MINUTE, 11, 60, 2.25, 1e6)
    assert (first.parts, first.flags, first.lack) == ({"chg_pct": 60.0}, ("list",), "")
    assert lines[2].rvol is None
    assert at(path, OPEN - 1) == []


def test_a_beat_tells_how_each_came_to_its_rank(tmp_path: Path) -> None:
    driven, beats = Driven(WEIGHTS, 4), []
    path = tmp_path / NAME
    with SnapshotWriter(tmp_path, driven.market.table, SESSION) as writer:
        for minute in range(8):
            scores = (10.0 + 10 * minute, 35.0, 25.0, 45.0)
            columns = {"last": [10.0] * 4, "dollar_volume": [1e6] * 4}
            beats.append(driven.beat(made(OPEN + minute * MINUTE, chg_pct=scores, **columns)))
            writer.add(beats[-1])
    for ranking in beats:
        for line in at(path, ranking.ts):
            row = ranking.table.row(line.symbol)
            told = ranking.row(row)
            # What the engine knew then, and what the store can tell of those that it kept.
            if told.rank_change is not None and line.rank_change is not None:
                assert line.rank_change == told.rank_change
            if told.velocity is not None and line.velocity is not None:
                assert line.velocity == told.velocity
            assert line.listed_min == (None if told.listed_s is None else told.listed_s / 60)
    (first,) = [line for line in at(path, OPEN + 3 * MINUTE) if line.symbol == "S000"]
    # Ranks 4, 4, 3 and 2, and not kept at the first two minutes, when three had more points.
    assert (first.rank, first.rank_change, first.velocity) == (2, 1, None)


def test_the_whole_market_says_why_one_is_not_ranked(tmp_path: Path) -> None:
    lines = at(store(tmp_path), OPEN + 3 * MINUTE, whole=True)
    assert [(line.symbol, line.rank) for line in lines] == [("S000", 1), ("S001", 2), ("S002", 3), ("S003", 0)]
    assert lines[3].lack == "its prior close is not known, or no measure of today's price"


def test_runners_come_in_the_order_in_which_they_reached_the_top(tmp_path: Path) -> None:
    found = runners(store(tmp_path), top=1, score=50)
    # S002 led first, with too few points.
    assert [(each.line.symbol, each.line.ts) for each in found] == [
        ("S000", OPEN + MINUTE),
        ("S001", OPEN + 2 * MINUTE),
    ]
    assert [(each.best_rank, each.beats_at_top, each.high) for each in found] == [(1, 2, 13), (1, 1, 13)]
    assert [each.line.symbol for each in runners(store(tmp_path / "b"), top=3, score=0)] == ["S002", "S001", "S000"]
    assert runners(store(tmp_path / "c"), top=1, score=90) == []


def test_the_story_of_a_symbol_turns_where_its_rank_and_its_halts_do(tmp_path: Path) -> None:
    found = story(store(tmp_path, halted=[2]), "S000", stretches=4)
    assert (found.first, found.beats, found.all_beats) == (OPEN, 4, 4)
    assert (found.best_rank, found.best_at, found.minutes_listed) == (1, OPEN + MINUTE, 4.0)
    assert found.ranks == (3, 1, 0, 1)
    assert [(turn.what, turn.line.ts, turn.line.rank) for turn in found.turns] == [
        ("first seen", OPEN, 3),
        ("best so far", OPEN + MINUTE, 1),
        ("halted", OPEN + 2 * MINUTE, 0),
        ("trades again", OPEN + 3 * MINUTE, 1),
    ]


def test_a_symbol_that_was_never_shown_is_told_why(tmp_path: Path) -> None:
    path = store(tmp_path)
    with pytest.raises(NotFoundError, match="It was not ranked: its prior close is not known") as caught:
        story(path, "S003")
    assert "S000" in caught.value.remedy or "S001" in caught.value.remedy
    with pytest.raises(NotFoundError, match="It had no price, or is not of this session"):
        story(path, "ZZZZ")


def test_equal_sessions_do_not_differ(tmp_path: Path) -> None:
    found = difference(store(tmp_path / "a"), store(tmp_path / "b"))
    assert found == Difference(beats=4, only_first=0, only_second=0, rows=12, ranks=0, scores=0, at=0, symbol="")
    assert found.same


def test_differences_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    other = [*SCORES[:2], (70.0, 71.0, 30.0, NAN), (39.0, 40.0, 30.0, NAN)]
    found = difference(store(tmp_path / "a"), store(tmp_path / "b", other))
    # In the third beat a score of equal rank; in the last one two ranks are exchanged.
    assert (found.rows, found.ranks, found.scores) == (12, 2, 1)
    assert (found.at, found.symbol, found.same) == (OPEN + 2 * MINUTE, "S001", False)


def test_a_beat_that_one_store_lacks_is_a_difference(tmp_path: Path) -> None:
    found = difference(store(tmp_path / "a"), store(tmp_path / "b", SCORES[:3]))
    assert (found.beats, found.only_first, found.only_second, found.same) == (3, 1, 0, False)
    assert found.at == OPEN + 3 * MINUTE
