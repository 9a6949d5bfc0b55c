"""One trade as a chart: its minutes, VWAP, entry, exit and stop."""

from __future__ import annotations

import numpy as np

from backtest.sheet.bars import Minutes
from backtest.sheet.charts import Frame, Mark
from qm.clock import MINUTE, ny
from qm.model.events import TradeClosed

WIDTH, HEIGHT = 440, 230


def chart(trade: TradeClosed, minutes: Minutes, stop: float | None) -> str:
    """Draw a trade; empty when there is no minute to show."""
    if not len(minutes.start):
        return ""
    entry, leaving = float(trade.entry_price), float(trade.exit_price)
    levels = [entry, leaving, *([stop] if stop is not None else [])]
    lows, highs = [*levels, float(minutes.low.min())], [*levels, float(minutes.high.max())]
    first, last = int(minutes.start[0]), int(minutes.start[-1]) + MINUTE
    frame = Frame(WIDTH, HEIGHT, (0, (last - first) / MINUTE), (min(lows), max(highs)))
    parts = _candles(frame, minutes, first)
    vwap = [
        f"{frame.x((start - first) / MINUTE + 0.5)},{frame.y(value)}"
        for start, value in zip(minutes.start.tolist(), minutes.vwap.tolist(), strict=True)
        if min(lows) <= value <= max(highs)
    ]
    parts.append(f'<polyline class="vwap" points="{" ".join(vwap)}"/>')
    if stop is not None:
        parts.append(frame.across(Mark(stop, "stop", "stop")))
    parts += [
        _dot(frame, (trade.opened - first) / MINUTE, entry, "entry"),
        _dot(frame, (trade.closed - first) / MINUTE, leaving, "exit"),
    ]
    times = [first + (last - first) * part // 4 for part in (0, 2, 4)]
    labels = [((at - first) / MINUTE, f"{ny(at):%H:%M}") for at in times]
    return frame.svg(parts, labels, f"{trade.symbol} {ny(trade.opened):%Y-%m-%d %H:%M}")


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


def _dot(frame: Frame, minute: float, price: float, kind: str) -> str:
    x, y = frame.x(minute), frame.y(price)
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="4"><title>{kind} {price:.4f}</title></circle>'
