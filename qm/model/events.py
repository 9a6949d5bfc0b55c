"""What the core states: facts, numbered, each naming its cause; the vocabulary of the journal."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qm.model.commands import AnyCommand
from qm.model.event import Event
from qm.model.order import Execution, Order, OrderType, Side
from qm.model.reasons import Alternative, Check, Contribution, Factor, Features, RadarRow, Sizing, StrategyUsed
from qm.model.standing import Standing
from qm.model.tape_events import MarketHalted, MarketResumed, PrintBusted, TapeRead, TradingHalted, TradingResumed

__all__ = [
    "Alternative",
    "Check",
    "Contribution",
    "Event",
    "Factor",
    "Features",
    "MarketHalted",
    "MarketResumed",
    "PrintBusted",
    "RadarRow",
    "Sizing",
    "StrategyUsed",
    "TapeRead",
    "TradingHalted",
    "TradingResumed",
]


class SessionStarted(Event, frozen=True, gc=False, tag="session_started"):
    """A session began with this account and these settings."""

    session: str
    mode: str
    equity: Decimal
    symbols: int
    settings: str
    """sha256 of the settings that decide."""
    strategies: tuple[StrategyUsed, ...]
    features: tuple[str, ...] = ()
    """What the features that signals carry are, in their order."""


class SessionEnded(Event, frozen=True, gc=False, tag="session_ended"):
    """The session is over; nothing is working and nothing is decided any more."""

    session: str
    equity: Decimal


class Assigned(Event, frozen=True, gc=False, tag="assigned"):
    """A strategy got a fixed list of symbols, past radar and scanner."""

    strategy: str
    symbols: tuple[str, ...]


class Minute(Event, frozen=True, gc=False, tag="minute"):
    """A minute of the session ended: bars built from prints are closed, the state is audited."""

    due: int
    """The boundary, ns UTC."""


class Beat(Event, frozen=True, gc=False, tag="beat"):
    """The radar ranked the market."""

    due: int
    ranked: int
    """Symbols that could be ranked."""
    best: str
    """The strongest symbol; empty when none could be ranked."""
    entered: tuple[str, ...] = ()
    """Who came onto the radar's list, the strongest first."""
    left: tuple[str, ...] = ()
    """Who left it."""
    missing: tuple[str, ...] = ()
    """Who keeps a place on it for now, although it could not be ranked."""


class Hit(Event, frozen=True, gc=False, tag="hit"):
    """A scan found a symbol: an opportunity is born."""

    symbol: str
    scan: str
    row: RadarRow
    why: tuple[Check, ...]
    mark: float | None = None
    """The feature by which it is told again (`rearm_by`)."""


class HitEnded(Event, frozen=True, gc=False, tag="hit_ended"):
    """An opportunity is over."""

    symbol: str
    scan: str
    reason: str


class HitRefreshed(Event, frozen=True, gc=False, tag="hit_refreshed"):
    """An opportunity is told again: it still holds, and the price has gone on."""

    symbol: str
    scan: str
    last: float
    """$."""
    moved_pct: float
    """Since it was told last."""
    why: tuple[Check, ...] = ()
    mark: float | None = None
    """As in the hit."""


class HitRejected(Event, frozen=True, gc=False, tag="hit_rejected"):
    """An opportunity was not followed up; stated once for the watchlist, and once more if it found a place later."""

    symbol: str
    scan: str
    by: str
    """`watchlist` or `allocator`."""
    why: str
    """One word: full, cooling_off, banned, alert_only, no_strategy, no_budget, busy."""
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    """The strategies that were weighed."""


class Banned(Event, frozen=True, gc=False, tag="banned"):
    """The trader wants no new position in a symbol; what is held is still left by the rules."""

    symbol: str
    reason: str
    today: bool
    """It ends by itself with the session."""


class Unbanned(Event, frozen=True, gc=False, tag="unbanned"):
    """New positions in the symbol are allowed again."""

    symbol: str
    reason: str


class Watched(Event, frozen=True, gc=False, tag="watched"):
    """A symbol entered the watchlist."""

    symbol: str
    reason: str
    until: int
    """ns UTC after which it leaves unless refreshed or pinned; 0 is the end of the session."""
    pinned: bool = False


class Unwatched(Event, frozen=True, gc=False, tag="unwatched"):
    """A symbol left the watchlist."""

    symbol: str
    reason: str


class Allocated(Event, frozen=True, gc=False, tag="allocated"):
    """A watched symbol got its strategy and a budget."""

    symbol: str
    strategy: str
    budget_usd: float
    """Largest notional that the strategy may take in this symbol."""
    why: str
    alternatives: tuple[Alternative, ...] = ()
    expected_r: float | None = None
    """What it is expected to earn per trade, R, after shrinkage."""
    factors: tuple[Factor, ...] = ()
    """What made the budget out of the full one."""


class Released(Event, frozen=True, gc=False, tag="released"):
    """A strategy no longer works a symbol."""

    symbol: str
    strategy: str
    reason: str


class NotStarted(Event, frozen=True, gc=False, tag="not_started"):
    """A strategy does not take part in the session: something that it needs is not told."""

    strategy: str
    reason: str


class Planned(Event, frozen=True, gc=False, tag="planned"):
    """A strategy set the levels at which it wants to be woken, or its notes, for one or more symbols.

    The arrays run parallel to `symbols`; None arms nothing. `note` is the strategy's own memory of these symbols.
    """

    strategy: str
    symbols: tuple[str, ...]
    up: tuple[float | None, ...] = ()
    """Wake when a price at or above is touched, $."""
    down: tuple[float | None, ...] = ()
    close_up: tuple[float | None, ...] = ()
    """Wake when a bar closes above, $."""
    close_down: tuple[float | None, ...] = ()
    """Wake when a bar closes at or below, $."""
    follow: bool = False
    """Wake at every bar close."""
    wake_at: int = 0
    """Wake at this time, ns UTC; 0 for never."""
    note: dict[str, tuple[float | None, ...]] = msgspec.field(default_factory=dict)
    """Parallel to `symbols`, or one value for all of them."""


class Woke(Event, frozen=True, gc=False, tag="woke"):
    """The time that a plan asked for has come; its strategy was asked."""

    strategy: str
    plan: int
    """Number of the Planned entry."""


class Signal(Event, frozen=True, gc=False, tag="signal"):
    """A strategy wants to be in, or out; nothing has been checked yet."""

    symbol: str
    strategy: str
    side: Side
    """The side of the order it asks for."""
    entry: bool
    reason: str
    price: float | None
    """Market price at the decision, $; None before the first of the session."""
    type: OrderType = OrderType.MARKET
    trigger: float | None = None
    """Price that wakes a stop order, $."""
    limit: float | None = None
    stop: float | None = None
    """Initial stop, $; entries without one are refused."""
    resting_stop: bool = True
    """The stop rests at the broker from the first fill on; False when the strategy leaves at a bar's close only."""
    shares: int | None = None
    """To enter: a fixed number instead of one sized by risk. To leave: so many of those held, None for all."""
    risk: float | None = None
    """To enter: share of equity that the stop may lose, if the settings allow so much."""
    notional: float | None = None
    """To enter: share of equity that the position may come to, if the settings allow so much."""
    features: Features = ()
    """Of the symbol at the decision."""
    context: dict[str, str | float] = msgspec.field(default_factory=dict)
    """What kind of session and market it was: phase, regime, and what they were seen by."""


class Refused(Event, frozen=True, gc=False, tag="refused"):
    """A signal was not traded; the failed checks say why."""

    symbol: str
    strategy: str
    checks: tuple[Check, ...]
    sizing: Sizing | None = None
    standing: Standing | None = None
    """What was known of the symbol when the rules of the market were asked."""


class Intended(Event, frozen=True, gc=False, tag="intended"):
    """An order passed the gate and is durable; it is sent after this, under this id only."""

    order: Order
    price: float | None
    """Market price at the decision, $: what the order is worth as long as it has no price of its own; None before the
    first of the session."""
    checks: tuple[Check, ...] = ()
    sizing: Sizing | None = None
    until: int = 0
    """What has not filled by then is canceled, ns UTC; 0 leaves it working."""
    standing: Standing | None = None
    """What was known of the symbol when the rules of the market were asked; entries only."""


class Acked(Event, frozen=True, gc=False, tag="acked"):
    """The broker has the order; `held` when it sleeps until its parent fills."""

    order: str
    broker_id: str
    held: bool = False


class Activated(Event, frozen=True, gc=False, tag="activated"):
    """A held leg woke up, or a working leg was resized, because its parent filled."""

    order: str
    qty: int


class Triggered(Event, frozen=True, gc=False, tag="triggered"):
    """A stop order met its stop without filling at once; from now on it is a limit or a market order."""

    order: str


class Rejected(Event, frozen=True, gc=False, tag="rejected"):
    """The broker definitively refused the order."""

    order: str
    reason: str


class CancelAsked(Event, frozen=True, gc=False, tag="cancel_asked"):
    """A cancel was requested; the order may still fill."""

    order: str
    reason: str


class CancelRefused(Event, frozen=True, gc=False, tag="cancel_refused"):
    """The broker says that the order cannot be taken back any more: it goes on working, and is not asked again."""

    order: str
    reason: str


class Canceled(Event, frozen=True, gc=False, tag="canceled"):
    """The broker says the rest of the order is gone."""

    order: str
    reason: str


class Expired(Event, frozen=True, gc=False, tag="expired"):
    """The order ran out of time at the broker."""

    order: str


class WentUnknown(Event, frozen=True, gc=False, tag="went_unknown"):
    """The outcome of a send is not known; exposure stays reserved until the broker has been asked."""

    order: str
    reason: str


class Anomaly(Event, frozen=True, gc=False, tag="anomaly"):
    """A report that does not fit what we know; kept, shown, and not obeyed."""

    order: str
    problem: str


class Filled(Event, frozen=True, gc=False, tag="filled"):
    """An execution was booked, once."""

    execution: Execution
    symbol: str
    side: Side
    position: int
    """Signed shares held in the symbol after this execution."""
    realized_usd: Decimal
    """Gross profit realized by this execution, $."""


class TradeClosed(Event, frozen=True, gc=False, tag="trade_closed"):
    """A trade went flat: the whole of it, for the trade journal."""

    trade: str
    symbol: str
    strategy: str
    side: Side
    qty: int
    """Largest position held, shares."""
    opened: int
    """First execution, ns UTC."""
    closed: int
    entry_price: Decimal
    """Average, $ per share."""
    exit_price: Decimal
    gross_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    risk_usd: float
    """R in $: the risk taken at entry."""
    r: float | None
    """Net result in R; None when the risk at entry was not known."""
    mfe_usd: float
    """Largest unrealized profit reached, $ per share times qty."""
    mae_usd: float
    reason: str
    """Why it was left."""
    ambiguous: bool = False
    entry_signal: int = 0
    exit_signal: int = 0
    """`seq` of the signals that it was entered and left on; 0 for none."""


class Alerted(Event, frozen=True, gc=False, tag="alerted"):
    """A strategy found what it looks for, and tells the trader instead of trading it."""

    symbol: str
    strategy: str
    text: str
    price: float | None
    """Last price, $; None before the first."""


class StopMoved(Event, frozen=True, gc=False, tag="stop_moved"):
    """A strategy moved the stop of an open trade; what was at risk at the entry stays R."""

    trade: str
    symbol: str
    strategy: str
    stop: float
    """Where it is to stand from now on, $ per share."""
    was: float | None
    """Where it stood; None when none rested."""
    reason: str


class Unprotected(Event, frozen=True, gc=False, tag="unprotected"):
    """The auditor found open shares that no active stop covers."""

    symbol: str
    qty: int


class EntriesStopped(Event, frozen=True, gc=False, tag="entries_stopped"):
    """No new positions until resumed; exits and protection go on."""

    reason: str
    today: bool = False
    """It ends by itself with the session."""


class EntriesResumed(Event, frozen=True, gc=False, tag="entries_resumed"):
    """New positions are allowed again."""

    reason: str


class FlattenStarted(Event, frozen=True, gc=False, tag="flatten_started"):
    """Everything (or one symbol) is to be closed, until the broker says flat."""

    symbol: str | None
    reason: str


class Flattened(Event, frozen=True, gc=False, tag="flattened"):
    """The broker's fills say flat, and nothing is working."""

    symbol: str | None


class StrategyFailed(Event, frozen=True, gc=False, tag="strategy_failed"):
    """A strategy raised or returned nonsense; it is isolated and its position handed to protection."""

    strategy: str
    symbol: str | None
    error: str


class Commanded(Event, frozen=True, gc=False, tag="commanded"):
    """An operator's command was taken; a second one with the same id is answered from this row."""

    id: str
    who: str
    command: AnyCommand
    outcome: str


class Checkpoint(Event, frozen=True, gc=False, tag="checkpoint"):
    """The state at this point, as a digest: a fold of the journal must arrive at the same."""

    state: str


ClockEvent = SessionStarted | SessionEnded | Assigned | Minute | Beat | TapeRead | Checkpoint | Commanded
FindEvent = Hit | HitEnded | HitRefreshed | HitRejected | Watched | Unwatched | Banned | Unbanned
DeskEvent = NotStarted | Allocated | Released | Planned | Woke | Alerted | Signal | Refused | StopMoved | StrategyFailed
SentEvent = Intended | Acked | Activated | Triggered | Rejected | CancelAsked | CancelRefused
GoneEvent = Canceled | Expired | WentUnknown | Anomaly
HeldEvent = Filled | TradeClosed | Unprotected | EntriesStopped | EntriesResumed | FlattenStarted | Flattened
TapeEvent = TradingHalted | TradingResumed | MarketHalted | MarketResumed | PrintBusted
AnyEvent = ClockEvent | TapeEvent | FindEvent | DeskEvent | SentEvent | GoneEvent | HeldEvent
"""Every event there is; the journal refuses anything else."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event with its place in the journal."""

    seq: int
    """1, 2, 3 ... within a run."""
    ts: int
    """The core's time, ns UTC; never runs backwards."""
    at: int
    """Market records consumed by the run when this was stated."""
    cause: int
    """`seq` of the entry that led to this one; 0 when the market or the clock did."""
    body: AnyEvent
