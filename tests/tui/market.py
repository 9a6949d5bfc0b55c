"""A small made-up market for the screen's tests: a first snapshot, and the states that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from qm.clock import SECOND
from qm.wire.diff import diff
from qm.wire.protocol import Delta, Snapshot
from qm.wire.replica import Replica
from qm.wire.views import (
    HealthView,
    LogView,
    OrderView,
    PnlView,
    PositionView,
    RadarView,
    StatusView,
    TradeView,
    WatchView,
)

OPEN_TS = 1_763_130_600 * SECOND
"""2025-11-14 09:30:00 in New York."""
START_TS = OPEN_TS + 667 * SECOND
SYMBOLS = (
    *("ABCD", "EFGH", "IJKL", "MNOP", "QRST", "UVWX", "YZAB", "CDEF", "GHIJ", "KLMN", "OPQR", "STUV", "WXYZ"),
    *(f"{a}{b}X{c}" for a in "ABCDE" for b in "PQR" for c in "MNO"),
)
WHY = (
    "HOD, VWAP hold 3m, volume 17x its usual",
    "gap 22%, float 4.1M",
    "opening range high",
    "volume leads price",
    "halted LULD 1:42",
    "",
)


def opening(symbols: int = 40) -> Snapshot:
    """Return the state eleven minutes after the open."""
    rng = np.random.default_rng(7)
    held = {row.symbol: row.last for row in positions()}
    radar = [
        msgspec.structs.replace(row, last=held.get(row.symbol, row.last))
        for row in (_radar(rank, symbol, rng) for rank, symbol in enumerate(SYMBOLS[:symbols], 1))
    ]
    return Snapshot(
        seq=100,
        status=status(),
        health=HealthView(
            feed_age_ms=12,
            loop_lag_ms=0.4,
            queue_depth=3,
            store_ms=1.8,
            records_per_s=15234.0,
            wakes=8123,
            records=9_812_345,
            clients=1,
            rss_mb=212.4,
        ),
        pnl=pnl(),
        radar=radar,
        watch=[_watch(row, place) for place, row in enumerate(radar[:9])],
        positions=positions(),
        orders=orders(),
        trades=trades(),
        log=log(),
    )


def status() -> StatusView:
    return StatusView(
        mode="paper",
        feed="synthetic",
        session="2025-11-14",
        ts=START_TS,
        phase="open",
        entries="on",
        flattening=False,
        run="r1",
        pid=4242,
        version="0.1.0",
        started=START_TS,
        speed=30.0,
        radar_count=3114,
        hits=7,
        state_hash="9f2c4e1ab07d",
    )


def pnl() -> PnlView:
    swing = [round(-90 + 9.5 * x + 60 * float(np.sin(x / 4)), 2) for x in range(72)]
    return PnlView(
        equity_usd=26_114.2,
        realized_usd=402.5,
        unrealized_usd=209.8,
        fees_usd=4.12,
        day_usd=612.3,
        day_r=1.9,
        loss_left_usd=388.0,
        buying_power_usd=91_204.0,
        open_risk_usd=130.0,
        trades=7,
        wins=5,
        curve=tuple(swing),
    )


def positions() -> list[PositionView]:
    return [
        PositionView(
            "ABCD", "orb_robust", 1000, 4.61, 4.82, 210.0, 1.4, 4.48, 1000, 260.0, -40.0, START_TS - 180 * SECOND
        ),
        PositionView(
            "QRST", "orb_paper", -250, 18.44, 18.52, -20.0, -0.3, 18.9, 250, 12.0, -55.0, START_TS - 95 * SECOND
        ),
        PositionView("KLMN", "first_pull", 400, 0.8125, 0.8201, 3.04, None, None, 0, 3.04, 0.0, START_TS - 4 * SECOND),
    ]


def orders() -> list[OrderView]:
    def order(
        n: int,
        symbol: str,
        side: str,
        kind: str,
        purpose: str,
        qty: int,
        done: int,
        limit: float | None,
        stop: float | None,
        state: str,
        note: str = "",
    ) -> OrderView:
        return OrderView(
            f"s1-{n:04d}",
            symbol,
            side,
            purpose,
            kind,
            qty,
            done,
            (limit or 4.52) if done else None,
            limit,
            stop,
            state,
            "orb_robust",
            START_TS - n * 7 * SECOND,
            note,
        )

    return [
        order(1, "KLMN", "buy", "limit", "entry", 800, 400, 0.815, None, "working"),
        order(2, "ABCD", "sell", "stop", "protect", 1000, 0, None, 4.48, "working"),
        order(3, "QRST", "buy", "stop", "protect", 250, 0, None, 18.9, "unknown", "no answer in 5 s"),
        order(4, "QRST", "sell", "limit", "entry", 250, 250, 18.44, None, "filled"),
        order(5, "EFGH", "buy", "limit", "entry", 300, 0, 2.12, None, "rejected", "halted"),
        order(6, "ABCD", "buy", "market", "entry", 1000, 1000, None, None, "filled"),
    ]


def trades() -> list[TradeView]:
    made = (("WXYZ", 88.2, 0.7, "target"), ("UVWX", -60.0, -1.0, "stop"), ("MNOP", 143.3, 1.5, "trail"))
    return [
        TradeView(
            f"t{n}",
            symbol,
            "orb_robust",
            "long",
            300,
            START_TS - 500 * SECOND,
            START_TS - (400 - n * 100) * SECOND,
            9.5,
            9.5 + net / 300,
            net,
            0.6,
            r,
            max(net, 20.0),
            min(net, -15.0),
            reason,
        )
        for n, (symbol, net, r, reason) in enumerate(made)
    ]


def log() -> list[LogView]:
    lines = (
        ("info", "EFGH", "hit: gap and go; score 96, gap 22.1%, relative volume 38x"),
        ("warn", "EFGH", "entry refused: halted (LULD pause), 1:42 left"),
        ("good", "ABCD", "bought 1000 at 4.61, stop 4.48, risk 130 $ (0.5%)"),
        ("bad", "UVWX", "stopped out at 9.30, -60 $ (-1.0R)"),
        ("info", "", "5 symbols joined the watchlist"),
    )
    return [
        LogView(n, START_TS - (60 - n * 5) * SECOND, level, symbol, text)
        for n, (level, symbol, text) in enumerate(lines * 2, 1)
    ]


def after(state: Snapshot, rng: np.random.Generator, *, share: float = 0.35) -> Snapshot:
    """Return the state one frame later: a share of the prices moved, and now and then the ranks did."""
    radar = [_moved(row, rng) if rng.random() < share else row for row in state.radar]
    if state.seq % 5 == 0:
        radar.sort(key=lambda row: -row.score)
        radar = [msgspec.structs.replace(row, rank=rank) for rank, row in enumerate(radar, 1)]
    last = {row.symbol: row.last for row in radar}
    watch = [msgspec.structs.replace(row, last=last.get(row.symbol, row.last)) for row in state.watch]
    held = [
        msgspec.structs.replace(row, last=last[row.symbol], unrealized_usd=(last[row.symbol] - row.avg_price) * row.qty)
        for row in state.positions
    ]
    open_usd = sum(row.unrealized_usd or 0.0 for row in held)
    return msgspec.structs.replace(
        state,
        seq=state.seq + 1,
        status=msgspec.structs.replace(state.status, ts=state.status.ts + SECOND // 5),
        health=msgspec.structs.replace(state.health, feed_age_ms=int(rng.integers(4, 40))),
        pnl=msgspec.structs.replace(state.pnl, unrealized_usd=open_usd, day_usd=state.pnl.realized_usd + open_usd),
        radar=radar,
        watch=watch,
        positions=held,
    )


def deltas(state: Snapshot, seed: int = 11) -> Iterator[Delta]:
    """Yield the changes that follow, without end."""
    rng = np.random.default_rng(seed)
    while True:
        following = after(state, rng)
        yield diff(state, following)
        state = following


def follow(state: Snapshot) -> Callable[[Delta], Snapshot]:
    """Return what turns the next change into the whole state after it."""
    replica = Replica()
    replica.apply(state)

    def take(delta: Delta) -> Snapshot:
        replica.apply(delta)
        whole = replica.snapshot()
        assert whole is not None
        return whole

    return take


def _radar(rank: int, symbol: str, rng: np.random.Generator) -> RadarView:
    odd = rank % 7 == 3
    return RadarView(
        symbol=symbol,
        rank=rank,
        score=round(99 - rank * 1.7, 1),
        last=round(float(rng.lognormal(1.6, 1.0)), 4 if rank % 9 == 0 else 2),
        chg_pct=None if rank == 12 else round(float(rng.normal(8, 14)), 2),
        gap_pct=None if odd else round(float(rng.normal(5, 8)), 2),
        rvol=None if rank == 12 else round(float(rng.lognormal(1.4, 0.9)), 2),
        volume=float(int(rng.lognormal(14, 1.3))),
        mom_pct=round(float(rng.normal(0, 3)), 2),
        spread_bps=round(float(rng.lognormal(2.5, 0.8)), 1),
        float_shares=None if odd else float(int(rng.lognormal(16, 1.0))),
        flags={1: "HOD held", 2: "halt", 3: "HOD", 5: "watch"}.get(rank, ""),
        why=WHY[rank % len(WHY)],
        rank_change=int(rng.integers(-3, 4)),
        age_ms=None if rank == 12 else 4200 if rank == 6 else int(rng.integers(5, 900)),
    )


def _moved(row: RadarView, rng: np.random.Generator) -> RadarView:
    step = round(float(rng.normal(0, 0.02)), 2)
    return msgspec.structs.replace(
        row,
        last=max(0.01, round(row.last + step, 4)),
        chg_pct=None if row.chg_pct is None else round(row.chg_pct + step * 4, 2),
        volume=row.volume + int(rng.integers(100, 20_000)),
        score=round(row.score + float(rng.normal(0, 0.4)), 1),
        age_ms=int(rng.integers(5, 900)),
    )


def _watch(row: RadarView, place: int) -> WatchView:
    state = ("in position", "armed", "planned", "armed", "armed", "planned", "done", "planned", "released")[place]
    known = place not in {2, 7}
    return WatchView(
        symbol=row.symbol,
        strategy=("orb_robust", "orb_paper", "first_pull")[place % 3],
        state=state,
        reason=row.why or "hit: gap and go",
        last=row.last,
        chg_pct=row.chg_pct,
        entry=round(row.last * 1.01, 2) if known else None,
        stop=round(row.last * 0.97, 2) if known else None,
        minutes_left=None if place == 0 else 60 - place,
    )
