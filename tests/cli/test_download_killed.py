"""A download that is killed at random moments ends with the same bytes as one that never was."""

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.brokers.alpaca.history_server import HistoryServer
from tests.brokers.massive.flat_store import Fault, FlatStore
from tests.cli.alpaca_market import SYMBOLS, alpaca
from tests.cli.flat_market import FIRST, LAST, contents, flat_files
from tests.cli.program import LONGEST_S, PROGRAM, qm, watched

# Read before the tests forget the settings of the environment: QM_SOAK_KILLS=50 for the long version.
KILLS = int(os.environ.get("QM_SOAK_KILLS", "3"))
RANGE = ("--since", str(FIRST), "--until", str(LAST))
ARGUMENTS = ("data", "download", "massive", "-d", "us", *RANGE, "--json")
KINDS = {"massive": "bars_1m,bars_1d,trades,quotes", "alpaca": "bars_1m,bars_1d,trades,quotes,auctions,actions"}


class Killer:
    """Ends a process a while after the store has sent so much to it."""

    def __init__(self, store: FlatStore | HistoryServer, number: int) -> None:
        self._store = store
        self._number = number
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def run(self, arguments: tuple[str, ...], after: int, after_s: float) -> int:
        """Start the program and return how it ended."""
        aim, done = self._store.sent + after, threading.Event()

        def on_sent(sent: int) -> None:
            if sent >= aim and not done.is_set():
                done.set()
                self._timer = threading.Timer(after_s, self._end)
                self._timer.start()

        self._store.on_sent = on_sent
        with subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL) as self._process:
            code = self._process.wait(LONGEST_S)
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        return code

    def _end(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(self._number)


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["massive", "alpaca"])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    vendor: str, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (
        "data",
        "download",
        vendor,
        "-d",
        "us",
        *RANGE,
        "--kind",
        KINDS[vendor],
        "--symbols",
        ",".join(SYMBOLS),
    )
    with flat_files() if vendor == "massive" else alpaca(HistoryServer(largest=7)) as server:
        monkeypatch.setenv("QM_DATA_DIR", str(own_folders / "whole"))
        qm(*arguments)
        whole, size = contents(own_folders / "whole" / "history"), server.sent
        assert len(whole) == 2 * 3 * len(KINDS[vendor].split(","))

        random = np.random.default_rng(7)
        monkeypatch.setenv("QM_DATA_DIR", str(own_folders / "killed"))
        killed = 0
        for _ in range(20 * KILLS):
            if killed == KILLS:
                break
            # Within the transfer or, by the time that it is given, within the import and the writing after it.
            after_s = float(random.random()) * 0.1 * int(random.integers(0, 2))
            code = Killer(server, signal.SIGKILL).run(arguments, int(random.integers(1, size // 2)), after_s)
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            if code == 0:
                _forget(own_folders / "killed" / "history", random)
        assert killed == KILLS
        qm(*arguments)
    assert contents(own_folders / "killed" / "history") == whole


def _forget(history: Path, random: np.random.Generator) -> None:
    """Take some sessions away, so that there is something to do again."""
    for manifest in sorted((history / "us").rglob("*.json")):
        if random.random() < 0.7:
            manifest.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 3), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(number: int, code: int, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_DATA_DIR", str(own_folders / "data"))
    with flat_files() as store:
        store.faults = [Fault(cut=3_000, silent=True)]
        monkeypatch.setenv("QM_DOWNLOAD__STALL_S", "600")
        every = (*ARGUMENTS, "--kind", KINDS["massive"])
        assert Killer(store, number).run(every, 3_000, 0.0) == code
        assert [each.name for each in (own_folders / "data" / "history" / ".downloads" / "us").glob("*.state")] == [
            f"massive-bars_1m-{FIRST}.csv.gz.state"
        ]
        assert len(qm(*every).json["fetched"]) == 3 * 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["quotes", "auctions", "actions"])
def test_a_signal_ends_pages_in_order(kind: str, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_DATA_DIR", str(own_folders / "data"))
    named = ("--symbols", ",".join(SYMBOLS)) if kind != "actions" else ()
    arguments = ("data", "download", "alpaca", "-d", "us", *RANGE, "--kind", kind, "--json", *named)
    with alpaca(HistoryServer(largest=1, silent_after=2)) as server:
        monkeypatch.setenv("QM_DOWNLOAD__STALL_S", "600")
        assert Killer(server, signal.SIGTERM).run(arguments, 2, 0.2) == 3
        assert len(list((own_folders / "data" / "history" / ".downloads" / "us").glob("*.state"))) == 1
        server.silent_after, server.on_sent = -1, lambda sent: None
        pages = server.sent
        assert len(qm(*arguments).json["fetched"]) == 3
        resumed = server.sent - pages
        monkeypatch.setenv("QM_DATA_DIR", str(own_folders / "whole"))
        qm(*arguments)
        # What was fetched before the signal is not fetched again.
        assert resumed == server.sent - pages - resumed - 2
    whole = own_folders / "whole" / "history"
    assert contents(own_folders / "data" / "history" / "us") == contents(whole / "us")


def test_without_a_terminal_it_is_silent(own_folders: Path) -> None:
    with flat_files():
        done = qm(*[each for each in ARGUMENTS if each != "--json"])
    assert done.err == ""
    assert done.out.startswith("us: 2025-01-02 to 2025-01-06, 3 expected: 0 there, 3 fetched (3,510 rows")


def test_on_a_terminal_it_shows_how_far_it_is(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flat_files() as store:
        store.faults = [Fault(cut=3_000, silent=True)]
        monkeypatch.setenv("QM_DOWNLOAD__STALL_S", "600")
        with watched(*ARGUMENTS) as seen:
            seen.until(f"bars_1m {FIRST}")
            seen.until("0/3")
            seen.interrupt()
            code, out = seen.end()
    assert code == 130
    assert '"stopped":"interrupt"' in out
