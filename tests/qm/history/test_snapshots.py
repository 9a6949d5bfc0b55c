import errno
import os
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qm.clock import MINUTE
from qm.errors import DataError, DiskFullError, NotFoundError, QmError
from qm.history import snapshots
from qm.history.snapshots import FIXED, FLAGS, MARKET, POINTS, SnapshotWriter, market_path, read
from qm.radar.parts import Part
from qm.radar.radar import Radar
from qm.radar.ranking import Ranking
from qm.radar.weights import RadarWeights
from tests.qm.radar.day import OPEN, SESSION, Driven, beats, made, market_of, random_tape, table_of

SYMBOLS = 8
TABLE = table_of(SYMBOLS)
NAME = "2026-11-20.parquet"
WHOLE = "2026-11-20.market.parquet"


def rankings(minutes: int, weights: RadarWeights | None = None) -> list[Ranking]:
    market, radar = market_of(SYMBOLS), Radar(weights or RadarWeights(top=5))
    return [radar.beat(market, found) for found in beats(market, random_tape(SYMBOLS, minutes, seed=5))]


def writer(folder: Path, every: int = 3) -> SnapshotWriter:
    return SnapshotWriter(folder, TABLE, SESSION, every=every)


def test_what_is_read_is_what_the_radar_showed(tmp_path: Path) -> None:
    shown = rankings(7)
    with writer(tmp_path) as store:
        for ranking in shown:
            store.add(ranking)
    table = read(tmp_path / NAME)
    assert table.column_names == [*FIXED, *(part + POINTS for part in RadarWeights().parts())]
    lines = [(ranking.ts, line) for ranking in shown for line in ranking.rows(5)]
    assert table["ts"].to_pylist() == [ts for ts, _ in lines]
    assert table["symbol"].to_pylist() == [line.symbol for _, line in lines]
    assert table["rank"].to_pylist() == [line.rank for _, line in lines]
    assert table["score"].to_pylist() == pytest.approx([line.score for _, line in lines], abs=1e-3)
    assert table["last"].to_pylist() == [line.last for _, line in lines]
    for i, part in enumerate(RadarWeights().parts()):
        assert table[part + POINTS].to_pylist() == pytest.approx([line.parts[i].points for _, line in lines], abs=1e-3)


def test_one_file_remains_with_a_row_group_per_part(tmp_path: Path) -> None:
    with writer(tmp_path) as store:
        for ranking in rankings(7):
            store.add(ranking)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WHOLE, NAME]
    assert pq.ParquetFile(tmp_path / NAME).num_row_groups == 3


def test_at_picks_the_last_beat_at_or_before(tmp_path: Path) -> None:
    with writer(tmp_path) as store:
        for ranking in rankings(7):
            store.add(ranking)
    path = tmp_path / NAME
    for minute in range(1, 8):
        for at in (OPEN + minute * MINUTE, OPEN + minute * MINUTE + 1, OPEN + (minute + 1) * MINUTE - 1):
            assert set(read(path, at)["ts"].to_pylist()) == {OPEN + minute * MINUTE}
    assert set(read(path, OPEN + 99 * MINUTE)["ts"].to_pylist()) == {OPEN + 7 * MINUTE}
    assert len(read(path, OPEN)) == 0


def test_symbol_picks_one_symbol_at_every_beat_or_at_one(tmp_path: Path) -> None:
    shown = rankings(7)
    with writer(tmp_path) as store:
        for ranking in shown:
            store.add(ranking)
    path = tmp_path / NAME
    expected = [(r.ts, r.rank_of(3)) for r in shown if 3 in r.order.tolist()]
    table = read(path, symbol="S003")
    assert list(zip(table["ts"].to_pylist(), table["rank"].to_pylist(), strict=True)) == expected
    assert read(path, at=expected[0][0], symbol="S003")["rank"].to_pylist() == [expected[0][1]]
    assert len(read(path, symbol="NONE")) == 0


def test_a_crash_loses_only_what_was_not_written(tmp_path: Path) -> None:
    store = writer(tmp_path)
    for ranking in rankings(7):
        store.add(ranking)
    store.settle()
    del store
    table = read(tmp_path / NAME)
    assert sorted(set(table["ts"].to_pylist())) == [OPEN + minute * MINUTE for minute in range(1, 7)]
    assert set(read(tmp_path / NAME, OPEN + 4 * MINUTE + 5)["ts"].to_pylist()) == {OPEN + 4 * MINUTE}


def test_a_store_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    shown = rankings(12)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with writer(whole) as store:
        for ranking in shown:
            store.add(ranking)
    store = writer(cut)
    for ranking in shown[:8]:
        store.add(ranking)
    store.settle()
    with writer(cut) as again:
        for ranking in shown[4:10]:
            again.add(ranking)
    with writer(cut) as third:
        for ranking in shown:
            third.add(ranking)
    assert read(cut / NAME).equals(read(whole / NAME))
    assert sorted(path.name for path in cut.iterdir()) == [WHOLE, NAME]


def test_parts_that_were_joined_but_not_removed_are_not_read_twice(tmp_path: Path) -> None:
    store = writer(tmp_path)
    for ranking in rankings(6):
        store.add(ranking)
    store.settle()
    left = {part.name: part.read_bytes() for part in (tmp_path / "2026-11-20.parts").iterdir()}
    store.close()
    joined = read(tmp_path / NAME)
    (tmp_path / "2026-11-20.parts").mkdir()
    for name, content in left.items():
        (tmp_path / "2026-11-20.parts" / name).write_bytes(content)
    assert read(tmp_path / NAME).equals(joined)
    with writer(tmp_path):
        pass
    assert read(tmp_path / NAME).equals(joined)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WHOLE, NAME]


def test_weights_may_change_within_a_session(tmp_path: Path) -> None:
    shown = rankings(2)
    other = Ranking(TABLE, shown[1].features, {"gap_pct": Part(100, 0, 10)}, shown[1].scores, 5)
    with writer(tmp_path, every=1) as store:
        store.add(shown[0])
        store.add(other)
    table = read(tmp_path / NAME)
    assert table["gap_pct" + POINTS].null_count == len(shown[0].order)
    assert table["chg_pct" + POINTS].null_count == len(other.order)


def test_a_beat_at_which_nothing_is_ranked_leaves_no_trace(tmp_path: Path) -> None:
    with writer(tmp_path) as store:
        store.add(Radar(RadarWeights()).beat(market_of(1), made(last=[float("nan")])))
    assert list(tmp_path.iterdir()) == []


def test_a_session_without_snapshots_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no radar snapshots"):
        read(tmp_path / NAME)


def test_a_broken_file_is_reported_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(DataError, match="cannot be read"):
        read(path)
    with pytest.raises(DataError, match="cannot be read"):
        writer(tmp_path)
    assert path.read_bytes() == b"PAR1 but no more"


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EIO, DataError)])
def test_a_failed_write_loses_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[QmError]
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "refused")

    told: list[QmError] = []
    store = SnapshotWriter(tmp_path, TABLE, SESSION, every=2, on_problem=told.append)
    shown = rankings(7)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        for ranking in shown[:6]:
            store.add(ranking)
        store.settle()
        assert [type(error) for error in told] == [kind]
        assert isinstance(store.problem, kind)
        with pytest.raises(kind):
            store.flush()
        assert [path.name for path in (tmp_path / "2026-11-20.parts").iterdir()] == []
    store.add(shown[6])
    store.close()
    assert [store.problem, store.lost] == [None, 0]
    assert len(set(read(tmp_path / NAME)["ts"].to_pylist())) == 7


def test_beats_that_can_never_be_written_are_given_up_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "refused")

    shown = rankings(11)
    store = SnapshotWriter(tmp_path, TABLE, SESSION, every=2, market_s=0)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        for ranking in shown:
            store.add(ranking)
        store.settle()
    # Four parts of two beats are held back.
    assert store.lost == 3
    store.close()
    assert sorted(set(read(tmp_path / NAME)["ts"].to_pylist())) == [ranking.ts for ranking in shown[3:]]


def test_an_engine_that_does_not_wait_leaves_out_what_the_thread_cannot_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "QUEUED", 2)
    gate, writing = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        writing.set()
        gate.wait(10)

    shown = rankings(6)
    store = SnapshotWriter(tmp_path, TABLE, SESSION, every=1, market_s=0, wait=False)
    with monkeypatch.context() as held:
        held.setattr(os, "fsync", slow)
        store.add(shown[0])
        assert writing.wait(10)
        for ranking in shown[1:]:
            store.add(ranking)
        gate.set()
        store.settle()
    store.close()
    assert store.lost == 3
    assert sorted(set(read(tmp_path / NAME)["ts"].to_pylist())) == [ranking.ts for ranking in shown[:3]]


def test_the_whole_market_is_kept_now_and_then(tmp_path: Path) -> None:
    shown = rankings(6, RadarWeights(top=2))
    with SnapshotWriter(tmp_path, TABLE, SESSION, market_s=120) as store:
        for ranking in shown:
            store.add(ranking)
    table = read(market_path(tmp_path / NAME))
    assert tuple(table.column_names) == MARKET
    # The first beat, and then each that begins another two minutes since 1970.
    assert sorted(set(table["ts"].to_pylist())) == [OPEN + minute * MINUTE for minute in (1, 2, 4, 6)]
    last = shown[5]
    at_last = read(market_path(tmp_path / NAME), at=last.ts)
    assert at_last["symbol"].to_pylist() == list(TABLE.names)
    assert at_last["rank"].to_pylist() == [last.rank_of(row) for row in range(SYMBOLS)]
    assert at_last["lack"].to_pylist() == [last.lack(row) for row in range(SYMBOLS)]
    assert at_last["chg_pct"].to_pylist() == pytest.approx(last.features["chg_pct"].tolist(), abs=5.1e-3)


def test_who_stands_on_the_list_is_kept_with_its_flags_even_when_it_is_halted(tmp_path: Path) -> None:
    driven = Driven(RadarWeights(top=1), 2)
    columns = {"last": [10.0, 10.0], "dollar_volume": [1e6, 1e6], "chg_pct": [9.0, 5.0]}
    seen = [made(OPEN, **columns), made(OPEN + MINUTE, **columns, halted=[1.0, 0.0], new_high=[0.0, 1.0])]
    with SnapshotWriter(tmp_path, driven.market.table, SESSION) as store:
        for features in seen:
            store.add(driven.beat(features))
    rows = read(tmp_path / NAME, at=OPEN + MINUTE).to_pylist()
    assert [(row["symbol"], row["rank"], row["flags"]) for row in rows] == [
        ("S000", 0, FLAGS["halt"] + FLAGS["list"]),
        ("S001", 1, FLAGS["high"]),
    ]
