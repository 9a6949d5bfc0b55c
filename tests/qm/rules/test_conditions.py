"""Which prints may set a price, a range and the volume."""

from __future__ import annotations

import datetime as dt

import pytest

from qm.errors import DataError
from qm.model.market import Print
from qm.rules.conditions import CTA, UTP, Tape, eligible, letters, odd_lot

DAY = dt.date(2025, 11, 14)
VOLUME = Print.VOLUME
NOTHING = Print(0)


@pytest.mark.parametrize(
    ("codes", "tape", "bits"),
    [
        ("", None, Print.ALL),
        ("@", None, Print.ALL),
        ("F", None, Print.ALL),
        ("X", None, Print.ALL),
        # An odd lot counts its shares and no more, whatever else it is.
        ("I", None, VOLUME),
        ("FI", None, VOLUME),
        # Average prices: B on the CTA's tapes, W on the UTP's, where B is a bunched trade like any other.
        ("B", Tape.A, VOLUME),
        ("B", Tape.B, VOLUME),
        ("B", Tape.C, Print.ALL),
        ("B", None, VOLUME),
        ("W", Tape.C, VOLUME),
        ("W", None, VOLUME),
        ("P", None, VOLUME),
        ("4", None, VOLUME),
        ("V", None, VOLUME),
        ("7", None, VOLUME),
        ("Z", None, VOLUME),
        ("L", None, VOLUME),
        ("U", None, VOLUME),
        ("C", None, VOLUME),
        ("N", None, VOLUME),
        ("R", None, VOLUME),
        # Official prices repeat an auction that was told before; the auctions themselves count.
        ("M", None, NOTHING),
        ("Q", None, NOTHING),
        ("O", None, Print.ALL | Print.OPENING),
        ("6", None, Print.ALL | Print.CLOSING),
        ("6X", None, Print.ALL | Print.CLOSING),
        ("6I", None, VOLUME),
        ("OQ", None, NOTHING),
    ],
)
def test_what_a_letter_allows(codes: str, tape: Tape | None, bits: Print) -> None:
    assert eligible(codes, DAY, regular=True, tape=tape) == (bits, "")


def test_extended_hours_set_prices_only_outside_regular_hours() -> None:
    assert eligible("T", DAY, regular=False).bits == Print.ALL
    assert eligible("T", DAY, regular=True).bits == VOLUME
    assert eligible("IT", DAY, regular=False).bits == VOLUME


def test_a_letter_that_nobody_knows_sets_no_price_and_is_named() -> None:
    assert eligible("?", DAY, regular=True) == (VOLUME, "?")
    assert eligible("M?", DAY, regular=True) == (NOTHING, "?")
    # Known to one plan only: on the other plan's tape it is unknown.
    assert eligible("W", DAY, regular=True, tape=Tape.A) == (VOLUME, "W")
    assert eligible("E", DAY, regular=True, tape=Tape.A) == (Print.ALL, "")


def test_odd_lots_came_on_the_tapes_in_december_2013() -> None:
    assert eligible("I", dt.date(2013, 12, 6), regular=True).unknown == "I"
    assert eligible("I", dt.date(2013, 12, 9), regular=True).unknown == ""
    assert (odd_lot(99, 100), odd_lot(100, 100), odd_lot(float("nan"), 100)) == (True, False, True)
    with pytest.raises(DataError, match="not known"):
        eligible("@", dt.date(1997, 12, 31), regular=True)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (None, ""),
        ("", ""),
        ("@", ""),
        ("@F I", "FI"),
        ("@,I,4", "4I"),
        (["@", "T", "I"], "IT"),
        ("    ", ""),
        ("II", "I"),
        ("\x1bI", "I"),
    ],
)
def test_letters_are_read_as_feeds_write_them(told: str | list[str] | None, found: str) -> None:
    assert letters(told) == found


def test_every_table_names_its_source() -> None:
    for table in (CTA, UTP):
        assert all(row.source for row in table)
