from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.model.events import RadarRow
from qm.radar.fitness import Lack, strongest
from qm.radar.parts import Part
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from tests.qm.radar.day import OPEN, Driven, beats, made, market_of, random_tape

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


SOME = st.sampled_from([0.0, 1.0, 2.5, 50.0, 100.0, float("nan")])


@given(st.lists(st.tuples(SOME, SOME)), st.integers(1, 12))
def test_the_strongest_are_those_that_a_plain_sort_puts_first(both: list[tuple[float, float]], top: int) -> None:
    before, scores = (np.array(each, np.float64) for each in (zip(*both, strict=True) if both else ((), ())))
    expected = sorted((row for row in range(len(scores)) if scores[row] >= 0), key=lambda row: (-scores[row], row))
    assert strongest(scores, top).tolist() == expected[:top]
    # Whoever was the strongest before makes no difference.
    assert strongest(scores, top, strongest(before, top)).tolist() == expected[:top]


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=20))
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


def test_rank_change_compares_with_the_minute_boundary_one_minute_ago() -> None:
    driven = Driven()
    same = {"last": [10.0, 10.0], "dollar_volume": [1e6, 1e6]}
    changes: dict[int, int | None] = {}
    for second in range(0, 200, 10):
        leads = second >= 50
        ranking = driven.beat(made(OPEN + second * SECOND, chg_pct=[1.0, 2.0 if leads else 0.5], **same))
        changes[second] = ranking.rank_change(1)
    # Row 1 overtook at 50 s: it was behind at the open, and in front at the boundary of 60 s.
    assert changes == {s: None if s < 60 else 1 if s < 120 else 0 for s in range(0, 200, 10)}


def test_rank_change_is_unknown_after_a_pause_and_for_the_unranked() -> None:
    driven = Driven()
    columns = {"last": [10.0, np.nan], "dollar_volume": [1e6, 1e6], "chg_pct": [1.0, 1.0]}
    driven.beat(made(OPEN, **columns))
    ranking = driven.beat(made(OPEN + MINUTE, **columns))
    assert (ranking.rank_change(0), ranking.rank_change(1)) == (0, None)
    assert driven.beat(made(OPEN + 30 * MINUTE, **columns)).rank_change(0) is None


def test_velocity_is_the_places_gained_per_minute_over_the_last_five() -> None:
    driven = Driven(symbols=11)
    ranks: list[int] = []
    velocities: list[float | None] = []
    past: list[tuple[int, ...]] = []
    for minute in range(8):
        # Row 10 overtakes one symbol in the second minute, and two in every later one.
        lead = 0.5 + (0 if minute < 1 else 2 * minute - 1)
        ranking = driven.beat(
            made(
                OPEN + minute * MINUTE,
                chg_pct=[10.0, 9, 8, 7, 6, 5, 4, 3, 2, 1, lead],
                last=[10.0] * 11,
                dollar_volume=[1e6] * 11,
            )
        )
        ranks.append(ranking.rank_of(10))
        velocities.append(ranking.velocity(10))
        past.append(ranking.past(10))
    assert ranks == [11, 10, 8, 6, 4, 2, 1, 1]
    # From rank 11 at the open, over 1 to 5 min: 1, 3, 5, 7, 9 places; then, over 5 min, 9 from 10 and 7 from 8.
    assert velocities == [None, 1.0, 1.5, 1.667, 1.75, 1.8, 1.8, 1.4]
    assert past[-1] == (11, 10, 8, 6, 4, 2, 1)


@pytest.mark.parametrize(
    ("unfit", "lack"),
    [
        ({"last": np.nan}, Lack.NO_PRICE),
        ({"chg_pct": np.nan}, Lack.NO_PRIOR_CLOSE),
        ({"halted": 1.0}, Lack.HALTED),
        ({"last": 0.99}, Lack.CHEAP),
        ({"dollar_volume": 99_999.0}, Lack.QUIET),
        ({}, Lack.NOTHING),
    ],
)
def test_the_radar_says_what_a_symbol_lacks(unfit: dict[str, float], lack: Lack) -> None:
    columns = {"last": 10.0, "dollar_volume": 1e6, "chg_pct": 5.0, "halted": 0.0, **unfit}
    ranking = rank(**{name: [value] for name, value in columns.items()})
    assert (ranking.lack(0), ranking.count) == (lack, 1 if lack is Lack.NOTHING else 0)


def test_dollars_of_the_pre_market_count_for_being_ranked_after_the_open() -> None:
    ranking = rank(last=[10.0], chg_pct=[5.0], dollar_volume=[40_000.0], pre_dollar_volume=[60_000.0])
    assert ranking.rank_of(0) == 1


def test_before_the_open_the_score_is_made_of_the_pre_market() -> None:
    seen = made(
        OPEN - MINUTE,
        last=[10.0, 10.0],
        chg_pct=[10.0, 10.0],
        pre_rvol=[3.0, np.nan],
        pre_dollar_volume=[1e6, 24_999.0],
        pre_high_dist_pct=[-2.5, 0.0],
        mom_5_pct=[2.0, 4.0],
        rvol=[5.0, 5.0],
    )
    ranking = Radar(RadarWeights()).beat(market_of(2), seen)
    line = ranking.row(0)
    points = {part.name: part.points for part in line.parts}
    # Half the way of each; of the dollars log10(1e6/5e4) / log10(2e7/5e4) = 1.30103 / 2.60206, which is half as well.
    assert points == {
        "chg_pct": 15.0,
        "mom_5_pct": 7.5,
        "pre_rvol": 10.0,
        "pre_dollar_volume": 12.5,
        "pre_high_dist_pct": 5.0,
    }
    assert (line.rank, line.score) == (1, 50.0)
    assert ranking.lack(1) is Lack.QUIET


def test_a_line_tells_a_new_high_a_halt_and_the_time_on_the_list() -> None:
    driven = Driven()
    columns = {"last": [10.0, 11.0], "dollar_volume": [1e6, 1e6], "chg_pct": [1.0, 2.0]}
    first = driven.beat(made(OPEN, **columns)).row(1)
    later = driven.beat(made(OPEN + 90 * SECOND, **columns, new_high=[1.0, 0.0], halted=[0.0, 1.0]))
    assert (first.listed_s, first.new_high, first.halted) == (0.0, False, False)
    high, halted = later.row(0), later.row(1)
    assert (high.listed_s, high.new_high, high.halted) == (90.0, True, False)
    assert (halted.rank, halted.listed_s, halted.new_high, halted.halted) == (0, 90.0, False, True)


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
