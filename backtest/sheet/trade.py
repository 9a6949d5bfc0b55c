"""One trade as a chart: its minutes and their volume, VWAP, entries, exits, and where stop and target stood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.sheet.bars import Minutes
from backtest.sheet.charts import LEFT, RIGHT, Frame
from backtest.sheet.story import Step, Story
from qm.clock import MINUTE, ny
from qm.model.events import TradeClosed

WIDTH, HEIGHT = 440, 250
VOLUME_SHARE = 0.16
"""Of the height, below the prices."""
MANY, SMALL, LARGE = 8, 2.4, 3.8
"""More executions than so many are drawn small."""
NAME_PX = 40
"""Room for the name of a level."""
REACH = 2.5
"""A level further from the prices than so many times their range is told, not drawn."""


def chart(trade: TradeClosed, minutes: Minutes, story: Story) -> str:
    """Draw a trade; empty when there is no minute to show."""
    if not len(minutes.start):
        return ""
    fills = story.fills or [
        (trade.opened, float(trade.entry_price), trade.qty, True),
        (trade.closed, float(trade.exit_price), trade.qty, False),
    ]
    prices = [price for _, price, _, _ in fills]
    low, high = min(*prices, float(minutes.low.min())), max(*prices, float(minutes.high.max()))
    levels = [price for _, price in (*story.stops, *story.targets) if price is not None]
    room = REACH * (high - low)
    near = [price for price in levels if low - room <= price <= high + room]
    low, high = min([low, *near]), max([high, *near])
    first, last = int(minutes.start[0]), int(minutes.start[-1]) + MINUTE
    # Room below the lowest price for the volume.
    floor = low - (high - low or 0.01) * VOLUME_SHARE / (1 - VOLUME_SHARE)
    frame = Frame(WIDTH, HEIGHT, (0, (last - first) / MINUTE), (floor, high))
    held = (max(first, trade.opened), min(last, trade.closed))
    parts = [_held(frame, first, held), *_volume(frame, minutes, first), *_candles(frame, minutes, first)]
    parts.append(_vwap(frame, minutes, first, (low, high)))
    parts += _level(frame, story.stops, first, held, "stop")
    parts += _level(frame, story.targets, first, held, "target")
    parts += [
        _mark(frame, (at - first) / MINUTE, price, qty, SMALL if len(fills) > MANY else LARGE, inwards=inwards)
        for at, price, qty, inwards in fills
        if first <= at <= last
    ]
    times = [first + (last - first) * part // 4 for part in (0, 2, 4)]
    labels = [((at - first) / MINUTE, f"{ny(at):%H:%M}") for at in times]
    return frame.svg(parts, labels, f"{trade.symbol} {ny(trade.opened):%Y-%m-%d %H:%M}")


def _held(frame: Frame, first: int, held: tuple[int, int]) -> str:
    left, right = (frame.x((at - first) / MINUTE) for at in held)
    top, bottom = frame.y(frame.y1), frame.y(frame.y0)
    wide, tall = max(1.0, round(right - left, 1)), round(bottom - top, 1)
    return f'<rect class="held" x="{left}" y="{top}" width="{wide}" height="{tall}"/>'


def _volume(frame: Frame, minutes: Minutes, first: int) -> list[str]:
    most = float(minutes.volume.max())
    if not most > 0:
        return []
    width = max(1.0, round(0.7 * (frame.x(1) - frame.x(0)), 1))
    bottom, room = frame.y(frame.y0), VOLUME_SHARE * 0.9 * (frame.y(frame.y0) - frame.y(frame.y1))
    return [
        f'<rect class="volume" x="{round(frame.x((start - first) / MINUTE + 0.5) - width / 2, 1)}"'
        f' y="{round(bottom - room * shares / most, 1)}" width="{width}" height="{round(room * shares / most, 1)}"/>'
        for start, shares in zip(minutes.start.tolist(), minutes.volume.tolist(), strict=True)
        if shares > 0
    ]


def _candles(frame: Frame, minutes: Minutes, first: int) -> list[str]:
    parts = []
    width = max(1.0, round(0.7 * (frame.x(1) - frame.x(0)), 1))
    columns = (minutes.start, minutes.open, minutes.high, minutes.low, minutes.close)
    for start, o, high, low, close in zip(*(np.asarray(column).tolist() for column in columns), strict=True):
        x = frame.x((start - first) / MINUTE + 0.5)
        kind = "gain" if close >= o else "loss"
        top, tall = frame.y(max(o, close)), max(1.0, round(abs(frame.y(o) - frame.y(close)), 1))
        parts.append(f'<line class="wick" x1="{x}" x2="{x}" y1="{frame.y(high)}" y2="{frame.y(low)}"/>')
        parts.append(f'<rect class="{kind}" x="{round(x - width / 2, 1)}" y="{top}" width="{width}" height="{tall}"/>')
    return parts


def _vwap(frame: Frame, minutes: Minutes, first: int, between: tuple[float, float]) -> str:
    points = [
        f"{frame.x((start - first) / MINUTE + 0.5)},{frame.y(value)}"
        for start, value in zip(minutes.start.tolist(), minutes.vwap.tolist(), strict=True)
        if between[0] <= value <= between[1]
    ]
    return f'<polyline class="vwap" points="{" ".join(points)}"/>' if points else ""


def _level(frame: Frame, steps: Sequence[Step], first: int, held: tuple[int, int], kind: str) -> list[str]:
    """Draw where a level stood while the position was held, and name it where it ended."""
    parts = []
    ends = [*(at for at, _ in steps[1:]), held[1]] if steps else []
    named = ""
    for (at, price), end in zip(steps, ends, strict=True):
        left, right = max(at, held[0]), min(end, held[1])
        if price is None or right < left or not frame.y0 <= price <= frame.y1:
            continue
        x, y = frame.x((left - first) / MINUTE), frame.y(price)
        until = max(frame.x((right - first) / MINUTE), x + 2)
        parts.append(
            f'<line class="{kind}" x1="{x}" x2="{until}" y1="{y}" y2="{y}"><title>{kind} {price:.4f}</title></line>'
        )
        # Beside its end, or its start where there is no room.
        before = until > WIDTH - RIGHT - NAME_PX and x > LEFT + NAME_PX
        place, anchor = (x - 3, "end") if before else (until + 3, "start")
        named = f'<text class="name {kind}" x="{place}" y="{y + 4}" text-anchor="{anchor}">{kind}</text>'
    return [*parts, named]


def _mark(frame: Frame, minute: float, price: float, qty: int, radius: float, *, inwards: bool) -> str:
    x, y = frame.x(minute), frame.y(price)
    kind = "entry" if inwards else "exit"
    return (
        f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}"><title>{kind} {qty:,} at {price:.4f}</title></circle>'
    )
