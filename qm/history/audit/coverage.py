"""Audit of what a feed covers: the closing auction, the official close, and whether bars are labelled by their end."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.clock import MINUTE, SECOND
from qm.history.audit.day import AuditDay
from qm.history.audit.report import Example, Level, Tally
from qm.history.layout import Array

_LIT_ONLY: Final = 0.03
"""Median share of the closing auction below which it is missing: consolidated feeds have about 0.14 at the close."""
_OFFICIAL: Final = 0.0002
"""What counts as equal to the official close: 2 bp."""
_LONGEST_S: Final = 300
"""Longer bars do not show the auction apart."""
_AFTER: Final = 5 * MINUTE
"""Auctions with many orders print minutes late."""
_BUSIER: Final = 2.0
_LEAST: Final = 0.5
_LEAST_SYMBOLS: Final = 5
"""Of fewer, one that opens quietly would look labelled by its end."""


class Coverage:
    """What the closes and opens of all sessions tell about the feed."""

    def __init__(self) -> None:
        self._closing: list[Array] = []
        self._away: list[Array] = []
        self._no_auction: list[Example] = []
        self._looked = 0
        self._late: list[Example] = []
        self._tested = 0

    def add_bars(self, day: AuditDay) -> None:
        """Take in the bars of a session."""
        self._labels(day)
        if day.seconds > _LONGEST_S:
            return
        self._shares(day, day.values["volume"])
        last, official = _last_before(day, day.values["close"]), _first_after(day, day.values["open"])
        both = ~np.isnan(last + official)
        self._away.append(np.abs(last[both] / official[both] - 1.0))

    def add_prints(self, day: AuditDay) -> None:
        """Take in the prints of a session."""
        self._shares(day, day.values["size"])

    def audit(self, tally: Tally) -> None:
        """Say what all sessions together show."""
        self._auction(tally)
        away = np.concatenate(self._away) if self._away else np.empty(0)
        if len(away):
            off = int((away > _OFFICIAL).sum())
            what = (
                f"of {len(away):,} end more than 2 bp away from the price at the close: the official close "
                "is the open of the bar at the close, not the last bar before it"
            )
            remedy = "Nothing to do: prior closes take it from there."
            tally.add("official_close", Level.NOTE, off, "symbol-days", what, remedy=remedy)
        if self._tested and len(self._late) > _LEAST * self._tested:
            what = f"of {self._tested:,} look labelled by the end of the bar: everything would be known too early"
            remedy = "Import it again with --end-labels --replace."
            tally.add("end_labels", Level.BAD, len(self._late), "sessions", what, remedy=remedy, example=self._late[0])

    def _auction(self, tally: Tally) -> None:
        if not self._looked:
            return
        if self._closing:
            share = float(np.median(np.concatenate(self._closing)))
            there = self._looked - len(self._no_auction)
            if share < _LIT_ONLY:
                what = (
                    f"have {share:.1%} of their volume in the five minutes from the close on, where consolidated feeds "
                    "have about 14 %: some venues only"
                )
                remedy = "Compare volumes with this feed only; set the participation cap of fills with care."
                tally.add("lit_only", Level.WARN, there, "sessions", what, remedy=remedy)
            else:
                what = f"have the closing auction, {share:.1%} of the day's volume (median): looks consolidated"
                tally.add("consolidated", Level.NOTE, there, "sessions", what)
        if self._no_auction:
            what = (
                "have nothing at the close: neither the closing auction nor the official close is in the data, and the "
                "last price before it is within 2 bp of the official close for about half of the symbols only"
            )
            remedy = (
                "Fetch official closes (qm data download alpaca --kind auctions), "
                "or import them: qm data import FILE --kind reference."
            )
            count, place = len(self._no_auction), self._no_auction[0]
            tally.add("no_auction", Level.WARN, count, "sessions", what, remedy=remedy, example=place)

    def _shares(self, day: AuditDay, volume: Array) -> None:
        self._looked += 1
        n = len(day.names)
        volume = np.nan_to_num(volume)
        upto = day.ts < day.of.close_ns + _AFTER
        whole = np.bincount(day.symbol[upto], volume[upto], n)
        auction = upto & (day.ts >= day.of.close_ns)
        if not auction.any():
            self._no_auction.append(Example(day.of.date.isoformat()))
            return
        traded = whole > 0
        self._closing.append(np.bincount(day.symbol[auction], volume[auction], n)[traded] / whole[traded])

    def _labels(self, day: AuditDay) -> None:
        suspect = _ends(day)
        if suspect is not None:
            self._tested += 1
            if suspect:
                self._late.append(Example(day.of.date.isoformat()))


def _ends(day: AuditDay) -> bool | None:
    """Say whether the bars look labelled by their end, None when nothing tells."""
    of, step = day.of, day.seconds * SECOND
    early, late = day.ts < of.open_ns, day.ts >= of.close_ns
    if not early.any() and not late.any():
        return False if (day.ts == of.open_ns).any() else None
    at_open, at_close = day.ts == of.open_ns, day.ts == of.close_ns
    if not early.any() and not (day.ts > of.close_ns).any():
        # Regular hours only: the bar at the open is there, or all labels are one bar late.
        return bool(not at_open.any() and at_close.sum() * 2 > len(day.names))
    # 20:00 is the end of the last bar of extended hours; as a start it belongs to the night after.
    night = day.ts < of.pre_ns
    if night.any() and (day.ts[night] == of.overnight_ns).all() and not (day.ts == of.pre_ns).any():
        return True
    if of.open_ns % step:
        return None
    # The opening auction makes the first bar of regular hours the busiest by far; one bar late is one label late.
    volume = day.values["volume"]
    first = _by_symbol(day, volume, at_open)
    second = _by_symbol(day, volume, day.ts == of.open_ns + step)
    before = _by_symbol(day, volume, day.ts == of.open_ns - step)
    known = (first > 0) & (second > 0)
    if known.sum() < _LEAST_SYMBOLS or day.seconds != 60:
        return None
    jumps_late = second[known] > _BUSIER * first[known]
    jumps_now = first[known] > _BUSIER * np.nan_to_num(before[known])
    return bool(jumps_late.mean() > _LEAST and jumps_now.mean() <= _LEAST)


def _by_symbol(day: AuditDay, column: Array, rows: Array) -> Array:
    found = np.full(len(day.names), np.nan)
    found[day.symbol[rows]] = column[rows]
    return found


def _last_before(day: AuditDay, column: Array) -> Array:
    # Rows are in order of time: what is written last stays.
    return _by_symbol(day, column, day.regular)


def _first_after(day: AuditDay, column: Array) -> Array:
    return _by_symbol(day, column, day.ts == day.of.close_ns)
