"""Codes of halts: each has a number of its own and a meaning, and what nobody knows stays unknown."""

from __future__ import annotations

from math import nan

import pytest

from qm.rules.halts import HALT_CODES, HaltCode, coded, meaning, numbered


def test_every_code_has_a_meaning_and_fits_a_market_record() -> None:
    assert set(HALT_CODES.rows[-1].value) == set(HaltCode) - {HaltCode.UNKNOWN}
    assert [code.value for code in HaltCode] == list(range(len(HaltCode)))
    assert len(HaltCode) <= 256
    assert meaning(HaltCode.LUDP) == "volatility pause"


@pytest.mark.parametrize("code", [code for code in HaltCode if code])
def test_a_code_comes_back_from_its_number_and_from_how_feeds_write_it(code: HaltCode) -> None:
    assert coded(float(code)) is code
    assert numbered(f" {code.name.lower()} ") is code


def test_what_nobody_knows_is_unknown() -> None:
    assert [coded(number) for number in (nan, 0, -1, 255)] == [None] * 4
    assert numbered("X9") is HaltCode.UNKNOWN
    assert meaning(HaltCode.UNKNOWN) is None
