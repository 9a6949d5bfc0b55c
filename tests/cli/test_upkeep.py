"""`qm data verify` and `qm data gc`: what is not what it was is named, and only what nobody needs goes."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from cli.markets import catalogue
from qm.history.files import sha256_of
from qm.history.garbage import collect
from tests.cli.program import Done, inside
from tests.qm.history.markets import DAY, NEXT, NOW, minute_bars, parquet

Run = pytest.CaptureFixture[str]


@pytest.fixture
def files(tmp_path: Path, capsys: Run) -> Path:
    """Two sessions of a dataset, the first of them cached; returns the folder of its files."""
    for i, day in enumerate((DAY, NEXT)):
        import_(tmp_path, capsys, f"{i}", day.day)
    of = catalogue()
    of.load("made", DAY)
    return of.folder / "made" / "bars_1m"


def import_(tmp_path: Path, capsys: Run, name: str, day: int, *more: str, minutes: int = 390) -> None:
    path = parquet(tmp_path / f"{name}.parquet", minute_bars(minutes, day=DAY.replace(day=day)))
    assert inside(capsys, "data", "import", str(path), "-d", "made", *more).code == 0


def verify(capsys: Run, *more: str) -> Done:
    return inside(capsys, "data", "verify", *more)


def test_all_is_as_it_was_written(files: Path, capsys: Run) -> None:
    done = verify(capsys)
    assert done.code == 0
    assert "2 files, 1,560 rows" in done.out
    assert "1 cached days: all as they were written" in done.out
    found = verify(capsys, "made", "--json").json
    assert (found["schema"], found["files"], found["rows"], found["cached"], found["faults"]) == (1, 2, 1_560, 1, [])


def test_a_truncated_file_is_named_and_the_others_are_looked_at(files: Path, capsys: Run) -> None:
    path = files / f"{DAY}.parquet"
    path.write_bytes(path.read_bytes()[:2_000])
    done = verify(capsys, "made")
    assert done.code == 4
    assert f"{path}: its content is not what its manifest says" in done.out
    assert f"{path}: is no Parquet file" in done.out
    assert "--replace" in done.err
    assert "2 files" in done.out


def test_a_file_with_another_schema_is_named_though_its_hash_is_right(files: Path, capsys: Run) -> None:
    path = files / f"{NEXT}.parquet"
    table = pq.read_table(path, partitioning=None)
    text = table.column("volume").cast("string")
    table = table.drop_columns(["close", "volume"]).append_column("volume", text).slice(0, 700)
    pq.write_table(table, path)
    manifest = msgspec.json.decode(path.with_suffix(".json").read_bytes())
    manifest["sha256"] = sha256_of(path)
    path.with_suffix(".json").write_bytes(msgspec.json.encode(manifest))
    done = verify(capsys)
    assert done.code == 4
    assert "has no column close" in done.out
    assert "has a column volume of type string" in done.out
    assert "has 700 rows, its manifest says 780" in done.out


def test_what_lies_in_the_wrong_place_or_without_a_manifest_is_named(files: Path, capsys: Run) -> None:
    (files / f"{DAY}.json").rename(files / "2025-01-06.json")
    done = verify(capsys)
    assert done.code == 4
    assert f"{files / f'{DAY}.parquet'}: has no manifest" in done.out
    assert "is the manifest of made/bars_1m/2025-01-02" in done.out
    assert f"{files / '2025-01-06.parquet'}: cannot be read" in done.out
    (files / f"{NEXT}.json").write_text("{")
    assert "is missing or damaged" in verify(capsys).out


def test_a_day_cache_that_tells_something_else_is_named(files: Path, capsys: Run) -> None:
    (cached,) = catalogue().scratch.rglob("*.npy")
    events = np.load(cached)
    events["d"][7] += 1.0
    np.save(cached, events)
    done = verify(capsys)
    assert done.code == 4
    assert f"{cached}: the day cache tells other records than the files" in done.out


def test_an_unknown_dataset_is_a_mistake(files: Path, capsys: Run) -> None:
    (files.parents[1] / ".downloads" / "made" / "bars_1m").mkdir(parents=True)
    for name in ("maid", ".downloads"):
        done = verify(capsys, name)
        assert (done.code, f"No dataset is called {name!r}" in done.err) == (2, True)
    assert verify(capsys).code == 0


def test_gc_removes_what_is_left_over_and_never_data(files: Path, tmp_path: Path, capsys: Run) -> None:
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    assert inside(capsys, "data", "gc").out == "0 pieces of 0.0 MB removed\n"
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, alive = files / f".x.parquet.{int(ended.stdout)}.part", files / f".x.parquet.{os.getpid()}.part"
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    done = inside(capsys, "data", "gc", "--dry-run")
    assert f"{dead}: half a file" in done.out
    assert "1 pieces of 0.0 MB would be removed" in done.out
    assert dead.exists()
    assert inside(capsys, "data", "gc").code == 0
    assert (dead.exists(), alive.exists()) == (False, True)
    alive.unlink()
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before

    # Other data of the first session: its cached day is of what was there before.
    (cached,) = catalogue().scratch.rglob("*.npy")
    import_(tmp_path, capsys, "other", DAY.day, "--replace", minutes=300)
    assert "no longer there" in verify(capsys).err
    done = inside(capsys, "data", "gc", "--json")
    assert {Path(each["path"]) for each in done.json["pieces"]} == {cached, cached.with_suffix(".json")}
    assert not cached.exists()
    assert len(list(catalogue().scratch.rglob("*.npz"))) == 2
    assert verify(capsys).code == 0


def test_gc_waits_a_day_for_an_import(files: Path) -> None:
    of = catalogue()
    left = of.scratch / ".import-abc"
    left.mkdir()
    (left / "1").write_bytes(b"rows")
    stamp = NOW // 10**9
    for path in (left / "1", left):
        os.utime(path, (stamp, stamp))
    day = 86_400 * 10**9
    assert collect(of, NOW + day).pieces == ()
    (piece,) = collect(of, NOW + day + 1).pieces
    assert (Path(piece.path), piece.bytes) == (left, 4)
    assert not left.exists()


def test_the_cache_of_a_dataset_that_is_gone_goes(files: Path, capsys: Run) -> None:
    for path in files.iterdir():
        path.unlink()
    assert len(inside(capsys, "data", "gc", "--json").json["pieces"]) == 4
    assert [path for path in catalogue().scratch.rglob("*") if path.is_file()] == []
