"""The radar's list: the symbols that are shown, which do not come and go with every flicker of a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from qm.radar.fitness import Codes, Lack
from qm.radar.parts import Array

_HALTED: Final = int(Lack.HALTED)
_STAY: Final = (int(Lack.NOTHING), _HALTED)


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


def change(members: Mapping[int, Member], order: list[int], strength: Array, lacks: Codes, rule: Rule) -> Change:
    """Return what this beat does to the list.

    A newcomer, tried in `order`, takes a free place, or that of the weakest when its strength is more than
    `rule.margin` above it. A member that is not ranked keeps its place for `rule.gone_beats - 1` beats; one that is
    halted keeps it as long as it is halted, whoever comes. `strength` is the score of every row, ranked or not.
    """
    at = np.fromiter(members, np.int64, len(members))
    first = next((row for row in order if row not in members), None)
    own, lack = strength[at], lacks[at]
    quiet = not lack.any()
    if quiet and (first is None or _keeps_out(own, float(strength[first]), rule)):
        return Change()
    rows = at.tolist()
    absent = [] if quiet else [row for row, code in zip(rows, lack.tolist(), strict=True) if code not in _STAY]
    gone = dict.fromkeys(row for row in absent if members[row].missing + 1 >= rule.gone_beats)
    # The strongest first, of equals the one further up the table; what is halted gives no place.
    beatable = [
        row for row in at[np.lexsort((at, -own))].tolist() if quiet or (row not in gone and lacks[row] != _HALTED)
    ]
    free = rule.size - (len(rows) - len(gone))
    entered: list[int] = []
    beaten: dict[int, None] = {}
    for row in order:
        if row in members:
            continue
        if free > 0:
            free -= 1
        elif beatable and float(strength[row]) > float(strength[beatable[-1]]) + rule.margin:
            beaten[beatable.pop()] = None
        else:
            break
        entered.append(row)
    left = tuple([row for row in rows if row in gone or row in beaten]) if gone or beaten else ()
    return Change(tuple(entered), left, tuple([row for row in absent if row not in gone and row not in beaten]))


def _keeps_out(own: Array, best: float, rule: Rule) -> bool:
    # What happens at most beats: the list is full, and nobody is strong enough.
    return len(own) >= rule.size and best <= float(own.min()) + rule.margin


def after(members: Mapping[int, Member], done: Change, ts: int) -> dict[int, Member]:
    """Return the list after a change, the longest there first."""
    kept = dict(members)
    for row in done.left:
        del kept[row]
    if done.missing or any(member.missing for member in kept.values()):
        missing = dict.fromkeys(done.missing)
        kept = {row: Member(member.since, member.missing + 1 if row in missing else 0) for row, member in kept.items()}
    kept.update((row, Member(ts)) for row in done.entered)
    return kept
