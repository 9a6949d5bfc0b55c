"""The leverage of funds as their names tell it, and what is no fund."""

from __future__ import annotations

import pytest

from qm.rules.leverage import leverage_of


@pytest.mark.parametrize(
    ("name", "leverage"),
    [
        ("ProShares UltraPro QQQ", 3.0),
        ("ProShares UltraPro Short QQQ", 3.0),
        ("ProShares Ultra Semiconductors", 2.0),
        ("ProShares UltraShort Bloomberg Natural Gas", 2.0),
        ("ProShares Ultra VIX Short-Term Futures ETF", 1.5),
        ("Direxion Daily Semiconductor Bull 3X Shares", 3.0),
        ("Direxion Daily TSLA Bear 1X ETF", 1.0),
        ("GraniteShares 2x Long NVDA Daily ETF", 2.0),
        ("GraniteShares 1.25x Long TSLA Daily ETF", 1.25),
        ("MicroSectors FANG+ Index 3X Leveraged ETNs", 3.0),
        ("-1x Short VIX Futures ETF", 1.0),
        ("SPDR S&P 500 ETF Trust", None),
        ("ProShares Short S&P500", None),
        ("iShares Ultra Short-Term Bond Active ETF", None),
        ("Vanguard Ultra-Short Bond ETF", None),
        ("10x Genomics, Inc. Class A Common Stock", None),
        ("Ultra Clean Holdings, Inc.", None),
        ("2X Corp.", None),
        ("", None),
    ],
)
def test_names_tell_how_many_times(name: str, leverage: float | None) -> None:
    assert leverage_of(name) == leverage
