"""The rows that a client sees; the daemon projects the engine's state into them, the screen is a replica of them."""

from __future__ import annotations

import msgspec


class View(msgspec.Struct, frozen=True):
    """A row of what is shown; numbers are plain floats, made for the eye and never for the ledger."""


class RadarView(View, frozen=True):
    """One symbol on the radar."""

    symbol: str
    rank: int
    score: float
    last: float
    chg_pct: float | None
    gap_pct: float | None
    rvol: float | None
    volume: float
    mom_pct: float | None
    """Change over the last five minutes, per cent."""
    spread_bps: float | None
    float_shares: float | None
    flags: str
    """Short words: HOD, halt, watch, held."""
    why: str
    """The largest contributions to the score, in words."""
    rank_change: int | None
    """Places gained (+) or lost (-) over the last minute; None when it was not ranked then."""
    age_ms: int | None
    """Age of the last print; None before the first."""
    velocity: float | None = None
    """Places gained (+) or lost (-) per minute, over the last five."""
    listed_min: int | None = None
    """Whole minutes on the radar's list."""
    ranks: tuple[int, ...] = ()
    """Ranks at the last minute boundaries, oldest first; 0 where it was not ranked."""

    @property
    def key(self) -> str:
        """What names the row in a delta's `gone` and `order`."""
        return self.symbol


class WatchView(View, frozen=True):
    """One symbol on the active strategy watchlist."""

    symbol: str
    strategy: str
    state: str
    """watched (by nobody), planned, armed, in position, done, released."""
    reason: str
    last: float | None
    """None before the first price."""
    chg_pct: float | None
    entry: float | None
    stop: float | None
    minutes_left: int | None
    """None when pinned, until the session ends, or as long as a hit is alive or something is held."""

    @property
    def key(self) -> str:
        """What names the row in a delta's `gone` and `order`."""
        return f"{self.symbol}/{self.strategy}"


class PositionView(View, frozen=True):
    """One open position."""

    symbol: str
    strategy: str
    qty: int
    avg_price: float
    last: float | None
    unrealized_usd: float | None
    """None without a price."""
    r: float | None
    stop: float | None
    protected_qty: int
    """Shares covered by an active stop."""
    mfe_usd: float | None
    mae_usd: float | None
    opened: int
    """ns UTC."""

    @property
    def key(self) -> str:
        """What names the row in a delta's `gone` and `order`."""
        return f"{self.symbol}/{self.strategy}"


class OrderView(View, frozen=True):
    """One order of the session, newest first."""

    id: str
    symbol: str
    side: str
    purpose: str
    type: str
    qty: int
    filled: int
    avg_price: float | None
    """Average price of what has filled; None before."""
    limit: float | None
    stop: float | None
    status: str
    strategy: str
    ts: int
    note: str
    """Why it was refused, canceled or is unknown."""

    @property
    def key(self) -> str:
        """What names the row in a delta's `gone` and `order`."""
        return self.id


class TradeView(View, frozen=True):
    """One closed trade."""

    trade: str
    symbol: str
    strategy: str
    side: str
    qty: int
    opened: int
    closed: int
    entry_price: float
    exit_price: float
    net_usd: float
    fees_usd: float
    r: float | None
    mfe_usd: float
    mae_usd: float
    reason: str


class PnlView(View, frozen=True):
    """The account and the day."""

    equity_usd: float
    realized_usd: float
    unrealized_usd: float | None
    """None while a position has no price; so are the numbers that follow from it."""
    fees_usd: float
    day_usd: float | None
    day_r: float | None
    loss_left_usd: float | None
    """What may still be lost today before entries stop."""
    buying_power_usd: float | None
    open_risk_usd: float
    trades: int
    wins: int
    curve: tuple[float, ...]
    """Day P&L by minute, $, at most 120 points."""


class HealthView(View, frozen=True):
    """How the daemon is doing."""

    feed_age_ms: int | None
    loop_lag_ms: float
    queue_depth: int
    store_ms: float
    """Last durable commit."""
    records_per_s: float
    wakes: int
    records: int
    clients: int
    rss_mb: float
    problem: str = ""
    """What does not work beside the trading itself, such as the keeping of snapshots; empty when all does."""


class StatusView(View, frozen=True):
    """The line that is always on the screen."""

    mode: str
    """sim, paper, live."""
    feed: str
    session: str
    ts: int
    """The core's time, ns UTC."""
    phase: str
    """pre, open, closed, post."""
    entries: str
    """`on`, or why entries are stopped."""
    flattening: bool
    run: str
    pid: int
    version: str
    started: int
    """Wall time, ns UTC."""
    speed: float
    """How many times faster than the clock the feed runs; 0 for as fast as possible."""
    radar_count: int
    hits: int
    state_hash: str
    """sha256 of the decided state, first 12 hex digits; equal after a restart."""
    stale_ms: int = 2000
    """Age from which a price counts as stale: 2 s where quotes stream, more where the feed brings bars."""
    beat: int = 0
    """Time of the radar's last beat, ns UTC; 0 before the first."""
    regime: str = "unknown"
    """What kind of market it is: trend_up, trend_down, volatile_reversal, range, quiet, unknown."""
    stretch: str = ""
    """Part of the session: early_pre, pre, opening_cross, open_drive, morning, midday, afternoon, power_hour, ..."""


class LogView(View, frozen=True):
    """One line of the decisions feed: what was decided, and why."""

    seq: int
    ts: int
    level: str
    """info, good, bad, warn."""
    symbol: str
    text: str
