"""Imported prints: which of them count for what, and which were told twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from qm.history.checks import Action, Finding, found
from qm.history.corrections import matched, read_what
from qm.history.layout import Array
from qm.history.source import NO_ID, Columns, Text
from qm.model.market import Print
from qm.rules.calendar import Session
from qm.rules.conditions import Tape, eligible, letters
from qm.rules.lots import round_lots

_TAPES: Final = {"A": Tape.A, "B": Tape.B, "C": Tape.C, "1": Tape.A, "2": Tape.B, "3": Tape.C}
_LEFT_OUT: Final = ("file", "venue")


def flagged(columns: Columns, of: Session, findings: list[Finding]) -> Columns:
    """Return the prints of one session with `flag`, their `Print` bits, and without texts.

    Sale conditions decide where the source tells them; else a print below a round lot is an odd lot, which counts its
    shares and sets no price: the tapes would have marked it so. The lot is that of the print's own price, because the
    average close of the month that decides it is not in the file.
    """
    columns = read_what(columns, findings)
    happened = columns.values.get("event_ts", columns.ts)
    regular = (happened >= of.open_ns) & (happened < of.close_ns)
    conditions = columns.texts.get("conditions")
    if conditions is None:
        flag = np.where(columns.values["size"] >= round_lots(columns.values["price"], of.date), Print.ALL, Print.VOLUME)
    else:
        flag = _by_conditions(columns, conditions, regular, of, findings)
    return replace(columns, values=columns.values | {"flag": flag.astype(np.uint8)}, texts={})


def told_once(columns: Columns, findings: list[Finding], *, later: bool) -> Columns:
    """Return the prints, in the order in which they were told, without those that were told again.

    Cancels and corrections stand where they were told, with what they concern; `later` says whether the session has
    any.

    A print with an id is told again when another one of its symbol and venue has the same id. One without is told
    again when an equal one (moment, price, size, venue) stands in another stretch of rising time: a feed that goes
    back after a disconnect, or a second file, repeats what it told. Equal prints of one stretch are genuine: a sweep
    trades the same price and size several times in one microsecond.
    """
    v = columns.values
    ids = v.get("id", np.full(len(columns.ts), NO_ID))
    venue = v.get("venue", np.zeros(len(columns.ts), np.int32))
    again = _same_id(columns, ids, venue) | _same_print(columns, ids, venue)
    found(columns, again, "told again", Action.REPAIRED, findings)
    columns = columns.take(~again) if again.any() else columns
    # Ids are kept for those who must know a print again: only of sessions in which some are taken back.
    return (matched(columns, findings) if later else columns.without("what", "id")).without(*_LEFT_OUT)


def _by_conditions(columns: Columns, conditions: Text, regular: Array, of: Session, findings: list[Finding]) -> Array:
    tapes = columns.texts.get("tape", Text(np.zeros(len(columns.ts), np.int32), ("",)))
    # Few different combinations stand on many prints.
    keys, place = np.unique(
        (conditions.code.astype(np.int64) * len(tapes.words) + tapes.code) * 2 + regular, return_inverse=True
    )
    bits = np.zeros(len(keys), np.uint8)
    strangers: dict[str, Array] = {}
    for i, key in enumerate(keys.tolist()):
        (code, tape), in_hours = divmod(key // 2, len(tapes.words)), bool(key % 2)
        known = eligible(
            letters(conditions.words[code]), of.date, regular=in_hours, tape=_TAPES.get(tapes.words[tape].strip())
        )
        bits[i] = known.bits
        for letter in known.unknown:
            strangers[letter] = strangers.get(letter, np.zeros(len(place), bool)) | (place == i)
    for letter, rows in sorted(strangers.items()):
        found(columns, rows, f"unknown sale condition {letter!a}: sets no price", Action.KEPT, findings)
    return bits[place]


def _same_id(columns: Columns, ids: Array, venue: Array) -> Array:
    again = np.zeros(len(ids), bool)
    rows = np.flatnonzero(ids != NO_ID)
    # Stable: the one that was told first comes first.
    what = _what(columns)
    order = rows[np.lexsort((what[rows], ids[rows], venue[rows], columns.symbol[rows]))]
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in (ids, venue, columns.symbol, what):
        same &= column[order[1:]] == column[order[:-1]]
    again[order[1:]] = same
    return again


def _same_print(columns: Columns, ids: Array, venue: Array) -> Array:
    again = np.zeros(len(ids), bool)
    rows = np.flatnonzero(ids == NO_ID)
    stretch = _stretches(columns)
    if not len(rows) or not stretch.any():
        return again
    v = columns.values
    keys = [column[rows] for column in (columns.symbol, columns.ts, v["price"], v["size"], venue, _what(columns))]
    # By print, then by stretch, then as told: the n-th of a stretch is the n-th of every other.
    order = np.lexsort((stretch[rows], *reversed(keys)))
    new_print = np.ones(len(order), bool)
    new_print[1:] = np.logical_or.reduce([key[order][1:] != key[order][:-1] for key in keys])
    new_stretch = new_print.copy()
    new_stretch[1:] |= stretch[rows][order][1:] != stretch[rows][order][:-1]
    starts = np.flatnonzero(new_stretch)
    nth = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    number = np.cumsum(new_print)
    places = np.lexsort((nth, number))
    repeated = np.zeros(len(order), bool)
    repeated[places[1:]] = (np.diff(number[places]) == 0) & (np.diff(nth[places]) == 0)
    again[rows[order[repeated]]] = True
    return again


def _what(columns: Columns) -> Array:
    return columns.values.get("what", np.zeros(len(columns.ts), np.int8))


def _stretches(columns: Columns) -> Array:
    """Return for each print how often its symbol's time had gone back, or the file changed, before it."""
    order = np.argsort(columns.symbol, kind="stable")
    ts, symbol = columns.ts[order], columns.symbol[order]
    file = columns.values.get("file", np.zeros(len(order), np.int32))[order]
    back = np.zeros(len(order), np.int64)
    same = np.diff(symbol) == 0
    back[1:] = same & ((np.diff(ts) < 0) | (np.diff(file) != 0))
    stretch = np.zeros(len(order), np.int64)
    stretch[order] = np.cumsum(back)
    return stretch
