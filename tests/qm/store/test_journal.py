import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.errors import NotFoundError, StoreError
from qm.model import events as ev
from qm.model.order import Side
from qm.store import held
from qm.store.chain import Chain
from qm.store.journal import Journal
from qm.store.memory import MemoryJournal
from qm.store.port import JournalPort
from qm.store.reader import JournalReader
from tests.qm.store.flows import START, SYMBOLS, closed, header, number, order, round_trip, runs, started


@pytest.fixture(params=["sqlite", "memory", "nameless file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalPort]:
    if request.param != "sqlite":
        if request.param == "nameless file":
            monkeypatch.setattr(held, "BLOCK", 5)
        yield MemoryJournal()
        return
    with Journal.open(tmp_path / "journal.db", "sim") as opened:
        yield opened


def fresh(folder: Path) -> Journal:
    """A new journal for each example: the folder is the same for all of them."""
    return Journal.open(folder / f"{sum(1 for _ in folder.iterdir())}.db", "sim")


def test_what_was_appended_is_read_in_order(journal: JournalPort) -> None:
    entries = number(round_trip())
    journal.start_run(header())
    journal.append(entries[:5], durable=False)
    journal.append(entries[5:], durable=True)
    journal.append([], durable=True)
    assert list(journal.read("sim-1")) == entries
    assert list(journal.read("sim-1", after=10)) == entries[10:]
    chain = Chain(header().genesis())
    assert list(journal.links("sim-1")) == list(enumerate([link for _, link in chain.extend(entries)], 1))
    assert journal.head("sim-1") == (12, chain.head)
    assert journal.verify("sim-1").ok


def test_an_empty_run_ends_at_its_genesis(journal: JournalPort) -> None:
    journal.start_run(header())
    assert journal.head("sim-1") == (0, header().genesis())
    assert (journal.verify("sim-1").ok, journal.verify("sim-1").entries) == (True, 0)


def test_appending_without_a_run_is_refused(journal: JournalPort) -> None:
    with pytest.raises(StoreError, match="No run"):
        journal.append(number(round_trip()), durable=True)


@pytest.mark.parametrize("taken", [slice(1, None), slice(0, 12, 2)])
def test_a_gap_in_the_numbers_is_refused_and_nothing_stored(journal: JournalPort, taken: slice) -> None:
    journal.start_run(header())
    with pytest.raises(StoreError, match="does not follow"):
        journal.append(number(round_trip())[taken], durable=True)
    assert journal.head("sim-1")[0] == 0
    journal.append(number(round_trip()), durable=True)
    assert journal.head("sim-1")[0] == 12


def test_a_run_id_is_used_once(journal: JournalPort) -> None:
    journal.start_run(header())
    with pytest.raises(StoreError, match="already has a run"):
        journal.start_run(header())


def test_an_unknown_run_is_named_with_its_neighbours(journal: JournalPort) -> None:
    journal.start_run(header("sim-2025-01-02"))
    with pytest.raises(NotFoundError) as caught:
        journal.head("sim-2025-01-03")
    assert caught.value.nearest == ("sim-2025-01-02",)
    with pytest.raises(NotFoundError):
        journal.entry("sim-2025-01-02", 1)


def test_runs_are_listed_as_they_started(journal: JournalPort) -> None:
    assert journal.last_run() is None
    heads = [header("a", "2025-01-02"), header("c", "2025-01-03"), header("b", "2025-01-02")]
    for each in heads:
        journal.start_run(each)
    assert journal.runs() == heads
    assert journal.last_run() == heads[2]
    assert journal.last_run("2025-01-03") == heads[1]
    assert journal.last_run("2025-01-04") is None
    assert journal.header("c") == heads[1]


def test_causes_lead_back_to_the_first(journal: JournalPort) -> None:
    journal.start_run(header())
    journal.append(number(round_trip()), durable=True)
    walk = journal.chain_of_causes("sim-1", 12)
    assert [entry.seq for entry in walk] == [12, 11, 10, 9, 7, 3, 2, 1]
    assert isinstance(walk[-1].body, ev.Hit)


def test_stories_of_symbols_orders_and_trades(journal: JournalPort) -> None:
    journal.start_run(header())
    plan = ev.Planned("orb", ("AAPL", "CYPH"), up=(1.0, None))
    journal.append(number([*round_trip(1, "AAPL"), *round_trip(2, "CYPH"), (0, plan)]), durable=True)

    def seqs(**about: str) -> list[int]:
        return [entry.seq for entry in journal.entries_about("sim-1", **about)]

    assert seqs(symbol="AAPL") == [*range(1, 13), 25]
    assert seqs(symbol="CYPH") == list(range(13, 26))
    assert seqs(order="S-1-P") == [4, 6, 8, 10, 11]
    assert seqs(trade="S-1") == list(range(3, 13))
    assert seqs(symbol="NONE") == []
    assert seqs() == []


def test_trades_are_found_across_runs(journal: JournalPort) -> None:
    for day, symbol in ((2, "AAPL"), (3, "CYPH"), (6, "AAPL")):
        journal.start_run(header(f"r{day}", f"2025-01-0{day}"))
        trade = closed(order(day, symbol, strategy=f"s{day % 2}"), START + day, ambiguous=day == 3)
        journal.append(number([(0, trade)]), durable=True)

    def found(**filters: object) -> list[str]:
        return [row.run for row in journal.trades(**filters)]  # type: ignore[arg-type]

    assert found() == ["r6", "r3", "r2"]
    assert found(limit=2) == ["r6", "r3"]
    assert found(symbol="AAPL") == ["r6", "r2"]
    assert found(strategy="s0", limit=1) == ["r6"]
    assert found(since=dt.date(2025, 1, 3)) == ["r6", "r3"]
    assert found(run="r3", symbol="CYPH") == ["r3"]
    assert found(run="r3", symbol="AAPL") == []
    (row,) = journal.trades(run="r3")
    assert (row.session, row.seq, row.side, row.ambiguous) == ("2025-01-03", 1, Side.BUY, True)


def test_a_run_is_resumed_where_it_ended(tmp_path: Path) -> None:
    entries = number(round_trip())
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        journal.append(entries[:7], durable=True)
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        assert journal.resume("sim-1") == header()
        journal.append(entries[7:], durable=True)
        assert journal.verify("sim-1").ok
        whole = MemoryJournal()
        whole.start_run(header())
        whole.append(entries, durable=True)
        assert journal.head("sim-1") == whole.head("sim-1")
        assert journal.orders("sim-1") == whole.orders("sim-1")


def test_trades_of_a_run_over_several_sessions_know_theirs(tmp_path: Path) -> None:
    bodies: list[tuple[int, ev.AnyEvent]] = []
    for day in (2, 3, 6):
        bodies += [(0, started(f"2025-01-0{day}")), (0, closed(order(day), START + day))]
    entries = number(bodies)
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        journal.append(entries[:3], durable=True)
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.resume("sim-1")
        journal.append(entries[3:], durable=True)
        assert [row.session for row in journal.trades()] == ["2025-01-06", "2025-01-03", "2025-01-02"]


def test_readers_see_what_a_writer_commits(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        JournalReader.open(tmp_path / "j.db", "sim")
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        with JournalReader.open(tmp_path / "j.db", "sim") as reader:
            assert reader.head("sim-1")[0] == 0
            journal.append(number(round_trip()), durable=False)
            assert reader.head("sim-1")[0] == 12
            assert reader.trades() == journal.trades()
    with JournalReader.open(tmp_path / "j.db", "sim") as reader:
        assert reader.verify("sim-1").ok


def test_the_files_are_their_owners_only(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "new" / "j.db", "sim") as journal:
        journal.start_run(header())
        files = sorted((tmp_path / "new").iterdir())
        assert [file.name for file in files] == ["j.db", "j.db-shm", "j.db-wal"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_number_that_is_none_is_refused_before_it_makes_the_journal_unreadable(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db", "sim") as journal:
        journal.start_run(header())
        with pytest.raises(StoreError, match="trade_closed"):
            journal.append(number([(0, closed(order(1), risk_usd=float("nan")))]), durable=True)
        assert journal.head("sim-1")[0] == 0
        journal.append(number([(0, closed(order(1), r=None))]), durable=True)
        assert journal.trades()[0].r is None


@settings(max_examples=30)
@given(entries=runs(), cuts=st.lists(st.integers(0, 40)), durable=st.booleans())
def test_any_entries_come_back_and_tables_are_the_fold_of_them(
    tmp_path_factory: pytest.TempPathFactory, entries: list[ev.Entry], cuts: list[int], durable: bool
) -> None:
    memory = MemoryJournal()
    with fresh(tmp_path_factory.getbasetemp()) as journal:
        journal.start_run(header())
        memory.start_run(header())
        edges = sorted({0, len(entries), *(cut for cut in cuts if cut < len(entries))})
        for start, stop in pairwise(edges):
            journal.append(entries[start:stop], durable=durable)
        memory.append(entries, durable=durable)
        assert list(journal.read("sim-1")) == entries
        assert journal.verify("sim-1") == memory.verify("sim-1")
        tables = (journal.orders("sim-1"), journal.positions("sim-1"), journal.trades())
        assert tables == (memory.orders("sim-1"), memory.positions("sim-1"), memory.trades())
        stories = [journal.entries_about("sim-1", symbol=each) for each in SYMBOLS]
        assert stories == [memory.entries_about("sim-1", symbol=each) for each in SYMBOLS]
        journal.rebuild("sim-1")
        assert tables == (journal.orders("sim-1"), journal.positions("sim-1"), journal.trades())
        assert stories == [journal.entries_about("sim-1", symbol=each) for each in SYMBOLS]
