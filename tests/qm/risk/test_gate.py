"""The gate's truth table: each limit at its boundary, unknown never passes, exits never cross zero."""

from __future__ import annotations

import ast
import datetime as dt
from decimal import Decimal
from math import inf, nan, nextafter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from qm.clock import MINUTE
from qm.model.events import Check, EntriesResumed, EntriesStopped, Entry, Intended, SessionStarted, Signal, Sizing
from qm.model.order import Order, OrderType, Purpose, Side
from qm.model.standing import Standing
from qm.risk.gate import VOLUME_CHECK, Gate, Picture
from qm.risk.limits import RiskSettings
from qm.risk.sizing import Room, size
from qm.rules.calendar import session
from qm.rules.day_rules import day_rules

ROOT = Path(__file__).parents[3]
OF = session(dt.date(2026, 11, 20))
LIMITS = RiskSettings()
STANDING = Standing(
    price=20.0, prior_close=19.0, day_usd=5e7, bid=19.99, reference=20.0, lower=18.0, upper=22.0, restricted=False
)
CALM = Picture(
    now=OF.open_ns + 60 * MINUTE,
    open_ns=OF.open_ns,
    close_ns=OF.close_ns,
    age_s=1.0,
    halted=False,
    spread_bps=5.0,
    spread_usd=0.01,
    quoted=True,
    atr=2.0,
    ranged=True,
    volume_5m=1e6,
    equity_usd=100_000.0,
    gross_usd=0.0,
    heat_usd=0.0,
    day_usd=0.0,
    busy=0,
    in_symbol=0,
    attempts=1,
    per_day=1,
    unknown=0,
    used_usd=0.0,
    standing=STANDING,
    rules=day_rules(OF),
)
SIGNAL = Signal("AAA", "s", Side.BUY, entry=True, reason="r", price=20.0, stop=19.0)
SIZING = Sizing(400, 412.8, 1.032, {"risk": 400}, "risk")


def judge(signal: Signal = SIGNAL, sizing: Sizing = SIZING, limits: RiskSettings = LIMITS, **seen: Any) -> list[str]:
    """The names of the checks that failed."""
    return [c.name for c in Gate(limits).judge(signal, sizing, replace(CALM, **seen)) if not c.passed]


def one(field: str, value: Any) -> dict[str, Any]:
    return {field: value}


def changed(of: Any, **values: Any) -> Any:
    return type(of)(**{name: getattr(of, name) for name in of.__struct_fields__} | values)


def test_a_sound_entry_passes_every_check() -> None:
    assert judge() == []


@pytest.mark.parametrize(
    ("check", "field", "good", "bad"),
    [
        ("minutes since the open", "now", OF.open_ns, OF.open_ns - 1),
        ("minutes since the open", "now", OF.open_ns + 360 * MINUTE, OF.open_ns + 360 * MINUTE + MINUTE // 1000),
        ("age of the price", "age_s", 90.0, nextafter(90.0, inf)),
        ("not halted", "halted", False, True),
        ("not banned", "banned", False, True),
        ("gross exposure", "gross_usd", 192_000.0, 192_001.0),
        ("open risk", "heat_usd", 2000.0 - 412.8, 2000.0 - 412.7),
        ("day result", "day_usd", -2000.0, -2000.01),
        ("positions and entries", "busy", 19, 20),
        ("already in this symbol", "in_symbol", 0, 1),
        ("attempts today", "attempts", 1, 2),
        ("orders of unknown outcome", "unknown", 0, 1),
        ("spread", "spread_bps", 60.0, 60.1),
        # The stop is 1 $ away.
        ("spread against the stop distance", "spread_usd", 0.15, 0.16),
        ("stop distance against the spread", "spread_usd", 0.33, 0.34),
        ("stop distance in daily ranges", "atr", 10.0, 10.01),
        # 400 shares are a hundredth of 40,000.
        (VOLUME_CHECK, "volume_5m", 40_000.0, 39_999.0),
    ],
)
def test_each_limit_of_the_picture_at_its_boundary(check: str, field: str, good: object, bad: object) -> None:
    assert check not in judge(**one(field, good))
    assert check in judge(**one(field, bad))


@pytest.mark.parametrize(
    ("check", "values"),
    [
        ("price", ({"price": 1.0, "stop": 0.9}, {"price": 0.9999, "stop": 0.9})),
        ("price", ({"price": 10_000.0, "stop": 9999.0}, {"price": 10_000.01, "stop": 9999.0})),
        ("stop distance", ({"stop": 19.97}, {"stop": 19.98})),
        ("stop distance", ({"stop": 15.0}, {"stop": 14.99})),
        ("stop distance", ({"side": Side.SELL, "stop": 20.03}, {"side": Side.SELL, "stop": 20.02})),
        ("stop distance", ({"side": Side.SELL, "stop": 21.0}, {"side": Side.SELL, "stop": 19.0})),
        ("stop distance", ({"trigger": 21.0, "stop": 20.0}, {"trigger": 21.0, "stop": 21.5})),
    ],
)
def test_each_limit_of_the_signal_at_its_boundary(check: str, values: tuple[dict[str, Any], dict[str, Any]]) -> None:
    good, bad = values
    assert check not in judge(changed(SIGNAL, **good))
    assert check in judge(changed(SIGNAL, **bad))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("shares", {"shares": 1}, {"shares": 0}),
        ("risk taken", {"risk_usd": 100.0}, {"risk_usd": 99.99}),
        ("open risk", {"risk_usd": 2000.0}, {"risk_usd": 2000.1}),
    ],
)
def test_each_limit_of_the_size_at_its_boundary(check: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
    assert check not in judge(sizing=changed(SIZING, **good))
    assert check in judge(sizing=changed(SIZING, **bad))


def test_leverage_binds_when_it_is_below_the_gross_limit() -> None:
    limits = RiskSettings(max_gross=2.0, leverage=1.0)
    assert judge(limits=limits, gross_usd=92_000.0) == []
    assert judge(limits=limits, gross_usd=92_001.0) == ["buying power used"]


def test_a_strategy_with_a_fixed_size_may_not_pass_the_largest_position_either() -> None:
    fixed = Sizing(1251, 1251 * 0.1, 0.1, {"fixed": 1251}, "fixed")
    assert judge(sizing=fixed) == ["position"]
    assert judge(sizing=changed(fixed, shares=1250)) == []


UNKNOWN_FIELDS = (
    *("equity_usd", "gross_usd", "heat_usd", "day_usd", "age_s"),
    *("spread_bps", "spread_usd", "atr", "volume_5m"),
)


@pytest.mark.parametrize("field", UNKNOWN_FIELDS)
def test_what_is_not_a_number_refuses(field: str) -> None:
    assert judge(**one(field, nan))


@pytest.mark.parametrize("field", ["age_s", "spread_bps", "spread_usd", "atr", "volume_5m"])
def test_what_is_not_known_refuses(field: str) -> None:
    assert judge(**one(field, None))


def test_a_missing_spread_is_no_fault_of_a_feed_without_quotes() -> None:
    assert judge(quoted=False, spread_bps=None, spread_usd=None) == []


def test_a_missing_range_is_no_fault_of_data_without_ranges() -> None:
    assert judge(ranged=False, atr=None) == []
    assert judge(limits=RiskSettings(min_stop_atr=0.0), atr=None) == []


def test_what_a_stop_is_compared_with_is_told_with_value_and_limit() -> None:
    told = {check.name: check for check in Gate(LIMITS).judge(SIGNAL, SIZING, CALM)}
    assert told["spread against the stop distance"] == Check("spread against the stop distance", 0.01, 0.15, True)
    assert told["stop distance against the spread"] == Check("stop distance against the spread", 1.0, 0.03, True, "$")
    assert told["stop distance in daily ranges"] == Check("stop distance in daily ranges", 0.5, 0.1, True, "ATR")
    assert told[VOLUME_CHECK] == Check(VOLUME_CHECK, 400.0, 10_000.0, True, "shares")


def test_an_order_for_an_auction_is_not_bound_by_what_trades_before_it() -> None:
    before = changed(SIGNAL, type=OrderType.MOO)
    assert VOLUME_CHECK not in [c.name for c in Gate(LIMITS).judge(before, SIZING, replace(CALM, volume_5m=0.0))]


@given(st.floats(1.0, 500.0), st.floats(0.05, 30.0), st.sampled_from(Side))
def test_a_stop_of_a_tenth_of_the_range_is_never_too_near_whatever_its_binary_fractions(
    price: float, atr: float, side: Side
) -> None:
    stop = price - side.sign * 0.1 * atr
    assert "stop distance in daily ranges" not in judge(changed(SIGNAL, side=side, price=price, stop=stop), atr=atr)
    near = price - side.sign * 0.0999 * atr
    assert "stop distance in daily ranges" in judge(changed(SIGNAL, side=side, price=price, stop=near), atr=atr)


@pytest.mark.parametrize("stop", [None, nan, inf, -inf])
def test_an_entry_without_a_stop_refuses(stop: float | None) -> None:
    assert "stop distance" in judge(changed(SIGNAL, stop=stop))


@pytest.mark.parametrize("price", [nan, inf, 0.0, -20.0])
def test_an_entry_at_no_price_refuses(price: float) -> None:
    assert "price" in judge(changed(SIGNAL, price=price))


@given(
    st.sampled_from([*UNKNOWN_FIELDS, "price", "stop", "risk_usd"]),
    st.one_of(st.just(nan), st.floats()),
)
def test_whatever_the_numbers_are_a_nan_never_passes(field: str, value: float) -> None:
    signal, sizing, seen = SIGNAL, SIZING, CALM
    if field in ("price", "stop"):
        signal = changed(SIGNAL, **{field: value})
    elif field == "risk_usd":
        sizing = changed(SIZING, risk_usd=value)
    else:
        seen = replace(CALM, **one(field, value))
    checks = Gate(LIMITS).judge(signal, sizing, seen)
    if value != value:
        assert not all(check.passed for check in checks)
    for check in checks:
        assert check.passed is False or check.value is None or check.value == check.value


# --- stopping, and how many entries a minute ---------------------------------------------------------------------


def entered(gate: Gate, ts: int, purpose: Purpose = Purpose.ENTRY) -> None:
    order = Order(f"O{ts}", "AAA", Side.BUY, 1, OrderType.MARKET, purpose, "s")
    gate.appliers()[Intended](Entry(1, ts, 0, 0, Intended(order, 20.0)))


def failed(gate: Gate, now: int = CALM.now) -> list[str]:
    return [c.name for c in gate.judge(SIGNAL, SIZING, replace(CALM, now=now)) if not c.passed]


def test_entries_stop_and_resume() -> None:
    gate = Gate(LIMITS)
    gate.appliers()[EntriesStopped](Entry(1, 0, 0, 0, EntriesStopped("lunch")))
    assert failed(gate) == ["entries allowed"]
    gate.appliers()[SessionStarted](Entry(2, 0, 0, 0, SessionStarted("d", "sim", Decimal(1), 1, "", ())))
    assert failed(gate) == ["entries allowed"]
    gate.appliers()[EntriesResumed](Entry(3, 0, 0, 0, EntriesResumed("back")))
    assert failed(gate) == []


def test_a_stop_for_the_day_ends_with_it_and_does_not_shorten_one_for_good() -> None:
    new_day = Entry(9, 0, 0, 0, SessionStarted("d", "sim", Decimal(1), 1, "", ()))
    gate = Gate(LIMITS)
    gate.appliers()[EntriesStopped](Entry(1, 0, 0, 0, EntriesStopped("losses", today=True)))
    assert failed(gate) == ["entries allowed"]
    gate.appliers()[SessionStarted](new_day)
    assert failed(gate) == []
    gate.appliers()[EntriesStopped](Entry(1, 0, 0, 0, EntriesStopped("operator")))
    gate.appliers()[EntriesStopped](Entry(2, 0, 0, 0, EntriesStopped("losses", today=True)))
    gate.appliers()[SessionStarted](new_day)
    assert failed(gate) == ["entries allowed"]


def test_entries_in_a_minute_are_counted_over_a_sliding_minute_and_exits_are_not() -> None:
    gate = Gate(RiskSettings(max_orders_per_min=2))
    start = CALM.now
    entered(gate, start)
    entered(gate, start + 10)
    entered(gate, start + 10, Purpose.EXIT)
    assert failed(gate, start + 20) == ["entries in a minute"]
    assert failed(gate, start + MINUTE - 1) == ["entries in a minute"]
    assert failed(gate, start + MINUTE) == []
    entered(gate, start + MINUTE)
    assert failed(gate, start + MINUTE + 9) == ["entries in a minute"]
    assert failed(gate, start + MINUTE + 10) == []


# --- the stamp ---------------------------------------------------------------------------------------------------


def order(side: Side, qty: int, purpose: Purpose = Purpose.EXIT, **more: Any) -> Order:
    return Order("O", more.pop("symbol", "AAA"), side, qty, OrderType.MARKET, purpose, "s", **more)


@given(
    st.sampled_from(Side), st.integers(-50, 150), st.sampled_from(Purpose), st.integers(-100, 100), st.integers(0, 100)
)
def test_an_exit_is_stamped_only_when_it_cannot_cross_zero(
    side: Side, qty: int, purpose: Purpose, held: int, leaving: int
) -> None:
    assume(leaving <= abs(held))
    stamped = Gate(LIMITS).approve_leaving(order(side, qty, purpose), held, leaving)
    left = abs(held) - leaving - qty
    allowed = purpose is not Purpose.ENTRY and qty > 0 and left >= 0 and side.sign * held < 0
    assert (stamped is not None) is allowed


def test_an_entry_needs_checks_and_all_of_them_passed() -> None:
    gate, entry = Gate(LIMITS), order(Side.BUY, 100, Purpose.ENTRY)
    passed = Check("a", 1.0, 1.0, passed=True)
    assert gate.approve(entry, ()) is None
    assert gate.approve(entry, (passed, Check("b", None, 1.0, passed=False))) is None
    stamped = gate.approve(entry, (passed,))
    assert stamped is not None
    assert stamped.value is entry


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": Side.BUY},
        {"qty": 101},
        {"qty": 0},
        {"parent": "another"},
        {"symbol": "BBB"},
        {"purpose": Purpose.ENTRY},
    ],
)
def test_a_leg_protects_its_entry_or_is_refused(wrong: dict[str, Any]) -> None:
    gate = Gate(LIMITS)
    entry = gate.approve(order(Side.BUY, 100, Purpose.ENTRY), (Check("a", 1.0, 1.0, passed=True),))
    assert entry is not None
    right: dict[str, Any] = {"side": Side.SELL, "qty": 100, "purpose": Purpose.PROTECT, "parent": "O"}
    assert gate.approve_leg(order(**right), entry).value.qty == 100
    with pytest.raises(ValueError, match="does not protect"):
        gate.approve_leg(order(**(right | wrong)), entry)


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": Side.BUY},
        {"qty": 61},
        {"qty": 0},
        {"symbol": "BBB"},
        {"purpose": Purpose.EXIT},
        {"replaces": "another"},
        {"replaces": None},
    ],
)
def test_a_replacement_is_never_larger_than_what_is_left_of_the_stop(wrong: dict[str, Any]) -> None:
    gate, old = Gate(LIMITS), order(Side.SELL, 100, Purpose.PROTECT)
    right: dict[str, Any] = {"side": Side.SELL, "qty": 60, "purpose": Purpose.PROTECT, "replaces": "O"}
    stamped = gate.approve_replacement(order(**right), old, left=60)
    assert stamped is not None
    assert stamped.value.qty == 60
    assert gate.approve_replacement(order(**(right | wrong)), old, left=60) is None


def test_only_the_gate_stamps_orders() -> None:
    stamping = []
    for path in sorted(
        path for room in ("qm", "brokers", "backtest", "cli", "tui") for path in (ROOT / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Subscript):
                called = called.value
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "Approved":
                stamping.append(path.relative_to(ROOT).as_posix())
    assert set(stamping) == {"qm/risk/gate.py"}


# --- gate and sizing together ------------------------------------------------------------------------------------


@given(
    st.floats(1.0, 500.0).map(lambda p: round(p, 2)),
    st.floats(0.05, 20.0).map(lambda d: round(d, 2)),
    st.floats(5_000.0, 2_000_000.0),
    st.floats(0.0, 1.5),
    st.floats(0.0, 0.02),
    st.floats(0.0, 1e6),
)
def test_what_sizing_allows_the_gate_does_not_find_too_large(
    price: float, distance: float, equity: float, gross: float, heat: float, volume: float
) -> None:
    signal = changed(SIGNAL, price=price, stop=price - distance)
    gross_usd, heat_usd = gross * equity, heat * equity
    sizing = size(signal, Room(equity, gross_usd, heat_usd, inf, volume), LIMITS)
    seen: dict[str, Any] = {"equity_usd": equity, "gross_usd": gross_usd, "heat_usd": heat_usd, "volume_5m": volume}
    too_large = {"position", VOLUME_CHECK, "gross exposure", "buying power used", "open risk"}
    assert too_large.isdisjoint(judge(signal, sizing, **seen))
