"""Armed levels and timers: whatever was armed by whom in which order, the nearest stands in the row."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from qm.market.bars import KEPT, Bar, Bars
from qm.market.levels import IDLE, Level, Levels
from qm.market.rows import new_rows
from qm.market.timers import NEVER, Timers

OWNERS = ("exchange", "orb", "thrust")
ROWS = 2

prices = st.integers(1, 50).map(float)
levels = st.one_of(
    st.just(IDLE),
    st.tuples(
        st.one_of(st.just(inf), prices),
        st.one_of(st.just(-inf), prices),
        st.one_of(st.just(inf), prices),
        st.one_of(st.just(-inf), prices),
    ),
)
arming = st.lists(st.tuples(st.integers(0, ROWS - 1), st.sampled_from(OWNERS), levels), max_size=30)


@given(arming)
def test_the_nearest_level_of_all_owners_stands_in_the_row(steps: list[tuple[int, str, Level]]) -> None:
    rows = new_rows(ROWS)
    armed, known = Levels(rows), dict[tuple[int, str], Level]()
    for row, owner, level in steps:
        armed.arm(row, owner, level)
        known[row, owner] = level
        for r in range(ROWS):
            mine = [known.get((r, each), IDLE) for each in OWNERS]
            assert rows[r]["up"] == min(level[0] for level in mine)
            assert rows[r]["down"] == max(level[1] for level in mine)
            assert rows[r]["close_up"] == min(level[2] for level in mine)
            assert rows[r]["close_down"] == max(level[3] for level in mine)
            assert [armed.of(r, each) for each in OWNERS] == mine
            assert set(armed.owners(r)) == {each for each, level in zip(OWNERS, mine, strict=True) if level != IDLE}


@given(
    st.lists(st.tuples(st.sampled_from(["follow", "unfollow", "await", "stop"]), st.sampled_from(OWNERS)), max_size=30)
)
def test_followers_and_those_who_wait_are_counted_once_each(steps: list[tuple[str, str]]) -> None:
    rows = new_rows(ROWS)
    armed = Levels(rows)
    following, waiting = dict[str, None](), dict[str, None]()
    for what, owner in steps:
        if what == "follow":
            armed.follow(1, owner)
            following.setdefault(owner)
        elif what == "unfollow":
            armed.unfollow(1, owner)
            following.pop(owner, None)
        elif what == "await":
            armed.await_next(1, owner)
            waiting.setdefault(owner)
        else:
            armed.stop_waiting(1, owner)
            waiting.pop(owner, None)
        assert (rows[1]["follow"], rows[1]["next"]) == (len(following), len(waiting))
        assert armed.followers(1) == list(following)
        assert (rows[0]["follow"], rows[0]["next"]) == (0, 0)


@given(st.lists(st.one_of(st.integers(0, 20), st.none()), max_size=50))
def test_timers_fire_in_time_and_equal_ones_in_the_order_in_which_they_were_set(steps: list[int | None]) -> None:
    timers, waiting = Timers(), list[tuple[int, int]]()
    for n, due in enumerate(steps):
        if due is not None:
            timers.set(due, f"{n}")
            waiting.append((due, n))
        elif waiting:
            first = min(waiting)
            waiting.remove(first)
            assert timers.pop() == (first[0], f"{first[1]}")
        waiting.sort()
        assert timers.due == (waiting[0][0] if waiting else NEVER)
        assert timers.next_key() == (f"{waiting[0][1]}" if waiting else "")


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["plan:a", "plan:b", "minute", "end"])), max_size=20))
def test_keeping_some_timers_forgets_the_others_and_changes_no_order(of: list[tuple[int, str]]) -> None:
    timers, wanted = Timers(), Timers()
    for due, key in of:
        timers.set(due, key)
    for due, key in of:
        if key.startswith("plan:"):
            wanted.set(due, key)
    timers.keep("plan:")
    fired = []
    while timers.due != NEVER:
        fired.append(timers.pop())
    assert fired == [wanted.pop() for _ in range(len(fired))]
    assert wanted.due == NEVER


def test_a_bar_is_kept_once_and_the_oldest_goes_first() -> None:
    bars = Bars()
    assert list(bars.of(0)) == []
    for start in (0, 60, 60, 30, 120):
        bars.add(0, Bar(start, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert [bar.start for bar in bars.of(0)] == [0, 60, 120]
    for start in range(180, 180 + 60 * KEPT, 60):
        bars.add(0, Bar(start, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert len(bars.of(0)) == KEPT
    assert bars.of(0)[0].start == 180
    bars.clear()
    assert list(bars.of(0)) == []
