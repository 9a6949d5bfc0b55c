"""What the index funds say of a minute equals plain pandas and does not depend on when it is asked."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from qm.clock import MINUTE
from qm.market.market import Market
from qm.radar.tape import read
from tests.qm.market.frames import Tape
from tests.qm.market.test_equivalence import day, lived
from tests.qm.market.test_trend import by_pandas

NAN = float("nan")
FUNDS = ("SPY", "QQQ")


@cache
def minutes(name: str) -> pd.DataFrame:
    """Minute bars of regular hours by their number since the open."""
    symbols, of, records, _ = day("ib59_1m")
    told = Tape.of(records, symbols.row(name)).between(of.open_ns, of.close_ns).told
    return told.set_index((told["at"] - of.open_ns) // MINUTE)


def of_fund(name: str, minute: int) -> dict[str, float]:
    seen = minutes(name)
    seen = seen[seen.index < minute]
    first = seen[seen.index < 15]
    top, bottom, last = first["high"].max(), first["low"].min(), seen["close"].iloc[-1]
    fives = seen.groupby(seen.index // 5).agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    fives = fives[fives.index < minute // 5]
    found = {"or_state": float(last > top) - float(last < bottom) if minute >= 15 else NAN}
    for length in (9, 20):
        mean = fives["close"].ewm(span=length, adjust=False).mean()
        found[f"ema{length}_bp"] = 1e4 * (mean.iloc[-1] / mean.iloc[-2] - 1) if len(fives) >= length else NAN
    return found | {"adx_5m": by_pandas(fives, 14) if len(fives) >= 28 else NAN}


def expected(minute: int, atr: float) -> dict[str, float]:
    both = pd.DataFrame([of_fund(name, minute) for name in FUNDS]).mean()
    spy = minutes("SPY")
    spy = spy[spy.index < minute]
    return {**both.to_dict(), "range_atr": float(spy["high"].max() - spy["low"].min()) / atr}


def test_the_bars_of_the_index_equal_plain_pandas_lived_and_after_a_restart() -> None:
    symbols, of, records, reference = day("ib59_1m")
    atr = float(reference.atr[symbols.row("SPY")])
    compared: dict[str, int] = {}
    for market, now in lived(day("ib59_1m")):
        minute = (now - of.open_ns) // MINUTE
        if minute not in (1, 14, 15, 16, 45, 46, 99, 100, 141, 222, 389, 390):
            continue
        again = Market(symbols, of, reference)
        again.backfill(records[records["ts"] <= now])
        again.now = now
        again.mark_minute(now)
        for found in (read(market, now), read(again, now)):
            for name, value in expected(minute, atr).items():
                assert found.get(name, NAN) == pytest.approx(value, rel=1e-6, abs=2e-6, nan_ok=True), (minute, name)
                compared[name] = compared.get(name, 0) + bool(np.isfinite(value))
    assert len(compared) == 5
    assert min(compared.values()) >= 4


def test_a_minute_read_later_says_what_it_said_at_its_end() -> None:
    ends: list[int] = []
    said = {}
    for market, now in lived(day("ib59_1m")):
        if now <= market.session.open_ns:
            continue
        said[now] = read(market, now)
        ends.append(now)
        if len(ends) % 40 == 0:
            for ago in range(14):
                assert read(market, now - ago * MINUTE) == said[now - ago * MINUTE]
