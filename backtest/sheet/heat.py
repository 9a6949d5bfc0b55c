"""Sessions as a calendar: a column a week, a square a day, the deeper its color the more it brought or took."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from backtest.sheet.periods import Session

CELL, GAP = 14, 2
LEFT, TOP = 34, 16
WEEKS_MOST = 53
"""In one row of the picture."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
SHADES = 4


def calendar(of: Sequence[Session], weeks: int = WEEKS_MOST) -> list[str]:
    """Draw the sessions, as many pictures below each other as `weeks` a picture make; nothing without a session."""
    if not of:
        return []
    scale = sorted(abs(each.part) for each in of)
    # A single wild day would make all others pale.
    reach = scale[int(0.95 * (len(scale) - 1))] or scale[-1] or 1.0
    first = _monday(of[0].date)
    rows: dict[int, list[Session]] = {}
    for each in of:
        rows.setdefault((each.date - first).days // 7 // weeks, []).append(each)
    return [_drawn(rows[row], first + dt.timedelta(weeks=row * weeks), weeks, reach) for row in sorted(rows)]


def shade(part: float, reach: float) -> str:
    """Return the class of a square: gain or loss with a depth from 1 to 4, or flat."""
    if part == 0:
        return "flat"
    depth = min(SHADES, 1 + int(SHADES * abs(part) / reach)) if reach > 0 else SHADES
    return f"{'gain' if part > 0 else 'loss'}{depth}"


def _drawn(of: Sequence[Session], first: dt.date, weeks: int, reach: float) -> str:
    parts = [
        f'<text class="tick" x="{LEFT - 6}" y="{TOP + n * (CELL + GAP) + 11}" text-anchor="end">{name}</text>'
        for n, name in enumerate(DAYS)
        if n % 2 == 0
    ]
    month = 0
    for each in of:
        week, day = divmod((each.date - first).days, 7)
        x, y = LEFT + week * (CELL + GAP), TOP + day * (CELL + GAP)
        # The name of a month stands above its first whole week, where there is room.
        if each.date.month != month and each.date.day <= 7:
            parts.append(f'<text class="tick" x="{x}" y="{TOP - 5}">{each.date:%b %y}</text>')
        month = each.date.month if each.date.day <= 7 else month
        count = f"{each.trades} {'trade' if each.trades == 1 else 'trades'}"
        told = f"{each.date:%a %Y-%m-%d}: {each.net_usd:+,.2f} $, {each.part:+.2%}, {count}"
        parts.append(
            f'<rect class="{shade(each.part, reach)}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="2">'
            f"<title>{told}</title></rect>"
        )
    shown = min(weeks, 1 + (of[-1].date - first).days // 7)
    width, height = LEFT + max(shown, 8) * (CELL + GAP), TOP + 5 * (CELL + GAP)
    return (
        f'<svg class="calendar" viewBox="0 0 {width} {height}" style="max-width:{round(1.35 * width)}px" role="img"'
        f' aria-label="Sessions of {of[0].date} to {of[-1].date}">{"".join(parts)}</svg>'
    )


def _monday(date: dt.date) -> dt.date:
    return date - dt.timedelta(days=date.weekday())
