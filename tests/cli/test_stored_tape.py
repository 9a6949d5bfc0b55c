"""A stored tape of prints tells its pauses to whoever runs it, although no file has a status record."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from cli.markets import catalogue, choose
from qm.clock import SECOND
from qm.history.importer import import_files
from qm.model.market import Kind, Status
from qm.rules.calendar import session

BEFORE, DAY = session(dt.date(2025, 11, 13)), session(dt.date(2025, 11, 14))


def test_backtests_and_replays_see_the_pause(tmp_path: Path) -> None:
    # The day before closes at 10.00. Tier two above $3: 10 % around the opening print are 9.00 and 11.00.
    rows = [(BEFORE.close_ns - SECOND, 10.00), *((DAY.open_ns + s * SECOND, p) for s, p in TAPE)]
    path = tmp_path / "trades.csv"
    path.write_text("ts,symbol,price,size\n" + "".join(f"{ts},AAA,{price},100\n" for ts, price in rows))
    import_files(catalogue(), path, "tape", now=0)
    (day,) = choose("tape", DAY.date, DAY.date).days()
    for _ in range(2):
        # Each pass over the batches begins anew, and finds the same.
        records = np.concatenate(list(day.batches))
        told = [(int(r["ts"]) - DAY.open_ns, r["code"]) for r in records[records["kind"] == Kind.STATUS]]
        assert told == [(75 * SECOND, Status.PAUSED), (376 * SECOND, Status.TRADING)]
        first = records[records["kind"] == Kind.BANDS][0]
        assert (first["a"], first["b"], first["c"]) == (9.0, 11.0, 10.0)


TAPE = [(1, 10.00), (60, 11.00), (70, 11.00), (376, 11.50), (377, 11.60)]
