"""A snapshot and the changes after it give the state that they were made from."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import ProtocolError
from qm.wire.diff import diff
from qm.wire.protocol import LOG_LINES, Delta, Frame, RadarDelta, Snapshot
from qm.wire.replica import Replica
from qm.wire.views import LogView
from tests.tui import market

START = market.opening(symbols=12)


@st.composite
def rows(draw: st.DrawFn, known: list[Any], field: str) -> list[Any]:
    """Some of the known rows, in any order, with one number of some of them changed."""
    chosen = draw(st.lists(st.sampled_from(known), unique_by=lambda row: row.key, max_size=len(known)))
    numbers = draw(st.lists(st.none() | st.integers(1, 5), min_size=len(chosen), max_size=len(chosen)))
    return [
        row if number is None else msgspec.structs.replace(row, **{field: float(number)})
        for row, number in zip(chosen, numbers, strict=True)
    ]


@st.composite
def following(draw: st.DrawFn, state: Snapshot) -> Snapshot:
    """Any state that may come after a state."""
    last = state.log[-1].seq
    lines = [LogView(last + n, 1, "info", "ABCD", f"line {n}") for n in range(1, draw(st.integers(0, 3)) + 1)]
    return msgspec.structs.replace(
        state,
        seq=state.seq + 1,
        status=msgspec.structs.replace(state.status, ts=draw(st.integers(0, 3))),
        pnl=msgspec.structs.replace(state.pnl, trades=draw(st.integers(0, 2))),
        radar=draw(rows(START.radar, "last")),
        watch=draw(rows(START.watch, "last")),
        positions=draw(rows(START.positions, "last")),
        orders=draw(rows(START.orders, "limit")),
        trades=[*state.trades, *START.trades[: draw(st.integers(0, 1))]],
        log=[*state.log, *lines][-LOG_LINES:],
    )


@given(st.data())
def test_a_snapshot_and_its_deltas_are_the_state(data: st.DataObject) -> None:
    state, replica = START, Replica()
    replica.apply(state)
    for _ in range(data.draw(st.integers(1, 6))):
        after = data.draw(following(state))
        replica.apply(_over_the_wire(diff(state, after)))
        assert replica.snapshot() == after
        state = after


def test_an_unchanged_state_costs_an_empty_frame() -> None:
    after = msgspec.structs.replace(START, seq=START.seq + 1)
    assert diff(START, after) == Delta(seq=START.seq + 1)


def test_only_what_moved_is_sent() -> None:
    moved = msgspec.structs.replace(START.radar[3], last=1.0)
    after = msgspec.structs.replace(
        START, seq=START.seq + 1, radar=[*START.radar[:3], moved, *START.radar[4:]], watch=START.watch[1:]
    )
    change = diff(START, after)
    assert change.radar == RadarDelta(put=[moved])
    assert change.watch is not None
    assert change.watch.gone == [START.watch[0].key]
    assert change.watch.order is None


def test_the_log_keeps_its_last_lines() -> None:
    replica = Replica()
    replica.apply(START)
    lines = [LogView(1000 + n, n, "info", "", str(n)) for n in range(LOG_LINES + 5)]
    replica.apply(Delta(seq=START.seq + 1, log=lines))
    assert [line.seq for line in replica.log] == [1000 + n for n in range(5, LOG_LINES + 5)]


@pytest.mark.parametrize("seq", [START.seq - 1, START.seq, START.seq + 2])
def test_a_gap_is_refused_and_changes_nothing(seq: int) -> None:
    replica = Replica()
    replica.apply(START)
    with pytest.raises(ProtocolError, match="does not follow"):
        replica.apply(Delta(seq=seq, log=START.log))
    assert replica.snapshot() == START


def test_a_delta_before_the_first_snapshot_is_refused() -> None:
    replica = Replica()
    assert not replica.ready
    assert replica.snapshot() is None
    with pytest.raises(ProtocolError):
        replica.apply(Delta(seq=0))


def test_a_snapshot_is_taken_whatever_its_number() -> None:
    replica = Replica()
    replica.apply(START)
    later = msgspec.structs.replace(START, seq=5, radar=START.radar[:2])
    replica.apply(later)
    assert replica.snapshot() == later
    assert replica.follows(Delta(seq=6))


@pytest.mark.parametrize(
    "order",
    [["ABCD"], ["ABCD", "NOPE"], [row.key for row in START.radar] + ["ABCD"]],
    ids=["too few", "unknown", "twice"],
)
def test_an_order_that_does_not_name_the_rows_is_refused_as_a_whole(order: list[str]) -> None:
    replica = Replica()
    replica.apply(START)
    change = msgspec.structs.replace(
        diff(START, msgspec.structs.replace(START, seq=START.seq + 1, watch=[])), radar=RadarDelta(order=order)
    )
    with pytest.raises(ProtocolError, match="order"):
        replica.apply(change)
    assert replica.snapshot() == START


def _over_the_wire(frame: Frame) -> Frame:
    return msgspec.msgpack.Decoder(Frame).decode(msgspec.msgpack.encode(frame))  # type: ignore[no-any-return]
