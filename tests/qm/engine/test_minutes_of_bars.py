"""On bars alone and without scans, what looks back over minutes is known all the same."""

from __future__ import annotations

from collections.abc import Sequence

from qm.engine.settings import EngineSettings
from qm.market.names import known
from qm.model.events import Minute, Signal, TapeRead
from qm.model.market import events
from qm.model.order import Side
from qm.strategies.api import Enter, EntrySignals, ExitSignals, Group, Params, Plan, Strategy, View, Wishes
from qm.strategies.reading import recent
from tests.qm.strategies.stage import SYMBOLS, WIDE, Row, Stage, at, minute

WHEN = 38


class AtMinute(EntrySignals):
    """Buys at minute 38."""

    def on_start(self, group: Group) -> Wishes:
        return [Plan(group.rows.tolist(), wake_at=at(WHEN))]

    def on_time(self, group: Group) -> Wishes:
        seen = [recent(view, 20) for view in group.each()]
        return [Enter(Side.BUY, 5.0, f"{len(seen[0])} bars", row=group.rows.tolist()[0])]


def stage(*scans: str, symbols: Sequence[str] = SYMBOLS) -> Stage:
    asks = Strategy("asks", "1", "experimental", "buys at minute 38", Params(), AtMinute(), ExitSignals())
    settings = EngineSettings(strategies=(), scans=scans, risk=WIDE)
    return Stage(asks, settings=settings, symbols=symbols, known={"prior_close": 9.0})


def tape() -> list[Row]:
    rows = []
    for n in range(WHEN + 3):
        price = 10 + 0.01 * n + (0.05 if n % 7 == 3 else 0.0)
        # A symbol that trades now and then, and minutes in which nothing happens.
        rows += [minute(n, price, price + 0.02, price - 0.03, price, 1000.0 + 10 * n)] if n not in (12, 13) else []
        rows += [minute(n, 20, 20, 20, 20, 50.0, sym=1)] if n % 9 == 0 else []
    return rows


def test_the_features_of_a_signal_are_those_of_a_run_that_looks_at_every_minute() -> None:
    plain, scanning = stage().feed(*tape()), stage("halts").feed(*tape())
    found, wanted = (known(on.only(Signal).features) for on in (plain, scanning))
    assert len(plain.all(Minute)) < len(scanning.all(Minute))
    assert found == wanted
    assert {"mom_5_pct", "mom_15_pct", "vol_5m", "or_high", "range_exp_5m", "mins_below_vwap"} <= found.keys()


def test_a_strategy_that_begins_to_look_finds_the_last_minutes() -> None:
    assert stage().feed(*tape()).only(Signal).reason == "20 bars"


def test_it_makes_no_difference_how_the_records_come() -> None:
    at_once, one_by_one = stage().feed(*tape()), stage()
    for row in tape():
        one_by_one.feed(row)
    assert one_by_one.entries == at_once.entries


def test_a_resumed_run_knows_the_same_minutes() -> None:
    rows = tape()
    on = stage().feed(*rows[:36])
    again = stage()
    rest = on.entries[len(again.entries) :]
    again.journal.append(rest, durable=True)
    again.session.resume(rest, events(on.fed))
    # What was kept and not decided on is decided now.
    for each in (on, again):
        each.feed(*rows[each.market.consumed :])
    assert known(again.only(Signal).features) == known(on.only(Signal).features)
    assert again.market.minutes.bars_of(0) == on.market.minutes.bars_of(0)


def test_nothing_is_marked_after_the_close() -> None:
    on = stage().feed(*tape()).pass_time(395)
    assert on.market.marked == at(390)
    assert len(SYMBOLS) == on.market.minutes.close.shape[1]


def test_asking_for_a_feature_works_as_with_scans() -> None:
    on = stage().feed(*tape())
    assert View(on.market, 0, {}).feature("mom_5_pct") == View(stage("halts").feed(*tape()).market, 0, {}).feature(
        "mom_5_pct"
    )


def test_the_kind_of_market_is_known_without_scans() -> None:
    busy = [minute(n, 10 + 0.01 * n, 10.5 + 0.01 * n, 9.9, 10 + 0.01 * n, 1e6) for n in range(WHEN + 3)]
    funds = ("AAA", "SPY")
    plain, scanning = stage(symbols=funds).feed(*busy), stage("halts", symbols=funds).feed(*busy)
    found, wanted = plain.all(TapeRead), scanning.all(TapeRead)
    # Who begins at the open did not mark it, and knows nothing of the minute that began there.
    assert [(each.due, each.read) for each in found[1:]] == [(each.due, each.read) for each in wanted[1 : len(found)]]
    assert len(found) >= 35
    assert found[-1].regime != "unknown"
    assert plain.only(Signal).context["regime"] != "unknown"
