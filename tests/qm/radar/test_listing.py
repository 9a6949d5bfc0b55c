"""Who stands on the radar's list, and for how long."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.market.features import Features
from qm.model.events import Beat
from qm.radar.radar import Radar
from qm.radar.weights import RadarWeights
from tests.qm.radar.day import OPEN, Driven, made, market_of

ALONE = {name: {"points": 0, "start": 0, "full": 1} for name in RadarWeights().parts() if name != "chg_pct"}


def weights(top: int = 2, margin: float = 2.0, gone_beats: int = 3) -> RadarWeights:
    """Weights under which the score is the change since the prior close, in points."""
    return msgspec.convert(
        {
            **ALONE,
            "chg_pct": {"points": 1, "start": 0, "full": 100},
            "top": top,
            "margin": margin,
            "gone_beats": gone_beats,
        },
        RadarWeights,
    )


def seen(minute: int, *scores: float, **columns: Any) -> Features:
    rows = len(scores)
    given_ = {"last": [10.0] * rows, "dollar_volume": [1e6] * rows, **columns}
    return made(OPEN + minute * MINUTE, chg_pct=scores, **given_)


def test_free_places_go_to_the_strongest() -> None:
    driven = Driven(weights(), 3)
    ranking = driven.beat(seen(0, 10, 30, 20))
    assert driven.listed(ranking) == ["S001", "S002"]
    assert ranking.change.entered == (1, 2)


def test_a_newcomer_must_beat_the_weakest_by_more_than_the_margin() -> None:
    driven = Driven(weights(), 3)
    driven.beat(seen(0, 10, 30, 20))
    assert driven.listed(driven.beat(seen(1, 22, 30, 20))) == ["S001", "S002"]
    ranking = driven.beat(seen(2, 22.001, 30, 20))
    assert driven.listed(ranking) == ["S001", "S000"]
    assert (ranking.change.entered, ranking.change.left) == ((0,), (2,))
    # The rank is that of the score alone: the list does not change it.
    assert [ranking.rank_of(row) for row in range(3)] == [2, 1, 3]


def test_scores_that_flicker_within_the_margin_change_nothing() -> None:
    driven = Driven(weights(top=1), 2)
    lists = [driven.listed(driven.beat(seen(m, 50 + m % 2, 50.5))) for m in range(10)]
    assert lists == [["S001"]] * 10


def test_who_can_no_longer_be_ranked_leaves_after_so_many_beats_in_a_row() -> None:
    driven = Driven(weights(gone_beats=3), 2)
    driven.beat(seen(0, 20, 10))
    there = []
    for minute, last in enumerate([0.5, 0.5, 10, 0.5, 0.5, 0.5, 0.5], 1):
        ranking = driven.beat(seen(minute, 20, 10, last=[last, 10.0]))
        there.append("S000" in driven.listed(ranking))
    # Two beats under the least price are forgiven; the third in a row is not.
    assert there == [True, True, True, True, True, False, False]


def test_a_halted_symbol_keeps_its_place_whoever_comes() -> None:
    driven = Driven(weights(top=1, gone_beats=1), 2)
    driven.beat(seen(0, 60, 10))
    for minute in range(1, 9):
        ranking = driven.beat(seen(minute, 60, 90, halted=[1.0, 0.0]))
        assert driven.listed(ranking) == ["S000"]
        assert (ranking.rank_of(0), ranking.rank_of(1)) == (0, 1)
    assert driven.listed(driven.beat(seen(9, 60, 90))) == ["S001"]


def test_a_halted_symbol_stands_where_its_score_would_put_it() -> None:
    driven = Driven(weights(top=3), 3)
    driven.beat(seen(0, 60, 50, 40))
    assert driven.listed(driven.beat(seen(1, 60, 50, 40, halted=[0.0, 1.0, 0.0]))) == ["S000", "S001", "S002"]


def test_time_on_the_list_begins_anew_after_leaving_it() -> None:
    driven = Driven(weights(top=1), 2)
    scores = [(50.0, 10.0), (50.0, 60.0), (70.0, 60.0), (70.0, 60.0)]
    *_, ranking = [driven.beat(seen(minute, *each)) for minute, each in enumerate(scores)]
    assert (ranking.row(0).listed_s, ranking.row(1).listed_s) == (60.0, None)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from([10.0, 0.5]), st.booleans()), min_size=5, max_size=5),
        max_size=15,
    ),
    st.integers(0, 14),
)
def test_a_list_that_was_folded_goes_on_as_the_one_that_decided(beats: Any, cut: int) -> None:
    whole = Driven(weights(gone_beats=2), 5)
    lists = []
    for minute, rows in enumerate(beats):
        scores, lasts, halts = zip(*rows, strict=True)
        features = seen(minute, *map(float, scores), last=lasts, halted=[float(h) for h in halts])
        lists.append(whole.listed(whole.beat(features)))
        assert len(lists[-1]) <= 2
        if minute == cut:
            folded = Radar(weights(gone_beats=2))
            folded.open(market_of(5))
            folded.marks_from = OPEN + 99 * MINUTE
            for entry in whole.entries:
                folded.appliers()[Beat](entry)
            assert folded.state() == whole.radar.state()


def test_the_margin_is_a_number_of_points() -> None:
    with pytest.raises(ValueError, match="margin"):
        weights(margin=-1)
