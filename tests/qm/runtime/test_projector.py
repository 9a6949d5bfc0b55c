"""What is shown is what the engine knows: frames over an hour of a synthetic market."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import msgspec
import numpy as np
import pytest

from qm.execution.orders import Working
from qm.model.commands import CancelOrder, Flatten, Pin, StopEntries
from qm.model.market import Print, clock, events, trade
from qm.model.order import OrderStatus, Purpose
from qm.runtime.book_rows import ORDERS_SHOWN
from qm.runtime.projector import Projector
from qm.runtime.radar_rows import SHOWN
from qm.wire.protocol import LOG_LINES, Frame, Snapshot
from qm.wire.replica import Replica
from tests.qm.runtime.rig import HEALTH, RUN, RUNNING, Rig

MS = 10**6


@pytest.fixture(scope="module")
def traded() -> Rig:
    """An engine after an hour, with positions open and a trade closed; tests that share it only look."""
    rig = Rig()
    rig.feed(60)
    return rig


def frames(rig: Rig, parts: int) -> Iterator[Snapshot]:
    """Feed an hour, and project several times a minute from shortly before the open on."""
    seq = 0
    for batch in rig._batches:
        for part in np.array_split(batch, parts):
            rig.session.feed(part)
            if rig.market.now > rig.market.session.open_ns - 2 * 60 * 10**9:
                seq += 1
                yield rig.frame(seq)


def over_the_wire(frame: Frame) -> Frame:
    decoded: Frame = msgspec.msgpack.decode(msgspec.msgpack.encode(frame), type=Frame)
    assert msgspec.json.decode(msgspec.json.encode(frame), type=Frame) == decoded
    return decoded


@pytest.mark.parametrize(("seed", "parts"), [(4, 1), (5, 4)])
def test_deltas_lead_from_the_first_snapshot_to_every_other(seed: int, parts: int) -> None:
    rig, replica = Rig(seed=seed), Replica()
    before: Snapshot | None = None
    sizes = []
    canceled = False
    for now in frames(rig, parts):
        frame = now if before is None else rig.projector.delta(before, now)
        replica.apply(over_the_wire(frame))
        assert replica.snapshot() == now
        sizes.append(len(msgspec.msgpack.encode(frame)))
        # The operator takes part, so that rows also go.
        if now.seq == 30 * parts and now.positions:
            rig.command(Flatten("f", now.positions[0].symbol), "test")
        if now.seq == 40 * parts:
            rig.command(Pin("p", rig.market.table.names[7]), "test")
        working = next((o for o in now.orders if o.status == "working" and o.purpose == "entry"), None)
        if working is not None and not canceled and now.positions:
            rig.command(CancelOrder("c", working.id), "test")
            canceled = True
        if now.seq == 50 * parts:
            rig.command(Flatten("all"), "test")
        before = now
    assert before is not None
    assert canceled
    assert before.trades
    assert not before.positions
    assert before.status.entries.startswith("flatten")
    assert max(sizes[1:]) < sizes[0] + 60_000


def test_showing_changes_nothing() -> None:
    seen, unseen = Rig(minutes=30), Rig(minutes=30)
    for _ in frames(seen, 3):
        pass
    unseen.feed(60)
    assert list(seen.journal.links(RUN)) == list(unseen.journal.links(RUN))
    assert seen.core.book.digest() == unseen.core.book.digest()


def test_nothing_shown_is_infinite_or_not_a_number(traded: Rig) -> None:
    def numbers(value: Any) -> Iterator[float]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for each in value:
                yield from numbers(each)
        elif isinstance(value, float):
            yield value

    found = list(numbers(msgspec.to_builtins(traded.frame())))
    assert len(found) > 500
    assert all(map(isfinite, found))


# --- the panes -------------------------------------------------------------------------------------------------------


def test_the_radar_is_the_last_beat_with_prices_of_this_moment() -> None:
    rig = Rig(minutes=40)
    rig.feed(39)
    # The beat that is due may not come between what is compared.
    minute = 60_000 * MS
    rig.session.feed(events([clock((rig.market.now // minute + 1) * minute + MS)]))
    assert rig.core.ranking is not None
    ranked = rig.core.ranking.lines(rig.core.ranking.listed[:SHOWN])
    shown = rig.frame().radar
    assert [(row.symbol, row.rank) for row in shown] == [(row.symbol, row.rank) for row in ranked]
    assert len(shown) == SHOWN
    first = rig.market.table.row(shown[0].symbol)
    price = round(float(rig.market.col["high"][first]) * 1.04, 2)
    rig.session.feed(events([trade(rig.market.now + 5 * MS, first, price, 100, Print.ALL)]))
    after = rig.frame().radar[0]
    assert (after.symbol, after.last, after.age_ms) == (shown[0].symbol, price, 0)
    assert "HOD" in after.flags
    assert after.why == shown[0].why
    assert after.chg_pct is not None
    assert after.chg_pct > (shown[0].chg_pct or 0)


def test_the_radar_says_why(traded: Rig) -> None:
    whys = [row.why for row in traded.frame().radar]
    assert any("x volume" in why for why in whys)
    assert all(len(why.split(", ")) <= 3 for why in whys)
    rows = traded.frame().radar
    assert any(row.rank_change for row in rows)
    assert any(row.velocity for row in rows)
    assert max(row.listed_min or 0 for row in rows) > 0
    # Beats come once a minute here: the newest of the past ranks is that of a minute ago.
    for row in rows:
        if row.rank_change is not None:
            assert row.ranks[-1] == row.rank + row.rank_change


def test_the_status_tells_the_beat_the_regime_and_the_part_of_the_session(traded: Rig) -> None:
    assert traded.core.ranking is not None
    status = traded.frame().status
    assert (status.beat, status.regime) == (traded.core.ranking.ts, traded.core.book.regime.label)
    assert status.stretch in ("open_drive", "morning")


def test_flags_tell_who_is_held_and_watched(traded: Rig) -> None:
    book = traded.core.book
    flags = {row.symbol: row.flags.split() for row in traded.frame().radar}
    assert {s for s, f in flags.items() if "held" in f} == set(book.portfolio.positions) & set(flags)
    watched = set(book.watchlist.watched()) - set(book.portfolio.positions)
    assert {s for s, f in flags.items() if "watch" in f} == watched & set(flags)
    assert book.portfolio.positions


def test_an_age_is_never_understated_and_changes_seldom(traded: Rig) -> None:
    market = traded.market
    ages = {row.symbol: row.age_ms for row in traded.frame().radar}
    for symbol, age in ages.items():
        true_ms = (market.now - int(market.col["ts"][market.table.row(symbol)])) / MS
        assert age is not None
        # Ten seconds within ten minutes, and a minute beyond.
        assert true_ms - 1 <= age <= true_ms + (10_000 if true_ms <= 600_000 else 60_000)
        assert age % 1000 == 0


def test_positions_agree_with_the_account(traded: Rig) -> None:
    book, shown = traded.core.book, traded.frame().positions
    assert [row.symbol for row in shown] == list(book.portfolio.positions)
    for row in shown:
        assert row.qty == book.portfolio.qty(row.symbol)
        assert row.unrealized_usd == pytest.approx(book.portfolio.unrealized(row.symbol), abs=0.01)
        assert row.protected_qty == abs(row.qty)
        assert row.stop is not None
        assert row.r is not None
        assert row.mfe_usd is not None
        assert row.unrealized_usd is not None
        assert row.mfe_usd + 0.01 >= row.unrealized_usd
        trade_ = book.trades.open[row.symbol]
        assert row.strategy == trade_.strategy
        assert (row.unrealized_usd > 0) == (row.r > 0) or abs(row.r) <= 0.01


def test_the_account_adds_up(traded: Rig) -> None:
    frame, portfolio = traded.frame(), traded.core.book.portfolio
    pnl = frame.pnl
    assert pnl.unrealized_usd is not None
    assert pnl.day_usd is not None
    assert pnl.day_usd == pytest.approx(pnl.realized_usd + pnl.unrealized_usd - pnl.fees_usd, abs=0.05)
    assert pnl.equity_usd == pytest.approx(float(portfolio.deposited) + pnl.day_usd, abs=0.05)
    assert pnl.unrealized_usd == pytest.approx(sum(row.unrealized_usd or 0 for row in frame.positions), abs=0.1)
    assert pnl.trades == len(frame.trades)
    assert pnl.wins == sum(t.net_usd > 0 for t in frame.trades)
    assert pnl.loss_left_usd == pytest.approx(pnl.equity_usd * 0.02 + pnl.day_usd, abs=0.05)
    assert pnl.curve[-1] == pnl.day_usd
    assert len(pnl.curve) >= 55
    assert any(pnl.curve)


def test_orders_stand_newest_first_and_only_ended_ones_are_left_out() -> None:
    rig = Rig(minutes=30, seed=8)
    rig.feed(10)
    book = rig.core.book.orders
    early = list(book.all)
    assert [row.id for row in rig.frame().orders] == early[::-1]
    still_open = [identity for identity, w in book.all.items() if not w.done]
    assert still_open
    pattern = next(iter(book.all.values())).order
    for n in range(ORDERS_SHOWN + 50):
        order = msgspec.structs.replace(pattern, id=f"more-{n}")
        w = book.all[order.id] = Working(order, 1.0, 0.0, n, n)
        w.status = OrderStatus.FILLED
    shown = [row.id for row in rig.frame().orders]
    assert shown[0] == f"more-{ORDERS_SHOWN + 49}"
    assert shown[ORDERS_SHOWN - 1] == "more-50"
    assert shown[ORDERS_SHOWN:] == still_open[::-1]


def test_an_order_is_made_anew_only_when_something_happened_to_it() -> None:
    rig = Rig(minutes=30, seed=6)
    rig.feed(10)
    before = {row.id: row for row in rig.frame().orders}
    assert all(row is before[row.id] for row in rig.frame().orders)
    working = next(
        w
        for w in rig.core.book.orders.all.values()
        if w.status is OrderStatus.WORKING and w.order.purpose is Purpose.ENTRY
    )
    rig.command(CancelOrder("c", working.order.id), "test")
    after = {row.id: row for row in rig.frame().orders}
    assert after[working.order.id].status == "canceled"
    changed = {identity for identity, row in after.items() if row is not before.get(identity)}
    # Its leg goes with it.
    assert changed == {working.order.id, working.order.id[:-1] + "P"}


def test_the_watchlist_says_where_each_symbol_stands() -> None:
    rig = Rig()
    states: dict[str, set[str]] = {}
    for batch_frame in frames(rig, 1):
        for row in batch_frame.watch:
            states.setdefault(row.state, set()).add(row.symbol)
            if row.state == "in position":
                assert row.entry == pytest.approx(float(rig.core.book.portfolio.positions[row.symbol].price))
                assert row.stop is not None
            if row.state == "armed" and row.entry is not None and row.stop is not None:
                assert row.stop != row.entry
            if row.state == "done":
                assert row.reason
                assert not row.reason.startswith("hit of")
    assert {"armed", "in position", "done"} <= set(states)


def test_a_pinned_symbol_without_a_price_shows_none_of_what_is_not_known() -> None:
    rig = Rig()
    symbol = rig.market.table.names[3]
    rig.command(Pin("p", symbol), "test")
    frame = rig.frame()
    (row,) = frame.watch
    assert (row.symbol, row.strategy, row.state) == (symbol, "", "watched")
    assert (row.last, row.chg_pct, row.entry, row.stop, row.minutes_left) == (None, None, None, None, None)
    assert frame.radar == []
    assert b'"last":null' in msgspec.json.encode(row)


# --- status, log, sessions -------------------------------------------------------------------------------------------


def test_the_status_line(traded: Rig) -> None:
    status = traded.frame().status
    book = traded.core.book
    assert (status.mode, status.phase, status.entries, status.flattening) == ("sim", "open", "on", False)
    assert status.state_hash == book.digest()[:12]
    assert status.ts == traded.market.now
    assert status.hits == len(book.scanner.active())
    assert traded.core.ranking is not None
    assert status.radar_count == traded.core.ranking.count
    assert (status.run, status.pid, status.speed) == (RUNNING.run, RUNNING.pid, RUNNING.speed)


def test_the_phase_follows_the_session() -> None:
    rig = Rig()
    of = rig.market.session
    phases = {}
    for name, now in (("pre", of.pre_ns), ("open", of.open_ns), ("post", of.close_ns), ("closed", of.post_ns)):
        rig.market.now = now
        phases[name] = rig.frame().status.phase
    rig.market.now = of.pre_ns - 1
    assert phases == {name: name for name in phases}
    assert rig.frame().status.phase == "closed"


def test_stopped_entries_say_why() -> None:
    rig = Rig()
    rig.command(StopEntries("s", "news"), "test")
    frame = rig.frame()
    assert frame.status.entries == "news"
    assert frame.log[-1].text == "entries stopped: news"


def test_a_command_is_found_by_its_id() -> None:
    rig = Rig()
    rig.command(StopEntries("s"), "test")
    seq = rig.projector.seq_of("s")
    assert getattr(rig.journal.entry(RUN, seq).body, "id", None) == "s"
    assert rig.projector.seq_of("never") == 0


def test_the_log_is_bounded_and_the_same_when_read_back_from_the_journal(traded: Rig) -> None:
    again = Projector(traded.core)
    again.entries(traded.entries())
    read = again.frame(1, HEALTH, RUNNING)
    live = traded.frame()
    assert read.log == live.log
    assert read.trades == live.trades
    for _ in range(5):
        again.entries(traded.entries())
    assert len(again.frame(1, HEALTH, RUNNING).log) == LOG_LINES


def test_who_leaves_the_watchlist_is_said_once() -> None:
    rig = Rig(minutes=120)
    rig.feed(119)
    texts = [line.text for line in rig.frame().log]
    left = [text.split()[0] for text in texts if " left the watchlist: " in text]
    assert left
    assert not [text for text in texts if " let go by " in text and "min without a hit" in text]


def test_another_session_is_a_new_snapshot_for_everybody(traded: Rig) -> None:
    before = traded.frame(7)
    later = Rig(minutes=5)
    after = later.frame(8)
    assert before.trades
    assert later.projector.delta(before, after) is after
