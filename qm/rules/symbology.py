"""How symbols are written: one way here, others at vendors and brokers; and what kind of security a name tells.

Here a class of shares is `BRK.B`, a preferred share `BAC.PRL`, a warrant `ACHR.WS`, a unit `GIG.U`, a right `XYZ.RT`
and a share that is traded when issued `XYZ.WI`. Source: the suffixes of CQS, CMS and Nasdaq Integrated as exchanges and
tapes list them, the spellings of vendors by their documentation; not read in the original: the lists of suffixes.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class Security(StrEnum):
    """What a name tells of what is traded under it."""

    SHARE = "share"
    """Of a company or a fund; names do not tell which."""
    PREFERRED = "preferred share"
    WARRANT = "warrant"
    UNIT = "unit"
    RIGHT = "right"
    WHEN_ISSUED = "share when issued"
    TEST = "test symbol of an exchange"


class Named(NamedTuple):
    """A name as it is written here."""

    symbol: str
    security: Security


class Spelling(StrEnum):
    """How a vendor or broker separates a class of shares."""

    DOT = "."
    """Alpaca, Massive, Finnhub, Databento, and here."""
    BLANK = " "
    """Interactive Brokers."""
    SLASH = "/"
    """Schwab, Tradier."""
    DASH = "-"
    """Yahoo, EODHD."""


SPELLINGS: Final = {
    **dict.fromkeys(("alpaca", "massive", "finnhub", "databento", "sim"), Spelling.DOT),
    "ibkr": Spelling.BLANK,
    **dict.fromkeys(("schwab", "tradier"), Spelling.SLASH),
    **dict.fromkeys(("yahoo", "eodhd"), Spelling.DASH),
}
"""By vendor or broker."""

EXCLUDED: Final = frozenset({Security.RIGHT, Security.WHEN_ISSUED, Security.TEST})
"""What is not in the universe: nothing that a trader of shares means."""

UNBANDED: Final = frozenset({Security.RIGHT, Security.WARRANT})
"""What the limit-up limit-down plan leaves out. Source: Section I(H) of the plan, SEC Rel. 34-67091."""

_TEST: Final = re.compile(r"Z[VWXJ]ZZT|NTEST.*")
_ROOT: Final = r"([A-Z]{1,6})"
_SEPARATOR: Final = r"[./ \-]"
_FORMS: Final[tuple[tuple[str, str, Security], ...]] = (
    # A lone caret is a preferred share without a series at all vendors whose lists could be read.
    (rf"{_ROOT}(?:p|\^|{_SEPARATOR}PR)()", ".PR", Security.PREFERRED),
    # With a series: BACpL, BAC.PRL, BAC PRL, BAC-PL, BAC-P-L, BAC^L, BAC.PR.L
    (rf"{_ROOT}(?:p|{_SEPARATOR}PR?[.\-]?|\^)([A-Z])", ".PR", Security.PREFERRED),
    (rf"{_ROOT}(?:\+|{_SEPARATOR}(?:WS|WT)[.\-]?)([A-Z]?)", ".WS", Security.WARRANT),
    (rf"{_ROOT}(?:=|{_SEPARATOR}UN?)()", ".U", Security.UNIT),
    (rf"{_ROOT}(?:r|{_SEPARATOR}RTS?)()", ".RT", Security.RIGHT),
    (rf"{_ROOT}(?:w|#|{_SEPARATOR}WI)()", ".WI", Security.WHEN_ISSUED),
    (rf"{_ROOT}{_SEPARATOR}([A-Z])", ".", Security.SHARE),
)
_PATTERNS: Final = tuple((re.compile(form), suffix, security) for form, suffix, security in _FORMS)
_FIFTH: Final = {
    "R": Security.RIGHT,
    "V": Security.WHEN_ISSUED,
    "W": Security.WARRANT,
    "U": Security.UNIT,
    **dict.fromkeys("MNOP", Security.PREFERRED),
}
"""Nasdaq: what the fifth letter of a symbol says."""


@lru_cache(maxsize=32_768)
def named(text: str) -> Named:
    """Return a name as it is written here and what it tells; one of no known form stays, as a share."""
    if _TEST.fullmatch(text):
        return Named(text, Security.TEST)
    for pattern, suffix, security in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is not None:
            return Named(f"{match[1]}{suffix}{match[2]}", security)
    fifth = _FIFTH.get(text[-1]) if len(text) == 5 and text.isalpha() and text.isupper() else None
    return Named(text, fifth or Security.SHARE)


def spelled(symbol: str, vendor: str) -> str:
    """Return a class of shares as a vendor or broker writes it, and other names as they are; KeyError of no vendor."""
    separator = SPELLINGS[vendor]
    root, dot, suffix = symbol.partition(".")
    return f"{root}{separator}{suffix}" if dot and len(suffix) == 1 and suffix != "U" else symbol
