"""Parts of which the exits of strategies are put together: targets, closes below a line, trails, time stops.

A part says what it must be woken for and, once asked, whether it wants out or the stop elsewhere. It keeps nothing
between questions but what it puts into the note of the trade, under names of its own. `Exits` makes one exit of
several parts; the first that wants all of it out is heard, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite, nan
from typing import NamedTuple

from qm.clock import MINUTE
from qm.strategies.api import Exit, ExitSignals, Held, Plan, Protect, View, Wish, Wishes
from qm.strategies.reading import ema, recent, vwaps

Note = dict[str, float]
Line = Callable[[View, int], Sequence[float]]
"""The line at each of the last closes, oldest first."""


class Asked(NamedTuple):
    """A moment of an open trade."""

    view: View
    held: Held
    note: Note
    """To be read, and changed by the part."""

    @property
    def long(self) -> bool:
        """The position is bought, not sold short."""
        return self.held.qty > 0

    @property
    def best_r(self) -> float:
        """How far the trade has been ahead since it was opened, in R; NaN when unknown."""
        return self.held.r(self.view.since_high if self.long else self.view.since_low)


class ExitPart:
    """One reason to leave; by default it waits for nothing and wants nothing."""

    follows = False
    """It wants to be asked at every bar."""

    def opened(self, asked: Asked) -> Wish | None:
        """Begin: the first shares were filled."""
        return None

    def level(self, asked: Asked) -> float:
        """Return the price at which it wants to be asked, $; NaN for none."""
        return nan

    def time(self, asked: Asked) -> int:
        """Return when it wants to be asked, ns UTC; 0 for never."""
        return 0

    def touched(self, asked: Asked) -> list[Wish]:
        """Its level was reached."""
        return []

    def barred(self, asked: Asked) -> Wish | None:
        """A bar closed."""
        return None

    def timed(self, asked: Asked) -> Wish | None:
        """A time has come; it may be that of another part."""
        return None


class Targets(ExitPart):
    """Sells shares of the position at multiples of R; each share is one of the whole position, not of what is left."""

    def __init__(self, *steps: tuple[float, float]) -> None:
        self.steps = steps
        """R and share, the nearest first."""

    def level(self, asked: Asked) -> float:
        """Return the price of the next target."""
        taken = int(asked.note.get("targets", 0))
        # A price of whole ticks is met by a print of as many ticks, whatever their binary fractions say.
        return round(asked.held.at_r(self.steps[taken][0]), 6) if taken < len(self.steps) else nan

    def touched(self, asked: Asked) -> list[Wish]:
        """Sell at each target that was reached."""
        wishes: list[Wish] = []
        while isfinite(price := self.level(asked)):
            up, down = (price, -inf) if asked.long else (inf, price)
            if not asked.view.market.reached(asked.view.row, up, down):
                break
            taken = int(asked.note.get("targets", 0))
            r, share = self.steps[taken]
            left = 1.0 - sum(step[1] for step in self.steps[:taken])
            asked.note["targets"] = taken + 1.0
            wishes.append(Exit(f"{r:g} R reached", min(1.0, round(share / left, 9))))
        return wishes


class Price(ExitPart):
    """Sells a share at a price that the entry noted under `name`."""

    def __init__(self, name: str, about: str, share: float = 1.0) -> None:
        self.name, self.about, self.share = name, about, share

    def level(self, asked: Asked) -> float:
        """Return the price, until it was reached."""
        return asked.note.get(self.name, nan)

    def touched(self, asked: Asked) -> list[Wish]:
        """Sell when the price was reached."""
        price = self.level(asked)
        up, down = (price, -inf) if asked.long else (inf, price)
        if not isfinite(price) or not asked.view.market.reached(asked.view.row, up, down):
            return []
        asked.note.pop(self.name)
        return [Exit(f"{self.about} reached", self.share)]


class ClosesBeyond(ExitPart):
    """Leaves after closes on the wrong side of a line: below it when long, above it when short."""

    follows = True

    def __init__(self, name: str, line: Line, closes: int) -> None:
        self.name, self.line, self.closes = name, line, closes

    def barred(self, asked: Asked) -> Wish | None:
        """Leave when the last closes all lay beyond the line; closes before the entry count."""
        bars, line = recent(asked.view, self.closes), self.line(asked.view, self.closes)
        if len(bars) < self.closes or len(line) < self.closes:
            return None
        sign = 1.0 if asked.long else -1.0
        if all(sign * (bar.close - at) < 0 for bar, at in zip(bars, line, strict=True)):
            side = "below" if asked.long else "above"
            count = "a close" if self.closes == 1 else f"{self.closes} closes"
            return Exit(f"{count} {side} {self.name}")
        return None


class TimeStop(ExitPart):
    """Leaves a trade that is not far enough ahead some minutes after its entry."""

    def __init__(self, minutes: float, least_r: float) -> None:
        self.minutes, self.least_r = minutes, least_r

    def time(self, asked: Asked) -> int:
        """Return when the minutes are over, once."""
        due = asked.held.opened + int(self.minutes * MINUTE)
        return 0 if asked.note.get("timed") else due

    def timed(self, asked: Asked) -> Wish | None:
        """Leave when the price is not worth as many R; an unknown one is not."""
        if asked.note.get("timed") or asked.view.now < asked.held.opened + int(self.minutes * MINUTE):
            return None
        asked.note["timed"] = 1.0
        if not asked.held.r(asked.view.last) >= self.least_r:
            return Exit(f"less than {self.least_r:g} R after {self.minutes:g} minutes")
        return None


class SwingTrail(ExitPart):
    """Moves the stop to a tick beyond the extreme of the last bars; never away from the market."""

    follows = True

    def __init__(self, bars: int, tick: float = 0.01) -> None:
        self.bars, self.tick = bars, tick

    def barred(self, asked: Asked) -> Wish | None:
        """Move the stop, once there are as many bars."""
        bars = recent(asked.view, self.bars)
        if len(bars) < self.bars:
            return None
        if asked.long:
            stop = min(bar.low for bar in bars) - self.tick
        else:
            stop = max(bar.high for bar in bars) + self.tick
        return Protect(stop, f"beyond the swing of {self.bars} bars")


class AtrTrail(ExitPart):
    """Moves the stop to some daily ATR(14) from the best price of the trade, at each bar; never away from it."""

    follows = True

    def __init__(self, atr: float) -> None:
        self.atr = atr

    def barred(self, asked: Asked) -> Wish | None:
        """Move the stop; an unknown ATR moves nothing."""
        away = self.atr * asked.view.atr
        stop = asked.view.since_high - away if asked.long else asked.view.since_low + away
        return Protect(stop, f"{self.atr:g} ATR from the best price") if away > 0 and isfinite(stop) else None


class BreakEven(ExitPart):
    """Moves the stop to what was paid once the trade is some R ahead."""

    def __init__(self, r: float) -> None:
        self.r = r

    def level(self, asked: Asked) -> float:
        """Return the price of so many R, until it was reached."""
        return nan if asked.note.get("even") else round(asked.held.at_r(self.r), 6)

    def touched(self, asked: Asked) -> list[Wish]:
        """Move the stop when the price was reached."""
        price = self.level(asked)
        up, down = (price, -inf) if asked.long else (inf, price)
        if not isfinite(price) or not asked.view.market.reached(asked.view.row, up, down):
            return []
        asked.note["even"] = 1.0
        return [Protect(asked.held.price, f"even after {self.r:g} R")]


class FromFill(ExitPart):
    """Puts the stop some daily ATR(14) from what was paid, where a gap was."""

    def __init__(self, atr: float) -> None:
        self.atr = atr

    def opened(self, asked: Asked) -> Wish | None:
        """Move the stop."""
        away = self.atr * asked.view.atr
        return Protect(asked.held.price + (-away if asked.long else away), "as far from the fill")


class AgainstAfter(ExitPart):
    """Leaves at the first bar with a lower low (when short, a higher high) after the trade was some R ahead."""

    follows = True

    def __init__(self, r: float) -> None:
        self.r = r

    def barred(self, asked: Asked) -> Wish | None:
        """Leave when the last bar went beyond the one before it."""
        bars = recent(asked.view, 2)
        if len(bars) < 2 or not asked.best_r >= self.r:
            return None
        before, last = bars
        against = last.low < before.low if asked.long else last.high > before.high
        return Exit(f"a {'lower low' if asked.long else 'higher high'} after {self.r:g} R") if against else None


class AtMinute(ExitPart):
    """Leaves at a time of the session."""

    def __init__(self, minute: int) -> None:
        self.minute = minute

    def time(self, asked: Asked) -> int:
        """Return that time."""
        return asked.view.market.session.open_ns + self.minute * MINUTE

    def timed(self, asked: Asked) -> Wish | None:
        """Leave once it has come."""
        return Exit("end of day") if asked.view.minute >= self.minute else None


class Exits(ExitSignals):
    """The exit part of a strategy, made of several; the note of its entry is kept."""

    def __init__(self, *parts: ExitPart) -> None:
        self.parts = parts

    def on_open(self, view: View) -> Wishes:
        """Let each part begin, and arm what they wait for."""
        return self._ask(view, lambda part, asked: [part.opened(asked)], first=True)

    def on_touch(self, view: View) -> Wishes:
        """Ask each part for its level."""
        return self._ask(view, lambda part, asked: part.touched(asked))

    def on_bar(self, view: View) -> Wishes:
        """Ask each part about the bar."""
        return self._ask(view, lambda part, asked: [part.barred(asked)])

    def on_time(self, view: View) -> Wishes:
        """Ask each part about the time."""
        return self._ask(view, lambda part, asked: [part.timed(asked)])

    def _ask(
        self, view: View, question: Callable[[ExitPart, Asked], Sequence[Wish | None]], first: bool = False
    ) -> Wishes:
        held = view.held
        assert held is not None
        asked = Asked(view, held, dict(view.note))
        wishes: list[Wish] = []
        for part in self.parts:
            for wish in question(part, asked):
                if isinstance(wish, Exit) and wish.part == 1.0:
                    return [wish]
                if wish is not None:
                    wishes.append(wish)
        # What a part waits for can change with the note only.
        if first or asked.note != view.note:
            return [self._plan(asked), *wishes]
        return wishes

    def _plan(self, asked: Asked) -> Plan:
        levels = [level for part in self.parts if isfinite(level := part.level(asked))]
        times = [time for part in self.parts if (time := part.time(asked))]
        near = (min(levels) if asked.long else max(levels)) if levels else nan
        return Plan(
            up=[near if asked.long else nan],
            down=[nan if asked.long else near],
            follow=any(part.follows for part in self.parts),
            wake_at=min(times, default=0),
            note=dict(asked.note),
        )


def vwap_line(view: View, closes: int) -> Sequence[float]:
    """Return the VWAP at each of the last closes, $."""
    return vwaps(view, recent(view, closes))


def ema_line(length: int) -> Line:
    """Return the line of the exponential mean of minute closes, over the session's bars that are kept."""

    def line(view: View, closes: int) -> Sequence[float]:
        values = [bar.close for bar in recent(view, 4 * length + closes)]
        return [ema(values[: len(values) - back], length) for back in range(min(closes, len(values)) - 1, -1, -1)]

    return line
