"""Every row of every table says where it was read, and every one that was not says so in the same words."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

import qm.rules
from qm.rules.dated import UNREAD, Schedule


def tables() -> dict[str, Schedule[Any]]:
    found: dict[str, Schedule[Any]] = {}
    for module in iter_modules(qm.rules.__path__):
        for value in vars(import_module(f"qm.rules.{module.name}")).values():
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, Schedule):
                    found[each.name] = each
    return found


TABLES = tables()


def test_the_page_of_the_rules_has_every_table_and_a_test_for_each_module() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
    assert [name for name in TABLES if f"| {name} | to | is | source |" not in page] == []
    assert page.count("\nHeld by `test_") == page.count("\n## `qm/rules/")


def test_all_tables_are_found() -> None:
    assert len(TABLES) >= 25


@pytest.mark.parametrize("name", sorted(TABLES))
def test_each_row_has_a_source_and_doubts_are_told_alike(name: str) -> None:
    for row in TABLES[name]:
        assert row.source.strip(), row
        told = re.sub(UNREAD + r"(: [^;]+)?\.?$", "", row.source)
        # Other words for the same doubt would be found by nobody.
        assert not re.search(r"not (re-?)?(read|checked|verified|confirmed)|unread|unverified|read again", told), row
        assert row.verified is (told == row.source)


def test_what_was_taken_from_elsewhere_is_known() -> None:
    unread = {name: [str(row.valid_from) for row in rows if not row.verified] for name, rows in TABLES.items()}
    assert unread["limit-up limit-down plan"] == ["2013-04-08", "2017-11-20", "2020-02-24"]
    assert unread["house margin at Alpaca"] == ["1998-01-01"]
    assert unread["rule for pattern day traders"] == ["2001-09-28"]
    assert unread["margin regime at sim"] == ["2001-09-28"]
    assert unread["short sale restriction"] == []
