"""A strategy out of a user's file in a running engine: whatever it does, it is isolated and others go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.model.events import Intended, Planned, Released, SessionStarted, Signal, StrategyFailed, StrategyUsed
from qm.model.order import Purpose
from qm.runtime.strategy_files import Source, find, load
from qm.strategies.api import Strategy
from tests.qm.strategies.stage import Stage, minute
from tests.qm.strategies.test_isolation import steady

FILE = """
from qm.model.order import Side
from qm.strategies.api import *

class Buy(EntrySignals):
    def on_start(self, group):
        {on_start}
        return [Plan(rows=group.rows.tolist(), follow=True)]

    def on_bar(self, view):
        {on_bar}
        return [Enter(Side.BUY, 19.0, "told to", shares=100, resting_stop=False)] if view.minute == 1 else []

class Hold(ExitSignals):
    def on_open(self, view):
        return [Plan(follow=True)]

    def on_bar(self, view):
        {hold}
        return []

def strategy(params=None):
    return Strategy("own", "1", "experimental", "own", Params(), Buy(), Hold())
"""


def own(on_start: str = "pass", on_bar: str = "pass", hold: str = "pass") -> Strategy:
    text = FILE.format(on_start=on_start, on_bar=on_bar, hold=hold).encode()
    return load(Source(Path("orb_mine.py"), text, "ab" * 32))


def play(strategy: Strategy) -> Stage:
    stage = Stage(strategy, steady(), assigned={"orb_mine": ("AAA",), "steady": ("BBB",)})
    for n in range(8):
        stage.feed(minute(n, 20.0, 20.0, 20.0, 20.0), minute(n, 20.0, 20.0, 20.0, 20.0, sym=1))
    return stage


def test_a_good_one_trades_and_its_hash_is_in_the_journal() -> None:
    stage = play(own())
    assert stage.held() == 100
    assert stage.all(StrategyFailed) == []
    (used, *_) = stage.only(SessionStarted).strategies
    assert used == StrategyUsed("orb_mine", "1", {}, "ab" * 32)


LOOPS = {
    "at the start": {"on_start": "while True: pass"},
    "before it holds": {"on_bar": "sum(0 for _ in iter(int, 1))"},
    "with a position": {"hold": "while True: pass"},
    "and catches its end": {"hold": "spin()"},
}
SPIN = """
def spin():
    try:
        while True: pass
    except BaseException:
        return None
"""


@pytest.mark.parametrize("where", LOOPS.values(), ids=LOOPS)
def test_one_that_loops_for_ever_is_isolated_and_what_it_holds_is_protected(where: dict[str, str]) -> None:
    text = FILE.format(**({"on_start": "pass", "on_bar": "pass", "hold": "pass"} | where)) + SPIN
    stage = play(load(Source(Path("orb_mine.py"), text.encode(), "")))
    failed = stage.only(StrategyFailed)
    assert failed.strategy == "orb_mine"
    assert "did not come to an end within 100," in failed.error
    assert [released.symbol for released in stage.all(Released)] == ["AAA"]
    assert [notice.level for notice in stage.notices] == ["critical"]
    assert stage.held("BBB") == 100
    if "hold" in where:
        assert stage.held() == 100
        (stop,) = [
            b.order for b in stage.all(Intended) if b.order.purpose is Purpose.PROTECT and b.order.symbol == "AAA"
        ]
        assert (stop.qty, str(stop.stop)) == (100, "19.00")
        assert stage.core.book.orders.protecting("AAA") == 100
    else:
        assert stage.held() == 0


FAULTS = {
    "raises": ("{}['x']", "KeyError: 'x' (orb_mine.py line 11)"),
    "ends the process": ("raise SystemExit(1)", "SystemExit: 1 (orb_mine.py line 11)"),
    "returns a generator": ("return (x for x in [Plan()])", "returned a generator, and not a list"),
    "returns nothing": ("return None", "returned nothing, and not a list of wishes"),
    "returns a wish without a list": ("return Plan()", "returned a Plan, and not a list"),
    "wishes too much": ("return [Plan()] * 9", "returned 9 wishes for 1 symbols"),
    "returns a text in a list": ("return [Plan(follow=True), 'buy']", "returned a str in its list"),
    "lets go of another's symbol": ("return [Done('x', row=1)]", "named row 1"),
    "plans for another's symbol": ("return [Plan(rows=[1], follow=True)]", "named row 1"),
    "enters another's symbol": ("return [Enter(Side.BUY, 19.0, 'x', row=1)]", "named row 1"),
    "tells of another's symbol": ("return [Alert('x', row=1)]", "named row 1"),
    "plans twice for one": ("return [Plan(rows=[0, 0])]", "returned a plan for 2 symbols"),
    "notes a book": (
        "return [Plan(note={str(k): 1.0 for k in range(51)})]",
        "returned a plan for 0 symbols with 51 notes",
    ),
    "says too much": ("return [Done('x' * 301)]", "gave a text of 301 characters"),
    "calls itself without end": ("return self.on_bar(view)", "RecursionError"),
}


@pytest.mark.parametrize(("does", "said"), FAULTS.values(), ids=FAULTS)
def test_one_that_fails_is_isolated_before_anything_it_wished_is_granted(does: str, said: str) -> None:
    stage = play(own(on_bar=does))
    assert stage.only(StrategyFailed).error.startswith(said)
    # Its plan at the start, and nothing of the answer that held nonsense.
    assert len([planned for planned in stage.all(Planned) if planned.strategy == "orb_mine"]) == 1
    assert [signal.symbol for signal in stage.all(Signal)] == ["BBB"]
    assert stage.held("BBB") == 100


def test_the_end_of_a_loop_comes_at_the_same_place_again() -> None:
    heads = {play(own(hold="while True: pass")).journal.head("stage") for _ in range(2)}
    assert len(heads) == 1


def test_found_in_a_folder_it_runs_the_same(own_folders: Path) -> None:
    folder = own_folders / "config" / "strategies"
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        each.chmod(0o700)
    path = folder / "orb_mine.py"
    path.write_text(FILE.format(on_start="pass", on_bar="pass", hold="pass"))
    path.chmod(0o600)
    assert play(find("orb_mine", folder)).held() == 100
