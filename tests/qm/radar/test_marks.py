"""Ranks, whether the market is sorted for them or counted, and scores in powers of ten."""

from math import log10

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE
from qm.radar.marks import ASKED, Marks, ranks_among, ranks_of
from qm.radar.parts import Part

# Few different scores, so that many are equal; None is a symbol that is not ranked.
SCORES = st.lists(st.sampled_from([None, 0.0, 1.0, 2.5, 2.500001, 99.0]), max_size=40)


def scored(found: list[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if each is None else each for each in found], np.float64)


def plain(scores: npt.NDArray[np.float64]) -> list[int]:
    order = sorted((row for row, score in enumerate(scores) if score >= 0), key=lambda row: (-scores[row], row))
    return [order.index(row) + 1 if row in order else 0 for row in range(len(scores))]


@given(SCORES)
def test_a_rank_is_the_place_by_score_and_then_by_row(found: list[float | None]) -> None:
    scores = scored(found)
    assert ranks_of(scores).tolist() == plain(scores)


@given(SCORES, st.data())
def test_ranks_of_a_few_rows_are_those_of_the_whole_market(found: list[float | None], data: st.DataObject) -> None:
    scores = scored(found)
    picked = data.draw(st.permutations(range(len(scores))).flatmap(lambda all_: st.sampled_from([all_, all_[:3], []])))
    rows = np.array(picked, np.int64)
    assert ranks_among(scores, rows).tolist() == [plain(scores)[row] for row in picked]


def test_a_mark_answers_alike_however_often_it_is_asked() -> None:
    rng = np.random.default_rng(1)
    scores = np.round(rng.uniform(0, 20, 300), 1)
    scores[::7] = np.nan
    marks, rows = Marks(), np.arange(0, 300, 11)
    marks.add(MINUTE, scores)
    mark = marks.minutes_ago(1, 2 * MINUTE)
    assert mark is not None
    answers = [mark.ranks_at(rows).tolist() for _ in range(ASKED + 2)]
    assert answers == [[plain(scores)[row] for row in rows.tolist()]] * (ASKED + 2)


@given(
    st.floats(1e-6, 1e9),
    st.floats(1e-6, 1e9),
    st.lists(st.one_of(st.floats(allow_nan=True), st.floats(1e-7, 1e10)), max_size=20),
)
def test_a_part_in_decades_takes_logarithms_only_where_they_matter(one: float, other: float, more: list[float]) -> None:
    if one == other:
        return
    # The ends and what lies next to them, on both sides, are where a short cut would show.
    near = [end * (1 + sign * 10.0**-digits) for end in (one, other) for sign in (-1, 1) for digits in range(6, 16)]
    values = np.array([one, other, 0.0, -1.0, np.inf, np.nan, *near, *more])
    part = Part(20.0, one, other, decades=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        way = (np.log10(values) - log10(one)) * (20.0 / (log10(other) - log10(one)))
    expected = np.where(way > 0, np.minimum(way, 20.0), 0.0)
    # Within the last bits of a logarithm, which no score keeps.
    assert np.round(part.of(values), 6).tolist() == np.round(expected, 6).tolist()
