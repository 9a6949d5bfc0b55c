"""`make calendar`: read closures and half days out of `exchange_calendars`, and compare or write the baked table.

What the peer gets wrong is put right by hand in the table, with a word in its docstring; the tests fail on every
difference, so that nothing slips in with a newer version of the peer.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
import warnings
from pathlib import Path
from typing import Final

from qm.rules import closures
from qm.rules.closures import CLOSURES, FIRST_YEAR, LAST_YEAR

Table = dict[int, tuple[str, str]]

_ENTRIES: Final = re.compile(r"(?<=\]\] = \{\n)(?:    \d{4}: .*\n)+(?=\})")


def table_of_peer() -> Table:
    """Return (closed all day, closed early) as `MMDD` by year, as the peer has them."""
    import exchange_calendars

    with warnings.catch_warnings():
        # It uses a method that its pandas will change; nothing that this project could mend.
        warnings.filterwarnings("ignore", "Series.values returning")
        schedule = exchange_calendars.get_calendar(
            "XNYS", start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31"
        ).schedule
    opened = set(schedule.index.date)
    early = {
        date
        for date, close in zip(schedule.index.date, schedule["close"], strict=True)
        if close.tz_convert("America/New_York").hour < 16
    }
    made: Table = {}
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        days = (dt.date(year, 1, 1) + dt.timedelta(days=n) for n in range(366))
        weekdays = [day for day in days if day.year == year and day.weekday() < 5]
        shut = " ".join(f"{day:%m%d}" for day in weekdays if day not in opened)
        made[year] = (shut, " ".join(f"{day:%m%d}" for day in weekdays if day in early))
    return made


def differences(theirs: Table, ours: Table = CLOSURES) -> list[str]:
    """Return a line for every year in which two tables differ."""
    years = sorted({*theirs, *ours})
    return [
        f"{year}: here {ours.get(year)}, there {theirs.get(year)}"
        for year in years
        if ours.get(year) != theirs.get(year)
    ]


def written(table: Table, source: str) -> str:
    """Return the source of the baked table with other entries."""
    entries = "".join(f'    {year}: ("{shut}", "{early}"),\n' for year, (shut, early) in sorted(table.items()))
    text, count = _ENTRIES.subn(entries, source)
    if count != 1:
        raise ValueError("the table stands nowhere in its file")
    return text


def main() -> int:
    """Compare, or write with --write; 1 when the two differ."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--write", action="store_true", help="put what the peer says into qm/rules/closures.py")
    theirs, write = table_of_peer(), asked.parse_args().write
    lines = differences(theirs)
    sys.stdout.write(("\n".join(lines) or f"{FIRST_YEAR} to {LAST_YEAR}: no difference") + "\n")
    if write and lines:
        path = Path(closures.__file__)
        path.write_text(written(theirs, path.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
