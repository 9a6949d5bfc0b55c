"""The rates of the regulatory fees on US equities since 1998."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from qm.rules.dated import schedule


class TafRate(NamedTuple):
    """FINRA trading activity fee on sales, $."""

    per_share: Decimal
    cap: Decimal
    """Most for one trade."""


def _advisory(year: int, checked: bool = True) -> str:
    return f"SEC fee rate advisory, fiscal year {year}" + ("" if checked else "; not read in the original: date")


def _taf(per_share: str, cap: str) -> TafRate:
    return TafRate(Decimal(per_share), Decimal(cap))


SECTION_31: Final = schedule(
    "SEC Section 31 fee",
    ("1998-01-01", Decimal("33.30"), "SEC, rate before 2001-12-28; paid by listed stocks only in its first years"),
    ("2001-12-28", Decimal("15.00"), _advisory(2002)),
    ("2002-04-01", Decimal("30.10"), _advisory(2002)),
    ("2003-03-22", Decimal("25.20"), _advisory(2003)),
    ("2003-04-01", Decimal("46.80"), _advisory(2003)),
    ("2004-02-22", Decimal("39.00"), _advisory(2004)),
    ("2004-04-01", Decimal("23.40"), _advisory(2004)),
    ("2005-01-07", Decimal("32.90"), _advisory(2005)),
    ("2005-04-01", Decimal("41.80"), _advisory(2005)),
    ("2005-12-22", Decimal("30.70"), _advisory(2006)),
    ("2007-03-17", Decimal("15.30"), _advisory(2007, checked=False)),
    ("2008-01-25", Decimal("11.00"), _advisory(2008, checked=False)),
    ("2008-04-01", Decimal("5.60"), _advisory(2008, checked=False)),
    ("2009-04-10", Decimal("25.70"), _advisory(2009, checked=False)),
    ("2010-01-15", Decimal("12.70"), _advisory(2010, checked=False)),
    ("2010-04-01", Decimal("16.90"), _advisory(2010, checked=False)),
    ("2011-01-21", Decimal("19.20"), _advisory(2011, checked=False)),
    ("2012-02-21", Decimal("18.00"), _advisory(2012, checked=False)),
    ("2012-04-01", Decimal("22.40"), _advisory(2012)),
    ("2013-05-25", Decimal("17.40"), _advisory(2013, checked=False)),
    ("2014-03-18", Decimal("22.10"), "FINRA Information Notice 2014-03-03"),
    ("2015-02-14", Decimal("18.40"), _advisory(2015, checked=False)),
    ("2016-02-16", Decimal("21.80"), _advisory(2016, checked=False)),
    ("2017-07-04", Decimal("23.10"), _advisory(2017)),
    ("2018-05-22", Decimal("13.00"), "FINRA Information Notice 2018-05-07"),
    ("2019-04-16", Decimal("20.70"), _advisory(2019)),
    ("2020-02-18", Decimal("22.10"), _advisory(2020)),
    ("2021-02-25", Decimal("5.10"), "FINRA Information Notice 2021-02-16"),
    ("2022-05-14", Decimal("22.90"), _advisory(2022)),
    ("2023-02-27", Decimal("8.00"), _advisory(2023)),
    ("2024-05-22", Decimal("27.80"), _advisory(2024)),
    ("2025-05-14", Decimal("0.00"), _advisory(2025)),
    ("2026-04-04", Decimal("20.60"), "SEC Rel. 34-104909"),
)
"""$ per million $ of sales."""

TAF: Final = schedule(
    "FINRA trading activity fee",
    ("1998-01-01", _taf("0", "0"), "Before the fee"),
    (
        "2002-10-01",
        _taf("0.000075", "3.75"),
        "NASD, later FINRA; the rate before 2011 taken for all of the first years",
    ),
    ("2011-07-01", _taf("0.000090", "4.50"), "FINRA Regulatory Notice 11-27"),
    ("2012-03-01", _taf("0.000095", "4.75"), "FINRA Regulatory Notice 12-06"),
    ("2012-07-01", _taf("0.000119", "5.95"), "FINRA Regulatory Notice 12-31"),
    ("2022-01-01", _taf("0.000130", "6.49"), "FINRA Regulatory Notice 20-42; not read in the original"),
    ("2023-01-01", _taf("0.000145", "7.27"), "FINRA Regulatory Notice 20-42"),
    ("2024-01-01", _taf("0.000166", "8.30"), "FINRA Regulatory Notice 20-42"),
    ("2026-01-01", _taf("0.000195", "9.79"), "SR-FINRA-2024-019"),
    ("2026-10-01", _taf("0", "0"), "TAF holiday, SR-FINRA-2026-021"),
    ("2027-01-01", _taf("0.000195", "9.79"), "SR-FINRA-2026-020"),
)

CAT: Final = schedule(
    "consolidated audit trail fee",
    ("1998-01-01", Decimal(0), "Before the fee"),
    ("2024-09-01", Decimal("0.000035"), "CAT Fee 2024-1"),
    ("2025-01-01", Decimal("0.000022"), "CAT Fee 2025-1; not read in the original"),
    ("2025-07-01", Decimal("0.000009"), "CAT Fee 2025-2; not read in the original"),
    ("2026-01-01", Decimal("0.000003"), "Alpaca brokerage fee schedule of 2026"),
)
"""$ per share on either side, as a broker passes it on; it may exceed the CAT fee of the day."""
