"""How final a bar is by when it was seen, and which stored sessions are not settled."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from qm.clock import MINUTE, SECOND, at_ny
from qm.history.audit.audit import audit
from qm.history.catalogue import Catalogue
from qm.history.finality import Finality, finality, unsettled
from qm.history.importer import import_files
from qm.rules.calendar import session
from tests.qm.history.markets import DAY, minute_bars, parquet

OF = session(dt.date(2025, 11, 14))
END = OF.open_ns + MINUTE


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (END, Finality.PROVISIONAL),
        (END + 30 * SECOND - 1, Finality.PROVISIONAL),
        (END + 30 * SECOND, Finality.UPDATED),
        (OF.post_ns, Finality.UPDATED),
        # A Friday: the file of the day is there on Saturday.
        (at_ny(dt.date(2025, 11, 15), "11:00") - 1, Finality.UPDATED),
        (at_ny(dt.date(2025, 11, 15), "11:00"), Finality.SETTLED),
    ],
)
def test_a_bar_is_provisional_then_updated_then_settled(seen: int, expected: Finality) -> None:
    assert finality(OF, END, seen) is expected


@pytest.mark.parametrize(("wall", "days", "early"), [("20:00", 0, True), ("10:59", 1, True), ("11:00", 1, False)])
def test_what_was_fetched_too_early_is_told(wall: str, days: int, early: bool, tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    now = at_ny(DAY + dt.timedelta(days=days), wall)
    import_files(catalogue, parquet(tmp_path / "bars.parquet", minute_bars(day=DAY)), "made_up", now=now)
    assert unsettled(catalogue, "made_up", ["bars_1m"], [DAY]) == ([DAY] if early else [])
    told = [concern for concern in audit(catalogue, "made_up").concerns if concern.code == "not_settled"]
    assert len(told) == early


def test_of_what_was_fetched_before_it_happened_nothing_is_said(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "history", tmp_path / "cache")
    import_files(catalogue, parquet(tmp_path / "bars.parquet", minute_bars(day=DAY)), "made_up", now=0)
    assert unsettled(catalogue, "made_up", ["bars_1m"], [DAY]) == []
