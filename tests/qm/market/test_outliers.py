"""Prints far off the market are set aside, and a market that really jumped is not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from qm.market import kernel
from qm.market.market import Market
from qm.market.reference import Reference
from qm.market.symbol_features import features_of
from qm.model.inputs import Why
from qm.model.instrument import SymbolTable
from qm.model.market import Print, Status, bands, events, quote, status, trade
from qm.rules.calendar import session
from qm.rules.halts import HaltCode
from tests.qm.market import real
from tests.qm.strategies.stage import SESSION, at

Record = tuple[Any, ...]
LIMIT = 0.30
"""Three times the band of 10 % that a symbol of tier two above $3 has."""


def market(*records: Record, prior: float = 10.0) -> Market:
    reference = Reference.empty(1)
    reference.prior_close[:] = prior
    made = Market(SymbolTable(["AAA"]), SESSION, reference)
    made.replay(events(list(records)))
    return made


def aside(of: Market) -> int:
    return int(of.rows["quarantined"][0])


def prints(*prices: float, start: float = 1.0, flag: int = Print.ALL) -> list[Record]:
    return [trade(at(start, n), 0, price, 100.0, flag) for n, price in enumerate(prices)]


def test_a_print_that_is_set_aside_changes_nothing_but_the_count() -> None:
    quiet = market(*prints(10.0))
    hit = market(*prints(10.0, 25.0))
    assert features_of(hit, 0)["quarantined"] == 1
    for name in quiet.rows.dtype.names or ():
        if name not in ("quarantined", "odd", "odd_run", "odd_prints"):
            assert np.array_equal(quiet.rows[name], hit.rows[name], equal_nan=True), name


@pytest.mark.parametrize(("price", "far"), [(15.9, False), (16.1, True)])
def test_a_leveraged_fund_moves_as_many_times_as_far(price: float, far: bool) -> None:
    reference = Reference.empty(1)
    reference.prior_close[:], reference.leverage[:] = 10.0, 2.0
    made = Market(SymbolTable(["AAA"]), SESSION, reference)
    made.replay(events(prints(10.0, price)))
    assert aside(made) == far


@pytest.mark.parametrize(
    ("price", "far"),
    [(10.0 * (1 + LIMIT), False), (13.1, True), (10.0 * (1 - LIMIT), False), (6.9, True), (10.1, False)],
)
def test_far_is_three_bands_from_the_last_price(price: float, far: bool) -> None:
    assert aside(market(*prints(10.0, price))) == far


@pytest.mark.parametrize(
    ("prior", "limit"), [(10.0, 0.30), (3.0, 0.60), (2.0, 0.60), (0.50, 0.90), (0.10, 2.25), (float("nan"), 0.60)]
)
def test_the_limit_follows_the_prior_close(prior: float, limit: float) -> None:
    row = market(prior=prior).rows[0]
    assert row["wide_up"] == pytest.approx(1 + limit)
    assert row["wide_down"] == pytest.approx(1 - limit if limit < 1 else 1 / (1 + limit))


def test_the_first_price_of_a_day_has_nothing_to_be_far_from() -> None:
    assert aside(market(*prints(400.0))) == 0


def test_the_third_in_a_row_is_the_new_level() -> None:
    jumped = market(*prints(10.0, 20.0, 20.1, 20.2, 20.3))
    assert (aside(jumped), jumped.rows["last"][0], jumped.rows["volume"][0]) == (2, 20.3, 300.0)


def test_prints_that_agree_on_nothing_never_become_a_level() -> None:
    assert aside(market(*prints(10.0, 20.0, 60.0, 200.0, 20.0, 60.0))) == 5


def test_a_good_print_between_them_starts_the_count_again() -> None:
    wild = market(*prints(10.0, 20.0, 20.0, 10.0, 20.0, 20.0, 10.0))
    assert (aside(wild), wild.rows["high"][0]) == (4, 10.0)


def test_a_quote_at_the_new_level_lets_the_first_print_through() -> None:
    jumped = market(*prints(10.0), quote(at(1, 1), 0, 19.9, 20.1), *prints(20.0, start=1.5))
    assert (aside(jumped), jumped.rows["last"][0]) == (0, 20.0)


@pytest.mark.parametrize(("bid", "ask", "seconds"), [(20.1, 19.9, 1), (0.0, 20.0, 1), (19.9, 0.0, 1), (19.9, 20.1, 62)])
def test_a_crossed_a_one_sided_and_an_old_quote_say_nothing(bid: float, ask: float, seconds: int) -> None:
    records = [*prints(10.0), quote(at(1, 1), 0, bid, ask), *prints(20.0, start=1 + (1 + seconds) / 60)]
    assert aside(market(*records)) == 1


def test_a_print_inside_a_wide_quote_is_no_outlier() -> None:
    records = [*prints(10.0), quote(at(1, 1), 0, 9.0, 31.0), *prints(30.0, start=1.5)]
    assert aside(market(*records)) == 0


def test_after_five_quiet_minutes_the_last_price_says_nothing() -> None:
    assert aside(market(*prints(10.0), *prints(20.0, start=5.9))) == 1
    assert aside(market(*prints(10.0), *prints(20.0, start=6.1))) == 0


def test_outside_the_bands_is_far_in_regular_hours_only() -> None:
    told = bands(at(0.5), 0, 9.0, 11.0, 10.0)
    assert aside(market(told, *prints(10.9, 11.2))) == 1
    assert aside(market(told, *prints(10.9, 11.2, 11.2, 11.2))) == 2
    assert aside(market(bands(at(-9), 0, 9.0, 11.0, 10.0), *prints(10.9, 11.2, start=-5))) == 0


def test_an_odd_lot_far_off_leaves_the_volume_alone() -> None:
    row = market(*prints(10.0), *prints(30.0, start=1.5, flag=Print.VOLUME)).rows[0]
    assert (row["volume"], row["quarantined"]) == (100.0, 1)


def test_a_print_that_is_set_aside_touches_nothing() -> None:
    armed = market(*prints(10.0))
    armed.levels.arm(0, "me", (15.0, 5.0, 15.0, 5.0))
    armed.levels.await_next(0, "me")
    assert armed.run(events(prints(25.0, start=1.5)), 0) == (1, None)


def test_a_crossed_or_one_sided_quote_touches_nothing() -> None:
    armed = market(*prints(10.0))
    armed.levels.arm(0, "me", (15.0, 5.0, 15.0, 5.0))
    for bid, ask in ((16.0, 14.0), (16.0, 0.0), (0.0, 4.0), (4.5, 4.0)):
        assert armed.run(events([quote(at(2), 0, bid, ask)]), 0) == (1, None), (bid, ask)
        assert not armed.reached(0, 15.0, 5.0)
    _, wake = armed.run(events([quote(at(3), 0, 15.0, 15.1)]), 0)
    assert wake is not None
    assert wake.why == Why.TOUCH
    assert armed.reached(0, 15.0, 5.0)


def test_of_a_real_runner_day_nothing_is_set_aside() -> None:
    symbols, of, records = real.runner_prints()
    whole = Market(symbols, of, real.drawn(symbols, records))
    whole.replay(records)
    assert whole.rows["quarantined"].sum() == 0
    assert (whole.rows["high"] / whole.rows["low"]).max() > 1.6


def test_of_prints_made_bad_on_a_real_runner_day_no_extreme_is_left() -> None:
    symbols, of, records = real.runner_prints()
    reference = real.drawn(symbols, records)
    clean, dirty = Market(symbols, of, reference), Market(symbols, of, reference)
    bad = np.random.default_rng(1).choice(np.arange(1000, len(records)), 200, replace=False)
    kept = np.ones(len(records), bool)
    kept[bad] = False
    spoilt = records.copy()
    spoilt["a"][bad] *= 4.0
    clean.replay(records[kept])
    dirty.replay(spoilt)
    assert dirty.rows["quarantined"].sum() >= 190
    assert dirty.rows["high"].tolist() == clean.rows["high"].tolist()


def test_halts_are_counted_once_and_their_end_is_timed() -> None:
    halted = market(status(at(1), 0, Status.PAUSED), status(at(2), 0, Status.HALTED))
    assert features_of(halted, 0)["halts_today"] == 1
    assert "mins_since_resume" not in features_of(halted, 0)
    halted.replay(events([status(at(6), 0, Status.TRADING), status(at(7), 0, Status.TRADING)]))
    halted.now = at(10)
    assert features_of(halted, 0)["mins_since_resume"] == 4.0
    halted.replay(events([status(at(11), 0, Status.PAUSED)]))
    assert features_of(halted, 0)["halts_today"] == 2
    assert "mins_since_resume" not in features_of(halted, 0)


def test_a_halt_tells_why_at_which_price_and_when_it_ends_and_what_is_not_told_is_not_known() -> None:
    told = ("halt_reason", "halt_price", "luld_ref", "halt_at", "quotes_at", "trades_at")
    halted = market(trade(at(0), 0, 10.0, 100), status(at(1), 0, Status.HALTED))
    assert {name: features_of(halted, 0).get(name) for name in told} == dict.fromkeys(told) | {
        "halt_price": 10.0,
        "halt_at": 1.0,
    }
    # The exchange says why, and later when it goes on; what it said before still holds.
    halted.replay(events([status(at(2), 0, Status.HALTED, HaltCode.T1), bands(at(2), 0, 9.0, 11.0, 10.05)]))
    halted.replay(events([status(at(3), 0, Status.HALTED, HaltCode.T3, quotes_ns=at(20), trades_ns=at(25))]))
    assert [features_of(halted, 0)[name] for name in told] == [HaltCode.T3, 10.0, 10.05, 1.0, 20.0, 25.0]
    assert halted.rows["halts"][0] == 1
    # Of the next halt nothing of this is known.
    halted.replay(events([status(at(25), 0, Status.TRADING), trade(at(25), 0, 9.5, 100)]))
    halted.replay(events([status(at(30), 0, Status.PAUSED, HaltCode.LUDP, 9.0)]))
    assert {name: features_of(halted, 0).get(name) for name in told} == {
        "halt_reason": HaltCode.LUDP,
        "halt_price": 9.5,
        "luld_ref": 10.05,
        "halt_at": 30.0,
        "quotes_at": None,
        "trades_at": None,
    }
    assert halted.rows["threshold"][0] == 9.0


def test_before_the_plan_its_present_widths_stand_for_it() -> None:
    reference = Reference.empty(1)
    reference.prior_close[:] = 10.0
    old = Market(SymbolTable(["AAA"]), session(dt.date(2005, 3, 1)), reference)
    assert old.rows["wide_up"][0] == pytest.approx(1 + LIMIT)
    assert kernel.CONFIRMING == 3
