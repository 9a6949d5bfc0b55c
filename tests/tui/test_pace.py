"""Frames are left out while the terminal is behind, fewer are tried, and they come back."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tui.pace import MAX_HZ, MIN_HZ, RECOVER_S, Pace, backlog, clamp


class Driver:
    """What a Textual driver keeps for its output."""

    def __init__(self) -> None:
        # Never started, so that what is written stays in the queue.
        self._writer_thread = WriterThread(StringIO())


def test_the_backlog_is_what_waits_in_textuals_queue() -> None:
    driver = Driver()
    assert backlog(driver) == 0
    driver._writer_thread.write("one")
    driver._writer_thread.write("two")
    assert backlog(driver) == 2
    assert MAX_QUEUED_WRITES > 2


@pytest.mark.parametrize("driver", [None, object()])
def test_a_driver_that_writes_at_once_has_no_backlog(driver: object) -> None:
    assert backlog(driver) == 0


def test_every_frame_is_drawn_while_the_terminal_keeps_up() -> None:
    pace = Pace(5)
    assert all(pace.draws(waiting, 0.2 * frame) for frame, waiting in enumerate([0, 1, 0, 1]))
    assert (pace.hz, pace.skipped) == (5, 0)


def test_three_skips_halve_the_pace_down_to_a_bound() -> None:
    pace = Pace(8)
    seen = []
    for frame in range(21):
        assert not pace.draws(9, 0.1 * frame)
        seen.append(pace.hz)
    assert seen[2::3] == [4, 2, 1, 0.5, MIN_HZ, MIN_HZ, MIN_HZ]
    assert seen[:4] == [8, 8, 4, 4]
    assert pace.skipped == 21


def test_a_slow_write_now_and_then_costs_one_frame_only() -> None:
    pace = Pace(5)
    drawn = [pace.draws(waiting, RECOVER_S * n) for n, waiting in enumerate((3, 0, 3, 0, 3, 0, 3, 0))]
    assert drawn == [False, True] * 4
    assert pace.hz == 5


def test_a_line_a_little_too_slow_slows_the_pace() -> None:
    pace = Pace(5)
    drawn = [pace.draws(waiting, 0.2 * n) for n, waiting in enumerate((3, 0, 3, 0, 3, 0))]
    assert drawn == [False, True] * 3
    assert pace.hz == 2.5


def test_the_pace_recovers_step_by_step_every_ten_seconds() -> None:
    pace = Pace(3)
    for _ in range(9):
        pace.draws(9, 0.0)
    assert pace.hz == 0.375
    assert pace.draws(0, RECOVER_S - 0.1)
    assert pace.hz == 0.375
    recovered = [(pace.draws(0, RECOVER_S * n), pace.hz) for n in range(1, 7)]
    assert recovered == [(True, hz) for hz in (0.75, 1.5, 2.5, 3, 3, 3)]


def test_a_pace_wished_below_the_bound_is_not_sped_up() -> None:
    pace = Pace(0.2)
    for _ in range(9):
        pace.draws(9, 0.0)
    assert pace.hz == 0.2


@given(st.floats(allow_nan=False))
def test_every_wish_is_brought_into_bounds(hz: float) -> None:
    pace = Pace(5)
    pace.wish(hz)
    assert 0.2 <= pace.hz == pace.wished == clamp(hz) <= MAX_HZ
