from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.model.events import RadarRow
from qm.radar.parts import Part
from qm.radar.radar import Radar, RadarWeights
from qm.radar.ranking import Ranking, strongest
from tests.qm.radar.day import OPEN, beats, made, market_of, random_tape

ONE = {"last": [10.0], "dollar_volume": [1e6]}


def rank(weights: RadarWeights | None = None, /, **columns: Any) -> Ranking:
    size = len(next(iter(columns.values())))
    return Radar(weights or RadarWeights()).beat(market_of(size), made(OPEN, **columns))


def test_points_go_in_a_straight_line_from_start_to_full() -> None:
    part = Part(20, 1, 5)
    assert part.of(np.array([0.0, 1.0, 2.0, 5.0, 9.0])).tolist() == [0, 0, 5, 20, 20]


def test_points_fall_with_the_value_when_less_is_better() -> None:
    assert Part(10, 300, 0).of(np.array([400.0, 300.0, 150.0, 0.0])).tolist() == [0, 0, 5, 10]


def test_points_can_go_by_powers_of_ten() -> None:
    part = Part(15, 1e5, 1e8, decades=True)
    assert part.of(np.array([0.0, 1e5, 1e6, 1e8, 1e9])).tolist() == pytest.approx([0, 0, 5, 15, 15])


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1), st.booleans())
def test_points_never_leave_their_bounds_and_unknown_gives_none(values: list[float], decades: bool) -> None:
    given_ = Part(7, 2, 40, decades=decades).of(np.array(values))
    assert ((given_ >= 0) & (given_ <= 7)).all()
    assert (given_[np.isnan(values)] == 0).all()


@pytest.mark.parametrize("wrong", [(-1, 0, 1), (float("nan"), 0, 1), (1, 3, 3), (1, float("inf"), 3)])
def test_a_part_that_makes_no_sense_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Part(*wrong)


def test_a_part_in_decades_needs_positive_ends() -> None:
    with pytest.raises(ValueError, match="positive"):
        Part(1, 0, 10, decades=True)


def test_weights_come_from_settings_and_refuse_what_they_do_not_know() -> None:
    weights = msgspec.convert({"chg_pct": {"points": 1, "start": 0, "full": 2}, "top": 5}, RadarWeights)
    assert (weights.chg_pct, weights.top) == (Part(1, 0, 2), 5)
    refused: list[dict[str, object]] = [{"top": 0}, {"chg_pc": {}}, {"min_price": float("nan")}]
    for wrong in refused:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, RadarWeights)


def test_weights_without_any_points_are_refused() -> None:
    none = {name: msgspec.structs.replace(part, points=0) for name, part in RadarWeights().parts().items()}
    with pytest.raises(ValueError, match="at least one part"):
        RadarWeights(**none)  # type: ignore[arg-type]


def test_a_symbol_at_all_full_marks_has_a_score_of_100() -> None:
    full: dict[str, Any] = {name: [part.full] for name, part in RadarWeights().parts().items()}
    line = rank(last=[10.0], **full).row(0)
    assert (line.rank, line.score) == (1, 100.0)
    assert sum(part.points for part in line.parts) == pytest.approx(100)


def test_the_points_are_scaled_to_100_whatever_the_weights_add_up_to() -> None:
    weights = RadarWeights(chg_pct=Part(400, 0, 20))
    assert rank(weights, chg_pct=[20.0], **ONE).scores[0] == pytest.approx(100 * 400 / 475 + 100 * 15 / 3 / 475)


def test_an_unknown_feature_gives_no_points_and_is_shown_as_unknown() -> None:
    line = rank(chg_pct=[20.0], **ONE).row(0)
    parts = {part.name: (part.value, part.points) for part in line.parts}
    assert parts["chg_pct"] == (20.0, 25.0)
    assert parts["rvol"] == (None, 0.0)
    assert line.score == pytest.approx(30)


@pytest.mark.parametrize(
    "unfit",
    [
        {"last": 0.99},
        {"last": np.nan},
        {"dollar_volume": 99_999.0},
        {"dollar_volume": np.nan},
        {"halted": 1.0},
        {"halted": np.nan},
    ],
)
def test_the_unfit_are_not_ranked(unfit: dict[str, float]) -> None:
    columns = {"last": [10.0, 10.0], "dollar_volume": [1e6, 1e6], "chg_pct": [1.0, 20.0], "halted": [0.0, 0.0]}
    for name, value in unfit.items():
        columns[name][1] = value
    ranking = rank(**columns)
    assert ranking.order.tolist() == [0]
    assert (ranking.count, ranking.rank_of(1)) == (1, 0)
    assert np.isnan(ranking.scores[1])
    line = ranking.row(1)
    assert (line.rank, line.score) == (0, 0.0)
    assert msgspec.json.decode(msgspec.json.encode(line), type=RadarRow) == line


def test_equal_scores_stand_in_row_order_even_at_the_cut() -> None:
    same = {"last": [10.0] * 5, "dollar_volume": [1e6] * 5, "chg_pct": [5.0, 5.0, 9.0, 5.0, 5.0]}
    ranking = rank(RadarWeights(top=3), **same)
    assert ranking.order.tolist() == [2, 0, 1]
    assert [ranking.rank_of(row) for row in range(5)] == [2, 3, 1, 4, 5]


@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, 50.0, 100.0, float("nan")])), st.integers(1, 12))
def test_the_strongest_are_those_that_a_plain_sort_puts_first(scores: list[float], top: int) -> None:
    expected = sorted((row for row in range(len(scores)) if scores[row] >= 0), key=lambda row: (-scores[row], row))
    assert strongest(np.array(scores, np.float64), top).tolist() == expected[:top]


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, float("nan")]), min_size=1, max_size=20))
def test_every_rank_is_the_place_in_the_whole_order(changes: list[float]) -> None:
    size = len(changes)
    few = rank(RadarWeights(top=2), chg_pct=changes, last=[10.0] * size, dollar_volume=[1e6] * size)
    all_ = rank(RadarWeights(top=size), chg_pct=changes, last=[10.0] * size, dollar_volume=[1e6] * size)
    assert [few.rank_of(row) for row in all_.order.tolist()] == list(range(1, size + 1))
    assert [line.rank for line in all_.rows(size)] == list(range(1, size + 1))


def test_rows_list_the_strongest_and_no_more_than_there_are() -> None:
    ranking = rank(chg_pct=[1.0, 3.0, 2.0], last=[10.0] * 3, dollar_volume=[1e6] * 3)
    assert [line.symbol for line in ranking.rows(2)] == ["S001", "S002"]
    assert len(ranking.rows(99)) == 3


def test_strength_orders_symbols_as_the_ranking_does_with_the_unranked_last() -> None:
    ranking = rank(chg_pct=[3.0, 3.0, 1.0, 9.0], last=[10.0, 10.0, 10.0, np.nan], dollar_volume=[1e6] * 4)
    names = sorted(["S003", "S002", "S001", "S000"], key=ranking.strength, reverse=True)
    assert names == ["S000", "S001", "S002", "S003"]


def test_rank_change_compares_with_a_minute_ago() -> None:
    radar, market = Radar(RadarWeights()), market_of(2)
    same = {"last": [10.0, 10.0], "dollar_volume": [1e6, 1e6]}
    changes: dict[int, int | None] = {}
    for second in range(0, 150, 10):
        leads = second >= 50
        ranking = radar.beat(market, made(OPEN + second * SECOND, chg_pct=[1.0, 2.0 if leads else 0.5], **same))
        changes[second] = ranking.rank_change(1)
    # Row 1 overtook at 50 s; seen from a minute before, that is a place gained until 100 s.
    assert changes == {s: None if s < 60 else 1 if s < 110 else 0 for s in range(0, 150, 10)}


def test_rank_change_is_unknown_after_a_pause_and_for_the_unranked() -> None:
    radar, market = Radar(RadarWeights()), market_of(2)
    columns = {"last": [10.0, np.nan], "dollar_volume": [1e6, 1e6], "chg_pct": [1.0, 1.0]}
    radar.beat(market, made(OPEN, **columns))
    ranking = radar.beat(market, made(OPEN + MINUTE, **columns))
    assert (ranking.rank_change(0), ranking.rank_change(1)) == (0, None)
    assert radar.beat(market, made(OPEN + 30 * MINUTE, **columns)).rank_change(0) is None


def test_the_market_runs_through_and_the_runner_leads() -> None:
    market = market_of(20)
    tape = random_tape(20, 10, seed=1)
    for minute, records in enumerate(tape):
        for name, rise in zip("abcd", (1.03, 1.05, 1.03, 1.05), strict=True):
            records[name][records["sym"] == 7] = 10 * rise * 1.02**minute
    radar = Radar(RadarWeights())
    lines = [radar.beat(market, found).row(7) for found in beats(market, tape)]
    assert [line.rank for line in lines[5:]] == [1] * 5
    assert lines[-1].last == pytest.approx(float(market.rows["last"][7]))


@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(0, 5))
def test_truncating_the_future_changes_no_earlier_ranking(seed: int, cut: int, symbol: int) -> None:
    tape = random_tape(6, 20, seed)
    other = [records.copy() for records in tape]
    for records in other[cut:]:
        for name in "abcde":
            records[name][records["sym"] == symbol] *= 1.5
    whole, short, changed = (run(some) for some in (tape, tape[:cut], other))
    assert whole[:cut] == short == changed[:cut]


def run(tape: Any) -> list[tuple[RadarRow, ...]]:
    market, radar = market_of(6), Radar(RadarWeights(top=6))
    return [radar.beat(market, found).rows(6) for found in beats(market, tape)]
