"""`qm data download` over real sockets: what is fetched, what it costs when something fails, and what scripts see."""

import asyncio
import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from qm.clock import MS
from qm.history.download.lock import only_one
from qm.model.market import Print
from qm.rules.calendar import session
from tests.brokers.massive.flat_store import KEY_ID, SECRET, Fault, FlatStore
from tests.cli.flat_market import (
    DATES,
    FIRST,
    LAST,
    catalogue,
    contents,
    flat_files,
    minute_file,
    path_of,
    quotes_file,
)
from tests.cli.program import Done, inside

Run = pytest.CaptureFixture[str]
RANGE = ("--since", str(FIRST), "--until", str(LAST))
NAMES = [f"bars_1m {date}" for date in DATES]
FILE = path_of("minute_aggs_v1", FIRST)
KEY = f"/flatfiles/us_stocks_sip/{FILE}"


def load(capsys: Run, *more: str) -> Done:
    return inside(capsys, "data", "download", "massive", "-d", "us", *RANGE, "--json", *more)


def test_flat_files_become_sessions_once(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        done = load(capsys)
        assert (done.code, done.json["fetched"], done.json["rows"]) == (0, NAMES, 3 * 3 * 390)
        assert done.err == ""
        assert len(done.out.splitlines()) == 1
        before = contents(own_folders / "data" / "history")
        fetched = [each for each in store.asked if each[0] == "GET"]
        again = load(capsys)
        assert (again.code, again.json["there"], again.json["bytes"]) == (0, 3, 0)
        assert [each for each in store.asked if each[0] == "GET"] == fetched
        assert contents(own_folders / "data" / "history") == before
    manifest = catalogue(own_folders).manifest("us", "bars_1m", FIRST)
    assert manifest is not None
    assert manifest.source == f"massive:{KEY.lstrip('/')}"
    assert manifest.known_at == 1_735_920_131_000_000_000  # Fri, 03 Jan 2025 16:02:11 GMT
    data = catalogue(own_folders).load("us", FIRST)
    assert list(data.symbols) == ["AAPL", "BRK.B", "NA"]


def test_daily_bars_and_prints_with_their_conditions(own_folders: Path, capsys: Run) -> None:
    with flat_files():
        done = load(capsys, "--kind", "bars_1d,trades")
    assert (done.code, done.json["expected"], len(done.json["fetched"])) == (0, 6, 6)
    days = catalogue(own_folders).load("us", FIRST, "bars_1d").events
    assert days["event_ts"].tolist() == [session(FIRST).open_ns] * 3
    prints = catalogue(own_folders).load("us", FIRST, "trades").events
    assert prints["a"].tolist() == [20.25, 21.25, 22.25, 23.25, 24.25]
    # A regular sale, an odd lot, an average price, a number that nobody knows, and an official open, counted elsewhere.
    assert prints["flag"].tolist() == [Print.ALL, Print.VOLUME, Print.VOLUME, Print.VOLUME, 0]
    assert (prints["ts"] - prints["event_ts"]).tolist() == [MS] * 5


def test_the_best_bid_and_offer_in_shares(own_folders: Path, capsys: Run) -> None:
    with flat_files():
        done = load(capsys, "--kind", "quotes", "--symbols", "AAPL,NA")
    assert (done.code, len(done.json["fetched"]), done.json["rows"]) == (0, 3, 3 * 2 * 4)
    data = catalogue(own_folders).load("us", FIRST, "quotes")
    told = data.events[data.events["sym"] == data.symbols.row("NA")]
    assert told["ts"][0] == session(FIRST).open_ns + MS
    assert [tuple(row[name].item() for name in "abcd") for row in told] == [
        (9.99, 10.01, 300.0, 200.0),
        (9.98, 0.0, 100.0, 0.0),
        # Nobody deals on a quotation that is closed, and it ends the one before it.
        (0.0, 0.0, 0.0, 0.0),
        # Above 1,000 $ a lot could be 10 shares, or one.
        (1_500.25, 1_500.5, 7.0, 4.0),
    ]


def test_from_november_2025_on_sizes_are_shares(own_folders: Path, capsys: Run) -> None:
    date = dt.date(2025, 11, 3)
    with flat_files() as store:
        store.put(path_of("quotes_v1", date), quotes_file(session(date)))
        days = ("--since", str(date), "--until", str(date))
        inside(capsys, "data", "download", "massive", "-d", "us", "--kind", "quotes", *days)
    told = catalogue(own_folders).load("us", date, "quotes").events
    assert (told["c"][0], told["d"][0]) == (3.0, 2.0)


def test_only_some_symbols(own_folders: Path, capsys: Run) -> None:
    listed = own_folders / "mine.txt"
    listed.write_text("brk.b  # a class\nNA\n")
    with flat_files():
        assert load(capsys, "--symbols", f"@{listed}").json["rows"] == 2 * 3 * 390
        assert list(catalogue(own_folders).load("us", FIRST).symbols) == ["BRK.B", "NA"]
        other = load(capsys)
        assert other.code == 3
        assert "is there for other symbols" in other.json["failed"][NAMES[0]]
        assert load(capsys, "--repair").json["replaced"] == NAMES


def test_dry_run_fetches_and_writes_nothing(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        done = load(capsys, "--dry-run")
        assert (done.code, done.json["fetched"]) == (0, NAMES)
        assert {method for method, _, _ in store.asked} == {"HEAD"}
    assert contents(own_folders / "data" / "history") == {}


def test_a_session_that_the_vendor_lacks_is_a_gap(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        del store.files[KEY]
        done = load(capsys)
    assert (done.code, done.json["missing"], done.json["fetched"]) == (4, NAMES[:1], NAMES[1:])


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(status=503),
        Fault(cut=3_000),
        Fault(cut=3_000, silent=True),
        Fault(cut=0),
        Fault(status=500, method="HEAD"),
    ],
    ids=["429", "503", "cut", "stalled", "cut at once", "500 on HEAD"],
)
def test_what_passes_is_tried_again_from_where_it_was(fault: Fault, own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [fault]
        done = load(capsys)
        assert (done.code, done.json["fetched"]) == (0, NAMES), done.out
        assert not store.faults
        ranges = [wanted for method, path, wanted in store.asked if (method, path) == ("GET", KEY)]
        if fault.cut > 0:
            assert ranges == ["", f"bytes={fault.cut}-"]
        assert done.json["bytes"] == sum(
            len(store.files[f"/flatfiles/us_stocks_sip/{path_of('minute_aggs_v1', each)}"]) for each in DATES
        )


def test_a_store_without_ranges_begins_again(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.ranges = False
        store.faults = [Fault(cut=3_000)]
        assert load(capsys).json["fetched"] == NAMES


def test_a_vendor_that_is_down_ends_with_7(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [Fault(status=503, method="HEAD") for _ in range(9)]
        done = load(capsys)
        assert (done.code, done.json["fetched"], len(done.json["failed"])) == (7, [], 3)
        assert "Massive is not available (503" in done.json["error"]
        # It was asked three times for each of three sessions, and then no more.
        assert not store.faults


def test_one_session_that_fails_waits_for_the_next_time(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [Fault(cut=3_000), Fault(cut=0), Fault(cut=0), Fault(cut=0)]
        done = load(capsys)
        assert (done.code, list(done.json["failed"]), done.json["fetched"]) == (3, NAMES[:1], NAMES[1:])
        store.asked.clear()
        again = load(capsys)
        assert (again.code, again.json["fetched"]) == (0, NAMES[:1])
        # What was fetched the first time is not fetched again.
        assert ("GET", KEY, "bytes=3000-") in store.asked


def test_a_vendor_that_asks_for_too_long_a_wait_is_unavailable(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [Fault(status=429, headers={"Retry-After": "3600"}, method="HEAD") for _ in range(3)]
        assert load(capsys).code == 7
        assert not store.faults


@pytest.mark.parametrize(("status", "said"), [(401, "does not accept the key"), (403, "does not let this key read")])
def test_a_key_that_does_not_suffice_ends_with_6(status: int, said: str, own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [Fault(status=status, method="HEAD")]
        done = load(capsys)
        assert done.code == 6
        assert said in done.json["error"]
        assert len(store.asked) == 1
        assert done.json["left"] == NAMES


def test_a_wrong_secret_is_refused_and_told_nowhere(
    own_folders: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flat_files():
        monkeypatch.setenv("QM_MASSIVE_SECRET", "canary-of-a-secret")
        done = load(capsys)
    assert done.code == 6
    told = (
        done.out
        + done.err
        + "".join(each.read_text(errors="replace") for each in own_folders.rglob("*") if each.is_file())
    )
    for secret in ("canary-of-a-secret", SECRET, KEY_ID):
        assert secret not in told


def test_without_a_key_nobody_is_asked(own_folders: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with flat_files() as store:
        monkeypatch.delenv("QM_MASSIVE_SECRET")
        done = load(capsys)
        assert (done.code, store.asked) == (6, [])
    assert "Set QM_MASSIVE_SECRET, or keep it in the keyring" in done.err


def test_keys_are_sent_over_https_only(own_folders: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with flat_files():
        monkeypatch.setenv("QM_DOWNLOAD__MASSIVE_URL", "http://files.massive.com")
        assert load(capsys).code == 2


def test_a_file_that_was_published_again_replaces_the_session(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        load(capsys)
        store.put(FILE, minute_file(session(FIRST), off=1.0))
        done = load(capsys)
        assert (done.code, done.json["replaced"], done.json["there"]) == (0, NAMES[:1], 2)
    assert catalogue(own_folders).load("us", FIRST).events["a"][0] >= 51


def test_the_same_rows_under_another_etag_are_fetched_once(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        load(capsys)
        store.files[KEY] = gzip.compress(minute_file(session(FIRST)).encode(), mtime=1)
        load(capsys)
        assert load(capsys).json["bytes"] == 0


def test_a_file_that_changes_on_the_way_is_never_mixed(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        newer = FlatStore()
        newer.put(FILE, minute_file(session(FIRST), off=1.0))

        def publish(sent: int) -> None:
            store.files[KEY] = newer.files[KEY]

        store.on_sent = publish
        store.faults = [Fault(cut=3_000)]
        assert load(capsys).json["fetched"] == NAMES
    assert catalogue(own_folders).load("us", FIRST).events["a"].min() >= 51


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[:-400], "is cut short"),
        (lambda whole: b"no gz at all", "is no whole gz file"),
        (lambda whole: gzip.compress(b"ticker,price\nA,1\n"), "is not what this vendor sends"),
        (lambda whole: whole[:50] + bytes([whole[50] ^ 255]) + whole[51:], "is no whole gz file"),
    ],
    ids=["cut short", "no gz", "other columns", "a bit turned"],
)
def test_a_damaged_file_is_named_and_leaves_the_catalogue_as_it_was(
    damage: "object", said: str, own_folders: Path, capsys: Run
) -> None:
    assert callable(damage)
    with flat_files() as store:
        load(capsys)
        before = contents(own_folders / "data" / "history")
        store.files[KEY] = damage(store.files[KEY])
        done = load(capsys)
        assert (done.code, list(done.json["failed"])) == (3, NAMES[:1])
        assert said in done.json["failed"][NAMES[0]]
        assert contents(own_folders / "data" / "history") == before


def test_repair_fetches_what_is_damaged_here(own_folders: Path, capsys: Run) -> None:
    with flat_files():
        load(capsys)
        before = contents(own_folders / "data" / "history")
        file = own_folders / "data" / "history" / "us" / "bars_1m" / f"{FIRST}.parquet"
        file.write_bytes(file.read_bytes()[:-1])
        assert load(capsys).json["there"] == 3
        assert load(capsys, "--repair").json["replaced"] == NAMES[:1]
        assert contents(own_folders / "data" / "history") == before


def test_a_second_download_is_told_who_holds_the_lock(own_folders: Path, capsys: Run) -> None:
    async def beside() -> Done:
        async with only_one(own_folders / "data" / "history" / ".downloads" / "lock", lambda: False):
            return await asyncio.to_thread(load, capsys)

    with flat_files(), pytest.MonkeyPatch.context() as patch:
        # Signals can be caught in the main thread alone.
        patch.setattr("cli.download._on_signals", lambda loop, stopper: None)
        done = asyncio.run(beside())
        assert done.code == 5
        assert "Another download (process " in json.loads(done.out)["error"]
        assert load(capsys).code == 0


def test_an_end_of_time_leaves_the_rest_for_the_next_time(own_folders: Path, capsys: Run) -> None:
    with flat_files() as store:
        store.faults = [Fault(cut=3_000, silent=True)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QM_DOWNLOAD__STALL_S", "600")
            done = load(capsys, "--max-runtime", "1s")
        assert (done.code, done.json["stopped"], done.json["left"]) == (3, "time", NAMES)
        done = load(capsys)
        assert (done.code, done.json["fetched"]) == (0, NAMES)
        assert ("GET", KEY, "bytes=3000-") in store.asked


def test_a_disk_without_room_is_refused_before_the_first_byte(
    own_folders: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flat_files() as store:
        monkeypatch.setenv("QM_DOWNLOAD__RESERVE_MB", "1000000000000")
        done = load(capsys)
        assert done.code == 1
        assert "MB are needed" in done.json["error"]
        assert "GET" not in {method for method, _, _ in store.asked}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody", "-d", "us"),
        ("massive", "-d", "us", "--kind", "bars_7m"),
        ("massive", "-d", "us", "--since", "2025-01-04", "--until", "2025-01-05"),
        ("massive", "-d", "us", "--since", "2025-01-03", "--until", "2025-01-02"),
        ("massive", "-d", "us", "--since", "2025-01-03", "--days", "3"),
        ("massive", "-d", "us", "--max-runtime", "soon"),
        ("massive", "-d", "US!"),
        ("massive", "-d", "us", "--symbols", "@/nowhere"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_usage(arguments: tuple[str, ...], capsys: Run, own_folders: Path) -> None:
    with flat_files():
        done = inside(capsys, "data", "download", *arguments, "--json")
    assert (done.code, done.json["exit_code"]) == (2, 2)
