"""What is known before a session, out of history, files of closes and splits; nothing later."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from qm.clock import MINUTE, at_ny
from qm.errors import DataError
from qm.history.catalogue import Catalogue
from qm.history.download.landing import land
from qm.history.fact_columns import FactOptions
from qm.history.facts import import_facts
from qm.history.importer import import_files
from qm.history.known import Before, Known
from qm.history.layout import SessionData
from qm.history.manifest import Manifest
from qm.market.market import Market
from qm.market.symbol_features import features_of
from qm.model.instrument import SymbolTable
from qm.model.market import trade
from qm.rules.calendar import session, sessions
from tests.qm.history.markets import NOW, day_of, imported, minute_bars, parquet, real

DATES = [each.date for each in sessions(dt.date(2025, 1, 2), dt.date(2025, 1, 31))]
LATER = 2 * NOW


def closes(
    catalogue: Catalogue, folder: Path, of: dt.date, taken: int = 0, name: str = "made_up", **columns: Any
) -> None:
    symbols = columns.pop("symbol", ["AAPL", "CYPH"])
    whole = {"symbol": symbols, "ts": [taken or at_ny(of, "19:26")] * len(symbols), **columns}
    import_facts(catalogue, parquet(folder / "closes.parquet", whole), name, "reference", LATER)


def splits(catalogue: Catalogue, folder: Path, *rows: tuple[str, dt.date, str], known: int | None = None) -> None:
    symbol, date, ratio = zip(*rows, strict=True)
    whole: dict[str, Any] = {"symbol": symbol, "date": date, "ratio": ratio}
    if known is not None:
        whole["known_at"] = [known] * len(rows)
    import_facts(
        catalogue, parquet(folder / "splits.parquet", whole), "made_up", "splits", LATER, FactOptions(replace=True)
    )


def history(folder: Path, count: int) -> Catalogue:
    folder.mkdir(exist_ok=True)
    catalogue = Catalogue(folder / "history", folder / "cache")
    for date in DATES[:count]:
        catalogue, _ = imported(folder, parquet(folder / "bars.parquet", minute_bars(day=date)))
    return catalogue


def before(catalogue: Catalogue, on: dt.date, name: str = "made_up") -> Before:
    return Known(catalogue, name, catalogue.kinds(name), on).before(catalogue.load(name, on))


def test_a_session_that_was_run_counts_as_its_summary_kept_or_not(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 6)
    digests = []
    for kept in (True, False):
        known = Known(catalogue, "made_up", ["bars_1m"], DATES[3])
        for date in DATES[3:5]:
            if not kept:
                next((tmp_path / "cache").rglob(f"summaries/**/{date}-*.npz")).unlink()
            known.add(catalogue.load("made_up", date))
        digests.append(known.before(catalogue.load("made_up", DATES[5])).reference.digest())
    digests.append(before(catalogue, DATES[5]).reference.digest())
    assert len(dict.fromkeys(digests)) == 1


def test_without_files_history_is_all_there_is(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    found = before(catalogue, DATES[9])
    assert found.closes_of is None
    assert found.doubts == ()
    # The last bar of AAPL is the 779th row and closes a cent above 10.00 + 7.78.
    assert found.reference.prior_close.tolist() == pytest.approx([17.79, 17.80])
    assert found.reference.days.tolist() == [9, 9]


def test_history_is_read_from_its_summaries_and_says_the_same(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    first = before(catalogue, DATES[9]).reference.digest()
    kept = sorted((tmp_path / "cache").rglob("*.npz"))
    assert len(kept) == 10
    assert before(catalogue, DATES[9]).reference.digest() == first
    kept[0].write_bytes(b"PK damaged")
    kept[1].unlink()
    assert before(catalogue, DATES[9]).reference.digest() == first
    # Other data in a session's place is other history.
    parquet(tmp_path / "bars.parquet", minute_bars(200, day=DATES[8]))
    imported(tmp_path, tmp_path / "bars.parquet", replace=True)
    assert before(catalogue, DATES[9]).reference.digest() != first


def test_the_closes_of_the_session_before_come_from_its_file(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    closes(catalogue, tmp_path, DATES[8], close=[18.0, 19.0], float=[5e6, 0.0])
    found = before(catalogue, DATES[9])
    assert found.closes_of == DATES[8]
    assert found.reference.prior_close.tolist() == [18.0, 19.0]
    assert found.reference.float_shares[0] == 5e6
    assert np.isnan(found.reference.float_shares[1])
    assert found.reference.known_at[0] == at_ny(DATES[8], "19:26")
    # Averages are the dataset's own, whatever the file says of volume.
    assert found.reference.adv[0] == before(history(tmp_path / "plain", 10), DATES[9]).reference.adv[0]


def test_what_was_taken_too_late_was_not_known(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    closes(catalogue, tmp_path, DATES[8], at_ny(DATES[9], "08:00"), close=[18.0, 19.0])
    assert before(catalogue, DATES[9]).closes_of is None


def test_closes_of_an_older_day_are_refused_where_nothing_else_is_known(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    alone = Catalogue(tmp_path / "alone", tmp_path / "cache_alone")
    bars = parquet(tmp_path / "bars.parquet", minute_bars(day=DATES[9]))
    import_files(alone, bars, "made_up", NOW)
    closes(alone, tmp_path, DATES[7], close=[18.0, 19.0])
    with pytest.raises(DataError, match=f"are those of {DATES[7]}, not those of {DATES[8]}") as caught:
        before(alone, DATES[9])
    assert "--kind reference" in caught.value.remedy
    # With own history of the session before, an older file does no harm.
    closes(catalogue, tmp_path, DATES[7], close=[18.0, 19.0])
    assert before(catalogue, DATES[9]).closes_of is None
    # A file of the future is never looked at.
    fresh = Catalogue(tmp_path / "fresh", tmp_path / "cache_fresh")
    import_files(fresh, bars, "made_up", NOW)
    closes(fresh, tmp_path, DATES[9], close=[18.0, 19.0])
    assert np.isnan(before(fresh, DATES[9]).reference.prior_close).all()


def test_a_split_is_applied_to_closes_and_history(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    plain = before(catalogue, DATES[9]).reference
    closes(catalogue, tmp_path, DATES[8], close=[18.0, 19.0], float=[5e6, 5e6])
    splits(catalogue, tmp_path, ("AAPL", DATES[9], "1:2"))
    found = before(catalogue, DATES[9]).reference
    assert found.prior_close.tolist() == [36.0, 19.0]
    assert found.atr[0] == plain.atr[0] * 2
    assert found.adv[0] == plain.adv[0] / 2
    assert found.float_shares.tolist() == [2.5e6, 5e6]
    assert found.split_factor.tolist() == [2.0, 1.0]
    # Nobody knew of it before the session: then it is not applied.
    splits(catalogue, tmp_path, ("CYPH", DATES[9], "1:2"), known=session(DATES[9]).open_ns)
    assert before(catalogue, DATES[9]).reference.prior_close.tolist() == [36.0, 19.0]


def test_an_unknown_split_makes_a_close_unknown_until_a_file_tells_it(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    closes(catalogue, tmp_path, DATES[8], close=[0.10, 18.0])
    # AAPL begins at 10.00, a hundred times its close; its own history, which ends at 17.79, contradicts the file.
    found = before(catalogue, DATES[9])
    ((doubt,), known) = found.doubts, found.reference
    assert (doubt.symbol, doubt.prior_close, doubt.first) == ("AAPL", 0.10, 10.0)
    assert np.isnan([known.prior_close[0], known.adv[0], known.atr[0]]).all()
    assert known.prior_close[1] == 18.0


def test_a_trader_can_say_that_there_is_no_split(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    import_files(catalogue, parquet(tmp_path / "bars.parquet", minute_bars(day=DATES[9])), "made_up", NOW)
    closes(catalogue, tmp_path, DATES[8], close=[1.0, 1.0])
    assert [doubt.symbol for doubt in before(catalogue, DATES[9]).doubts] == ["AAPL", "CYPH"]
    splits(catalogue, tmp_path, ("AAPL", DATES[9], "1:1"))
    found = before(catalogue, DATES[9])
    assert [doubt.symbol for doubt in found.doubts] == ["CYPH"]
    assert found.reference.prior_close[0] == 1.0


def test_shares_outstanding_of_two_files_tell_a_split(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    import_files(catalogue, parquet(tmp_path / "bars.parquet", minute_bars(day=DATES[9])), "made_up", NOW)
    # Both begin at 10.00 after 3.30; one has a third of its shares left.
    closes(catalogue, tmp_path, DATES[7], close=[3.3, 3.3], shares=[3e6, 3e6])
    closes(catalogue, tmp_path, DATES[8], close=[3.3, 3.3], shares=[1e6, 3e6])
    found = before(catalogue, DATES[9])
    assert [doubt.symbol for doubt in found.doubts] == ["AAPL"]
    assert found.reference.prior_close[1] == 3.3


def test_a_name_that_became_another_company_has_no_history(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    closes(catalogue, tmp_path, DATES[7], close=[17.8, 17.8], figi=["BBG1", "BBG2"])
    closes(catalogue, tmp_path, DATES[8], close=[17.8, 17.8], figi=["BBG9", "BBG2"])
    found = before(catalogue, DATES[9]).reference
    assert found.prior_close.tolist() == [17.8, 17.8]
    assert found.days.tolist() == [0, 9]


def runner_day(tmp_path: Path) -> Catalogue:
    catalogue, _ = imported(tmp_path, real("runners_20251114/trades.parquet"), name="runners")
    import_facts(catalogue, real("reference/universe_2025-11-13_close.parquet"), "runners", "reference", LATER)
    return catalogue


def test_every_real_runner_keeps_its_close(tmp_path: Path) -> None:
    catalogue = runner_day(tmp_path)
    (day,) = catalogue.sessions("runners")
    data = catalogue.load("runners", day)
    found = Known(catalogue, "runners", ["trades"], day).before(data)
    assert found.doubts == ()
    assert found.closes_of == dt.date(2025, 11, 13)
    expected = [1.4, 2.79, 6.78, 9.92, 1.38, 1.5, 2.49, 1.19, 1.37, 1.69, 0.8487]
    assert found.reference.prior_close.tolist() == expected


def test_the_real_reverse_split_has_no_change_to_rank_by(tmp_path: Path) -> None:
    catalogue = runner_day(tmp_path)
    day = dt.date(2025, 11, 14)
    of = session(day)
    # YDKG trades at 1.83 after a close of 0.02; CMBM is one of the real ones.
    rows = [trade(of.pre_ns + i * MINUTE, i % 2, 1.83 if i % 2 == 0 else 3.40, 500) for i in range(400)]
    data = SessionData(SymbolTable(["YDKG", "CMBM"]), day_of(rows, day=day).events, day, "made up")
    found = Known(catalogue, "runners", ["trades"], day).before(data)
    assert [(doubt.symbol, doubt.first) for doubt in found.doubts] == [("YDKG", 1.83)]
    market = Market(data.symbols, of, found.reference)
    market.run(data.events, 0)
    split, runner = features_of(market, 0), features_of(market, 1)
    for name in ("gap_pct", "chg_pct", "rvol", "atr"):
        assert name not in split
    assert split["last"] == 1.83
    # 3.40 against 2.79.
    assert runner["chg_pct"] == pytest.approx(21.86, abs=0.01)
    assert runner["gap_pct"] == pytest.approx(21.86, abs=0.01)


def test_a_dividend_is_known_on_the_day_it_goes_ex(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    told = {"symbol": ["AAPL", "CYPH"], "ex_date": [DATES[9], DATES[8]], "cash_amount": [0.25, 0.5]}
    import_facts(catalogue, parquet(tmp_path / "cash.parquet", told), "made_up", "dividends", LATER)
    found = before(catalogue, DATES[9]).reference.dividend
    assert found[0] == 0.25
    assert np.isnan(found[1])


def test_what_comes_later_changes_nothing_that_was_known(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    closes(catalogue, tmp_path, DATES[8], close=[0.10, 18.0])
    whole = catalogue.load("made_up", DATES[9])
    full = Known(catalogue, "made_up", ["bars_1m"], DATES[9]).before(whole)
    for length in (0, 1, 2, 3, 100):
        cut = SessionData(whole.symbols, whole.events[:length], whole.session, whole.digest)
        found = Known(catalogue, "made_up", ["bars_1m"], DATES[9]).before(cut)
        # A symbol that has not begun has nothing to be measured against its prior close.
        begun = sorted({int(row) for row in whole.events["sym"][:length]})
        for name in ("prior_close", "adv", "atr"):
            part, known = getattr(found.reference, name), getattr(full.reference, name)
            assert np.array_equal(part[begun], known[begun], equal_nan=True)
    imported(tmp_path, parquet(tmp_path / "bars.parquet", minute_bars(day=DATES[10])))
    closes(catalogue, tmp_path, DATES[9], close=[99.0, 99.0])
    splits(catalogue, tmp_path, ("CYPH", DATES[10], "1:2"))
    again = Known(catalogue, "made_up", ["bars_1m"], DATES[9]).before(whole)
    assert again.reference.digest() == full.reference.digest()


def test_real_history_says_what_a_plain_count_of_the_file_says(tmp_path: Path) -> None:
    path = real("us99_1m")
    catalogue, _ = imported(tmp_path, path, name="us99")
    on = dt.date(2025, 1, 17)
    data = catalogue.load("us99", on)
    known = Known(catalogue, "us99", ["bars_1m"], on).before(data).reference
    table = pq.read_table(path)
    # 2025-01-09 the market was closed.
    days = [session(day) for day in catalogue.sessions("us99", until=dt.date(2025, 1, 16))]
    assert len(days) == 10
    for name in ("AAPL", "TSLA", "NVDA"):
        rows = table.filter(pc.field("symbol") == name).sort_by("ts")
        ts = rows["ts"].to_numpy()
        column = {each: rows[each].to_numpy() for each in ("open", "high", "low", "close", "volume")}
        volume, opening, early, moved, true_range = [], [], [], [], []
        before = high = low = np.nan
        for of in days:
            regular = (ts >= of.open_ns) & (ts < of.close_ns)
            day = {each: values[regular] for each, values in column.items()}
            volume.append(day["volume"].sum())
            opening.append(column["volume"][(ts >= of.open_ns) & (ts < of.open_ns + 5 * MINUTE)].sum())
            early.append(column["volume"][(ts >= of.pre_ns) & (ts < of.open_ns)].sum())
            at = [day["close"][ts[regular] < of.open_ns + half * 30 * MINUTE][-1] for half in range(1, 14)]
            moved.append(np.abs(np.array(at) / day["open"][0] - 1))
            high, low = day["high"].max(), day["low"].min()
            true_range.append(np.nanmax([high - low, abs(high - before), abs(low - before)]))
            # The official close is the first price at the close: the auction prints there.
            before = column["open"][ts == of.close_ns][0]
        row = data.symbols.row(name)
        assert known.adv[row] == pytest.approx(np.mean(volume))
        assert known.or_volume[row] == pytest.approx(np.mean(opening))
        assert known.pre_volume[row] == pytest.approx(np.mean(early))
        assert known.noise[:, row] == pytest.approx(np.mean(moved, axis=0))
        assert known.prior_close[row] == before
        assert (known.prev_high[row], known.prev_low[row]) == (high, low)
        # Fewer than fourteen: the mean of all.
        assert known.atr[row] == pytest.approx(np.mean(true_range))
        assert known.days[row] == 10
        assert np.isnan(known.high_52w[row])


# --- what a broker said of shares ------------------------------------------------------------------------------------


def assets(of: Catalogue, folder: Path, on: dt.date, known: int, ids: tuple[str, str] = ("1", "2")) -> None:
    """AAPL on the Nasdaq and easy to borrow, CYPH on an exchange whose rules are not kept, and hard to borrow."""
    flags = {name: [1, 1] for name in ("active", "tradable", "marginable", "shortable", "fractionable")}
    columns: dict[str, Any] = {"symbol": ["AAPL", "CYPH"], "ts": [known] * 2, "listing": ["Q", "A"], **flags}
    columns |= {"easy_to_borrow": [1, 0], "id": list(ids), "name": ["Apple Inc.", "Direxion Daily CYPH Bull 2X ETF"]}
    manifest = Manifest(
        dataset="made_up", kind="assets", session=str(on), seconds=0, rows=0, symbols=0, first=0, last=0, source="",
        fetched_at=known,
    )  # fmt: skip
    land(of, parquet(folder / "assets.parquet", columns), manifest, replace=True)


def test_a_list_of_what_can_be_borrowed_holds_for_its_session_and_the_next(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    assets(catalogue, tmp_path, DATES[7], at_ny(DATES[7], "03:00"))
    for date, borrow in ((DATES[7], [2.0, 1.0]), (DATES[8], [2.0, 1.0]), (DATES[9], [np.nan] * 2)):
        np.testing.assert_array_equal(before(catalogue, date).reference.borrow, borrow)
        # Listings hardly ever move.
        np.testing.assert_array_equal(before(catalogue, date).reference.listing, [1.0, np.nan])
        np.testing.assert_array_equal(before(catalogue, date).reference.leverage, [np.nan, 2.0])
    # Where it came out after 04:00, the next session is the first that knows it.
    assets(catalogue, tmp_path, DATES[7], at_ny(DATES[7], "04:00") + 1)
    assert np.isnan(before(catalogue, DATES[7]).reference.borrow).all()
    assert before(catalogue, DATES[8]).reference.borrow.tolist() == [2.0, 1.0]


def test_without_assets_neither_listing_nor_borrow_is_known(tmp_path: Path) -> None:
    known = before(history(tmp_path, 3), DATES[2]).reference
    assert np.isnan(known.listing).all()
    assert np.isnan(known.borrow).all()


def test_a_name_that_another_company_has_now_has_no_past(tmp_path: Path) -> None:
    catalogue = history(tmp_path, 10)
    whole = before(catalogue, DATES[9]).reference
    assets(catalogue, tmp_path, DATES[6], at_ny(DATES[6], "03:00"))
    assets(catalogue, tmp_path, DATES[8], at_ny(DATES[8], "03:00"), ids=("1", "another"))
    # Known from 04:00 of the second universe's session on; what was traded since then is its own.
    assert before(catalogue, DATES[7]).reference.days.tolist() == [7, 7]
    found = before(catalogue, DATES[9]).reference
    assert found.days.tolist() == [9, 1]
    assert (found.adv[0], np.isnan(found.adv[1])) == (whole.adv[0], True)
    assert np.isnan(before(catalogue, DATES[8]).reference.prior_close).tolist() == [False, True]
    # An id that is missing proves nothing.
    assets(catalogue, tmp_path, DATES[8], at_ny(DATES[8], "03:00"), ids=("1", ""))
    assert before(catalogue, DATES[9]).reference.days.tolist() == [9, 9]
