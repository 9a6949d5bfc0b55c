import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import DataError, DiskFullError
from qm.history.records import RecordHeader, RecordWriter, ReferenceColumns, read_header, read_records, seal
from qm.market.reference import Reference
from qm.model.market import EVENT, Events, trade
from qm.model.market import events as made

WRITER = """
import sys
from pathlib import Path
from qm.history.records import RecordHeader, RecordWriter
from tests.qm.history.test_records import prints
writer = RecordWriter.create(Path(sys.argv[1]), RecordHeader(session="2025-01-02", run="r", symbols=("A",)))
while True:
    writer.append(prints(17, writer.count))
    print(writer.count, flush=True)
"""


def prints(count: int, first: int = 0) -> Events:
    return made([trade(1_000 + i, i % 3, 10.0 + i / 100, 100.0) for i in range(first, first + count)])


def header(symbols: int = 3) -> RecordHeader:
    known = Reference.empty(symbols)
    known.prior_close[1] = 12.34
    known.days[1] = 9
    known.usual[:] = np.linspace(0, 1e6 / 3, known.usual.size).reshape(known.usual.shape)
    known.usual[:, 2] = np.nan
    known.curve[:] = np.linspace(0.01, 1, 390)
    names = tuple(f"S{i}" for i in range(symbols))
    return RecordHeader(
        session="2025-01-02", run="sim-1", symbols=names, reference=ReferenceColumns.of(known), code="1.0"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "run.rec"


def test_records_come_back_raw_and_sealed(path: Path) -> None:
    with RecordWriter.create(path, header()) as writer:
        writer.append(prints(10))
        writer.append(prints(0))
        writer.append(prints(5, 10))
        assert writer.count == 15
        # A reader need not wait for the end.
        assert np.array_equal(read_records(path)[1], prints(15))
    assert read_records(path)[0] == read_header(path) == header()
    sealed = writer.seal()
    assert not path.exists()
    found, events = read_records(sealed)
    assert (found, read_header(sealed)) == (header(), header())
    assert np.array_equal(events, prints(15))
    assert events.dtype == EVENT
    assert found.table().row("S2") == 2


def test_every_kind_of_number_survives_sealing(path: Path) -> None:
    odd = np.zeros(4, EVENT)
    odd["kind"] = 3
    odd["a"] = [np.nan, np.inf, -0.0, 5e-324]
    odd["sym"], odd["flag"], odd["code"] = -1, 255, -32768
    odd["event_ts"] = [-(2**63), 2**63 - 1, 0, 1]
    with RecordWriter.create(path, header()) as writer:
        writer.append(odd)
    assert read_records(seal(path))[1].tobytes() == odd.tobytes()


def test_the_reference_comes_back_to_the_bit(path: Path) -> None:
    known = Reference.empty(4)
    known.atr[:] = [0.1 + 0.2, np.nan, 1e-17, 3.0]
    known.noise[3, 1:3] = [0.004, 0.1 + 0.2]
    known.usual[:, 1:3] = np.float32(1 / 3)
    known.listing[0], known.borrow[1], known.leverage[2] = 2.0, 0.0, 1.5
    known.known_at[2] = 1_700_000_000_000_000_001
    known.climate[1:3] = [0.1 + 0.2, -1e-17]
    columns = ReferenceColumns.of(known)
    RecordWriter.create(path, RecordHeader(session="2025-01-02", run="r", symbols=(), reference=columns)).close()
    found = read_header(path).reference
    assert found is not None
    assert found.reference().digest() == known.digest()


def test_a_recording_of_an_earlier_version_knows_nothing_of_what_came_later() -> None:
    told = {name: [None, None] for name in ("prior_close", "adv", "atr", "or_volume", "float_shares")}
    old = msgspec.json.decode(
        msgspec.json.encode({**told, "days": [0, 0], "curve": [None] * 390}), type=ReferenceColumns
    )
    assert old.reference().digest() == Reference.empty(2).digest()


@given(cut=st.integers(0, 64 * 9), count=st.integers(0, 9))
def test_a_torn_end_is_cut_off(tmp_path_factory: pytest.TempPathFactory, cut: int, count: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "run.rec"
    with RecordWriter.create(path, header()) as writer:
        start = path.stat().st_size
        writer.append(prints(count))
    size = max(start, path.stat().st_size - cut)
    with path.open("r+b") as file:
        file.truncate(size)
    whole = (size - start) // 64
    assert np.array_equal(read_records(path)[1], prints(whole))
    with RecordWriter.resume(path) as writer:
        assert writer.count == whole
        writer.append(prints(3, whole))
    assert np.array_equal(read_records(path)[1], prints(whole + 3))


def test_an_end_of_zeros_is_cut_off(path: Path) -> None:
    with RecordWriter.create(path, header()) as writer:
        writer.append(prints(5))
    with path.open("ab") as file:
        file.write(bytes(64 * 3 + 7))
    assert len(read_records(path)[1]) == 5
    assert len(read_records(seal(path))[1]) == 5


def test_an_empty_recording_is_one(path: Path) -> None:
    RecordWriter.create(path, header()).close()
    assert len(read_records(path)[1]) == 0
    assert len(read_records(seal(path))[1]) == 0


def test_records_may_not_run_backwards(path: Path) -> None:
    with RecordWriter.create(path, header()) as writer:
        writer.append(prints(5))
        with pytest.raises(DataError, match="out of order"):
            writer.append(prints(5))
        writer.append(prints(5, 4))
    with RecordWriter.resume(path) as writer, pytest.raises(DataError, match="out of order"):
        writer.append(prints(5))


def test_a_recording_is_never_written_over(path: Path) -> None:
    RecordWriter.create(path, header()).close()
    with pytest.raises(DataError, match="already"):
        RecordWriter.create(path, header())


@pytest.mark.parametrize("content", [b"", b"QMREC", b"something else entirely", b"QMREC\x001\n" + b"\xff" * 8 + b"{}"])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("x.rec", "x.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        for read in (read_records, read_header):
            with pytest.raises(DataError, match="is damaged"):
                read(path)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    for name in ("x.rec", "x.parquet"):
        with pytest.raises(DataError, match="x\\."):
            read_records(tmp_path / name)


def test_a_full_disk_leaves_whole_batches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RecordWriter.create(path, header())
    writer.append(prints(5))
    write, room = os.write, 100

    def fills_up(handle: int, data: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        room -= (taken := write(handle, data[:room]))
        return taken

    with monkeypatch.context() as patch:
        patch.setattr("os.write", fills_up)
        with pytest.raises(DiskFullError):
            writer.append(prints(5, 5))
    assert len(read_records(path)[1]) == 5
    writer.append(prints(5, 5))
    writer.close()
    assert np.array_equal(read_records(path)[1], prints(10))


def test_a_killed_writer_leaves_what_it_had_appended(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        told = [int(line) for line in writer.stdout.read().split()]
    count = len(read_records(path)[1])
    assert count >= (told[-1] if told else 20 * 17)
    assert np.array_equal(read_records(path)[1], prints(count))
