"""The exchange on a real runner day whose tape has no status records: two pauses, and nothing fills inside them."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from brokers.sim.exchange import SimExchange
from brokers.sim.settings import SimSettings
from qm.clock import ny
from qm.market.market import Market
from qm.market.reference import Reference
from qm.model.approved import Approved
from qm.model.inputs import AnyReport
from qm.model.instrument import SymbolTable
from qm.model.market import Events, events, trade
from qm.model.order import Execution
from qm.rules.calendar import session
from qm.rules.fees import FeeSchedule
from qm.rules.luld_tape import LuldTape
from tests.brokers.sim.desk import fills, order

REAL = Path(os.environ.get("QM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
OF = session(dt.date(2025, 11, 14))
SYMBOLS = ("CMCT", "HCWB")


def tape() -> tuple[Events, Reference]:
    folder = REAL / "runners_20251114"
    if not folder.exists():
        pytest.skip(f"no real market data at {folder}: set QM_TEST_DATA")
    table = pq.read_table(folder / "trades.parquet", filters=[("symbol", "in", list(SYMBOLS))]).sort_by("ts")
    prints = zip(*(table[name].to_pylist() for name in ("ts", "symbol", "price", "size")), strict=True)
    # Odd lots set no last price; the tape has no other conditions.
    rows = [trade(ts, SYMBOLS.index(name), price, size, 7 if size >= 100 else 4) for ts, name, price, size in prints]
    closes = pq.read_table(REAL / "reference" / "universe_2025-11-13_close.parquet", columns=["symbol", "last"])
    known = dict(zip(closes["symbol"].to_pylist(), closes["last"].to_pylist(), strict=True))
    prior = np.array([known[name] for name in SYMBOLS])
    return events(rows), replace(Reference.empty(len(SYMBOLS)), prior_close=prior)


@pytest.mark.slow
def test_nothing_fills_in_the_two_pauses_and_what_waits_gets_the_reopening_print() -> None:
    records, reference = tape()
    told = LuldTape(OF, reference.prior_close, np.full(len(SYMBOLS), np.nan)).add(records)
    market = Market(SymbolTable(SYMBOLS), OF, reference)
    exchange = SimExchange(market, FeeSchedule(), SimSettings(shorts=True, slippage_bps=50.0))
    reports: list[AnyReport] = []
    bought: dict[str, list[Execution]] = {name: [] for name in SYMBOLS}
    sent = 0
    for batch in np.array_split(told, len(told) // 20):
        index = 0
        while index < len(batch):
            index, wake = market.run(batch, index)
            if wake is None:
                break
            row, now = wake.sym, fills(exchange.on_wake(wake))
            low, high = market.col["band_low"][row], market.col["band_high"][row]
            for execution in now:
                assert not low > float(execution.price)
                assert not high < float(execution.price)
            bought[SYMBOLS[row]] += now
        for name in SYMBOLS:
            sent += 1
            reports += exchange.submit(Approved(order(name=f"O{sent}", symbol=name)), None, market.now)
    for name, began, reopened, price in (
        ("HCWB", "10:08:45", "10:13:45", "3.61"),
        ("CMCT", "15:33:21", "15:38:21", "10.45"),
    ):
        clocks = [ny(execution.ts).strftime("%H:%M:%S") for execution in bought[name]]
        assert not [clock for clock in clocks if began <= clock < reopened]
        waited = [x for x, clock in zip(bought[name], clocks, strict=True) if clock == reopened]
        # Orders that were sent in the pause pay the auction's price and their slippage of half a per cent.
        assert waited[0].price == (Decimal(price) * Decimal("1.005")).quantize(Decimal("0.01"), "ROUND_CEILING")
        assert len(bought[name]) > 50
    assert sum(execution.ts < OF.close_ns for found in bought.values() for execution in found) > 200
