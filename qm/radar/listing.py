"""The radar's list: the symbols that are shown, which do not come and go with every flicker of a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numba
import numpy as np

from qm.radar.fitness import Codes, Lack
from qm.radar.parts import Array, Indices

_RANKED: Final = int(Lack.NOTHING)
_HALTED: Final = int(Lack.HALTED)
_STAYS, _LEAVES, _MISSING = range(3)


class Member(NamedTuple):
    """A symbol's place on the list."""

    since: int
    """ns UTC at which it came."""
    missing: int = 0
    """Beats in a row at which it could not be ranked, those during a halt not counted."""


class Change(NamedTuple):
    """What one beat does to the list; rows."""

    entered: tuple[int, ...] = ()
    """The strongest first."""
    left: tuple[int, ...] = ()
    """The longest listed first."""
    missing: tuple[int, ...] = ()
    """Listed and still there, though it could not be ranked."""


class Rule(NamedTuple):
    """When symbols enter and leave."""

    size: int
    margin: float
    gone_beats: int


def change(members: Mapping[int, Member], order: Indices, strength: Array, lacks: Codes, rule: Rule) -> Change:
    """Return what this beat does to the list.

    A newcomer, tried in `order`, takes a free place, or that of the weakest when its strength is more than
    `rule.margin` above it. A member that is not ranked keeps its place for `rule.gone_beats - 1` beats; one that is
    halted keeps it as long as it is halted, whoever comes. `strength` is the score of every row, ranked or not.
    """
    rows = np.fromiter(members, np.int64, len(members))
    missing = np.fromiter([member.missing for member in members.values()], np.int64, len(members))
    ways, entered = np.empty(len(rows), np.uint8), np.empty(len(order), np.int64)
    count = _change(rows, missing, order, strength, lacks, *rule, ways, entered)
    return Change(
        tuple(entered[:count].tolist()),
        tuple(rows[ways == _LEAVES].tolist()),
        tuple(rows[ways == _MISSING].tolist()),
    )


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _change(
    rows: Indices,
    missing: Indices,
    order: Indices,
    strength: Array,
    lacks: Codes,
    size: int,
    margin: float,
    gone_beats: int,
    ways: Codes,
    entered: Indices,
) -> int:
    """Write what becomes of every member and who enters; returns how many do."""
    there = np.zeros(strength.shape[0], np.bool_)
    free = size - rows.shape[0]
    for n in range(rows.shape[0]):
        there[rows[n]] = True
        ways[n] = _STAYS
        if lacks[rows[n]] != _RANKED and lacks[rows[n]] != _HALTED:
            ways[n] = _LEAVES if missing[n] + 1 >= gone_beats else _MISSING
            free += ways[n] == _LEAVES
    count = 0
    for row in order:
        if there[row]:
            continue
        if free > 0:
            free -= 1
        else:
            weakest = _weakest(rows, ways, strength, lacks)
            if weakest < 0 or not strength[row] > strength[rows[weakest]] + margin:
                break
            ways[weakest] = _LEAVES
        entered[count] = row
        count += 1
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _weakest(rows: Indices, ways: Codes, strength: Array, lacks: Codes) -> int:
    """Return the member that a stronger one would drive out, of equals the one further down the table; -1 for none."""
    found = -1
    for n in range(rows.shape[0]):
        # What is halted gives no place.
        if ways[n] == _LEAVES or lacks[rows[n]] == _HALTED:
            continue
        row, other = rows[n], rows[found]
        if found < 0 or strength[row] < strength[other] or (strength[row] == strength[other] and row > other):
            found = n
    return found


def after(members: Mapping[int, Member], done: Change, ts: int) -> Mapping[int, Member]:
    """Return the list after a change, the longest there first; the same one when there is nothing to change."""
    missed = [row for row, member in members.items() if member.missing]
    if not (missed or any(done)):
        return members
    kept = dict(members)
    for row in done.left:
        kept.pop(row, None)
    # What was missed last time is there again, unless it is missed once more.
    kept.update((row, Member(kept[row].since)) for row in missed if row in kept)
    kept.update((row, Member(members[row].since, members[row].missing + 1)) for row in done.missing)
    kept.update((row, Member(ts)) for row in done.entered)
    return kept
