"""The baked closures are those that the script generates, and it writes what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.rules import closures
from qm.rules.closures import CLOSURES
from tests.closures import differences, table_of_peer, written


def test_the_baked_table_is_the_one_that_the_script_generates() -> None:
    assert differences(table_of_peer()) == []


def test_writing_what_is_there_changes_nothing() -> None:
    source = Path(closures.__file__).read_text(encoding="utf-8")
    assert written(CLOSURES, source) == source
    other = written(CLOSURES | {2027: ("0101", "")}, source)
    assert '    2027: ("0101", ""),\n}' in other
    with pytest.raises(ValueError, match="nowhere"):
        written(CLOSURES, "nothing")


def test_a_difference_names_its_year() -> None:
    (line,) = differences(CLOSURES | {2025: ("0101", "")})
    assert line.startswith("2025: here ('0101 0109")
