"""A file on its way: what is durable of it, what is swept, and whose turn it is."""

import fcntl
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qm.errors import DataError, LockedError
from qm.history.download.lock import only_one
from qm.history.download.partial import Partial, check_gz, sweep
from qm.model.downloads import Piece, Reached


def begun(path: Path, *pieces: Piece) -> Partial:
    partial = Partial(path, save_bytes=4)
    partial.open("v1")
    for piece in pieces:
        partial.add(piece)
    partial.close()
    return partial


def test_it_goes_on_at_what_was_durable(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    # The second piece is too small to be noted by itself.
    partial = begun(file, Piece(b"12345", "one"), Piece(b"67", "two"))
    assert partial.there
    assert Partial(file, 4).open("v1") == Reached(5, "one")
    assert file.read_bytes() == b"12345"


def test_another_version_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    begun(file, Piece(b"12345", "one"))
    assert Partial(file, 4).open("v2") == Reached(0, "")
    assert file.read_bytes() == b""


@pytest.mark.parametrize("damage", ["state", "file"])
def test_what_does_not_fit_together_begins_anew(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    begun(file, Piece(b"12345", "one"))
    if damage == "state":
        (tmp_path / "a.csv.gz.state").write_bytes(b"{")
    else:
        file.write_bytes(b"123")
    assert Partial(file, 4).open("v1") == Reached(0, "")


def test_a_vendor_that_begins_again_voids_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    begun(file, Piece(b"12345", "one"), Piece(b"ab", "two", afresh=True))
    assert Partial(file, 4).open("v1") == Reached(2, "two")
    assert file.read_bytes() == b"ab"


def test_dropping_takes_all_that_was_made_of_it(tmp_path: Path) -> None:
    partial = begun(tmp_path / "a.csv.gz", Piece(b"12345", "one"))
    (tmp_path / "a.parquet").write_bytes(b"")
    (tmp_path / "ab.csv.gz").write_bytes(b"")
    partial.drop()
    assert [each.name for each in tmp_path.iterdir()] == ["ab.csv.gz"]


def test_a_gz_of_several_members_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"a" * 5_000_000) + gzip.compress(b"b"))
    check_gz(file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="is cut short"):
        check_gz(file)
    file.write_bytes(b"")
    with pytest.raises(DataError, match="is cut short"):
        check_gz(file)


def test_only_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for pid in (int(dead.stdout), os.getpid()):
        (tmp_path / f".2025-01-02.parquet.{pid}.part").write_bytes(b"")
    (tmp_path / "2025-01-02.parquet").write_bytes(b"")
    sweep(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f".2025-01-02.parquet.{os.getpid()}.part",
        "2025-01-02.parquet",
    ]


async def test_who_is_patient_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)

    def patient() -> bool:
        os.close(holder)
        return True

    async with only_one(path, patient):
        with pytest.raises(LockedError, match=rf"process {os.getpid()}, for \d+ s"):
            async with only_one(path, lambda: False):
                pass
