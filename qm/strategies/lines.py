"""The exit of setups that regain a line: half at the nearer of two targets, half at the other, all when it is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qm.market.bars import Bar
from qm.strategies.api import Exit, ExitSignals, Plan, View, Wishes
from qm.strategies.reading import recent

HALF = 0.5
NEAREST_R = 0.5
"""A high of the day that is nearer than this is no target, in risks."""
HIGH = "the high of the day"


class LineExit(ExitSignals):
    """Takes the high of the day and a multiple of the risk as targets; leaves after closes beyond the line.

    `lines` gives the line at the close of each of some bars. For longs only.
    """

    def __init__(
        self, name: str, lines: Callable[[View, Sequence[Bar]], list[float]], target_r: float, closes: int
    ) -> None:
        self.name, self.lines, self.target_r, self.closes = name, lines, target_r, closes

    def on_open(self, view: View) -> Wishes:
        """Arm the nearer target, remember the other, and follow the bars for the line."""
        held = view.held
        assert held is not None
        risk = held.price - held.stop
        multiple = held.price + self.target_r * risk
        high = view.high
        if not high > held.price + NEAREST_R * risk:
            return [Plan(up=[multiple], follow=True, note={"last": 1.0, "high": 0.0})]
        near, far = sorted((high, multiple))
        note = {"last": 0.0, "high": 1.0 if near == high else 0.0, "far": far}
        return [Plan(up=[near], follow=True, note=note)]

    def on_touch(self, view: View) -> Wishes:
        """Take half at the first target and the rest at the second."""
        note = view.note
        reached = HIGH if note["high"] else f"{self.target_r:g} R"
        if note["last"]:
            return [Plan(follow=True, note=dict(note)), Exit(f"{reached} reached")]
        after = {"last": 1.0, "high": 0.0 if note["high"] else 1.0}
        return [Plan(up=[note["far"]], follow=True, note=after), Exit(f"{reached} reached, half", HALF)]

    def on_bar(self, view: View) -> Wishes:
        """Leave when the line was lost by as many closes in a row."""
        bars = recent(view, self.closes)
        lost = [bar.close < line for bar, line in zip(bars, self.lines(view, bars), strict=True)]
        if len(lost) == self.closes and all(lost):
            return [Exit(f"{self.closes} closes below {self.name}")]
        return []
