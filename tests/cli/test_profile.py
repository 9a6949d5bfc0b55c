"""`qm data profile`: what is known before a session, out of earlier ones only."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from qm.clock import at_ny
from qm.rules.calendar import sessions
from tests.cli.program import inside
from tests.qm.history.markets import minute_bars, parquet

DAYS = [of.date for of in sessions(dt.date(2025, 11, 14), dt.date(2025, 11, 28))]
"""Nine full sessions, and the half day after Thanksgiving."""

Run = pytest.CaptureFixture[str]


@pytest.fixture
def made(tmp_path: Path, capsys: Run) -> Path:
    """A trades 100 shares a minute and 1,000 in the first; B only on the last day; the close is 10 plus the day."""
    folder = tmp_path / "bars"
    folder.mkdir()
    for i, day in enumerate(DAYS):
        minutes = 210 if day == DAYS[-1] else 390
        names = ("A", "B") if i == len(DAYS) - 2 else ("A",)
        columns = minute_bars(minutes, names, day)
        n = minutes * len(names)
        volume = np.full(n, 100.0)
        volume[: len(names)] = 1_000.0
        price = np.full(n, 10.0 + i)
        flat: dict[str, Any] = {"open": price, "high": price + 0.5, "low": price - 0.5, "close": price}
        parquet(folder / f"{day}.parquet", columns | flat | {"volume": volume})
    assert inside(capsys, "data", "import", str(folder), "-d", "made").code == 0
    return tmp_path


def profile(capsys: Run, *more: str) -> Any:
    done = inside(capsys, "data", "profile", "made", "--json", *more)
    assert done.code == 0, done.err
    return done.json


def test_shares_of_the_day_by_the_minute(made: Path, capsys: Run) -> None:
    found = profile(capsys)
    # The session after Friday 11-28; the half day itself is no full session.
    assert (found["schema"], found["session"]) == (1, "2025-12-01")
    assert found["days"] == [day.isoformat() for day in DAYS[:-1]]
    a, b = found["symbols"]
    # 39,900 shares a day: 1,000 in the first minute, 100 in each of 389.
    assert (a["symbol"], a["adv"], a["days"], a["prior_close"]) == ("A", 39_900.0, 9, 19.0)
    assert a["known_at"] == at_ny(DAYS[-1], "13:00")
    assert a["share"][0] == pytest.approx(1_000 / 39_900)
    assert a["share"][29] == pytest.approx(3_900 / 39_900)
    assert (len(a["share"]), a["share"][-1]) == (390, pytest.approx(1.0))
    # True ranges: 1.0 on the first day, then the high is 1.5 above the close before. Mean of 1 and nine times 1.5.
    assert a["atr"] == pytest.approx((1.0 + 9 * 1.5) / 10)
    # One day is too little for an average.
    assert (b["adv"], b["share"], b["prior_close"]) == (None, None, 18.0)


def test_nothing_of_the_session_or_later_is_known(made: Path, capsys: Run) -> None:
    on = DAYS[8]
    found = profile(capsys, "--session", str(on))
    assert found["days"] == [day.isoformat() for day in DAYS[:8]]
    (a,) = found["symbols"]
    assert (a["prior_close"], a["days"]) == (17.0, 8)
    for path in (made / "bars").iterdir():
        if path.stem >= str(on):
            path.unlink()
    assert inside(capsys, "data", "import", str(made / "bars"), "-d", "before").code == 0
    done = inside(capsys, "data", "profile", "before", "--json", "--session", str(on))
    assert done.json["symbols"] == found["symbols"]


def test_a_file_has_a_row_per_symbol_and_minute(made: Path, capsys: Run) -> None:
    out = made / "profile.parquet"
    done = inside(capsys, "data", "profile", "made", "--symbols", "a", "--out", str(out))
    assert done.code == 0
    assert "1 symbols before 2025-12-01" in done.err
    table = pq.read_table(out)
    assert table.num_rows == 390
    last = table.slice(389).to_pylist()[0]
    assert (last["symbol"], last["minute"], last["adv"], last["prior_close"]) == ("A", 389, 39_900.0, 19.0)
    assert last["session"] == dt.date(2025, 12, 1)
    assert last["share"] == pytest.approx(1.0)


def test_a_table_for_people(made: Path, capsys: Run) -> None:
    done = inside(capsys, "data", "profile", "made")
    assert "made before 2025-12-01: averages over 9 full sessions, 2025-11-14 to 2025-11-26" in done.out
    # 3,900 of 39,900 by 10:00.
    assert "9.8%" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("maid",), 2, "Did you mean made?"),
        (("made", "--session", "2025-11-14"), 2, "has no session before 2025-11-14"),
        (("made", "--session", "2025-11-27"), 2, "The next session is 2025-11-28"),
        (("made", "--symbols", "C"), 2, "No symbol of this dataset is called 'C'"),
        (("made", "--kind", "trades"), 2, "It has bars_1m"),
        (("made", "--out", "/proc/none/profile.parquet"), 4, "/proc/none/profile.parquet"),
    ],
)
def test_what_makes_no_sense_is_said(
    made: Path, capsys: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = inside(capsys, "data", "profile", *arguments)
    assert (done.code, words in done.err) == (code, True), done.err
