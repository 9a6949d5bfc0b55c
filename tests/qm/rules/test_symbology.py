"""One name for what vendors write in many ways, and what a name tells of the security."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.model.instrument import SYMBOL
from qm.rules.symbology import EXCLUDED, SPELLINGS, Security, named, spelled


@pytest.mark.parametrize(
    ("written", "symbol", "security"),
    [
        *((text, "BRK.B", Security.SHARE) for text in ("BRK.B", "BRK B", "BRK/B", "BRK-B")),
        *(
            (text, "BAC.PRL", Security.PREFERRED)
            for text in ("BACpL", "BAC.PRL", "BAC PRL", "BAC-PL", "BAC^L", "BAC/PRL")
        ),
        *((text, "TY.PR", Security.PREFERRED) for text in ("TYp", "TY^", "TY PR", "TY.PR")),
        *((text, "ACHR.WS", Security.WARRANT) for text in ("ACHR.WS", "ACHR+", "ACHR WS", "ACHR-WT", "ACHR/WS")),
        *((text, "GIG.U", Security.UNIT) for text in ("GIG.U", "GIG=", "GIG U", "GIG-UN", "GIG/U")),
        *((text, "XYZ.RT", Security.RIGHT) for text in ("XYZr", "XYZ RT", "XYZ/RT", "XYZ.RT")),
        *((text, "XYZ.WI", Security.WHEN_ISSUED) for text in ("XYZw", "XYZ#", "XYZ WI", "XYZ.WI")),
        ("CELGR", "CELGR", Security.RIGHT),
        ("ABCDV", "ABCDV", Security.WHEN_ISSUED),
        ("ABCDW", "ABCDW", Security.WARRANT),
        ("GOOGL", "GOOGL", Security.SHARE),
        ("AAPL", "AAPL", Security.SHARE),
        ("V", "V", Security.SHARE),
        ("UBER", "UBER", Security.SHARE),
        *((text, text, Security.TEST) for text in ("ZVZZT", "ZWZZT", "ZXZZT", "ZJZZT", "NTEST", "NTEST.A")),
        ("\x1b[31m", "\x1b[31m", Security.SHARE),
        ("", "", Security.SHARE),
    ],
)
def test_a_name_has_one_spelling_and_tells_what_it_is(written: str, symbol: str, security: Security) -> None:
    assert named(written) == (symbol, security)


def test_rights_shares_when_issued_and_test_symbols_are_not_in_the_universe() -> None:
    kept = {Security.SHARE, Security.PREFERRED, Security.WARRANT, Security.UNIT}
    assert set(Security) - EXCLUDED == kept


@pytest.mark.parametrize(
    ("vendor", "written"),
    [
        *((vendor, "BRK.B") for vendor in ("alpaca", "massive", "finnhub", "databento")),
        ("ibkr", "BRK B"),
        *((vendor, "BRK/B") for vendor in ("schwab", "tradier")),
        *((vendor, "BRK-B") for vendor in ("yahoo", "eodhd")),
    ],
)
def test_every_vendor_has_its_way(vendor: str, written: str) -> None:
    assert spelled("BRK.B", vendor) == written
    assert named(written).symbol == "BRK.B"
    assert spelled("AAPL", vendor) == "AAPL"


@given(st.from_regex(r"[A-Z]{1,5}(\.[A-Z])?", fullmatch=True), st.sampled_from(sorted(SPELLINGS)))
def test_there_and_back(symbol: str, vendor: str) -> None:
    once = named(symbol)
    assert named(once.symbol).symbol == once.symbol
    if once.security is Security.SHARE:
        assert named(spelled(once.symbol, vendor)) == once


@given(st.text(max_size=12))
def test_no_text_raises_and_what_was_valid_stays_so(text: str) -> None:
    found = named(text)
    assert named(found.symbol).symbol == found.symbol
    assert not SYMBOL.match(text) or len(found.symbol) > 10 or SYMBOL.match(found.symbol)
