"""Whatever the market does, the plan keeps its promises; and it does not matter how time is cut into pieces."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from qm.clock import MINUTE, SECOND
from qm.rules.calendar import session
from qm.rules.limits import LULD, Tier
from qm.rules.luld import NEVER, Luld
from qm.rules.luld_events import (
    BandsSet,
    Cause,
    Disproved,
    Event,
    Events,
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
)

DAYS = [session(dt.date(2026, 11, 23)), session(dt.date(2026, 11, 27)), session(dt.date(2016, 3, 14))]
WAIT = st.one_of(
    st.integers(0, SECOND), st.integers(0, 40 * SECOND), st.integers(0, 6 * MINUTE), st.integers(0, 90 * MINUTE)
)
AWAY = st.sampled_from([0.0, 0.0, 0.004, -0.004, 0.012, -0.012, 0.05, -0.05, 0.11, -0.11, 0.3, -0.3])


class Market(RuleBasedStateMachine):
    """A market that wanders, and two machines: one told only what happens, the other the time in small pieces too."""

    @initialize(
        of=st.sampled_from(DAYS),
        tier=st.sampled_from(Tier),
        prior=st.sampled_from([0.4, 0.75, 2.5, 3.0, 10.0, 480.0]),
        evidence=st.sampled_from(Evidence),
        flagged=st.booleans(),
        early=st.booleans(),
    )
    def begin(self, of: object, tier: Tier, prior: float, evidence: Evidence, flagged: bool, early: bool) -> None:
        assert isinstance(of, type(DAYS[0]))
        self.of = of
        found = LULD.at(of.date)
        assert found is not None
        self.plan = found
        self.coarse = Luld(of, tier, prior, evidence=evidence, opening_flagged=flagged)
        self.fine = Luld(of, tier, prior, evidence=evidence, opening_flagged=flagged)
        self.now = of.open_ns - MINUTE if early else of.close_ns - 40 * MINUTE
        self.price = prior
        self.events: list[Event] = []
        self.fine_events: list[Event] = []

    def _told(self, coarse: Events, fine: Events) -> None:
        self.events.extend(coarse)
        self.fine_events.extend(fine)

    def _wait(self, ns: int) -> None:
        for piece in range(1, 4):
            self.fine_events.extend(self.fine.advance(self.now + ns * piece // 4))
        self.now += ns

    @rule(wait=WAIT, away=AWAY, eligible=st.sampled_from([True, True, True, False]), opening=st.booleans())
    def trade(self, wait: int, away: float, eligible: bool, opening: bool) -> None:
        self._wait(wait)
        price = round(max(self.price * (1 + away), 0.01), 4)
        self._told(*(m.trade(self.now, price, eligible, opening) for m in (self.coarse, self.fine)))

    @rule(wait=WAIT, away=AWAY, half=st.sampled_from([0.0, 0.001, 0.02, -0.01]))
    def quote(self, wait: int, away: float, half: float) -> None:
        self._wait(wait)
        middle = max(self.price * (1 + away), 0.01)
        bid, ask = round(middle * (1 - half), 2), round(middle * (1 + half), 2)
        self._told(*(m.quote(self.now, bid, ask) for m in (self.coarse, self.fine)))

    @rule(wait=WAIT, upper=st.booleans())
    def lean(self, wait: int, upper: bool) -> None:
        """Meet a band exactly, with a quote and a trade."""
        self._wait(wait)
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))
        if self.coarse.bands is None:
            return
        band = float(self.coarse.bands.upper if upper else self.coarse.bands.lower)
        bid, ask = (band, 0.0) if upper else (0.0, band)
        self._told(*(m.quote(self.now, bid, ask) for m in (self.coarse, self.fine)))
        self._told(*(m.trade(self.now, band) for m in (self.coarse, self.fine)))

    @rule()
    def sit_out_a_limit_state(self) -> None:
        self._wait(16 * SECOND)
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))

    @rule(wait=WAIT)
    def declare(self, wait: int) -> None:
        self._wait(wait)
        self._told(*(m.pause(self.now) for m in (self.coarse, self.fine)))

    @rule(away=AWAY)
    def auction(self, away: float) -> None:
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))
        until = self.coarse.until_ns
        if until is None:
            with pytest.raises(ValueError, match="no reopening"):
                self.coarse.reopen(self.now, self.price)
            return
        self._wait(max(until - self.now, 0))
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))
        if self.coarse.phase is not Phase.PAUSED:
            return
        collars = self.coarse.collars
        price = round(max(self.price * (1 + away), 0.01), 2)
        fits = collars is None or collars.lower <= round(price, 2) <= collars.upper
        found = self.coarse.reopen(self.now, price)
        self._told(found, self.fine.reopen(self.now, price))
        assert isinstance(found[0], Reopened) is (
            fits or collars is None or float(collars.lower) <= price <= float(collars.upper)
        )
        if isinstance(found[0], Reopened):
            self.price = price

    @invariant()
    def pieces_of_time_do_not_matter(self) -> None:
        if not hasattr(self, "coarse"):
            return
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))
        assert self.events == self.fine_events
        assert self.coarse.due_ns == self.fine.due_ns > self.now
        assert (self.coarse.phase, self.coarse.bands) == (self.fine.phase, self.fine.bands)

    @invariant()
    def the_state_is_whole(self) -> None:
        if not hasattr(self, "coarse"):
            return
        machine = self.coarse
        inside = self.of.open_ns <= self.now < self.of.close_ns
        assert (machine.bands is not None) is (machine.phase is not Phase.OFF)
        assert machine.phase is Phase.OFF or inside
        assert (machine.until_ns is not None) is (machine.phase is Phase.PAUSED)
        if machine.bands is not None and machine.reference is not None:
            lower, upper = machine.bands
            assert 0 <= float(lower) <= machine.reference + 0.0051
            assert float(upper) >= machine.reference - 0.0051
        if self.now >= self.of.close_ns:
            assert machine.due_ns == NEVER

    def teardown(self) -> None:
        if not hasattr(self, "coarse"):
            return
        self.now = max(self.now, self.of.close_ns)
        self._told(*(m.advance(self.now) for m in (self.coarse, self.fine)))
        assert isinstance(self.events[-1], Lifted)
        assert [event.ns for event in self.events] == sorted(event.ns for event in self.events)
        self._references_hold()
        self._pauses_have_their_reasons()

    def _references_hold(self) -> None:
        last = None
        for event in self.events:
            if isinstance(event, BandsSet) and event.cause is not Cause.DOUBLED:
                if event.cause is Cause.MOVED:
                    assert last is not None
                    assert event.ns - last.ns >= self.plan.update_hold_s * SECOND
                    assert (
                        abs(event.reference / last.reference - 1) >= self.plan.update_fraction - 1e-6 / last.reference
                    )
                last = event

    def _pauses_have_their_reasons(self) -> None:
        limit: LimitEntered | None = None
        paused: Paused | None = None
        until = 0
        final = self.of.close_ns - self.plan.no_reopening_minutes * MINUTE
        for event in self.events:
            match event:
                case LimitEntered():
                    assert limit is None
                    assert paused is None
                    limit = event
                case LimitLeft():
                    assert limit is not None
                    assert limit.band is event.band
                    limit = None
                case Paused():
                    assert paused is None
                    if (
                        event.band is not None
                        and event.ns - (limit.ns if limit else 0) != self.plan.limit_state_s * SECOND
                    ):
                        # Declared during a limit state.
                        assert limit is not None
                        assert event.ns < limit.ns + self.plan.limit_state_s * SECOND
                    limit, paused, until = None, event, event.until_ns
                case Extended():
                    assert paused is not None
                    assert event.ns >= until
                    until = event.until_ns
                case Reopened():
                    early = self.plan.limit_state_s * SECOND
                    assert paused is not None
                    assert until - early <= event.ns < final
                    paused = None
                case Disproved():
                    assert paused is not None
                    assert event.ns >= paused.ns + self.plan.report_s * SECOND
                    paused = None
                case LeftToClose():
                    assert paused is not None
                    assert event.ns >= final
                case StraddleEntered():
                    assert limit is None
                    assert paused is None
                case _:
                    pass


Market.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestMarket = Market.TestCase
