"""An audit names what is missing, wrong or not covered, each with a level, a count and a place."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qm.clock import MINUTE, SECOND, at_ny
from qm.errors import NotFoundError, UsageError
from qm.history.audit.audit import audit
from qm.history.audit.gaps import Lives
from qm.history.audit.report import Audit, Concern, Level, Tally
from qm.history.catalogue import Catalogue
from qm.history.facts import import_facts
from qm.history.importer import ImportOptions, import_files
from qm.history.manifest import Manifest
from qm.history.source import Columns
from qm.history.storing import encoded
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import DAY, NEXT, NOW, minute_bars, parquet

NAMES = ("A", "B", "C")
HALF = dt.date(2025, 11, 28)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "history", tmp_path / "cache")


def put(
    catalogue: Catalogue, columns: dict[str, Any], day: dt.date = DAY, kind: str = "bars_1m", seconds: int = 60
) -> None:
    """Store rows as they are: the importer would have put them right."""
    symbols = tuple(sorted(set(columns["symbol"])))
    code = np.array([symbols.index(name) for name in columns["symbol"]], np.int32)
    values = {name: np.asarray(v, np.float64) for name, v in columns.items() if name not in ("ts", "symbol", "flag")}
    values |= {name: np.asarray(columns[name], np.uint8) for name in ("flag",) if name in columns}
    ts = np.asarray(columns["ts"], np.int64)
    manifest = Manifest(
        dataset="made",
        kind=kind,
        session=day.isoformat(),
        seconds=seconds,
        rows=0,
        symbols=0,
        first=0,
        last=0,
        source="test",
        fetched_at=NOW,
    )
    catalogue.put(*encoded(manifest, Columns("bars", ts, code, symbols, values)))


def whole_day(day: dt.date = DAY, names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """A bar for every minute and symbol, flat prices, and the closing auction in the bar at the close."""
    minutes = session(day).minutes + 1
    n = minutes * len(names)
    made = minute_bars(minutes, names, day)
    volume = np.full(n, 100.0)
    # 390 minutes of 100 shares and an auction of 6,350: 14 % of 45,350.
    volume[-len(names) :] = 6_350.0
    flat = np.full(n, 10.0)
    return made | {"open": flat, "high": flat + 0.1, "low": flat - 0.1, "close": flat.copy(), "volume": volume}


def without(columns: dict[str, Any], gone: Any) -> dict[str, Any]:
    keep = ~np.asarray(gone)
    return {name: np.asarray(column)[keep] for name, column in columns.items()}


def found(catalogue: Catalogue, **more: Any) -> dict[str, Concern]:
    return by_code(audit(catalogue, "made", **more))


def by_code(of: Audit) -> dict[str, Concern]:
    return {each.code: each for each in of.concerns}


def test_a_whole_consolidated_day_raises_only_notes(catalogue: Catalogue) -> None:
    put(catalogue, whole_day())
    whole = audit(catalogue, "made")
    assert [each.code for each in whole.concerns] == ["consolidated"]
    assert "14.0% of the day's volume" in whole.concerns[0].what
    assert whole.worst is Level.NOTE
    (kind,) = whole.kinds
    assert (kind.sessions, kind.expected_sessions, kind.rows, kind.symbols, kind.filled) == (1, 1, 391 * 3, 3, 1.0)


def test_missing_sessions_are_counted_by_the_calendar(catalogue: Catalogue) -> None:
    # 2025-01-09 was a day of mourning, 01-04 and 01-05 a weekend: only 01-06 to 01-08 are missing.
    for day in (DAY, NEXT, dt.date(2025, 1, 10)):
        put(catalogue, whole_day(day), day)
    whole = audit(catalogue, "made")
    (missing,) = [each for each in whole.concerns if each.code == "missing_session"]
    assert (missing.level, missing.count) == (Level.BAD, 3)
    assert missing.example is not None
    assert missing.example.session == "2025-01-06"
    assert whole.kinds[0].closed == ("2025-01-09",)
    assert "missing_session" not in found(catalogue, until=NEXT)
    # What was asked for and is not there is missing, too: 01-13 to 01-17.
    assert found(catalogue, since=dt.date(2025, 1, 10), until=dt.date(2025, 1, 17))["missing_session"].count == 5


def test_a_half_day_is_whole_after_210_minutes(catalogue: Catalogue) -> None:
    put(catalogue, whole_day(HALF), HALF)
    whole = audit(catalogue, "made")
    assert {each.code for each in whole.concerns} == {"consolidated"}
    assert whole.kinds[0].half_days == (HALF.isoformat(),)
    assert whole.kinds[0].filled == 1.0


@pytest.mark.parametrize(("minutes", "code", "level"), [(20, "outage", Level.BAD), (3, "short_outage", Level.WARN)])
def test_minutes_without_any_bar_are_an_outage(catalogue: Catalogue, minutes: int, code: str, level: Level) -> None:
    columns = whole_day()
    start = at_ny(DAY, "11:00")
    gone = (columns["ts"] >= start) & (columns["ts"] < start + minutes * MINUTE)
    put(catalogue, without(columns, gone))
    outage = found(catalogue)[code]
    assert (outage.level, outage.count) == (level, minutes)
    assert outage.example is not None
    assert outage.example.ts == start
    assert found(catalogue, tolerance=minutes)["short_outage"].level is Level.WARN


def test_a_symbol_that_falls_silent_while_its_peers_trade_is_named(catalogue: Catalogue) -> None:
    columns = whole_day()
    start = at_ny(DAY, "14:00")
    gone = (columns["ts"] >= start) & (columns["ts"] < start + 8 * MINUTE) & (np.array(columns["symbol"]) == "B")
    put(catalogue, without(columns, gone))
    gap = found(catalogue)["symbol_gap"]
    assert (gap.level, gap.count) == (Level.WARN, 1)
    assert gap.example is not None
    assert (gap.example.symbol, gap.example.ts) == ("B", start)
    assert "symbol_gap" not in found(catalogue, tolerance=8)


def test_a_thin_symbol_has_no_outages(catalogue: Catalogue) -> None:
    columns = whole_day(names=("A",))
    put(catalogue, without(columns, np.arange(391) % 3 > 0))
    assert not {"outage", "short_outage", "symbol_gap"} & found(catalogue).keys()


def test_rows_that_cannot_be_are_bad(catalogue: Catalogue) -> None:
    columns = whole_day()
    columns["high"][30] = 9.0
    columns["close"][33] = np.nan
    columns["volume"][36] = -1
    columns["volume"][39] = 0
    columns["ts"][60:63] = columns["ts"][57:60]
    put(catalogue, columns)
    told = found(catalogue)
    for code, level, count in (
        ("ohlc", Level.BAD, 1),
        ("no_price", Level.BAD, 1),
        ("no_volume", Level.BAD, 1),
        ("zero_volume", Level.NOTE, 1),
        ("duplicate", Level.BAD, 3),
    ):
        assert (told[code].level, told[code].count) == (level, count)
    assert told["ohlc"].example is not None
    assert told["ohlc"].example.ts == session(DAY).open_ns + 10 * MINUTE
    assert all(each.remedy for each in told.values() if each.level is Level.BAD)


def test_unsorted_rows_are_bad(catalogue: Catalogue) -> None:
    columns = whole_day()
    columns["ts"][0:3], columns["ts"][3:6] = columns["ts"][3:6].copy(), columns["ts"][0:3].copy()
    put(catalogue, columns)
    assert found(catalogue)["unsorted"].count == 1


def test_a_price_that_comes_straight_back_is_an_outlier_and_a_run_is_not(catalogue: Catalogue) -> None:
    columns = whole_day()
    columns["high"][300] = 20.0
    # From 10 to 16 and on: it stays there, so it is a jump.
    for name in ("open", "high", "low", "close"):
        columns[name][601::3] += 6.0
    put(catalogue, columns)
    told = found(catalogue)
    assert (told["outlier"].count, told["jump"].count) == (1, 1)
    assert told["outlier"].level is Level.WARN
    assert told["outlier"].example is not None
    assert told["outlier"].example.ts == session(DAY).open_ns + 100 * MINUTE


def test_a_reverse_split_is_no_runner(catalogue: Catalogue) -> None:
    put(catalogue, whole_day())
    columns = whole_day(NEXT)
    for name in ("open", "high", "low", "close"):
        # 1:120, as a price of +11,900 %.
        columns[name][0::3] *= 120
    put(catalogue, columns, NEXT)
    split = found(catalogue)["split"]
    assert (split.level, split.count) == (Level.WARN, 1)
    assert split.example is not None
    assert (split.example.session, split.example.symbol) == (NEXT.isoformat(), "A")
    assert "120.0 times it" in split.what
    assert "--kind splits" in split.remedy


def test_labels_at_the_end_of_bars_are_bad(catalogue: Catalogue) -> None:
    columns = without(whole_day(), np.arange(391 * 3) >= 390 * 3)
    put(catalogue, columns | {"ts": columns["ts"] + MINUTE})
    labels = found(catalogue)["end_labels"]
    assert labels.level is Level.BAD
    assert "--end-labels" in labels.remedy


@pytest.mark.parametrize("late", [0, 1])
def test_labels_at_the_end_show_in_extended_hours_too(catalogue: Catalogue, late: int) -> None:
    n = 720
    ts = at_ny(DAY, "07:30") + np.arange(n) * MINUTE
    flat = np.full(n, 10.0)
    volume = np.full(n, 10.0)
    volume[120:510] = 500.0
    volume[120], volume[510] = 5_000.0, 20_000.0
    one = {"ts": ts + late * MINUTE, "open": flat, "high": flat, "low": flat, "close": flat, "volume": volume}
    columns = {name: np.repeat(column, 5) for name, column in one.items()}
    put(catalogue, columns | {"symbol": [*"ABCDE"] * n})
    assert ("end_labels" in found(catalogue)) == bool(late)


def test_a_feed_of_some_venues_misses_the_auction(catalogue: Catalogue) -> None:
    columns = whole_day()
    columns["volume"][-3:] = 100
    put(catalogue, columns)
    # 100 of 39,100 shares.
    assert "have 0.3% of their volume" in found(catalogue)["lit_only"].what
    put(catalogue, without(whole_day(), np.arange(391 * 3) >= 390 * 3))
    told = found(catalogue)
    assert told["no_auction"].level is Level.WARN
    assert "lit_only" not in told


def test_the_last_bar_is_not_the_official_close(catalogue: Catalogue) -> None:
    columns = whole_day()
    # 1 of 3 symbols closes 10 bp above its last minute.
    columns["open"][-3] = 10.01
    put(catalogue, columns)
    assert found(catalogue)["official_close"].count == 1


def test_symbols_that_stop_and_holes_are_told(catalogue: Catalogue) -> None:
    days = [dt.date(2025, 1, day) for day in (2, 3, 6, 7, 8, 10, 13, 14, 15, 16)]
    for i, day in enumerate(days):
        names = tuple(name for name in NAMES if not (name == "B" and i > 3) and not (name == "C" and i == 5))
        put(catalogue, whole_day(day, names), day)
    told = found(catalogue)
    assert (told["stops"].count, told["missing_symbol"].count) == (1, 1)
    assert told["stops"].example is not None
    assert (told["stops"].example.symbol, told["stops"].example.session) == ("B", "2025-01-07")
    assert told["missing_symbol"].example is not None
    assert (told["missing_symbol"].example.symbol, told["missing_symbol"].example.session) == ("C", "2025-01-10")


@pytest.mark.parametrize(("days", "leaves"), [(120, False), (120, True), (119, False)])
def test_a_market_that_nobody_ever_leaves_has_survivors_only(days: int, leaves: bool) -> None:
    lives, tally = Lives(), Tally("bars_1d")
    names = np.array([f"S{i}" for i in range(50)])
    for i, of in enumerate(sessions(DAY, dt.date(2025, 12, 31))[:days]):
        lives.add(of.date, names[1:] if leaves and i >= 100 else names)
    lives.audit(tally)
    expected = {(120, False): ["survivors_only"], (120, True): ["stops"], (119, False): []}[days, leaves]
    assert [each.code for each in tally.concerns()] == expected


def test_averages_outside_the_range_and_bars_over_the_open_are_told(catalogue: Catalogue) -> None:
    hours = at_ny(DAY, "08:00") + np.arange(9) * 60 * MINUTE
    flat = np.full(9, 10.0)
    vwap = flat.copy()
    vwap[3] = 10.01
    put(
        catalogue,
        {"ts": hours, "symbol": ["A"] * 9, "open": flat, "high": flat, "low": flat, "close": flat}
        | {"volume": flat, "vwap": vwap},
        kind="bars_1h",
        seconds=3_600,
    )
    told = found(catalogue)
    assert (told["vwap"].count, told["vwap"].level) == (1, Level.NOTE)
    assert told["straddles_open"].count == 1
    assert told["straddles_open"].example is not None
    assert told["straddles_open"].example.ts == at_ny(DAY, "09:00")
    assert set(told) == {"vwap", "straddles_open"}


def test_prints_tell_odd_lots_gaps_and_pauses(catalogue: Catalogue) -> None:
    start = at_ny(DAY, "10:00")
    # Brisk, a pause of 300 s, brisk, then quiet for 10 minutes.
    seconds = np.concatenate([np.arange(60), 359 + np.arange(60), [1_018, 1_020]])
    n = len(seconds)
    size = np.where(np.arange(n) % 2, 50, 100)
    price = np.full(n, 10.0)
    price[10] = 10.005
    price[20] = 16.0
    flag = np.where(size < 100, 4, 7)
    put(
        catalogue,
        {"ts": start + seconds * SECOND, "symbol": ["A"] * n, "price": price, "size": size, "flag": flag},
        kind="trades",
        seconds=0,
    )
    told = found(catalogue)
    assert told["odd_lots"].count == n // 2
    assert told["no_last"].count == n // 2
    assert told["sub_penny"].count == 1
    assert told["outlier"].count == 1
    assert told["quiet"].count == 2
    assert told["pause"].count == 1
    assert told["pause"].example is not None
    assert told["pause"].example.ts == start + 59 * SECOND
    assert told["no_auction"].level is Level.WARN


def test_quotes_tell_what_is_crossed_and_one_sided(catalogue: Catalogue) -> None:
    ts = session(DAY).open_ns + np.arange(4) * SECOND
    bid, ask = [10.0, 10.2, 10.1, 0.0], [10.1, 10.1, 10.1, 10.3]
    rows = {"ts": ts, "symbol": ["A"] * 4, "bid": bid, "ask": ask, "bid_size": [100] * 4, "ask_size": [100] * 4}
    put(catalogue, rows, kind="quotes", seconds=0)
    told = found(catalogue)
    assert [(code, told[code].count) for code in ("crossed", "locked", "one_sided")] == [
        ("crossed", 1),
        ("locked", 1),
        ("one_sided", 1),
    ]


def test_a_damaged_session_does_not_hide_the_others(catalogue: Catalogue, tmp_path: Path) -> None:
    put(catalogue, whole_day())
    put(catalogue, whole_day(NEXT), NEXT)
    path = tmp_path / "history" / "made" / "bars_1m" / f"{NEXT}.parquet"
    path.write_bytes(path.read_bytes()[:1_000])
    whole = audit(catalogue, "made")
    assert whole.worst is Level.BAD
    assert whole.concerns[0].code == f"damaged:{NEXT}"
    assert str(path) in whole.concerns[0].what
    assert whole.kinds[0].rows == 391 * 3


def test_a_damaged_session_before_those_looked_at_only_ends_the_look_for_splits(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    for day in (DAY, NEXT):
        put(catalogue, whole_day(day), day)
    path = tmp_path / "history" / "made" / "bars_1m" / f"{DAY}.parquet"
    path.write_bytes(b"PAR1")
    told = found(catalogue, since=NEXT)
    assert set(told) == {"closes", "consolidated"}
    assert str(path) in told["closes"].what


def test_closes_without_a_market_are_looked_at(catalogue: Catalogue, tmp_path: Path) -> None:
    closes = tmp_path / "closes.csv"
    closes.write_text("symbol,last,ts\nA,1,2025-01-02T16:30:00-05:00\nA,9,2025-01-03T16:30:00-05:00\n")
    import_facts(catalogue, closes, "made", "reference", NOW)
    whole = audit(catalogue, "made")
    assert whole.kinds == ()
    assert [(each.code, each.count) for each in whole.concerns] == [("split", 1)]


def test_closes_of_two_sessions_show_a_split(catalogue: Catalogue, tmp_path: Path) -> None:
    put(catalogue, whole_day())
    closes = tmp_path / "closes.csv"
    closes.write_text(
        "symbol,last,ts\nA,0.02,2025-01-02T16:30:00-05:00\nB,10,2025-01-02T16:30:00-05:00\n"
        "A,1.83,2025-01-03T16:30:00-05:00\nB,11,2025-01-03T16:30:00-05:00\n"
    )
    import_facts(catalogue, closes, "made", "reference", NOW)
    split = found(catalogue)["split"]
    assert (split.kind, split.count) == ("reference", 1)
    assert "A from 0.02 to 1.83" in split.what


def test_what_the_import_refused_and_repaired_is_still_told(catalogue: Catalogue, tmp_path: Path) -> None:
    columns = minute_bars()
    columns["symbol"] = ["CYPH  " if name == "CYPH" else name for name in columns["symbol"]]
    columns["volume"] = [None, *columns["volume"].tolist()[1:]]
    report = import_files(catalogue, parquet(tmp_path / "a.parquet", columns), "made", NOW)
    assert [(each.what, each.rows) for part in report.parts for each in part.findings] == [
        ("volume is missing or negative", 1),
        ("blanks around the symbol", 390),
    ]
    told = found(catalogue)
    refused = told["import:refused:volume is missing or negative"]
    assert (refused.level, refused.count) == (Level.WARN, 1)
    assert "AAPL 2025-01-02 14:30:00 UTC" in refused.what
    assert told["import:repaired:blanks around the symbol"].count == 390
    manifest = catalogue.manifest("made", "bars_1m", DAY)
    assert manifest is not None
    assert manifest.symbols == 2


def test_what_is_not_there_is_said(catalogue: Catalogue, tmp_path: Path) -> None:
    import_files(catalogue, parquet(tmp_path / "a.parquet", minute_bars()), "made", NOW, ImportOptions())
    with pytest.raises(NotFoundError, match="No dataset is called 'maid'"):
        audit(catalogue, "maid")
    with pytest.raises(NotFoundError, match="has no trades"):
        audit(catalogue, "made", kind="trades")
    with pytest.raises(UsageError, match="has no session from 2026-01-01"):
        audit(catalogue, "made", since=dt.date(2026, 1, 1))
