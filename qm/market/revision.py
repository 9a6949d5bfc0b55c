"""Putting right what was told before: cancelled and corrected prints, and bars that are told again.

Volume, price x volume and the spread about the VWAP come out exactly as if the mistake had never been told. Of the
rest, what follows is not known any more and stays as it was: the count of new highs, the extremes since an entry
(which only grow), the minutes below the VWAP, and everything that was decided; an order that was sent is not unsent.

- High and low: the row keeps the extreme and the one without the print that made it, so one mistake per extreme is put
  right exactly. After a second one they are those of the bars that are still kept.
- The minute that a cancelled print belongs to: its high and low fall back to open and close. Its open and close stay
  where it is over, as does the open of the day.
- The price since the pre-market high is not known once the print or bar that made it was mistaken.
- What is older than `KEPT_BARS` minutes changes the sums of the day and nothing else; a bar that comes so late is not
  counted, because nobody knows whether it was before.
"""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qm.clock import MINUTE
from qm.market.bars import Bar
from qm.market.fives import MINUTES as FIVE
from qm.market.kernel import MINUTE_S
from qm.market.minutes import KEPT_BARS, KEPT_MINUTES, OPENING_MINUTES, Minutes
from qm.market.rows import NO_BAR, PRINTS, Rows
from qm.model.market import Kind, Print

Record = tuple[int, int, int, int, int, int, float, float, float, float, float]
"""One market record in the order of `EVENT`."""
Array = npt.NDArray[np.float64]
Hours = tuple[int, int, int]
"""Start of the extended hours, open and close, ns UTC."""

_PRE: Final = "pre_"
_REGULAR: Final = ""


def revise(rows: Rows, minutes: Minutes, hours: Hours, record: Record) -> Bar | None:
    """Put a symbol right by one record; returns the minute bar that is different now, if one is still kept."""
    kind, row = record[3], rows[record[2]]
    if kind == Kind.BAR:
        return _Revision(row, minutes, hours, record).bar()
    if kind in (Kind.CANCEL, Kind.CORRECTION) and row["source"] == PRINTS:
        return _Revision(row, minutes, hours, record).print()
    return None


class _Revision:
    def __init__(self, row: Any, minutes: Minutes, hours: Hours, record: Record) -> None:
        self.row, self.minutes, self.record = row, minutes, record
        self.at, self.sym = record[1], record[2]
        self.minute = self.at - self.at % MINUTE
        pre, opens, closes = hours
        self.part = _REGULAR if opens <= self.at < closes else _PRE if pre <= self.at < opens else None
        self._sides = (
            [(self.part + "high", self.part + "second_high", 1.0), (self.part + "low", self.part + "second_low", -1.0)]
            if self.part is not None
            else []
        )
        end = self.minute + MINUTE
        # A view: what is written to it is kept.
        self.kept: Array | None = (
            minutes.bars[end // MINUTE % KEPT_BARS, :, self.sym] if minutes.knows(end, KEPT_BARS) else None
        )

    # --- bars ----------------------------------------------------------------------------------------------------

    def bar(self) -> Bar | None:
        row, seconds = self.row, self.record[5]
        new = self.record[6:11]
        latest = self.at == row["bar_start"]
        old: tuple[float, ...] | None = None
        if latest:
            old = tuple(float(row[f"bar_{name}"]) for name in ("open", "high", "low", "close", "volume"))
        elif seconds == MINUTE_S:
            if self.kept is None:
                return None
            old = None if isnan(self.kept[1]) else tuple(self.kept.tolist())
        if old == new:
            return None
        if old is not None:
            row["revised"] += 1
            self._count(_typical(old), -old[4])
        self._count(_typical(new), new[4])
        self._extremes(new[1], new[2], old)
        if latest:
            for name, value in zip(("open", "high", "low", "close", "volume"), new, strict=True):
                row[f"bar_{name}"] = value
            row["last"] = new[3]
        if self.kept is not None and seconds == MINUTE_S:
            self.kept[:] = new
            self._rebuild()
        row["since_high"] = np.fmax(row["since_high"], new[1])
        row["since_low"] = np.fmin(row["since_low"], new[2])
        return Bar(self.at, *new)

    def _extremes(self, high: float, low: float, old: tuple[float, ...] | None = None) -> None:
        row = self.row
        for (name, second, sign), value, was in zip(
            self._sides, (high, low), old[1:3] if old else (nan, nan), strict=False
        ):
            if value == was:
                continue
            self._without(name, second, sign, was)
            known = row[name]
            if isnan(known) or sign * value > sign * known:
                row[second], row[name] = known, value
                self._told_by(name, 0.0 if self.record[3] == Kind.BAR else self.record[10])
            elif not sign * row[second] >= sign * value:
                row[second] = value
        if self.part == _REGULAR and (isnan(row["open"]) or (self.record[3] == Kind.BAR and self._first())):
            row["open"] = self.record[6]

    def _told_by(self, name: str, print_id: float) -> None:
        if self.part == _REGULAR:
            self.row[f"{name}_id"] = print_id

    def _first(self) -> bool:
        """Say whether no share of regular hours was traded before this minute."""
        minutes, begun = self.minutes, self.minute
        if not minutes.knows(begun):
            return begun <= minutes.session.open_ns
        return not minutes.volume[begun // MINUTE % KEPT_MINUTES, self.sym] > 0.0

    def _without(self, name: str, second: str, sign: float, value: float) -> None:
        row = self.row
        if value == row[name]:
            known = row[second]
            row[name] = self._extreme_of_bars(sign) if abs(known) == inf else known
            self._told_by(name, 0.0)
            # The third is not known. This is as far as any price can be, so no other one takes its place.
            row[second] = known if isnan(known) else sign * inf
            if name == "high":
                row["high_ts"] = 0
        elif value == row[second]:
            row[second] = sign * inf

    def _extreme_of_bars(self, sign: float) -> float:
        """Return the highest or lowest price of the bars that are kept; of the mistaken minute itself, the close."""
        row, minutes, opens = self.row, self.minutes, self.minutes.session.open_ns
        known = [float(row["last"])]
        for end in range(minutes.marked, max(minutes.marked - KEPT_BARS * MINUTE, minutes.since - 1), -MINUTE):
            bar = minutes.bars[end // MINUTE % KEPT_BARS, :, self.sym]
            if (end <= opens) == (self.part == _PRE) and not isnan(bar[1]):
                known.append(float(bar[3] if end == self.minute + MINUTE else bar[1] if sign > 0 else bar[2]))
        return sign * max(sign * price for price in known)

    # --- prints --------------------------------------------------------------------------------------------------

    def print(self) -> Bar | None:
        row = self.row
        _, _, _, kind, flag, before, price, size, new_price, new_size, _ = self.record
        corrected = kind == Kind.CORRECTION
        told = before if corrected else flag
        if not (price > 0.0 and size >= 0.0) or not self._counted(told, price):
            return None
        if corrected and not (new_price > 0.0 and new_size >= 0.0):
            return None
        row["revised"] += 1
        was_last = bool(told & Print.LAST) and self._is_last(price)
        if told & Print.VOLUME:
            self._count(price, -size)
        if told & Print.HIGH_LOW:
            for side in self._sides:
                self._without(*side, price)
        if was_last and not isnan(row["before"]):
            row["last"], row["before"], row["last_id"] = row["before"], nan, 0.0
        if corrected:
            if flag & Print.VOLUME:
                self._count(new_price, new_size)
            if flag & Print.HIGH_LOW:
                self._extremes(new_price, new_price)
            if was_last and flag & Print.LAST:
                row["last"], row["last_id"] = new_price, self.record[10]
        now = (flag, new_price, new_size) if corrected else None
        return self._minute((told, price, size), now)

    def _is_last(self, price: float) -> bool:
        row, told = self.row, self.record[10]
        same = self.at == row["at"] and price == row["last"]
        return bool(same and (told == row["last_id"] or not (told and row["last_id"])))

    def _counted(self, flag: int, price: float) -> bool:
        # One that was set aside cannot be taken out again. Which ones were is not kept: those that the day never saw.
        if not self.row["quarantined"] or self.part is None or not flag & Print.HIGH_LOW:
            return True
        return bool(self.row[self.part + "low"] <= price <= self.row[self.part + "high"])

    def _minute(self, told: tuple[int, float, float], now: tuple[int, float, float] | None) -> Bar | None:
        """Put the minute of a print right: the one being built, and one that is still kept."""
        row = self.row
        if self.minute == row["bar_start"]:
            bar = np.array([float(row[f"bar_{name}"]) for name in ("open", "high", "low", "close", "volume")])
            if told[0] & Print.HIGH_LOW and told[1] == bar[3] and self.at == row["at"]:
                bar[3] = row["last"]
            _alter(bar, told, now)
            for name, value in zip(("open", "high", "low", "close", "volume"), bar.tolist(), strict=True):
                row[f"bar_{name}"] = value
            if isnan(bar[1]):
                row["bar_start"] = NO_BAR
            if self.kept is not None:
                self.kept[:] = bar
        elif self.kept is not None and not isnan(self.kept[1]):
            bar = self.kept
            _alter(bar, told, now)
        else:
            return None
        if self.kept is not None:
            self._rebuild()
        if isnan(bar[1]):
            return None
        return Bar(self.minute, *bar.tolist())

    # --- both ----------------------------------------------------------------------------------------------------

    def _count(self, price: float, size: float) -> None:
        row, part = self.row, self.part
        if part is None:
            return
        row[part + "volume"] += size
        row[part + "pv"] += price * size
        self._anchors(price, size)
        if part == _PRE:
            return
        if isnan(row["anchor"]):
            row["anchor"] = price
        row["pdd"] += size * (price - row["anchor"]) ** 2
        if not row["volume"] > 0.0:
            row["volume"] = row["pv"] = row["pdd"] = 0.0
        minutes, opens = self.minutes, self.minutes.session.open_ns
        end = self.minute + MINUTE
        first = max(end, minutes.since, minutes.marked - (KEPT_MINUTES - 1) * MINUTE)
        for boundary in range(first, minutes.marked + 1, MINUTE):
            minutes.volume[boundary // MINUTE % KEPT_MINUTES, self.sym] += size
            minutes.pv[boundary // MINUTE % KEPT_MINUTES, self.sym] += price * size
        over = opens + OPENING_MINUTES * MINUTE
        if end <= over <= minutes.marked:
            minutes.opening_volume[self.sym] += size

    def _anchors(self, price: float, size: float) -> None:
        """Move what had been traded up to the pre-market high and up to the resumption, where this was before it."""
        row = self.row
        if self.at < row["pre_high_at"]:
            row["pre_high_volume"] += size
            row["pre_high_pv"] += price * size
        elif self.at == row["pre_high_at"]:
            # Whether it was that print or one beside it is not known.
            row["pre_high_volume"] = row["pre_high_pv"] = nan
        if row["resumed"] > 0 and self.at < row["resumed"]:
            row["resumed_volume"] += size
            row["resumed_pv"] += price * size

    def _openings(self) -> None:
        """Make the opening ranges again."""
        minutes, opens, sym = self.minutes, self.minutes.session.open_ns, self.sym
        since = max(opens + MINUTE, minutes.since, minutes.marked - (KEPT_BARS - 1) * MINUTE)
        ends = range(since, minutes.marked + 1, MINUTE)
        bars = {(end - opens) // MINUTE - 1: minutes.bars[end // MINUTE % KEPT_BARS, :, sym] for end in ends}
        five = minutes.fives
        count = int(five.count[sym])
        fives = {int(five.period[k, sym]): five.bars[k, :, sym] for k in range(count)}
        minutes.openings.put_right(sym, bars, fives, official=bool(self.row["opened"] > 0))

    def _rebuild(self) -> None:
        """Build the five minutes again to which the minute belongs, and the last prices at the boundaries after it."""
        minutes, opens, end = self.minutes, self.minutes.session.open_ns, self.minute + MINUTE
        kept = self.kept
        assert kept is not None
        close = kept[3]
        if isnan(close) and minutes.knows(self.minute):
            close = minutes.close[self.minute // MINUTE % KEPT_MINUTES, self.sym]
        for boundary in range(end, minutes.marked + 1, MINUTE):
            bar = minutes.bars[boundary // MINUTE % KEPT_BARS, :, self.sym]
            if boundary > end and not isnan(bar[1]):
                break
            minutes.close[boundary // MINUTE % KEPT_MINUTES, self.sym] = close
        if self.part != _REGULAR:
            return
        period = (self.minute - opens) // (FIVE * MINUTE)
        begun = opens + period * FIVE * MINUTE
        ends = range(begun + MINUTE, min(begun + FIVE * MINUTE, minutes.marked) + 1, MINUTE)
        if not all(minutes.knows(boundary, KEPT_BARS) for boundary in ends):
            return
        bars = [minutes.bars[boundary // MINUTE % KEPT_BARS, :, self.sym] for boundary in ends]
        traded = [bar for bar in bars if not isnan(bar[1])]
        if not traded:
            whole = np.full(4, nan)
        else:
            whole = np.array([traded[0][0], max(b[1] for b in traded), min(b[2] for b in traded), traded[-1][3]])
        if len(ends) == FIVE:
            minutes.fives.put_right(self.sym, period, whole)
        else:
            minutes.fives.building[:, self.sym] = whole
        self._openings()


def _typical(bar: tuple[float, ...]) -> float:
    return (bar[1] + bar[2] + bar[3]) / 3.0


def _alter(bar: Array, told: tuple[int, float, float], now: tuple[int, float, float] | None) -> None:
    """Take a print out of a minute bar, float64[open high low close volume], and put another one in."""
    flag, price, size = told
    if flag & Print.VOLUME:
        bar[4] = max(bar[4] - size, 0.0)
    if flag & Print.HIGH_LOW:
        if price == bar[1]:
            bar[1] = max(bar[0], bar[3])
        if price == bar[2]:
            bar[2] = min(bar[0], bar[3])
    if now is not None:
        flag, price, size = now
        if flag & Print.VOLUME:
            bar[4] += size
        if flag & Print.HIGH_LOW:
            bar[1], bar[2] = max(bar[1], price), min(bar[2], price)
    if not bar[4] > 0.0:
        # No print of it stands: there was no trade.
        bar[:] = nan
