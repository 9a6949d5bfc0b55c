"""Sale conditions: what a print may change, by the letters that the tapes put on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from qm.model.market import Print
from qm.rules.auctions import OFFICIAL
from qm.rules.dated import Schedule, schedule


class Tape(StrEnum):
    """Who puts the prints of a listing together: A and B are the CTA's tapes, C is the UTP's."""

    A = "A"
    B = "B"
    C = "C"


NOTHING: Final = Print(0)
ODD_LOT: Final = "I"
REGULAR: Final = "@"
_PRICE: Final = Print.LAST | Print.HIGH_LOW

_EXTENDED: Final = frozenset("TU")
"""Prints of extended hours: T in its order, U late."""

Matrix = dict[str, Print]

# Late prints (L, U, Z, G) and those at an earlier price (P, 4, R) set the plans' own high and low, and the last price
# only as the first of a day. Here they never do: a price of the past must not touch a level that is armed now.
_SHARED: Final[Matrix] = {
    REGULAR: Print.ALL,
    "C": Print.VOLUME,
    "F": Print.ALL,
    "H": Print.VOLUME,
    "K": Print.ALL,
    "L": Print.VOLUME,
    # The official prices repeat auctions that were told as O and 6: their volume counts there.
    "M": NOTHING,
    "N": Print.VOLUME,
    "O": Print.ALL,
    "P": Print.VOLUME,
    "Q": NOTHING,
    "R": Print.VOLUME,
    "T": Print.ALL,
    "U": Print.VOLUME,
    "V": Print.VOLUME,
    "X": Print.ALL,
    "Z": Print.VOLUME,
    "4": Print.VOLUME,
    "5": Print.ALL,
    "6": Print.ALL,
    "7": Print.VOLUME,
    "9": NOTHING,
}
_CTA: Final[Matrix] = _SHARED | {"B": Print.VOLUME, "E": Print.ALL}
_UTP: Final[Matrix] = _SHARED | {
    "A": Print.ALL,
    "B": Print.ALL,
    "D": Print.ALL,
    "G": Print.VOLUME,
    "S": Print.ALL,
    "W": Print.VOLUME,
    "Y": Print.ALL,
    "1": Print.ALL,
    "2": Print.VOLUME,
    "3": Print.VOLUME,
}
_ODD: Final[Matrix] = {ODD_LOT: Print.VOLUME}
_ODD_SOURCE: Final = "SEC Rel. 34-70794: odd lots on the tapes from 2013-12-09; they set no price."

CTA: Final[Schedule[Matrix]] = schedule(
    "sale conditions of the CTA",
    (
        "1998-01-01",
        _CTA,
        "CTS Output Specification, sale conditions and their consolidated update; late never a price.",
    ),
    ("2013-12-09", _CTA | _ODD, _ODD_SOURCE),
)
"""What each letter of tapes A and B lets a print change."""
UTP: Final[Schedule[Matrix]] = schedule(
    "sale conditions of the UTP",
    ("1998-01-01", _UTP, "UTDF Specification, sale condition matrix, consolidated processing; late never a price."),
    ("2013-12-09", _UTP | _ODD, _ODD_SOURCE),
)
"""What each letter of tape C lets a print change."""


class Eligible(NamedTuple):
    """What a print may change, and which of its letters nobody knows."""

    bits: Print
    unknown: str
    """Letters of no table; such a print changes neither price nor range, and its volume counts."""


def eligible(codes: str, day: dt.date, *, regular: bool, tape: Tape | None = None) -> Eligible:
    """Return what a print with these letters may change, all of them must allow it, and which auction it is of.

    `codes` are letters of the tape as `letters` finds them, none is a regular sale. `regular` says whether the print
    happened in regular hours: a print of extended hours (T) sets prices only outside them. Without `tape` only what
    both plans allow is allowed.
    """
    return _eligible(codes, day, regular, tape)


def odd_lot(size: float, lot: int) -> bool:
    """Say whether a feed that tells no conditions must have meant an odd lot by a print of this size."""
    return not size >= lot


def letters(told: str | Iterable[str] | None) -> str:
    """Return the letters of conditions as feeds write them: `@F I`, `@,I`, or a list; sorted, each once."""
    if told is None:
        return ""
    found = {letter for part in told for letter in part if letter.isprintable()}
    return "".join(sorted(found.difference(" ,;|[]'\"@"))) if found else ""


@lru_cache(maxsize=4096)
def _eligible(codes: str, day: dt.date, regular: bool, tape: Tape | None) -> Eligible:
    tables = [CTA.at(day), UTP.at(day)] if tape is None else [UTP.at(day) if tape is Tape.C else CTA.at(day)]
    bits, unknown = Print.ALL, ""
    for code in codes:
        known = [table[code] for table in tables if code in table]
        if not known:
            # Shares changed hands, whatever the letter means; that much is safe to say.
            unknown += code
            known = [Print.VOLUME]
        for each in known:
            bits &= each
        if code in _EXTENDED and regular:
            bits &= ~_PRICE
    if bits & _PRICE == _PRICE:
        # All exchanges mark the prints of their own auctions; the official ones repeat one of them.
        marks = OFFICIAL.at(day)
        bits |= Print.OPENING if marks.open_cross in codes else NOTHING
        bits |= Print.CLOSING if marks.close_cross in codes else NOTHING
    return Eligible(bits, unknown)
