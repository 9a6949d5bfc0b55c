"""A board of machines does what each machine alone would do, in the order of time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from qm.clock import MINUTE, SECOND, at_ny
from qm.rules.calendar import session
from qm.rules.limits import Tier
from qm.rules.luld import Luld
from qm.rules.luld_board import LuldBoard
from qm.rules.luld_events import Event, Evidence, LimitEntered, Paused, Phase, Reopened

OF = session(dt.date(2026, 11, 23))
TIERS = np.array([1, 2, 2, 2], np.uint8)
PRIORS = np.array([50.0, 10.0, 2.5, np.nan])


def test_the_arrays_follow_the_machines() -> None:
    board = LuldBoard(OF, TIERS, PRIORS, leverage=np.array([1.0, 1.0, 1.0, 1.0]))
    for row, price in enumerate((40.0, 10.0, 2.6, 5.0)):
        board.trade(row, OF.open_ns + row, price)
    np.testing.assert_array_equal(board.lower, [38.0, 9.0, 2.08, np.nan])
    np.testing.assert_array_equal(board.upper, [42.0, 11.0, 3.12, np.nan])
    assert board.quote(3, OF.open_ns, 1.0, 2.0) == board.pause(3, OF.open_ns) == ()
    with pytest.raises(ValueError, match="no reopening is due"):
        board.reopen(3, OF.open_ns, 5.0)
    at = at_ny(OF.date, "11:00")
    assert isinstance(board.quote(1, at, 11.0, 11.1)[-1], LimitEntered)
    (row, (paused,)), *rest = board.advance(at + MINUTE)
    assert (row, type(paused), rest) == (1, Paused, [])
    assert board.phase.tolist() == [Phase.NORMAL, Phase.PAUSED, Phase.NORMAL, Phase.OFF]
    assert isinstance(board.reopen(1, at + 6 * MINUTE, 11.2)[0], Reopened)
    assert board.lower[1] == 10.08
    assert board.pause(0, at + 7 * MINUTE)
    board.advance(OF.close_ns)
    assert np.isnan(board.lower).all()
    assert set(board.phase.tolist()) == {Phase.OFF}
    assert board[3] is None


def test_a_leveraged_fund_has_its_own_width() -> None:
    board = LuldBoard(OF, TIERS, PRIORS, leverage=np.array([3.0, 1.0, 1.0, 1.0]))
    board.trade(0, OF.open_ns, 40.0)
    assert (board.lower[0], board.upper[0]) == (34.0, 46.0)


def test_a_board_does_what_its_machines_would_do_alone() -> None:
    rng = np.random.default_rng(5)
    rows = 3
    board = LuldBoard(OF, TIERS[:rows], PRIORS[:rows], evidence=Evidence.PRINTS)
    alone = [Luld(OF, Tier(int(TIERS[row])), float(PRIORS[row]), evidence=Evidence.PRINTS) for row in range(rows)]
    found: list[tuple[int, Event]] = []
    expected: list[list[Event]] = [[] for _ in range(rows)]
    price = PRIORS[:rows].copy()
    now = OF.open_ns
    for _ in range(3000):
        now += int(rng.integers(0, 8 * SECOND))
        row = int(rng.integers(rows))
        price[row] = round(max(price[row] * (1 + rng.normal(0, 0.03)), 0.05), 2)
        found.extend((other, event) for other, events in board.advance(now) for event in events)
        found.extend((row, event) for event in board.trade(row, now, float(price[row])))
        expected[row].extend(alone[row].trade(now, float(price[row])))
    for row, machine in enumerate(alone):
        expected[row].extend(machine.advance(now))
    found.extend((other, event) for other, events in board.advance(now) for event in events)
    assert [event.ns for _, event in found] == sorted(event.ns for _, event in found)
    for row in range(rows):
        assert [event for other, event in found if other == row] == expected[row]
    assert any(isinstance(event, Paused) for _, event in found)
