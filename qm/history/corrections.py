"""Prints that are taken back or put right later: found in files, told at the moment they were told, and settled."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from typing import Final

import numpy as np

from qm.history.checks import Action, Finding, found
from qm.history.layout import CANCEL_ROW, CORRECTION_ROW, Array
from qm.history.source import NO_ID, Columns
from qm.model.market import Events, Kind

TOLD, CORRECTED_LATER, CANCELLED_LATER, CANCEL, CORRECTION = 0, 1, 2, CANCEL_ROW, CORRECTION_ROW
"""What a row of a file is: a print, one that a later row concerns, or such a later row."""

_WORDS: Final = {
    **dict.fromkeys(("", "0", "00", "n", "new", "t", "trade"), TOLD),
    **dict.fromkeys(("1", "01"), CORRECTED_LATER),
    **dict.fromkeys(("7", "07", "8", "08"), CANCELLED_LATER),
    **dict.fromkeys(("10", "11", "x", "cancel", "error", "bust"), CANCEL),
    **dict.fromkeys(("12", "c", "correct", "correction"), CORRECTION),
}
"""The correction indicators of the tapes, and the words of feeds."""


def read_what(columns: Columns, findings: list[Finding]) -> Columns:
    """Return the rows with `what` they are, as far as the source tells it; unknown indicators are no prints."""
    told = columns.texts.get("correction")
    if told is None:
        return columns
    codes = np.array([_WORDS.get(word.strip().lower(), -1) for word in told.words], np.int8)[told.code]
    found(columns, codes < 0, "unknown correction indicator: left out", Action.REFUSED, findings)
    columns = replace(columns, values=columns.values | {"what": codes})
    return columns.take(codes >= 0) if (codes < 0).any() else columns


def matched(columns: Columns, findings: list[Finding]) -> Columns:
    """Return prints in the order in which they were told, each cancel and correction beside the print it concerns.

    It is that of the same id; without ids, the last one of the symbol that was marked as corrected or cancelled later
    and has, for a cancel, this price and size. What concerns no print is left out. A print that is marked but that no
    row takes back counts for nothing: it is known to be wrong, and nobody knows since when.
    """
    what = columns.values["what"]
    of = _concerned(columns, what)
    later = what >= CANCEL
    lost = later & (of < 0)
    marked = (what == CORRECTED_LATER) | (what == CANCELLED_LATER)
    marked[of[of >= 0]] = False
    found(columns, lost, "takes back a print that is not there: left out", Action.REPAIRED, findings)
    found(columns, marked, "taken back, and not told when: left out", Action.REPAIRED, findings)
    found(columns, later & ~lost, "takes back or corrects a print", Action.KEPT, findings)
    v = columns.values
    place = np.where(of < 0, np.arange(len(of)), of)
    more = {
        "before": v["flag"][place],
        "of_price": v["price"][place],
        "of_size": v["size"][place],
        "of_ts": v.get("event_ts", columns.ts)[place],
    }
    if "id" in v:
        more["id"] = v["id"][place]
    return replace(columns, values=v | more).take(~(lost | marked))


def _concerned(columns: Columns, what: Array) -> Array:
    """Return for each row the place of the print that it concerns, -1 where there is none."""
    of = np.full(len(what), -1, np.int64)
    v = columns.values
    ids = v.get("id", np.full(len(what), NO_ID))
    # Only what can be concerned: prints with ids, where a later row has one, and prints that are marked.
    wanted = set(ids[what >= CANCEL].tolist()) - {NO_ID}
    by_id: dict[tuple[int, int], int] = {}
    by_size: dict[tuple[int, float, float], deque[int]] = defaultdict(deque)
    corrected: dict[int, deque[int]] = defaultdict(deque)
    picked = np.flatnonzero((what != TOLD) | np.isin(ids, list(wanted)))
    symbol, price, size = columns.symbol, v["price"], v["size"]
    for i in picked.tolist():
        key = (int(symbol[i]), int(ids[i]))
        place: int | None = None
        if what[i] < CANCEL:
            by_id[key] = i
            if what[i] == CANCELLED_LATER:
                by_size[key[0], float(price[i]), float(size[i])].append(i)
            elif what[i] == CORRECTED_LATER:
                corrected[key[0]].append(i)
            continue
        if key[1] != NO_ID:
            place = by_id.get(key)
        else:
            waiting = by_size[key[0], float(price[i]), float(size[i])] if what[i] == CANCEL else corrected[key[0]]
            place = waiting.popleft() if waiting else None
        if place is not None:
            of[i] = place
    return of


def settled(events: Events) -> Events:
    """Return the events of a session as they stood in the end: without what was taken back, with what was corrected."""
    later = np.flatnonzero((events["kind"] == Kind.CANCEL) | (events["kind"] == Kind.CORRECTION))
    if not len(later):
        return events
    whole = events.copy()
    keep = np.ones(len(whole), bool)
    keep[later] = False
    prints = whole["kind"] == Kind.TRADE
    for place in later.tolist():
        record = whole[place]
        same = prints[:place] & (whole["sym"][:place] == record["sym"])
        same &= (whole["event_ts"][:place] == record["event_ts"]) & (whole["a"][:place] == record["a"])
        same &= whole["e"][:place] == record["e"]
        places = np.flatnonzero(same & (whole["b"][:place] == record["b"]) & keep[:place])
        if not len(places):
            continue
        if record["kind"] == Kind.CANCEL:
            keep[places[0]] = False
        else:
            first = int(places[0])
            whole["a"][first], whole["b"][first] = record["c"], record["d"]
            whole["flag"][first] = record["flag"]
    settled_: Events = whole[keep]
    return settled_
