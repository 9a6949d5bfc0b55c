"""`qm data audit` as a person or cron types it."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.program import inside
from tests.qm.history.markets import DAY, NEXT, minute_bars, parquet

Run = pytest.CaptureFixture[str]


@pytest.fixture
def made(tmp_path: Path, capsys: Run) -> Path:
    """A dataset of two symbols, from 2025-01-02 and 2025-01-07: two sessions are missing."""
    for i, day in enumerate((DAY, NEXT.replace(day=7))):
        path = parquet(tmp_path / f"{i}.parquet", minute_bars(day=day))
        assert inside(capsys, "data", "import", str(path), "-d", "made").code == 0
    return tmp_path


def test_gaps_end_with_4_unless_nobody_asks(made: Path, capsys: Run) -> None:
    done = inside(capsys, "data", "audit", "made")
    assert done.code == 4
    assert "made/bars_1m: 2 of 4 sessions from 2025-01-02 to 2025-01-07, 1,560 rows of 2 symbols, 100.0%" in done.out
    assert "missing_session" in done.out
    assert "2025-01-03" in done.out
    assert "no_auction: Fetch official closes (qm data download alpaca --kind auctions), or import them" in done.out
    assert inside(capsys, "data", "audit", "made", "--fail-on", "never").code == 0
    one = ("data", "audit", "made", "--to", "2025-01-02")
    assert inside(capsys, *one).code == 0
    assert inside(capsys, *one, "--fail-on", "warn").code == 4


def test_the_json_has_a_version_and_every_concern(made: Path, capsys: Run) -> None:
    done = inside(capsys, "data", "audit", "made", "--json")
    assert (done.code, done.json["schema"], done.json["dataset"]) == (4, 1, "made")
    first = done.json["concerns"][0]
    assert (first["code"], first["level"], first["count"], first["unit"]) == ("missing_session", "bad", 2, "sessions")
    assert first["example"]["session"] == "2025-01-03"
    assert first["remedy"]
    (kind,) = done.json["kinds"]
    assert (kind["sessions"], kind["expected_sessions"], kind["symbols"]) == (2, 4, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("maid",), "Did you mean made?"),
        (("made", "--from", "2025-02-01"), "no session from 2025-02-01 to its last"),
        (("made", "--from", "2025-01-07", "--to", "2025-01-02"), "lies before the first"),
        (("made", "--from", "january"), "january"),
        (("made", "--kind", "trades"), "It has bars_1m"),
        (("made", "--fail-on", "worse"), "No level is called 'worse'"),
        (("made", "--tolerance", "-1"), "--tolerance"),
    ],
)
def test_what_makes_no_sense_is_said(made: Path, capsys: Run, arguments: tuple[str, ...], words: str) -> None:
    done = inside(capsys, "data", "audit", *arguments)
    assert (done.code, words in done.err) == (2, True), done.err


def test_a_damaged_file_is_named_and_ends_with_4(made: Path, capsys: Run) -> None:
    (path,) = Path(os.environ["QM_DATA_DIR"]).rglob("2025-01-02.parquet")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.drop_columns(["close"]), path)
    done = inside(capsys, "data", "audit", "made", "--to", "2025-01-02", "--json")
    assert done.code == 4
    damaged = done.json["concerns"][0]
    assert (damaged["level"], damaged["example"]["session"]) == ("bad", "2025-01-02")
    assert "its content is not what its manifest says" in damaged["what"]
