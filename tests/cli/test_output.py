"""What goes to stdout, what to stderr, and what of it is safe for a terminal."""

import io
import sys

import pytest

from cli import output
from qm.errors import UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_complaint_is_cleaned_and_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain(UsageError("No \x1b[31mred\x1b[0m here.", "Nor\nthere."))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "qm: No red here.\n    Nor there.\n"


def test_json_is_one_line_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_json({"a": [1, None]})
    assert capsys.readouterr().out == '{"a":[1,null]}\n'


def test_cells_of_a_table_are_cleaned_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "qty"), [("A\x1b[2J", "1"), ("BB", "1,000")], left=("name",))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "qty"]
    assert lines[2].startswith("A ")
    assert lines[3].startswith("BB")
    assert lines[2].rstrip().endswith("    1")


def test_progress_is_redrawn_on_a_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with output.Progress() as progress:
        progress.show("1 of 3")
        progress.show("too soon to be drawn")
        progress.show("2 of 3", force=True)
    assert screen.getvalue() == "\r\x1b[K1 of 3\r\x1b[K2 of 3\r\x1b[K"


def test_elsewhere_progress_of_what_is_soon_over_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with output.Progress() as progress:
        progress.show("1 of 3")
        progress.show("2 of 3")
    assert capsys.readouterr() == ("", "")
