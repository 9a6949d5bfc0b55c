"""Numbers and words as cells: short, of steady width, and an unknown is shown as one, never as zero."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rich.cells import cell_len

NEW_YORK = ZoneInfo("America/New_York")
UNKNOWN = "\u2013"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clean(text: str) -> str:
    """Return `text` with one column per character: no control, escape, joining or wide ones, whoever wrote it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(filter(None, map(_safe, text)))


@lru_cache(maxsize=4096)
def _safe(char: str) -> str:
    if not char.isprintable():
        return ""
    width = cell_len(char)
    # A wide glyph would push the columns after it; a combining one would hide in the cell before it.
    return char if width == 1 else "?" if width > 1 else ""


def fit(text: str, width: int, *, right: bool) -> str:
    """Return `text` in exactly `width` columns; a number that does not fit shows as `#`, never as another number."""
    text = clean(text)
    if len(text) <= width:
        return text.rjust(width) if right else text.ljust(width)
    if right:
        return "#" * width
    return text[: width - 1] + "…" if width > 1 else text[:width]


def known(value: float | None) -> bool:
    """Say whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


def price(value: float | None) -> str:
    """Return a price in dollars: cents, and hundredths of a cent below one dollar."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.4f}" if 0 < abs(value) < 1 else f"{value:.2f}"


def change(value: float | None, decimals: int = 1) -> str:
    """Return a change with its direction as a shape, so that it reads without colour: `▲31.4`, `▼2.9`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    # Runners go up a thousand per cent and more; they need the room, not the decimals.
    size = f"{abs(value):.{decimals if abs(value) < 999.95 else 0}f}"
    if float(size) == 0:
        return size
    return ("▲" if value > 0 else "▼") + size


def times(value: float | None) -> str:
    """Return a multiple such as relative volume, in at most five columns: `17.0x`, `134x`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.{1 if abs(value) < 99.95 else 0}f}x" if abs(value) < 999.5 else f"{value / 1000:.0f}kx"


def human(value: float | None) -> str:
    """Return a count in at most five columns: `950`, `37.0K`, `792K`, `10.5M`, `3.2B`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        # The bounds are where a number would round up to one more digit.
        if abs(value) >= size * 0.9995:
            return f"{value / size:.{1 if abs(value) < size * 99.95 else 0}f}{unit}"
    return f"{value:.0f}"


def whole(value: float | None) -> str:
    """Return a number without decimals, thousands marked: `26,114`."""
    return f"{value:,.0f}" if value is not None and math.isfinite(value) else UNKNOWN


def signed(value: float | None, decimals: int = 0) -> str:
    """Return an amount with its sign always there: `+1,234`, `-50`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = f"{value:+,.{decimals}f}"
    return text[1:] if not text.strip("+-0.,") else text


def in_r(value: float | None) -> str:
    """Return a result in units of the risk taken: `+1.9R`."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:+.1f}R"


def rounded(value: float | None, decimals: int = 0) -> str:
    """Return a plain number."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"


def places(value: int | None) -> str:
    """Return the places gained or lost, nothing when none, and `new` for who had no place before."""
    return "new" if value is None else f"{value:+d}" if value else ""


def age(ms: float | None) -> str:
    """Return an age in at most four columns: `12ms`, `0.4s`, `45s`, `12m`, `3h`."""
    if ms is None or not math.isfinite(ms):
        return UNKNOWN
    if ms < 99.5:
        return f"{max(ms, 0):.0f}ms"
    seconds = ms / 1000
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 99.5:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 5970 else f"{min(seconds / 3600, 999):.0f}h"


def lasting(seconds: float) -> str:
    """Return a running time: `00:07`, `1:02:03`."""
    whole_seconds = max(0, int(seconds))
    minutes, rest = divmod(whole_seconds, 60)
    return f"{minutes:02d}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def clock(ns: int | None) -> str:
    """Return the time of day in New York of a moment in ns UTC: `09:41:07`."""
    return UNKNOWN if ns is None or ns <= 0 else _clock(ns // 1_000_000_000)


@lru_cache(maxsize=1024)
def _clock(seconds: int) -> str:
    try:
        return (EPOCH + timedelta(seconds=seconds)).astimezone(NEW_YORK).strftime("%H:%M:%S")
    except OverflowError:
        return UNKNOWN


def minutes(value: int | None) -> str:
    """Return minutes left; unlimited when None."""
    return "∞" if value is None else f"{value}m"
