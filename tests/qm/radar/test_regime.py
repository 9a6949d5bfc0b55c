"""The label of the market: hand-made tapes for each, how long it holds, and that nothing looks ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from qm.clock import MINUTE, at_ny
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.events import AnyEvent, Entry, Minute, SessionStarted, TapeRead
from qm.model.instrument import SymbolTable
from qm.model.market import bar, events
from qm.radar.leaning import LABELS, LEAST, classify, row_of
from qm.radar.regime import FEWEST, HOLD, UNKNOWN, Regime
from qm.radar.tape import read as read_tape
from qm.rules.calendar import session, stretch

SESSION = session(dt.date(2026, 11, 20))
OPEN = SESSION.open_ns
BULL = {"index_vwap_bp": 25.0, "above_vwap_pct": 75.0, "up_dollars": 0.4, "net_highs_pct": 2.0}
BEAR = {"index_vwap_bp": -25.0, "above_vwap_pct": 25.0, "up_dollars": -0.4, "net_highs_pct": -2.0}
EVEN = {"index_vwap_bp": 0.0, "above_vwap_pct": 50.0, "up_dollars": 0.0, "net_highs_pct": 0.0}


def minutes(moves: Sequence[float], breadth: Mapping[str, float]) -> npt.NDArray[np.float64]:
    return np.array([row_of({"move_bp": move, **breadth}) for move in moves])


def best(moves: Sequence[float], breadth: Mapping[str, float]) -> str:
    scores, _ = classify(minutes(moves, breadth))
    return max(scores, key=lambda label: scores[label])


@pytest.mark.parametrize(
    ("label", "moves", "breadth"),
    [
        ("trend_up", [3.0] * 30, BULL),
        ("trend_up", [5.0, -2.0, 4.0] * 10, BULL),
        ("trend_down", [-3.0] * 30, BEAR),
        ("range", [4.0, -4.0] * 15, EVEN),
        ("quiet", [0.3, -0.3] * 15, EVEN),
        ("volatile_reversal", [-8.0] * 20 + [9.0] * 10, EVEN),
        ("volatile_reversal", [9.0] * 20 + [-10.0] * 10, BULL),
    ],
)
def test_a_tape_of_each_kind_has_its_label(label: str, moves: list[float], breadth: Mapping[str, float]) -> None:
    assert best(moves, breadth) == label


def test_a_straight_rise_with_full_breadth_is_nothing_but_a_trend() -> None:
    scores, parts = classify(minutes([3.0] * 25, BULL))
    # drift = 75 / (3 x 5) = 5, far beyond the 2 that count in full; efficiency 1; pace 3 bp is not quiet.
    assert scores == {"trend_up": 1.0, "trend_down": 0.0, "volatile_reversal": 0.0, "range": 0.0, "quiet": 0.0}
    told = {part.name: (part.value, part.points) for part in parts}
    assert told["drift"] == (5.0, 0.35)
    assert told["above_vwap_pct"] == (75.0, 0.2)
    assert told["direction"] == (1.0, 1.0)
    assert told["efficiency"] == (1.0, 1.0)
    assert told["pace_bp"] == (3.0, 1.0)


def test_the_scores_follow_from_the_formulae() -> None:
    scores, parts = classify(minutes([2.0, -1.0] * 8, EVEN))
    told = {part.name: part.value for part in parts}
    # Sum 8, sum of sizes 24, root mean square sqrt(2.5), 16 minutes: drift 8 / (sqrt(2.5) x 4) = 1.2649.
    assert (told["drift"], told["efficiency"], told["pace_bp"]) == (1.2649, 0.3333, 1.5)
    # Direction 0.35 x 1.2649 / 2 = 0.2214; its ramp (0.3333 - 0.10) / 0.25 = 0.9333: a trend of 0.2066, the rest range.
    assert scores == {"trend_up": 0.2066, "trend_down": 0.0, "volatile_reversal": 0.0, "range": 0.7934, "quiet": 0.0}


def test_parts_that_are_not_known_are_left_out_of_the_mean() -> None:
    full, _ = classify(minutes([3.0] * 20, BULL))
    alone, parts = classify(minutes([3.0] * 20, {}))
    assert full == alone
    assert [part.name for part in parts] == ["drift", "direction", "efficiency", "pace_bp", "turn"]


def test_nothing_is_said_of_too_few_minutes() -> None:
    assert classify(minutes([3.0] * (LEAST - 1), BULL)) == ({}, ())
    assert classify(np.array([row_of(BULL)] * 30)) == ({}, ())


@pytest.mark.parametrize("moves", [[0.0] * 30, [1.0] * 12, [-6.0, 7.0] * 12, [50.0] * 10 + [-50.0] * 10])
def test_the_scores_add_up_to_one(moves: list[float]) -> None:
    scores, _ = classify(minutes(moves, EVEN))
    assert tuple(scores) == LABELS
    assert sum(scores.values()) == pytest.approx(1, abs=3e-4)
    assert min(scores.values()) >= 0


class Driven:
    """A regime that states and folds, over a market of SPY and four stocks."""

    NAMES = ("SPY", "AAAA", "BBBB", "CCCC", "DDDD")

    def __init__(self, names: Sequence[str] = NAMES) -> None:
        reference = Reference.empty(len(names))
        reference.prior_close[:] = 100.0
        self.market = Market(SymbolTable(names), SESSION, reference)
        self.regime = Regime()
        self.regime.open(self.market)
        self.entries: list[Entry] = []
        self.reads: list[TapeRead] = []
        self.state(SessionStarted(SESSION.date.isoformat(), "sim", 0, len(names), "", ()))  # type: ignore[arg-type]

    def state(self, body: AnyEvent) -> None:
        entry = Entry(len(self.entries) + 1, self.market.now, self.market.consumed, 0, body)
        self.entries.append(entry)
        fold(self.regime, entry)

    def minute(self, number: int, closes: Sequence[float], volume: float = 1e5) -> TapeRead | None:
        due = OPEN + number * MINUTE
        records = events([bar(due, row, c, c, c, c, volume) for row, c in enumerate(closes)])
        self.market.replay(records)
        self.market.now = due
        self.state(Minute(due))
        self.market.mark_minute(due)
        read = self.regime.on_minute(due)
        if read is not None:
            self.state(read)
            self.reads.append(read)
        return read


def fold(regime: Regime, entry: Entry) -> None:
    applier = regime.appliers().get(type(entry.body))
    if applier is not None:
        applier(entry)


def rising(minutes_: int, step: float = 0.0004) -> list[list[float]]:
    return [[100 * (1 + step) ** m] * 5 for m in range(1, minutes_ + 1)]


def test_a_label_is_taken_over_once_it_led_for_three_minutes() -> None:
    driven = Driven()
    for number, closes in enumerate(rising(20), 1):
        driven.minute(number, closes)
    reads = driven.reads
    # The first minute has no move yet, so that the tenth move comes with minute 11.
    assert [read.leaning for read in reads] == [UNKNOWN] * 10 + ["trend_up"] * 10
    assert [read.regime for read in reads] == [UNKNOWN] * (10 + HOLD - 1) + ["trend_up"] * (10 - HOLD + 1)
    assert [read.due for read in reads if read.regime != read.before] == [OPEN + (10 + HOLD) * MINUTE]


def test_one_minute_of_another_leaning_changes_nothing() -> None:
    regime = Regime()
    market = Driven().market
    regime.open(market)
    due = OPEN
    labels = []
    for leaning in ["range"] * 4 + ["quiet"] + ["range"] * 2 + ["quiet"] * 4:
        due += MINUTE
        before = regime.label
        # What the next minute would be called, had it this leaning.
        latest = regime._latest
        led = regime._led + 1 if latest is not None and latest.leaning == leaning else 1
        label = leaning if led >= HOLD else before
        fold(regime, Entry(1, due, 0, 0, TapeRead(due, label, before, leaning, "1")))
        labels.append(regime.label)
    assert labels == [UNKNOWN] * 2 + ["range"] * 7 + ["quiet"] * 2


def test_breadth_is_counted_as_the_tape_says_it() -> None:
    driven = Driven()
    driven.minute(1, [100, 100, 100, 100, 100])
    driven.minute(2, [100.2, 101, 102, 99, 100])
    read = read_tape(driven.market, driven.market.marked)
    spent = [100.2, 101, 102, 99, 100]
    assert read["symbols"] == 5
    # SPY, AAAA and BBBB closed above the mean of their two prices, CCCC below it, DDDD at it.
    assert read["above_vwap_pct"] == 60
    assert read["up_pct"] == 60
    assert read["up_dollars"] == pytest.approx((sum(spent[:3]) - spent[3]) / sum(spent[:4]), abs=1e-6)
    # Three new highs and one new low among five.
    assert read["net_highs_pct"] == 40
    assert read["move_bp"] == pytest.approx(20)
    # VWAP of SPY is 100.1.
    assert read["index_vwap_bp"] == pytest.approx(1e4 * (100.2 / 100.1 - 1), abs=1e-5)


def test_without_spy_the_liquid_symbols_are_the_index_and_no_runner_is() -> None:
    names = ("AAAA", "BBBB", "CCCC")
    driven = Driven(names)
    driven.minute(1, [100, 100, 100])
    driven.minute(2, [100.1, 150, 100.2])
    read = read_tape(driven.market, driven.market.marked)
    # 10 bp, 5,000 bp cut to 100 bp, and 20 bp.
    assert read["move_bp"] == pytest.approx((10 + 100 + 20) / 3)
    assert "index_vwap_bp" not in read


def test_symbols_that_did_not_trade_say_nothing() -> None:
    driven = Driven()
    driven.minute(1, [100] * 5)
    driven.market.mark_minute(OPEN + 2 * MINUTE)
    read = read_tape(driven.market, driven.market.marked)
    assert "up_dollars" not in read
    assert "net_highs_pct" not in read
    assert read["symbols"] == 5


def test_truncating_the_future_changes_no_earlier_label() -> None:
    rng = np.random.default_rng(4)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.0008, (90, 5)), axis=0))
    whole = Driven()
    for number, each in enumerate(closes.tolist(), 1):
        whole.minute(number, each)
    assert len({read.regime for read in whole.reads}) > 2
    for cut in (1, 12, 33, 57, 88):
        short, other = Driven(), Driven()
        for number, each in enumerate(closes[:cut].tolist(), 1):
            short.minute(number, each)
            other.minute(number, each)
        for number in range(cut + 1, 91):
            other.minute(number, [50.0 + number] * 5)
        assert short.reads == whole.reads[:cut] == other.reads[:cut]


def test_a_regime_that_was_folded_goes_on_as_the_one_that_decided() -> None:
    rng = np.random.default_rng(5)
    closes = (100 * np.exp(np.cumsum(rng.normal(0, 0.001, (60, 5)), axis=0))).tolist()
    whole = Driven()
    for number, each in enumerate(closes, 1):
        whole.minute(number, each)
    for cut in (1, 11, 14, 40):
        again = Driven()
        again.entries.clear()
        fresh = Regime()
        fresh.open(again.market)
        entries = iter(whole.entries)
        for entry in entries:
            if isinstance(entry.body, Minute):
                number = (entry.body.due - OPEN) // MINUTE
                if number > cut:
                    break
                records = [bar(entry.body.due, row, c, c, c, c, 1e5) for row, c in enumerate(closes[number - 1])]
                again.market.replay(events(records))
            fold(fresh, entry)
            if isinstance(entry.body, Minute):
                again.market.mark_minute(entry.body.due)
        again.regime = fresh
        for number, each in enumerate(closes[cut:], cut + 1):
            again.minute(number, each)
        assert again.reads == whole.reads[cut:]
        assert fresh.state() == whole.regime.state()


def test_outside_regular_hours_nothing_is_read() -> None:
    driven = Driven()
    assert driven.minute(-5, [100] * 5) is None
    assert driven.minute(0, [100] * 5) is None
    assert driven.minute(1, [100] * 5) is not None
    assert driven.minute(391, [100] * 5) is None


def test_the_context_of_a_decision_names_phase_regime_scores_and_parts() -> None:
    driven = Driven()
    assert driven.regime.context(OPEN + MINUTE) == {"phase": "open_drive", "regime": UNKNOWN, "occasions": "opex"}
    for number, closes in enumerate(rising(20), 1):
        driven.minute(number, closes)
    context = driven.regime.context(OPEN + 20 * MINUTE + MINUTE // 2)
    assert (context["phase"], context["regime"], context["classifier"]) == ("open_drive", "trend_up", "2")
    # It took over in minute 13.
    assert context["regime_min"] == 7.5
    assert context["trend_up"] > 0.9  # type: ignore[operator]
    assert context["above_vwap_pct"] == 100


def test_what_was_known_before_the_open_is_in_every_context_and_moves_no_label() -> None:
    plain, driven = Driven(), Driven()
    driven.market.reference.climate[:3] = [1.5, np.nan, -2.00004]
    driven.regime.open(driven.market)
    before: dict[str, str | float] = {"spy_sma20_pct": 1.5, "spy_sma200_pct": -2.0}
    assert driven.regime.context(OPEN - MINUTE) == {
        "phase": "opening_cross",
        "regime": UNKNOWN,
        **before,
        "occasions": "opex",
    }
    for number, closes in enumerate(rising(20), 1):
        assert driven.minute(number, closes) == plain.minute(number, closes)
    now = OPEN + 20 * MINUTE
    assert driven.regime.context(now) == plain.regime.context(now) | before
    assert driven.regime.state() == plain.regime.state()


def test_an_expiry_is_in_the_context_and_an_ordinary_day_is_not() -> None:
    for day, expected in ((dt.date(2026, 11, 20), "opex"), (dt.date(2026, 11, 19), None)):
        regime = Regime()
        regime.open(Market(SymbolTable(["SPY"]), session(day), Reference.empty(1)))
        assert regime.context(session(day).open_ns).get("occasions") == expected


@pytest.mark.parametrize(
    ("day", "wall", "expected"),
    [
        (dt.date(2026, 11, 20), "06:59", "early_pre"),
        (dt.date(2026, 11, 20), "09:26", "opening_cross"),
        (dt.date(2026, 11, 20), "12:00", "midday"),
        (dt.date(2026, 11, 20), "15:52", "closing_cross"),
        # The day after Thanksgiving ends at 13:00.
        (dt.date(2026, 11, 27), "12:20", "power_hour"),
        (dt.date(2026, 11, 27), "12:55", "closing_cross"),
        (dt.date(2026, 11, 27), "13:30", "post"),
    ],
)
def test_the_phase_is_scaled_on_half_days(day: dt.date, wall: str, expected: str) -> None:
    of = session(day)
    regime = Regime()
    regime.open(Market(SymbolTable(["SPY"]), of, Reference.empty(1)))
    assert regime.context(at_ny(day, wall))["phase"] == expected == str(stretch(of, at_ny(day, wall)))


def test_a_few_symbols_without_an_index_fund_are_no_market() -> None:
    few, enough = Driven([f"S{i:02d}" for i in range(FEWEST - 1)]), Driven([f"S{i:02d}" for i in range(FEWEST)])
    for each in (few, enough):
        for number, closes in enumerate(rising(20), 1):
            each.minute(number, (closes * FEWEST)[: len(each.market.table)])
    assert not few.reads
    assert few.regime.context(few.market.now)["regime"] == UNKNOWN
    assert enough.regime.label == "trend_up"
