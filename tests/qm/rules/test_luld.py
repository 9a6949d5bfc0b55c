"""The limit-up limit-down plan at work, by hand-made tapes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qm.clock import MINUTE, SECOND, at_ny
from qm.rules.calendar import Session, session
from qm.rules.limits import Bands, Tier
from qm.rules.luld import NEVER, Luld
from qm.rules.luld_events import (
    Band,
    BandsSet,
    Cause,
    Disproved,
    Event,
    Evidence,
    Extended,
    LeftToClose,
    Lifted,
    LimitEntered,
    LimitLeft,
    Paused,
    Phase,
    Reopened,
    StraddleEntered,
    StraddleLeft,
)

TODAY = session(dt.date(2026, 11, 23))
D = Decimal


def at(wall: str, of: Session = TODAY) -> int:
    return at_ny(of.date, wall)


def bands(lower: str, upper: str) -> Bands:
    return Bands(D(lower), D(upper))


def opened(price: float = 10.0, evidence: Evidence = Evidence.QUOTES, prior: float = 10.0, wall: str = "09:30") -> Luld:
    """A tier-two machine that opened at `price`."""
    made = Luld(TODAY, Tier.TWO, prior, evidence=evidence)
    made.trade(at(wall), price)
    assert made.phase is Phase.NORMAL
    return made


def limited(wall: str = "11:00") -> Luld:
    """A machine in a limit state at its upper band of 11.00 since `wall`."""
    made = opened()
    assert made.quote(at(wall), 11.0, 11.05) == (LimitEntered(at(wall), Band.UPPER, D("11.00")),)
    return made


@pytest.mark.parametrize(
    ("tier", "prior", "reference", "wall", "lower", "upper"),
    [
        (Tier.ONE, 50.0, 40.0, "11:00", "38.00", "42.00"),
        (Tier.ONE, 50.0, 40.0, "15:40", "36.00", "44.00"),
        (Tier.TWO, 10.0, 12.0, "15:40", "10.80", "13.20"),
        (Tier.TWO, 2.50, 2.60, "11:00", "2.08", "3.12"),
        (Tier.TWO, 2.50, 2.60, "15:40", "1.56", "3.64"),
        (Tier.TWO, 0.60, 0.70, "11:00", "0.55", "0.85"),
        (Tier.TWO, 0.60, 0.70, "15:40", "0.40", "1.00"),
    ],
)
def test_golden_bands(tier: Tier, prior: float, reference: float, wall: str, lower: str, upper: str) -> None:
    made = Luld(TODAY, tier, prior)
    made.trade(TODAY.open_ns, reference)
    made.advance(at(wall))
    assert made.bands == bands(lower, upper)
    assert made.reference == reference


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_without_a_prior_close_there_is_no_machine(bad: float) -> None:
    with pytest.raises(ValueError, match="is not a closing price"):
        Luld(TODAY, Tier.ONE, bad)


def test_the_first_trade_gives_the_first_reference_price() -> None:
    made = Luld(TODAY, Tier.TWO, 10.0)
    assert made.trade(at("09:29:59"), 9.0) == ()
    assert made.trade(at("09:30:05"), 9.0, eligible=False) == ()
    assert made.trade(at("09:30:06"), float("nan")) == ()
    found = made.trade(at("09:30:10"), 11.5)
    assert found == (BandsSet(at("09:30:10"), 11.5, bands("10.35", "12.65"), Cause.OPENED),)


def test_a_flagged_opening_is_waited_for_and_then_the_mean_taken() -> None:
    made = Luld(TODAY, Tier.TWO, 10.0, opening_flagged=True)
    assert made.trade(at("09:31"), 12.0) == ()
    assert made.trade(at("09:32"), 13.0) == ()
    assert made.advance(at("09:34:59")) == ()
    assert made.advance(at("09:35")) == (BandsSet(at("09:35"), 12.5, bands("11.25", "13.75"), Cause.OPENED),)
    other = Luld(TODAY, Tier.TWO, 10.0, opening_flagged=True)
    other.trade(at("09:31"), 12.0)
    assert other.trade(at("09:32"), 13.0, opening=True) == (
        BandsSet(at("09:32"), 13.0, bands("11.70", "14.30"), Cause.OPENED),
    )


def test_without_any_trade_the_prior_close_is_the_first_reference_price() -> None:
    made = Luld(TODAY, Tier.TWO, 10.0)
    assert made.due_ns == at("09:35")
    assert made.advance(at("12:00")) == (BandsSet(at("09:35"), 10.0, bands("9.00", "11.00"), Cause.OPENED),)


def test_a_mean_less_than_one_percent_away_changes_nothing() -> None:
    made = opened()
    assert made.trade(at("09:31"), 10.19) == ()
    # The mean of 10.00, 10.19 and 10.11 is 10.10: exactly one percent.
    assert made.trade(at("09:32"), 10.11) == (BandsSet(at("09:32"), 10.1, bands("9.09", "11.11"), Cause.MOVED),)


def test_a_reference_price_holds_for_thirty_seconds() -> None:
    made = opened()
    assert made.trade(at("09:30:10"), 10.6) == ()
    assert made.due_ns == at("09:30:30")
    assert made.advance(at("09:30:29")) == ()
    assert made.advance(at("09:30:40")) == (BandsSet(at("09:30:30"), 10.3, bands("9.27", "11.33"), Cause.MOVED),)


def test_the_mean_moves_when_an_old_trade_leaves_the_window() -> None:
    made = opened()
    made.trade(at("09:33"), 10.19)
    assert made.advance(at("09:35") - 1) == ()
    assert made.advance(at("09:35")) == (BandsSet(at("09:35"), 10.19, bands("9.17", "11.21"), Cause.MOVED),)
    # With no trade left the reference price stays.
    assert made.advance(at("11:00")) == ()
    assert made.reference == 10.19


@pytest.mark.parametrize(
    ("bid", "ask", "band"),
    [
        (11.0, 11.05, Band.UPPER),
        (11.0, float("nan"), Band.UPPER),
        (11.0, 0.0, Band.UPPER),
        (11.0, 11.0, Band.UPPER),
        (8.9, 9.0, Band.LOWER),
        (0.0, 9.0, Band.LOWER),
        (10.99, 11.0, None),
        (9.0, 9.01, None),
        # Crossed: it says nothing.
        (11.0, 10.0, None),
        (10.0, 9.0, None),
        (float("nan"), float("nan"), None),
        (0.0, 0.0, None),
    ],
)
def test_which_quotes_make_a_limit_state(bid: float, ask: float, band: Band | None) -> None:
    made = opened()
    found = made.quote(at("11:00"), bid, ask)
    price = D("11.00") if band is Band.UPPER else D("9.00")
    assert found == (() if band is None else (LimitEntered(at("11:00"), band, price),))


def test_straddle() -> None:
    made = opened()
    assert made.quote(at("11:00"), 8.5, 9.5) == (StraddleEntered(at("11:00"), Band.LOWER),)
    assert made.quote(at("11:01"), 8.6, 9.5) == ()
    assert made.quote(at("11:02"), 9.2, 9.5) == (StraddleLeft(at("11:02")),)
    assert made.quote(at("11:03"), 10.5, 11.5) == (StraddleEntered(at("11:03"), Band.UPPER),)
    assert made.quote(at("11:04"), 11.0, 11.5) == (LimitEntered(at("11:04"), Band.UPPER, D("11.00")),)


def test_a_limit_state_of_fifteen_seconds_becomes_a_pause_of_five_minutes() -> None:
    made = limited()
    began = at("11:00:15")
    assert made.advance(began - 1) == ()
    assert made.advance(began) == (Paused(began, Band.UPPER, began + 5 * MINUTE),)
    assert (made.phase, made.until_ns) == (Phase.PAUSED, began + 5 * MINUTE)
    assert made.quote(began + SECOND, 9.0, 9.5) == ()
    with pytest.raises(ValueError, match="no reopening is due"):
        made.reopen(began + 5 * MINUTE - 1, 11.0)
    reopened = began + 5 * MINUTE + SECOND
    assert made.reopen(reopened, 11.2) == (
        Reopened(reopened, D("11.2")),
        BandsSet(reopened, 11.2, bands("10.08", "12.32"), Cause.REOPENED),
    )
    # What was traded before the pause no longer counts.
    assert made.trade(reopened + 31 * SECOND, 11.4) == ()
    assert made.reference == 11.2


def test_a_limit_state_ends_when_the_market_moves_off_the_band() -> None:
    made = limited()
    left = at("11:00:14")
    assert made.quote(left, 10.95, 11.0) == (LimitLeft(left, Band.UPPER),)
    assert made.advance(at("11:30")) == ()


def test_the_market_may_go_from_one_band_to_the_other() -> None:
    made = limited()
    assert made.quote(at("11:00:05"), 8.0, 9.0) == (
        LimitLeft(at("11:00:05"), Band.UPPER),
        LimitEntered(at("11:00:05"), Band.LOWER, D("9.00")),
    )
    assert made.advance(at("11:00:19")) == ()
    assert made.advance(at("11:00:20")) == (Paused(at("11:00:20"), Band.LOWER, at("11:05:20")),)


def test_the_reference_price_waits_for_the_end_of_a_limit_state() -> None:
    made = limited()
    assert made.trade(at("11:00:05"), 11.0) == ()
    assert made.reference == 10.0
    # Of all trades only the one at the band is left in the window.
    assert made.quote(at("11:00:10"), 10.5, 10.6) == (
        LimitLeft(at("11:00:10"), Band.UPPER),
        BandsSet(at("11:00:10"), 11.0, bands("9.90", "12.10"), Cause.MOVED),
    )


def test_new_bands_may_meet_a_quote_that_stands() -> None:
    made = opened()
    made.quote(at("09:30:01"), 10.95, 10.98)
    made.trade(at("09:30:02"), 9.7)
    # The mean of 9.85 moves the upper band down to 10.84, below the bid.
    assert made.advance(at("09:30:30")) == (
        BandsSet(at("09:30:30"), 9.85, bands("8.87", "10.84"), Cause.MOVED),
        LimitEntered(at("09:30:30"), Band.UPPER, D("10.84")),
    )


def test_prints_alone_make_a_limit_state_where_there_are_no_quotes() -> None:
    made = opened(evidence=Evidence.PRINTS)
    assert made.quote(at("10:59"), 11.0, 12.0) == ()
    assert made.trade(at("11:00"), 11.0) == (LimitEntered(at("11:00"), Band.UPPER, D("11.00")),)
    assert made.trade(at("11:00:05"), 10.9, eligible=False) == ()
    assert made.trade(at("11:00:10"), 11.0) == ()
    assert made.trade(at("11:00:14"), 10.5)[0] == LimitLeft(at("11:00:14"), Band.UPPER)
    low = made.trade(at("11:01:00"), 9.0)
    assert low[-1] == LimitEntered(at("11:01"), Band.LOWER, made.bands.lower if made.bands else D(0))
    assert made.advance(at("11:02"))[0] == Paused(at("11:01:15"), Band.LOWER, at("11:06:15"))


def test_prints_show_the_pause_late_and_so_its_end_may_come_early() -> None:
    made = opened(evidence=Evidence.PRINTS)
    made.trade(at("11:00"), 11.0)
    made.advance(at("11:01"))
    assert made.until_ns == at("11:05:15")
    assert made.trade(at("11:05:00"), 11.2)[0] == Reopened(at("11:05"), D("11.2"))


def test_collars_extend_a_pause_until_the_auction_fits() -> None:
    made = limited()
    made.advance(at("11:00:15"))
    # Five percent of the band of 11.00 above it, and the other band below.
    assert made.collars == bands("9.00", "11.55")
    first = at("11:05:15")
    assert made.reopen(first, 11.56) == (Extended(first, D("11.56"), first + 5 * MINUTE, bands("9.00", "12.10")),)
    second = first + 5 * MINUTE
    assert made.reopen(second, 8.0) == (Extended(second, D("8.00"), second + 5 * MINUTE, bands("8.45", "12.10")),)
    third = second + 5 * MINUTE
    assert made.reopen(third, 12.1)[0] == Reopened(third, D("12.1"))
    assert made.collars is None


def test_collars_of_cheap_stocks_are_in_cents() -> None:
    made = opened(2.0, prior=2.0)
    assert made.quote(at("11:00"), 1.5, 1.6)[0] == LimitEntered(at("11:00"), Band.LOWER, D("1.60"))
    made.advance(at("11:00:15"))
    assert made.collars == bands("1.45", "2.40")


def test_before_the_collars_every_auction_reopened() -> None:
    of = session(dt.date(2017, 11, 17))
    made = Luld(of, Tier.TWO, 10.0)
    made.trade(of.open_ns, 10.0)
    made.quote(at("11:00", of), 11.0, 12.0)
    made.advance(at("11:00:15", of))
    assert made.reopen(at("11:05:15", of), 20.0)[0] == Reopened(at("11:05:15", of), D("20.0"))


def test_a_print_when_the_reopening_is_due_is_the_reopening() -> None:
    made = limited()
    made.advance(at("11:00:15"))
    assert made.trade(at("11:05:15"), 30.0)[0] == Reopened(at("11:05:15"), D("30.0"))


def test_a_print_in_a_pause_disproves_it_unless_it_may_be_a_late_report() -> None:
    made = limited()
    made.advance(at("11:00:15"))
    assert made.trade(at("11:00:24"), 11.0) == ()
    assert made.trade(at("11:03"), 10.9, eligible=False) == ()
    assert made.trade(at("11:03"), 10.9) == (
        Disproved(at("11:03"), D("10.9")),
        BandsSet(at("11:03"), 10.9, bands("9.81", "11.99"), Cause.DISPROVED),
    )


def test_a_pause_may_be_declared() -> None:
    made = opened()
    made.quote(at("11:00"), 8.5, 9.5)
    assert made.pause(at("11:01")) == (Paused(at("11:01"), None, at("11:06")),)
    assert made.collars is None
    assert made.pause(at("11:02")) == ()
    assert made.reopen(at("11:06"), 7.0)[0] == Reopened(at("11:06"), D("7.0"))


@pytest.mark.parametrize(
    ("wall", "reopens"), [("15:39:00", True), ("15:49:44", False), ("15:49:45", False), ("15:49:50", False)]
)
def test_a_pause_of_the_last_ten_minutes_goes_to_the_closing_auction(wall: str, reopens: bool) -> None:
    made = opened()
    made.advance(at("15:00"))
    made.quote(at(wall), 11.0, 12.0)
    began = at(wall) + 15 * SECOND
    late = began >= at("15:50")
    found = made.advance(at("15:50:10"))
    if reopens:
        # It was due at 15:44:15; nobody reopened it in time.
        assert found == (Paused(began, Band.UPPER, began + 5 * MINUTE), LeftToClose(at("15:50")))
    else:
        until = TODAY.close_ns if late else began + 5 * MINUTE
        assert found == (Paused(began, Band.UPPER, until), LeftToClose(max(began, at("15:50"))))
    assert made.phase is Phase.TO_CLOSE
    with pytest.raises(ValueError, match="no reopening"):
        made.reopen(at("15:56"), 11.0)
    assert made.advance(at("16:00")) == (Lifted(at("16:00")),)
    assert (made.phase, made.bands, made.due_ns) == (Phase.OFF, None, NEVER)
    # The closing auction is not subject to bands.
    assert made.trade(at("16:00:01"), 15.0) == ()


def test_a_limit_state_that_meets_the_close_ends_there() -> None:
    made = opened()
    made.advance(at("15:59"))
    made.quote(at("15:59:50"), 11.0, 12.0)
    assert made.advance(at("16:30")) == (LimitLeft(at("16:00"), Band.UPPER), Lifted(at("16:00")))


def test_tier_two_at_three_dollars_doubles_in_the_last_25_minutes() -> None:
    made = opened(2.6, prior=2.5)
    assert made.advance(at("15:35")) == (BandsSet(at("15:35"), 2.6, bands("1.56", "3.64"), Cause.DOUBLED),)
    dear = opened(12.0)
    assert dear.advance(at("15:59")) == ()


def test_half_days_and_summer_time_shift_everything() -> None:
    half = session(dt.date(2026, 11, 27))
    made = Luld(half, Tier.ONE, 50.0)
    made.trade(half.open_ns, 40.0)
    assert made.advance(at("12:35", half)) == (
        BandsSet(at("12:35", half), 40.0, bands("36.00", "44.00"), Cause.DOUBLED),
    )
    made.quote(at("12:49:45", half), 44.0, 45.0)
    assert made.advance(at("12:50", half))[-1] == LeftToClose(at("12:50", half))
    assert made.advance(at("13:00", half)) == (Lifted(at("13:00", half)),)
    for date, utc_hour in ((dt.date(2026, 10, 30), 13), (dt.date(2026, 11, 2), 14)):
        of = session(date)
        assert Luld(of, Tier.ONE, 50.0).due_ns == at("09:35", of)
        assert at("09:35", of) // (60 * MINUTE) % 24 == utc_hour


def test_the_opening_doubled_until_the_eighteenth_amendment() -> None:
    of = session(dt.date(2020, 2, 21))
    made = Luld(of, Tier.TWO, 10.0)
    assert made.trade(of.open_ns, 10.0) == (BandsSet(of.open_ns, 10.0, bands("8.00", "12.00"), Cause.OPENED),)
    assert made.advance(at("09:45", of)) == (BandsSet(at("09:45", of), 10.0, bands("9.00", "11.00"), Cause.DOUBLED),)
    assert made.advance(at("15:35", of)) == (BandsSet(at("15:35", of), 10.0, bands("8.00", "12.00"), Cause.DOUBLED),)


def test_before_the_plan_nothing_happens() -> None:
    of = session(dt.date(2013, 4, 5))
    made = Luld(of, Tier.TWO, 10.0)
    found: list[Event] = [*made.trade(of.open_ns, 10.0), *made.quote(of.open_ns, 1.0, 90.0), *made.pause(of.open_ns)]
    assert found == []
    assert made.advance(of.post_ns) == ()
    assert made.due_ns == NEVER


def test_an_earlier_time_counts_as_the_latest_seen() -> None:
    made = opened(wall="10:00")
    assert made.quote(at("09:59"), 11.0, 12.0) == (LimitEntered(at("10:00"), Band.UPPER, D("11.00")),)
