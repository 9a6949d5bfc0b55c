"""Why an exchange halts a symbol: the reasons by their codes, and what each of them means."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from qm.rules.dated import schedule


class HaltCode(IntEnum):
    """Codes by the number that stands for each in market records; new ones go to the end, and none is taken out."""

    UNKNOWN = 0
    T1 = 1
    T2 = 2
    T3 = 3
    T5 = 4
    T6 = 5
    T7 = 6
    T8 = 7
    T12 = 8
    H4 = 9
    H9 = 10
    H10 = 11
    H11 = 12
    LUDP = 13
    LUDS = 14
    M = 15
    MWC1 = 16
    MWC2 = 17
    MWC3 = 18
    MWCQ = 19
    IPO1 = 20
    IPOQ = 21
    O1 = 22


HALT_CODES: Final = schedule(
    "halt codes",
    (
        "1998-01-01",
        {
            HaltCode.T1: "news is pending",
            HaltCode.T2: "news is out",
            HaltCode.T3: "news is out, and the times of resumption are set",
            HaltCode.T5: "pause of a single stock",
            HaltCode.T6: "extraordinary market activity",
            HaltCode.T7: "quotes only, before trading goes on",
            HaltCode.T8: "exchange-traded fund",
            HaltCode.T12: "the exchange asked for more information",
            HaltCode.H4: "listing requirements are not met",
            HaltCode.H9: "filings are not current",
            HaltCode.H10: "suspended by the SEC",
            HaltCode.H11: "regulatory concern",
            HaltCode.LUDP: "volatility pause",
            HaltCode.LUDS: "volatility pause in a straddle state",
            HaltCode.M: "volatility pause",
            HaltCode.MWC1: "circuit breakers of the market, level 1",
            HaltCode.MWC2: "circuit breakers of the market, level 2",
            HaltCode.MWC3: "circuit breakers of the market, level 3",
            HaltCode.MWCQ: "resumption after the circuit breakers of the market",
            HaltCode.IPO1: "a new issue does not trade yet",
            HaltCode.IPOQ: "a new issue may be quoted",
            HaltCode.O1: "operations of the exchange",
        },
        "Nasdaq Trader, trade halt codes; used for all exchanges and years; not read in the original: the list.",
    ),
)
"""Meaning of each code; a code that is not here is unknown."""


def coded(number: float) -> HaltCode | None:
    """Return the code of a number in records or columns; None where it is unknown."""
    # NaN is no number of any code.
    return HaltCode(int(number)) if 0 < number < len(HaltCode) else None


def numbered(code: str) -> HaltCode:
    """Return a code as a feed writes it; UNKNOWN for one that nobody knows here."""
    return HaltCode.__members__.get(code.strip().upper(), HaltCode.UNKNOWN)


def meaning(code: HaltCode) -> str | None:
    """Return what a code means, as the newest table has it; None for an unknown one."""
    return HALT_CODES.rows[-1].value.get(code)
