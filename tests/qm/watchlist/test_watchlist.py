from collections.abc import Collection, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.errors import UsageError
from qm.model.events import (
    AnyEvent,
    Banned,
    Entry,
    Hit,
    HitEnded,
    HitRefreshed,
    HitRejected,
    RadarRow,
    SessionStarted,
    Unwatched,
    Watched,
)
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from qm.watchlist.watchlist import Watch, Watchlist
from tests.qm.radar.day import OPEN, made, market_of

SYMBOLS = 5


def ranking_of(strengths: Sequence[float]) -> Ranking:
    """Rank symbols by the numbers given; a negative one is not ranked."""
    size = len(strengths)
    found = made(
        chg_pct=strengths,
        last=[10.0 if strength >= 0 else float("nan") for strength in strengths],
        dollar_volume=[1e6] * size,
    )
    return Radar(RadarWeights()).beat(market_of(size), found)


class Desk:
    """A watchlist with a journal: what it states is numbered and applied, as the core does it."""

    def __init__(self, capacity: int = 3, ttl_s: int = 600, cool_off_s: int = 60) -> None:
        self.limits = (capacity, ttl_s, cool_off_s)
        self.watchlist = Watchlist(*self.limits)
        self.journal: list[Entry] = []
        self.strengths: Sequence[float] = [5, 4, 3, 2, 1]
        self.held: Collection[str] = ()
        self.now = OPEN

    def note(self, body: AnyEvent) -> Entry:
        entry = Entry(len(self.journal) + 1, self.now, 0, 0, body)
        self.journal.append(entry)
        apply(self.watchlist, entry)
        return entry

    def state(self, events: Sequence[AnyEvent]) -> list[str]:
        for body in events:
            self.note(body)
        return [
            f"{'+' if isinstance(b, Watched) else '-'}{b.symbol}" for b in events if isinstance(b, Watched | Unwatched)
        ]

    def hit(self, symbol: int, second: int = 0) -> list[str]:
        self.now = OPEN + second * SECOND
        name = f"S{symbol:03d}"
        self.note(Hit(name, "gap", RadarRow(name, 1, 50, 10, ()), ()))
        return self.offer(name)

    def again(self, symbol: int, second: int) -> list[str]:
        self.now = OPEN + second * SECOND
        self.note(HitRefreshed(f"S{symbol:03d}", "gap", 11.0, 1.0))
        return self.offer(f"S{symbol:03d}")

    def offer(self, name: str) -> list[str]:
        return self.state(self.watchlist.on_hit(name, "gap", self.now, self.held, ranking_of(self.strengths)))

    def ban(self, symbol: int, *, today: bool = True) -> list[str]:
        return self.state(self.watchlist.ban(f"S{symbol:03d}", "offering", self.now, self.held, today=today))

    def unban(self, symbol: int) -> list[str]:
        return self.state(self.watchlist.unban(f"S{symbol:03d}", "over"))

    def why_not(self) -> tuple[str, str]:
        body = self.journal[-1].body
        assert isinstance(body, HitRejected)
        assert (body.by, body.scan) == ("watchlist", "gap")
        return body.why, body.reason

    def over(self, symbol: int, second: int) -> None:
        self.now = OPEN + second * SECOND
        self.note(HitEnded(f"S{symbol:03d}", "gap", "no longer"))

    def beat(self, second: int, active: Collection[str] = ()) -> list[str]:
        self.now = OPEN + second * SECOND
        return self.state(self.watchlist.on_beat(self.now, active, self.held))

    def pin(self, symbol: int) -> list[str]:
        return self.state(self.watchlist.pin(f"S{symbol:03d}"))

    def unpin(self, symbol: int) -> list[str]:
        return self.state(self.watchlist.unpin(f"S{symbol:03d}", self.now, self.held))

    def reason(self) -> str:
        body = self.journal[-1].body
        assert isinstance(body, Watched | Unwatched)
        return body.reason

    def folded(self) -> Watchlist:
        watchlist = Watchlist(*self.limits)
        for entry in self.journal:
            apply(watchlist, entry)
        return watchlist


def apply(watchlist: Watchlist, entry: Entry) -> None:
    if (applier := watchlist.appliers().get(type(entry.body))) is not None:
        applier(entry)


def test_a_hit_brings_a_symbol_in_with_its_reason_and_time_to_live() -> None:
    desk = Desk()
    assert desk.hit(1, second=30) == ["+S001"]
    since = OPEN + 30 * SECOND
    expected = Watch("hit of gap", since, since + 600 * SECOND, pinned=False, seq=2)
    assert desk.watchlist.watched() == {"S001": expected}
    assert "S001" in desk.watchlist


def test_a_second_hit_states_nothing_and_prolongs_the_stay() -> None:
    desk = Desk()
    desk.hit(1)
    assert desk.hit(1, second=500) == []
    assert desk.beat(1099) == []
    assert desk.beat(1100) == ["-S001"]


def test_a_symbol_leaves_a_time_to_live_after_its_last_hit_was_over() -> None:
    desk = Desk()
    desk.hit(1)
    assert desk.beat(900, active={"S001"}) == []
    desk.over(1, second=901)
    assert desk.beat(1500) == []
    assert desk.beat(1501) == ["-S001"]
    assert desk.reason() == "10 min without a hit"


def test_what_is_held_stays_for_as_long_as_it_is_held() -> None:
    desk = Desk()
    desk.hit(1)
    desk.held = {"S001"}
    assert desk.beat(9000) == []
    desk.held = ()
    assert desk.beat(9001) == ["-S001"]


def test_a_full_list_takes_a_stronger_symbol_in_place_of_its_weakest() -> None:
    desk = Desk(capacity=2)
    desk.hit(2)
    desk.hit(1)
    desk.strengths = [5, 4, 3, 2, 1]
    assert desk.hit(0) == ["-S002", "+S000"]
    left = desk.journal[-2].body
    assert isinstance(left, Unwatched)
    assert left.reason == "S000 is stronger: 11.2 over 8.8"


def test_a_full_list_refuses_a_weaker_symbol() -> None:
    desk = Desk(capacity=2)
    desk.hit(0)
    desk.hit(1)
    assert desk.hit(2) == []
    assert list(desk.watchlist.watched()) == ["S000", "S001"]
    reason = "the watchlist is full, and its weakest is no weaker: S001 10.0, S002 8.8"
    assert desk.why_not() == ("full", reason)


def test_strength_is_that_of_now_and_not_of_the_hit() -> None:
    desk = Desk(capacity=1)
    desk.hit(0)
    desk.strengths = [1, 2, 0, 0, 0]
    assert desk.hit(1) == ["-S000", "+S001"]


def test_a_symbol_that_is_not_ranked_is_the_first_to_make_room() -> None:
    desk = Desk(capacity=2)
    desk.hit(0)
    desk.hit(1)
    desk.strengths = [5, -1, 0, 0, 0]
    assert desk.hit(4) == ["-S001", "+S004"]
    left = desk.journal[-2].body
    assert isinstance(left, Unwatched)
    assert left.reason.endswith("over unranked")


def test_a_symbol_that_is_not_ranked_pushes_nobody_out() -> None:
    desk = Desk(capacity=1)
    desk.strengths = [-1, -1, 0, 0, 0]
    assert desk.hit(1) == ["+S001"]
    # Two unranked ones: the lower row is the stronger, but neither has any strength to speak of.
    assert desk.hit(0) == []


def test_what_is_held_or_pinned_is_never_pushed_out() -> None:
    desk = Desk(capacity=2)
    desk.hit(4)
    desk.hit(3)
    desk.pin(3)
    desk.held = {"S004"}
    assert desk.hit(2) == ["+S002"]
    assert desk.hit(0) == ["-S002", "+S000"]
    desk.held = {"S004", "S000"}
    assert desk.hit(1) == []
    assert desk.why_not() == ("full", "the watchlist is full, and all 2 on it are held")


def test_a_pin_always_finds_room_and_takes_none_from_the_scans() -> None:
    desk = Desk(capacity=1)
    desk.hit(0)
    assert desk.pin(4) == ["+S004"]
    assert desk.reason() == "pinned by the trader"
    assert desk.beat(99_999) == ["-S000"]
    assert desk.hit(1, second=99_999) == ["+S001"]


def test_a_pin_on_a_watched_symbol_keeps_since_when_it_is_there() -> None:
    desk = Desk()
    desk.hit(1)
    desk.now += MINUTE
    assert desk.pin(1) == ["+S001"]
    assert desk.pin(1) == []
    assert desk.watchlist.watched()["S001"] == Watch("pinned by the trader", OPEN, 0, pinned=True, seq=3)
    desk.hit(1, second=120)
    assert desk.watchlist.watched()["S001"].until == 0


def test_unpinning_takes_a_symbol_off_unless_it_is_held() -> None:
    desk = Desk()
    desk.pin(1)
    desk.pin(2)
    desk.hit(3)
    desk.held = {"S002"}
    assert desk.unpin(1) == ["-S001"]
    assert desk.reason() == "taken off by the trader"
    assert desk.unpin(2) == ["+S002"]
    assert desk.unpin(2) == []
    assert desk.unpin(3) == ["-S003"]
    assert desk.unpin(4) == []
    assert desk.watchlist.watched()["S002"].until == OPEN + 600 * SECOND


def test_scans_cannot_bring_a_symbol_back_while_it_cools_off_but_the_trader_can() -> None:
    desk = Desk()
    desk.hit(1)
    desk.beat(600)
    assert desk.hit(1, second=659) == []
    assert desk.why_not() == ("cooling_off", "left the watchlist 59 s ago, and cools off for 60 s")
    assert desk.pin(1) == ["+S001"]
    assert desk.unpin(1) == ["-S001"]
    assert desk.hit(1, second=718) == []
    assert desk.hit(1, second=719) == ["+S001"]


def test_what_is_told_again_prolongs_the_stay_and_is_a_new_chance() -> None:
    desk = Desk(capacity=1)
    desk.hit(0)
    assert desk.hit(1, second=10) == []
    assert desk.again(0, second=500) == []
    assert desk.beat(1099) == []
    assert desk.beat(1100) == ["-S000"]
    assert desk.again(1, second=1100) == ["+S001"]


def test_a_banned_symbol_leaves_and_does_not_come_back_until_the_ban_is_lifted() -> None:
    desk = Desk()
    desk.hit(1)
    assert desk.ban(1) == ["-S001"]
    assert desk.reason() == "banned by the trader: offering"
    assert desk.hit(1, second=100) == []
    assert desk.why_not() == ("banned", "banned by the trader: offering")
    assert desk.watchlist.is_banned("S001")
    desk.unban(1)
    assert not desk.watchlist.banned()
    assert desk.hit(1, second=101) == ["+S001"]
    assert desk.watchlist.unban("S001", "again") == []


def test_a_banned_symbol_that_is_held_stays_until_it_is_not_without_its_pin() -> None:
    desk = Desk()
    desk.pin(1)
    desk.held = {"S001"}
    assert desk.ban(1) == ["+S001"]
    assert desk.beat(10) == []
    assert not desk.watchlist.watched()["S001"].pinned
    desk.held = ()
    assert desk.beat(11, active={"S001"}) == ["-S001"]


def test_bans_of_the_day_end_with_the_session_and_others_do_not() -> None:
    desk = Desk()
    started = SessionStarted("2026-11-20", "sim", 0, SYMBOLS, "", ())  # type: ignore[arg-type]
    desk.note(started)
    desk.ban(1)
    desk.ban(2, today=False)
    desk.note(started)
    assert list(desk.watchlist.banned()) == ["S001", "S002"]
    desk.note(msgspec.structs.replace(started, session="2026-11-23"))
    assert list(desk.watchlist.banned()) == ["S002"]


def test_a_ban_of_the_day_can_be_made_one_for_good() -> None:
    desk = Desk()
    desk.ban(1)
    desk.ban(1, today=False)
    assert not desk.watchlist.banned()["S001"].today
    assert [body.today for entry in desk.journal if isinstance(body := entry.body, Banned)] == [True, False]


def test_pins_come_first_then_what_is_held_then_the_strongest() -> None:
    desk = Desk(capacity=5)
    for symbol in (4, 0, 1):
        desk.hit(symbol)
    desk.pin(3)
    desk.strengths = [2, 5, -1, 1, 4]
    order = desk.watchlist.by_priority({"S000"}, ranking_of(desk.strengths))
    assert order == ["S003", "S000", "S001", "S004"]
    assert desk.watchlist.by_priority((), None) == ["S003", "S004", "S000", "S001"]


def test_a_new_session_starts_empty_and_a_restart_within_one_does_not() -> None:
    desk = Desk()
    started = SessionStarted("2026-11-20", "sim", 0, SYMBOLS, "", ())  # type: ignore[arg-type]
    desk.note(started)
    desk.hit(1)
    desk.note(started)
    assert len(desk.watchlist) == 1
    desk.note(msgspec.structs.replace(started, session="2026-11-23"))
    assert len(desk.watchlist) == 0


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"ttl_s": 0}, {"cool_off_s": -1}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Watchlist(**wrong)


ROW = st.integers(0, SYMBOLS - 1)
STEP = st.tuples(
    st.integers(0, 400),
    st.sampled_from(["hit", "hit", "hit", "again", "over", "beat", "beat", "pin", "unpin", "ban", "unban"]),
    ROW,
    st.lists(st.sampled_from([-1.0, 1.0, 2.0, 3.0]), min_size=SYMBOLS, max_size=SYMBOLS),
    st.lists(ROW, max_size=2, unique=True),
)


def take(desk: Desk, second: int, step: tuple[int, str, int, list[float], list[int]]) -> list[str]:
    _, what, symbol, strengths, held = step
    desk.now = OPEN + second * SECOND
    desk.strengths, desk.held = strengths, [f"S{row:03d}" for row in held]
    if what == "hit":
        return desk.hit(symbol, second)
    if what == "over":
        desk.over(symbol, second)
        return []
    if what == "beat":
        return desk.beat(second)
    if what == "again":
        return desk.again(symbol, second)
    return {"pin": desk.pin, "unpin": desk.unpin, "ban": desk.ban, "unban": desk.unban}[what](symbol)


@given(st.lists(STEP, max_size=40), st.integers(0, 40))
def test_a_watchlist_folded_from_the_journal_has_the_state_of_the_one_that_decided_and_goes_on_like_it(
    steps: list[tuple[int, str, int, list[float], list[int]]], restart: int
) -> None:
    steady, restarted = Desk(capacity=2), Desk(capacity=2)
    second = 0
    for number, step in enumerate(steps):
        second += step[0]
        if number == restart:
            restarted.watchlist = restarted.folded()
        assert take(steady, second, step) == take(restarted, second, step)
        states = {msgspec.json.encode(w.state()) for w in (steady.watchlist, restarted.watchlist, steady.folded())}
        assert len(states) == 1


@given(st.lists(STEP, max_size=60))
def test_the_list_is_never_over_capacity_and_never_loses_what_is_held_or_pinned(
    steps: list[tuple[int, str, int, list[float], list[int]]],
) -> None:
    desk = Desk(capacity=2)
    second = 0
    for step in steps:
        second += step[0]
        before = desk.watchlist.watched()
        take(desk, second, step)
        after = desk.watchlist.watched()
        unpinned = [symbol for symbol, watch in after.items() if not watch.pinned]
        assert len(unpinned) <= 2 or step[1] == "unpin" or len(after) <= len(before)
        gone = [symbol for symbol in before if symbol not in after]
        assert not [symbol for symbol in gone if symbol in desk.held]
        assert step[1] in ("unpin", "ban") or not [symbol for symbol in gone if before[symbol].pinned]
