from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.clock import MINUTE, SECOND
from qm.errors import UsageError
from qm.market.features import Features
from qm.model.events import AnyEvent, Check, Entry, Hit, HitEnded, HitRefreshed, HitRejected, SessionStarted
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from qm.scanner.cadence import Trigger
from qm.scanner.conditions import at_least, flag
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.scanner import News, Scanner
from tests.qm.radar.day import OPEN, beats, made, market_of, random_tape

GAP = Scan("gap", at_least("gap_pct", 4), (0, 390), "gap_pct", top=2, cooldown_s=60, hold_s=120)
SYMBOLS = 4
SIGNS: dict[type, str] = {Hit: "+", HitRefreshed: "*", HitEnded: "-"}


class Desk:
    """A scanner with a journal: what it states is numbered and applied, as the core does it."""

    def __init__(self, *scans: Scan, symbols: int = SYMBOLS) -> None:
        self.scans = scans
        self.market = market_of(symbols)
        self.radar = Radar(RadarWeights())
        self.scanner = Scanner(scans)
        self.journal: list[Entry] = []

    def beat(self, found: Features) -> list[News]:
        ranking: Ranking = self.radar.beat(self.market, found)
        stated = self.scanner.on_beat(found, ranking, found.ts)
        for body in stated:
            self.note(body, found.ts)
        return stated

    def note(self, body: AnyEvent, ts: int) -> None:
        self.journal.append(Entry(len(self.journal) + 1, ts, 0, 0, body))
        apply(self.scanner, self.journal[-1])

    def gaps(self, second: int, gaps: Sequence[float], last: float = 10.0) -> list[str]:
        found = made(OPEN + second * SECOND, gap_pct=gaps, last=[last] * len(gaps), dollar_volume=[1e6] * len(gaps))
        return [f"{SIGNS[type(body)]}{body.symbol}" for body in self.beat(found)]

    def folded(self) -> Scanner:
        scanner = Scanner(self.scans)
        for entry in self.journal:
            apply(scanner, entry)
        return scanner


def apply(scanner: Scanner, entry: Entry) -> None:
    if (applier := scanner.appliers().get(type(entry.body))) is not None:
        applier(entry)


def test_a_hit_carries_its_line_on_the_radar_and_why() -> None:
    desk = Desk(GAP)
    found = made(OPEN, gap_pct=[1, 6, 1, 1], last=[10] * 4, dollar_volume=[1e6] * 4, chg_pct=[9, 6, 1, 1])
    (hit,) = desk.beat(found)
    assert isinstance(hit, Hit)
    assert (hit.symbol, hit.scan, hit.row.rank, hit.row.last) == ("S001", "gap", 2, 10.0)
    assert [(check.name, check.value, check.limit, check.passed) for check in hit.why] == [("gap_pct >=", 6, 4, True)]
    assert desk.scanner.active() == {("gap", "S001"): (1, OPEN, 10.0, "", OPEN, None)}
    assert desk.scanner.active_symbols() == {"S001"}


def test_at_most_the_top_are_born_at_a_beat_the_strongest_first() -> None:
    desk = Desk(GAP)
    assert desk.gaps(0, [5, 8, 7, 9]) == ["+S003", "+S001"]


def test_symbols_that_tie_are_born_in_row_order() -> None:
    assert Desk(GAP).gaps(0, [5, 5, 5, 5]) == ["+S000", "+S001"]


def test_what_holds_is_not_stated_again_and_leaves_no_room_below() -> None:
    desk = Desk(GAP)
    desk.gaps(0, [5, 8, 7, 3])
    assert desk.gaps(1, [5, 8, 7, 3]) == []
    assert desk.gaps(2, [9, 8, 7, 3]) == ["+S000"]


def test_a_find_lives_for_its_hold_and_is_over_when_it_does_not_hold_after_that() -> None:
    desk = Desk(GAP)
    desk.gaps(0, [5, 0, 0, 0])
    assert desk.gaps(60, [0, 0, 0, 0]) == []
    assert desk.gaps(120, [5, 0, 0, 0]) == []
    assert desk.gaps(121, [1.5, 0, 0, 0]) == ["-S000"]
    ended = desk.journal[-1].body
    assert isinstance(ended, HitEnded)
    assert ended.reason == "gap_pct is 1.5 %, wanted >= 4"


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ({"gap_pct": np.nan}, "gap_pct is unknown, wanted >= 4"),
        ({"range_pos": 0.25}, "range_pos is 0.25, wanted >= 0.5"),
        ({"halted": 1.0}, "halted"),
        ({"halted": np.nan}, "halted is unknown"),
        ({"rvol": 1.0}, "rvol is 1 x, wanted >= 2, float_rotation is 0.01 x, wanted >= 0.1"),
    ],
)
def test_the_reason_names_what_failed(then: dict[str, float], reason: str) -> None:
    either = at_least("rvol", 2) | at_least("float_rotation", 0.1)
    condition = at_least("gap_pct", 4) & either & at_least("range_pos", 0.5) & ~flag("halted")
    desk = Desk(Scan("all", condition, (0, 390), hold_s=0))
    # Of what is joined by `|` one part held all the time: that the other does not is no reason.
    held = {"gap_pct": 5.0, "rvol": 3.0, "float_rotation": 0.01, "range_pos": 0.9, "halted": 0.0, "last": 10.0}
    desk.beat(made(OPEN, **{name: [value] * SYMBOLS for name, value in held.items()}))
    ended = desk.beat(made(OPEN + SECOND, **{name: [value] * SYMBOLS for name, value in (held | then).items()}))
    assert [body.reason for body in ended if isinstance(body, HitEnded)] == [reason] * SYMBOLS


def test_a_find_cools_down_before_it_is_born_again() -> None:
    desk = Desk(GAP)
    desk.gaps(0, [5, 0, 0, 0])
    assert desk.gaps(120, [0, 0, 0, 0]) == ["-S000"]
    assert desk.gaps(179, [5, 0, 0, 0]) == []
    assert desk.gaps(180, [5, 0, 0, 0]) == ["+S000"]


def test_nothing_is_born_outside_the_hours_and_what_lives_is_over() -> None:
    desk = Desk(Scan("gap", at_least("gap_pct", 4), (0, 2), hold_s=60))
    assert desk.gaps(-1, [5, 0, 0, 0]) == []
    assert desk.gaps(120, [5, 0, 0, 0]) == ["+S000"]
    assert desk.gaps(179, [5, 5, 0, 0]) == []
    assert desk.gaps(180, [5, 5, 0, 0]) == ["-S000"]


def test_between_its_two_limits_a_find_neither_comes_nor_goes() -> None:
    desk = Desk(Scan("gap", at_least("gap_pct", 4, stay=3.5), (0, 390), hold_s=0, cooldown_s=0))
    assert desk.gaps(0, [3.9, 0, 0, 0]) == []
    assert desk.gaps(1, [4.0, 0, 0, 0]) == ["+S000"]
    assert desk.gaps(2, [3.5, 0, 0, 0]) == []
    assert desk.gaps(3, [3.49, 0, 0, 0]) == ["-S000"]
    ended = desk.journal[-1].body
    assert isinstance(ended, HitEnded)
    assert ended.reason == "gap_pct is 3.49 %, wanted >= 3.5"
    assert desk.gaps(4, [3.9, 0, 0, 0]) == []


def test_what_hovers_about_its_limit_is_born_once() -> None:
    wavering = [4.1, 3.9, 4.1, 3.9, 4.1, 3.9]
    plain = Scan("plain", at_least("gap_pct", 4), (0, 390), hold_s=0, cooldown_s=0)
    steady = Scan("steady", at_least("gap_pct", 4, stay=3.5), (0, 390), hold_s=0, cooldown_s=0)
    stated = {
        scan.name: [line for k, gap in enumerate(wavering) for line in desk.gaps(k, [gap, 0, 0, 0])]
        for scan, desk in ((plain, Desk(plain)), (steady, Desk(steady)))
    }
    assert stated == {"plain": ["+S000", "-S000"] * 3, "steady": ["+S000"]}


AGAIN = Scan("gap", at_least("gap_pct", 4), (0, 390), hold_s=60, cooldown_s=60, rearm_pct=1)


def test_a_find_is_told_again_each_time_its_price_has_risen_by_a_percent() -> None:
    desk = Desk(AGAIN)
    held = [5.0, 0, 0, 0]
    assert desk.gaps(0, held, last=100) == ["+S000"]
    assert desk.gaps(1, held, last=100.99) == []
    assert desk.gaps(2, held, last=101) == ["*S000"]
    told = desk.journal[-1].body
    assert told == HitRefreshed("S000", "gap", 101.0, 1.0, (Check("gap_pct >=", 5.0, 4.0, True, "%"),))
    # A percent from where it was told last, not from where it began.
    assert desk.gaps(3, held, last=102) == []
    assert desk.gaps(4, held, last=102.01) == ["*S000"]


def test_a_find_is_not_told_again_while_its_condition_does_not_hold() -> None:
    desk = Desk(AGAIN)
    assert desk.gaps(0, [5, 0, 0, 0], last=100) == ["+S000"]
    assert desk.gaps(30, [1, 0, 0, 0], last=105) == []


def test_what_is_over_is_born_again_after_its_cool_down_or_a_percent_higher() -> None:
    desk = Desk(AGAIN)
    desk.gaps(0, [5, 5, 0, 0], last=100)
    assert desk.gaps(60, [0, 0, 0, 0], last=100) == ["-S000", "-S001"]
    assert desk.gaps(61, [5, 0, 0, 0], last=100.9) == []
    assert desk.gaps(62, [5, 0, 0, 0], last=101) == ["+S000"]
    assert desk.gaps(119, [5, 5, 0, 0], last=100) == []
    assert desk.gaps(120, [5, 5, 0, 0], last=100) == ["+S001"]


def beat(desk: Desk, second: int, gap: float, high: float, last: float = 10.0) -> list[str]:
    found = made(
        OPEN + second * SECOND,
        gap_pct=[gap, 0, 0, 0],
        last=[last] * 4,
        dollar_volume=[1e6] * 4,
        day_high=[high] * 4,
    )
    return [f"{SIGNS[type(body)]}{body.symbol}" for body in desk.beat(found)]


def test_a_find_that_holds_is_told_again_after_so_many_seconds() -> None:
    desk = Desk(Scan("gap", at_least("gap_pct", 4), (0, 390), hold_s=60, cooldown_s=60, rearm_s=60))
    assert desk.gaps(0, [5, 0, 0, 0]) == ["+S000"]
    assert desk.gaps(59, [5, 0, 0, 0]) == []
    assert desk.gaps(61, [5, 0, 0, 0]) == ["*S000"]
    # Since it was told last, not since it began.
    assert desk.gaps(120, [5, 0, 0, 0]) == []
    assert desk.gaps(121, [5, 0, 0, 0]) == ["*S000"]
    assert desk.gaps(181, [1, 0, 0, 0]) == ["-S000"]
    assert desk.gaps(200, [5, 0, 0, 0]) == []


def test_a_find_is_told_again_and_reborn_when_what_it_is_told_again_by_has_grown() -> None:
    desk = Desk(Scan("gap", at_least("gap_pct", 4), (0, 390), hold_s=10, cooldown_s=600, rearm_by="day_high"))
    assert beat(desk, 0, 5, 10.5) == ["+S000"]
    assert beat(desk, 1, 5, 10.5) == []
    assert beat(desk, 2, 5, 10.51, last=10.4) == ["*S000"]
    assert desk.journal[-1].body == HitRefreshed(
        "S000", "gap", 10.4, 4.0, (Check("gap_pct >=", 5.0, 4.0, True, "%"),), 10.51
    )
    assert beat(desk, 3, 5, 10.51, last=11) == []
    assert beat(desk, 20, 1, 10.6) == ["-S000"]
    # Within its cool-down, and no higher than where it was told last.
    assert beat(desk, 21, 5, 10.51) == []
    assert beat(desk, 22, 5, 10.52) == ["+S000"]
    assert desk.folded().state() == desk.scanner.state()


def test_what_is_not_known_has_not_grown() -> None:
    desk = Desk(Scan("gap", at_least("gap_pct", 4), (0, 390), rearm_by="day_high"))
    assert beat(desk, 0, 5, np.nan) == ["+S000"]
    assert beat(desk, 1, 5, 10.5) == []


def test_a_scan_for_the_close_of_bars_is_asked_where_minutes_end_only() -> None:
    desk = Desk(Scan("bars", at_least("gap_pct", 4), (0, 390), hold_s=0, trigger=Trigger.BAR_CLOSE))
    assert desk.gaps(59, [5, 0, 0, 0]) == []
    assert desk.gaps(60, [5, 0, 0, 0]) == ["+S000"]
    assert desk.gaps(90, [0, 0, 0, 0]) == []
    assert desk.gaps(120, [0, 0, 0, 0]) == ["-S000"]


def test_a_scan_for_the_close_of_bars_is_over_with_its_hours_at_any_beat() -> None:
    desk = Desk(Scan("bars", at_least("gap_pct", 4), (0, 2), hold_s=0, trigger=Trigger.BAR_CLOSE))
    assert desk.gaps(120, [5, 0, 0, 0]) == ["+S000"]
    assert desk.gaps(121, [5, 0, 0, 0]) == ["-S000"]


def test_why_nobody_followed_a_find_up_is_kept_with_it() -> None:
    desk = Desk(GAP)
    desk.gaps(0, [5, 0, 0, 0])
    desk.note(HitRejected("S000", "gap", "watchlist", "full", "the list is full"), OPEN)
    assert desk.scanner.active()["gap", "S000"].rejected == "full"
    assert desk.folded().state() == desk.scanner.state()


def test_a_symbol_without_a_price_is_not_found() -> None:
    desk = Desk(GAP)
    assert desk.beat(made(OPEN, gap_pct=[5, 5, 0, 0], last=[np.nan, 10, 10, 10])) != []
    assert [entry.body.symbol for entry in desk.journal if isinstance(entry.body, Hit)] == ["S001"]


def test_a_symbol_that_the_radar_does_not_rank_can_be_found() -> None:
    desk = Desk(GAP)
    (hit,) = desk.beat(made(OPEN, gap_pct=[5, 0, 0, 0], last=[10] * 4, halted=[1, 0, 0, 0]))
    assert isinstance(hit, Hit)
    assert (hit.row.rank, hit.row.score) == (0, 0.0)


def test_each_scan_has_its_own_finds() -> None:
    other = Scan("rvol", at_least("rvol", 2), (0, 390))
    desk = Desk(GAP, other)
    stated = desk.beat(made(OPEN, gap_pct=[5, 0, 0, 0], rvol=[3, 3, 0, 0], last=[10] * 4))
    assert [(body.scan, body.symbol) for body in stated] == [("gap", "S000"), ("rvol", "S000"), ("rvol", "S001")]


def test_a_new_session_starts_empty_and_a_restart_within_one_does_not() -> None:
    desk = Desk(GAP)
    started = SessionStarted("2026-11-20", "sim", 0, SYMBOLS, "", ())  # type: ignore[arg-type]
    desk.note(started, OPEN)
    desk.gaps(0, [5, 0, 0, 0])
    desk.note(started, OPEN + SECOND)
    assert desk.scanner.active_symbols() == {"S000"}
    desk.note(msgspec.structs.replace(started, session="2026-11-23"), OPEN + 2 * SECOND)
    assert desk.scanner.active() == {}


def test_two_scans_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="same name"):
        Scanner([GAP, GAP])


def test_stocks_in_play_finds_the_twenty_with_the_largest_opening_volume() -> None:
    desk = Desk(PRESETS["stocks_in_play"], symbols=30)
    tape = random_tape(30, 12, seed=3)
    stated = [desk.beat(found) for found in beats(desk.market, tape)]
    volume = desk.market.opening_volume
    in_play = [row for row in np.argsort(-volume, kind="stable").tolist() if volume[row] >= 100_000][:20]
    assert [body.symbol for body in stated[4]] == [f"S{row:03d}" for row in in_play]
    assert [len(some) for some in stated] == [0, 0, 0, 0, len(in_play), 0, 0, 0, 0, 0, 0, 0]


AGAIN_TOO = Scan("too", at_least("gap_pct", 5, stay=4), (0, 390), hold_s=30, cooldown_s=300, rearm_pct=0.5)
BY_TIME = Scan("time", at_least("gap_pct", 5), (0, 390), hold_s=30, cooldown_s=200, rearm_s=100, rearm_by="gap_pct")
BEAT = st.tuples(
    st.integers(1, 90), st.lists(st.sampled_from([0.0, 4.0, 5.0, 6.0, np.nan]), min_size=SYMBOLS, max_size=SYMBOLS)
)


@given(st.lists(BEAT, max_size=40), st.integers(0, 40))
def test_a_scanner_folded_from_the_journal_has_the_state_of_the_one_that_decided_and_goes_on_like_it(
    tape: list[tuple[int, list[float]]], restart: int
) -> None:
    steady, restarted = Desk(GAP, AGAIN_TOO, BY_TIME), Desk(GAP, AGAIN_TOO, BY_TIME)
    second = 0
    for number, (seconds, gaps) in enumerate(tape):
        second += seconds
        last = 10 + second / 1000
        if number == restart:
            restarted.scanner = restarted.folded()
        assert steady.gaps(second, gaps, last) == restarted.gaps(second, gaps, last)
        assert steady.folded().state() == steady.scanner.state() == restarted.scanner.state()
    assert msgspec.json.encode(steady.scanner.state()) == msgspec.json.encode(steady.folded().state())


@given(st.lists(BEAT, max_size=40))
def test_every_find_is_over_once_and_never_within_its_hold_or_reborn_within_its_cooldown(
    tape: list[tuple[int, list[float]]],
) -> None:
    desk = Desk(GAP)
    second = 0
    for seconds, gaps in tape:
        second += seconds
        desk.gaps(second, gaps)
    for symbol in desk.market.table:
        story = [entry for entry in desk.journal if getattr(entry.body, "symbol", "") == symbol]
        assert [type(entry.body) for entry in story] == [(Hit, HitEnded)[i % 2] for i in range(len(story))]
        for before, after in pairwise(story):
            wait = 120 if isinstance(before.body, Hit) else 60
            assert after.ts - before.ts >= wait * SECOND


def test_deciding_changes_nothing() -> None:
    desk = Desk(GAP)
    desk.gaps(0, [5, 0, 0, 0])
    before = desk.scanner.state()
    found = made(OPEN + 5 * MINUTE, gap_pct=[0, 5, 0, 0], last=[10] * 4)
    desk.scanner.on_beat(found, desk.radar.beat(desk.market, found), found.ts)
    assert desk.scanner.state() == before
