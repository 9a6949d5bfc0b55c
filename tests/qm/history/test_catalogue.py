import errno
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from qm.clock import MINUTE
from qm.errors import DataError, DiskFullError, NotFoundError, UsageError
from qm.history import daycache
from qm.history.catalogue import Catalogue
from qm.history.manifest import SCHEMA, Manifest
from qm.model.market import EVENT, Kind
from tests.qm.history.markets import DAY, NEXT, NOW, OPEN, imported, in_order, minute_bars, parquet


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return imported(tmp_path, parquet(tmp_path / "in.parquet", minute_bars()), seconds=60)[0]


def stored(tmp_path: Path, suffix: str) -> Path:
    return tmp_path / "history" / "made_up" / "bars_1m" / f"{DAY}{suffix}"


def test_a_session_comes_back_as_bars_known_at_their_end(catalogue: Catalogue) -> None:
    data = catalogue.load("made_up", DAY)
    assert (data.session, data.symbols.names, len(data.events)) == (DAY, ("AAPL", "CYPH"), 780)
    first = data.events[0]
    assert (first["ts"], first["event_ts"]) == (OPEN + MINUTE, OPEN)
    assert first["kind"] == Kind.BAR
    assert first["code"] == 60
    assert first[list("abcde")].tolist() == (10.0, 10.05, 9.95, 10.01, 10.0)
    assert in_order(data.events)


def test_the_second_load_maps_what_the_first_has_built(catalogue: Catalogue, tmp_path: Path) -> None:
    first = catalogue.load("made_up", DAY)
    (cached,) = (tmp_path / "cache").rglob("*.npy")
    built = cached.stat().st_mtime_ns
    stored(tmp_path, ".parquet").unlink()
    again = catalogue.load("made_up", DAY)
    assert cached.stat().st_mtime_ns == built
    assert np.array_equal(first.events, again.events)
    assert first.digest == again.digest
    # Feeding code may write into what it was given; the cache must not notice.
    again.events["a"] = 0.0
    assert np.array_equal(catalogue.load("made_up", DAY).events, first.events)


@pytest.mark.parametrize("damage", ["truncate", "dtype", "sidecar", "digest", "gone"])
def test_a_damaged_cache_is_built_again(catalogue: Catalogue, tmp_path: Path, damage: str) -> None:
    first = catalogue.load("made_up", DAY).events.copy()
    (cached,) = (tmp_path / "cache").rglob("*.npy")
    beside = cached.with_suffix(".json")
    if damage == "truncate":
        cached.write_bytes(cached.read_bytes()[:-100])
    elif damage == "dtype":
        np.save(cached, np.zeros(780))
    elif damage == "sidecar":
        beside.write_text("{")
    elif damage == "digest":
        beside.write_text(beside.read_text().replace('"digest":"', '"digest":"0'))
    else:
        cached.unlink()
    assert np.array_equal(catalogue.load("made_up", DAY).events, first)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    catalogue, _ = imported(tmp_path, parquet(tmp_path / "in.parquet", minute_bars()), seconds=60)
    assert len(catalogue.load("made_up", DAY).events) == 780


def test_a_full_disk_costs_memory_and_not_the_session(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        found = catalogue.load("made_up", DAY)
        patch.setattr(daycache, "LARGE_ROWS", 700)
        with pytest.raises(DiskFullError):
            catalogue.load("made_up", DAY)
    assert not list((tmp_path / "cache" / "made_up" / "bars_1m").iterdir())
    assert np.array_equal(catalogue.load("made_up", DAY).events, found.events)


def test_other_data_of_the_same_day_leaves_no_stale_cache(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.load("made_up", DAY)
    more = minute_bars()
    more["close"] = more["close"] + 0.01
    catalogue, _ = imported(tmp_path, parquet(tmp_path / "in.parquet", more), seconds=60, replace=True)
    assert catalogue.load("made_up", DAY).events["d"][0] == pytest.approx(10.02)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1


def test_an_unknown_dataset_is_named_with_its_neighbours(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError) as caught:
        catalogue.load("made_op", DAY)
    assert caught.value.nearest == ("made_up",)
    with pytest.raises(NotFoundError) as caught:
        catalogue.sessions("zzz")
    assert "There is made_up" in caught.value.remedy
    with pytest.raises(NotFoundError):
        catalogue.kinds("../../etc")


def test_an_empty_catalogue_says_how_to_fill_it(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "none", tmp_path / "cache")
    assert catalogue.ls() == []
    with pytest.raises(NotFoundError) as caught:
        catalogue.sessions("us99")
    assert "qm data import" in caught.value.remedy


def test_a_missing_session_names_those_that_are_there(catalogue: Catalogue) -> None:
    with pytest.raises(DataError, match=f"no bars_1m of {NEXT}") as caught:
        catalogue.load("made_up", NEXT)
    assert str(DAY) in caught.value.remedy


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".parquet", lambda data: data[:-200]),
        (".parquet", lambda data: b""),
        (".parquet", lambda data: data[:300] + b"\0" + data[301:]),
        (".json", lambda data: data[:40]),
        (".json", lambda data: b"\xff\xfe"),
        (".json", lambda data: data.replace(b'"rows"', b'"rowz"')),
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(
    catalogue: Catalogue, tmp_path: Path, suffix: str, damage: object
) -> None:
    assert callable(damage)
    path = stored(tmp_path, suffix)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        catalogue.load("made_up", DAY)
    assert str(path) in caught.value.problem
    assert "--replace" in caught.value.remedy


def test_a_file_with_other_rows_than_its_manifest_says_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    manifest = stored(tmp_path, ".json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows": 780', b'"rows": 779'))
    with pytest.raises(DataError, match="it has 780 rows, and its manifest says 779"):
        catalogue.load("made_up", DAY)


def test_a_missing_parquet_file_is_named(catalogue: Catalogue, tmp_path: Path) -> None:
    stored(tmp_path, ".parquet").unlink()
    with pytest.raises(DataError, match="is damaged"):
        catalogue.load("made_up", DAY)


def test_a_newer_manifest_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    path = stored(tmp_path, ".json")
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, schema=SCHEMA + 1)))
    with pytest.raises(DataError, match="newer version"):
        catalogue.ls()


def test_listing_tells_what_there_is(tmp_path: Path) -> None:
    both = {
        name: [*column, *more]
        for (name, column), more in zip(minute_bars(5).items(), minute_bars(3, day=NEXT).values(), strict=True)
    }
    catalogue, _ = imported(tmp_path, parquet(tmp_path / "in.parquet", both), source="the vendor")
    (row,) = catalogue.ls()
    assert (row.name, row.kind, row.sessions, row.first, row.last) == ("made_up", "bars_1m", 2, str(DAY), str(NEXT))
    assert (row.rows, row.symbols, row.source) == (16, 2, "the vendor")
    assert catalogue.sessions("made_up") == [DAY, NEXT]
    assert catalogue.sessions("made_up", since=NEXT) == [NEXT]
    assert catalogue.sessions("made_up", until=DAY) == [DAY]
    found = catalogue.manifest("made_up", "bars_1m", NEXT)
    assert found is not None
    assert (found.rows, found.seconds, found.fetched_at) == (6, 60, NOW)
    assert found.first == min(minute_bars(3, day=NEXT)["ts"])


def test_of_several_kinds_one_must_be_chosen(tmp_path: Path) -> None:
    parquet(tmp_path / "bars.parquet", minute_bars(2))
    trades = {
        "ts": [OPEN, OPEN, OPEN + 5],
        "symbol": ["CYPH", "AAPL", "ZZZ"],
        "price": [1.0, 2.0, 3.0],
        "size": [1, 2, 3],
    }
    parquet(tmp_path / "trades.parquet", trades)
    quotes = {"ts": [OPEN, OPEN + 5], "symbol": ["CYPH", "ZZZ"], "bid": [0.9, 2.9], "ask": [1.1, 3.1]}
    parquet(tmp_path / "quotes.parquet", quotes | {"bid_size": [100, 100], "ask_size": [200, 200]})
    catalogue, _ = imported(tmp_path, tmp_path)
    assert catalogue.kinds("made_up") == ["quotes", "trades", "bars_1m"]
    with pytest.raises(UsageError, match="say which one"):
        catalogue.load("made_up", DAY)
    with pytest.raises(NotFoundError, match="has no bars_5s"):
        catalogue.load("made_up", DAY, "bars_5s")
    assert len(catalogue.load("made_up", DAY, "bars_1m").events) == 4
    both = catalogue.load("made_up", DAY, "trades+quotes")
    assert both.symbols.names == ("AAPL", "CYPH", "ZZZ")
    assert both.events.dtype == EVENT
    told = [(event["ts"] - OPEN, event["sym"], event["kind"]) for event in both.events]
    assert told == [(0, 0, Kind.TRADE), (0, 1, Kind.QUOTE), (0, 1, Kind.TRADE), (5, 2, Kind.QUOTE), (5, 2, Kind.TRADE)]
