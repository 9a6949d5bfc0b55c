"""Audit of prints and quotes: odd lots, sub-pennies, outliers, gaps that may be halts, crossed and one-sided quotes."""

from __future__ import annotations

from typing import Final

import numpy as np

from qm.clock import SECOND
from qm.history.audit.day import AuditDay
from qm.history.audit.report import Level, Tally
from qm.history.audit.rows import audit_order, neighbours
from qm.history.layout import Array
from qm.model.market import Print

_QUIET: Final = 240 * SECOND
_PAUSE: Final = (295 * SECOND, 330 * SECOND)
"""A limit-up-limit-down pause lasts five minutes, and reopens within seconds when nothing is wrong."""
_BUSY: Final = 10
"""Prints in the minute before and in the minute after, without which a gap is just a gap."""
_AWAY: Final = 1.5


class Prints:
    """What the prints of all sessions tell."""

    def __init__(self) -> None:
        self._rows = 0
        self._odd = 0
        self._no_price = 0
        self._finer = 0
        self._same = 0

    def add(self, day: AuditDay, tally: Tally) -> None:
        """Look at the prints of a session."""
        audit_order(day, tally)
        v = day.values
        price, size = v["price"], v["size"]
        bad = ~(np.isfinite(price) & (price > 0) & np.isfinite(size) & (size > 0))
        day.note(tally, bad, "no_price", Level.BAD, "have no positive price or size", remedy="Import them again.")
        order = np.lexsort((day.ts, day.symbol))
        symbol, ts = day.symbol[order], day.ts[order]
        self._rows += len(order)
        self._odd += int((size < 100).sum())
        self._no_price += int((v["flag"] & Print.LAST == 0).sum()) if "flag" in v else 0
        cents = price * 100
        self._finer += int(((price >= 1) & (np.abs(cents - np.round(cents)) > 1e-6)).sum())
        self._same += int(((np.diff(symbol) == 0) & (np.diff(ts) == 0)).sum())
        self._outliers(day, tally)
        self._gaps(day, tally, order[day.regular[order]])

    def audit(self, tally: Tally) -> None:
        """Say what all sessions together show."""
        if not self._rows:
            return
        for code, count, what, remedy in (
            ("odd_lots", self._odd, "are below 100 shares", "They count volume; they set a price only as rules allow."),
            ("no_last", self._no_price, "set no price: odd lots, late or averaged prints", ""),
            ("sub_penny", self._finer, "of 1 $ and more are finer than a cent: wholesalers and midpoints", ""),
            ("same_moment", self._same, "share the moment of the print before: sweeps", "Never drop them as twins."),
        ):
            told = f"of {self._rows:,} prints ({count / self._rows:.1%}) {what}"
            tally.add(code, Level.NOTE, count, "rows", told, remedy=remedy)

    def _outliers(self, day: AuditDay, tally: Tally) -> None:
        flag = day.values.get("flag")
        telling = np.ones(len(day.ts), bool) if flag is None else flag & Print.LAST != 0
        order, both = neighbours(day, np.flatnonzero(telling))
        if len(order) < 3:
            return
        price = day.values["price"][order]
        up, down = price / np.roll(price, 1), price / np.roll(price, -1)
        away = both & ((np.minimum(up, down) > _AWAY) | (np.maximum(up, down) < 1.0 / _AWAY))
        rows = np.zeros(len(day.ts), bool)
        rows[order[away]] = True
        what = f"are {_AWAY:g} times away from the prints before and after"
        day.note(tally, rows, "outlier", Level.WARN, what, remedy="Look at them; such prints are often cancelled.")

    def _gaps(self, day: AuditDay, tally: Tally, order: Array) -> None:
        ts, symbol = day.ts[order], day.symbol[order]
        same = np.diff(symbol) == 0
        gap = np.diff(ts)
        places = np.flatnonzero(same & (gap >= _QUIET))
        if not len(places):
            return
        what = "of four minutes and more between prints in regular hours: nearly all are quiet, not halts"
        remedy = "Only statuses tell halts; a rule on gaps alone is useless."
        tally.add("quiet", Level.NOTE, len(places), "gaps", what, remedy=remedy, example=day.place(order[places[0]]))
        for place in places.tolist():
            if _PAUSE[0] <= gap[place] <= _PAUSE[1] and _busy(ts, symbol, place):
                what = "of five minutes amid brisk trading: look like pauses of limit up, limit down"
                remedy = "No status says so: fills in such a minute are not to be trusted."
                place_of = day.place(order[place])
                tally.add("pause", Level.WARN, 1, "gaps", what, remedy=remedy, example=place_of)


def _busy(ts: Array, symbol: Array, place: int) -> bool:
    first, after = place - _BUSY + 1, place + _BUSY
    if first < 0 or after >= len(ts) or symbol[first] != symbol[place] or symbol[after] != symbol[place]:
        return False
    minute = 60 * SECOND
    return bool(ts[place] - ts[first] <= minute and ts[after] - ts[place + 1] <= minute)


class Quotes:
    """What the quotes of all sessions tell."""

    def __init__(self) -> None:
        self._rows = 0
        self._one_sided = 0

    def add(self, day: AuditDay, tally: Tally) -> None:
        """Look at the quotes of a session."""
        audit_order(day, tally)
        bid, ask = day.values["bid"], day.values["ask"]
        two = (bid > 0) & (ask > 0)
        self._rows += len(bid)
        self._one_sided += int((~two).sum())
        remedy = "Import venue quotes with a column exchange: they become one book that never crosses."
        day.note(tally, two & (bid > ask), "crossed", Level.WARN, "are crossed", remedy=remedy)
        day.note(tally, two & (bid == ask) & day.regular, "locked", Level.NOTE, "are locked in regular hours")
        negative = (bid < 0) | (ask < 0) | np.isinf(bid) | np.isinf(ask)
        day.note(tally, negative, "no_price", Level.BAD, "have a price that cannot be", remedy="Import them again.")

    def audit(self, tally: Tally) -> None:
        """Say what all sessions together show."""
        if self._one_sided:
            what = f"of {self._rows:,} quotes ({self._one_sided / self._rows:.1%}) have one side only"
            remedy = "A side that is not there is unknown, not 0."
            tally.add("one_sided", Level.NOTE, self._one_sided, "rows", what, remedy=remedy)
