"""Feed specs as they are written."""

import datetime as dt
from pathlib import Path

import pytest

from cli.feeds import SYNTHETIC_DATE, Recorded, Stored, Synthetic, parse_feed
from qm.errors import UsageError


@pytest.mark.parametrize(
    ("text", "source", "speed"),
    [
        ("synthetic", Synthetic(), 1.0),
        ("synthetic:500:seed=1@30x", Synthetic(500, 1), 30.0),
        ("synthetic:20:detail=bars:date=2025-07-03@0.5", Synthetic(20, 1, dt.date(2025, 7, 3), "bars"), 0.5),
        ("synthetic:symbols=20:seed=0@max", Synthetic(20, 0), 0.0),
        ("replay:us99_1m", Stored("us99_1m"), 1.0),
        ("replay:us99_1m@10x", Stored("us99_1m"), 10.0),
        ("replay:us99_1m/2025-01-03@10x", Stored("us99_1m", dt.date(2025, 1, 3)), 10.0),
        ("replay:mixed:bars_1m/2025-01-03", Stored("mixed", dt.date(2025, 1, 3), "bars_1m"), 1.0),
        ("replay:sim-3.parquet@max", Recorded(Path("sim-3.parquet")), 0.0),
        ("replay:/tmp/a@b/sim-3.rec", Recorded(Path("/tmp/a@b/sim-3.rec")), 1.0),
    ],
)
def test_specs_are_read(text: str, source: object, speed: float) -> None:
    found = parse_feed(text)
    assert (found.source, found.speed, found.text) == (source, speed, text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "''"),
        ("synthtic:500", "'synthtic'"),
        ("synthetic:abc", "'abc'"),
        ("synthetic:1", "'1'"),
        ("synthetic:999999999", "'999999999'"),
        ("synthetic:500:sed=1", "'sed'"),
        ("synthetic:500:seed=-1", "'-1'"),
        ("synthetic:500:seed=1.5", "'1.5'"),
        ("synthetic:500:date=soon", "'soon'"),
        ("synthetic:500:detail=ticks", "'ticks'"),
        ("synthetic:500@fast", "'fast'"),
        ("synthetic:500@0", "'0'"),
        ("synthetic:500@-3x", "'-3x'"),
        ("synthetic:500@nan", "'nan'"),
        ("synthetic:500@inf", "'inf'"),
        ("replay", "replay needs"),
        ("replay:", "replay needs"),
        ("replay:us99/", "the date after /"),
        ("replay:us99/yesterday", "'yesterday'"),
        ("sim-3.parquet", "replay:sim-3.parquet"),
    ],
)
def test_a_spec_that_cannot_be_read_names_the_part_and_shows_a_valid_one(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_feed(text)
    assert part in f"{caught.value.problem} {caught.value.remedy}"
    assert "synthetic:500:seed=1@30x" in caught.value.remedy


def test_the_name_of_a_market_reads_back_as_the_same_market() -> None:
    market = Synthetic(20, 7, SYNTHETIC_DATE, "bars")
    assert parse_feed(market.name).source == market
