"""`qm data sql`: answers over the files of the catalogue, and a connection that can do nothing else."""

from pathlib import Path

import pytest

from cli.markets import catalogue
from tests.cli.program import Done, inside
from tests.qm.history.markets import DAY, NEXT, minute_bars, parquet

Run = pytest.CaptureFixture[str]


@pytest.fixture
def made(tmp_path: Path, capsys: Run) -> Path:
    """Two sessions of a dataset, one of them shorter."""
    for day, minutes in ((DAY, 390), (NEXT, 100)):
        path = parquet(tmp_path / f"{day}.parquet", minute_bars(minutes, day=day))
        assert inside(capsys, "data", "import", str(path), "-d", "made-1").code == 0
    return tmp_path


def sql(capsys: Run, *arguments: str) -> Done:
    return inside(capsys, "data", "sql", *arguments)


def test_without_a_question_it_lists_the_tables(capsys: Run, tmp_path: Path) -> None:
    assert "There is no dataset yet" in sql(capsys).err
    path = parquet(tmp_path / "a.parquet", minute_bars())
    inside(capsys, "data", "import", str(path), "-d", "made")
    assert "made.bars_1m" in sql(capsys).out


def test_an_answer_as_table_json_and_csv(made: Path, capsys: Run) -> None:
    question = 'SELECT session, symbol, count(*) AS bars FROM "made-1".bars_1m GROUP BY ALL ORDER BY ALL'
    done = sql(capsys, question)
    assert done.code == 0
    assert done.out.splitlines()[2].split() == ["2025-01-02", "AAPL", "390"]
    done = sql(capsys, question, "--json")
    assert done.json == {
        "schema": 1,
        "columns": ["session", "symbol", "bars"],
        "rows": [
            ["2025-01-02", "AAPL", 390],
            ["2025-01-02", "CYPH", 390],
            ["2025-01-03", "AAPL", 100],
            ["2025-01-03", "CYPH", 100],
        ],
    }
    csv = sql(capsys, question, "--csv")
    assert csv.out.splitlines()[:2] == ["session,symbol,bars", "2025-01-02,AAPL,390"]


def test_a_long_answer_is_cut_in_a_table_only(made: Path, capsys: Run) -> None:
    question = 'SELECT ts FROM "made-1".bars_1m'
    done = sql(capsys, question)
    assert len(done.out.splitlines()) == 202
    assert "The first 200 rows" in done.err
    assert len(sql(capsys, question, "--csv").out.splitlines()) == 981
    assert sql(capsys, f"{question} WHERE ts < 0").out == "no rows\n"


@pytest.mark.parametrize(
    "question",
    [
        "COPY (SELECT 1) TO '{folder}/x.csv'",
        "ATTACH '{folder}/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "CREATE TABLE x (a int)",
        'CREATE OR REPLACE VIEW "made-1".bars_1m AS SELECT 1',
        "EXPORT DATABASE '{folder}/x'",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_only_one_select_is_answered(made: Path, capsys: Run, question: str) -> None:
    before = sorted(made.rglob("*"))
    done = sql(capsys, question.format(folder=made))
    assert (done.code, "Only one SELECT is answered" in done.err) == (2, True), done.err
    assert sorted(made.rglob("*")) == before


@pytest.mark.parametrize(
    "source", ["read_csv('{path}')", "read_text('{path}')", "'{path}'", "glob('{path}*')", "read_parquet('{path}')"]
)
def test_no_other_file_can_be_read(made: Path, capsys: Run, source: str) -> None:
    secret = made / "2025-01-02.parquet"
    done = sql(capsys, f"SELECT * FROM {source.format(path=secret)}")
    assert done.code == 2, done.out
    assert done.out == ""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ('SELECT * FROM "made-1".trades', '"made-1".bars_1m'),
        ('SELECT prize FROM "made-1".bars_1m', "prize"),
    ],
)
def test_a_question_that_makes_no_sense(made: Path, capsys: Run, question: str, words: str) -> None:
    done = sql(capsys, question)
    assert (done.code, words in done.err) == (2, True), done.err
    assert "Traceback" not in done.err


def test_two_forms_at_once_are_a_mistake(made: Path, capsys: Run) -> None:
    assert sql(capsys, "SELECT 1", "--json", "--csv").code == 2


def test_a_damaged_file_ends_with_4(made: Path, capsys: Run) -> None:
    path = catalogue().folder / "made-1" / "bars_1m" / f"{NEXT}.parquet"
    path.write_bytes(path.read_bytes()[:1_500])
    done = sql(capsys, 'SELECT sum(volume) FROM "made-1".bars_1m')
    assert (done.code, "qm data verify" in done.err) == (4, True), done.err
