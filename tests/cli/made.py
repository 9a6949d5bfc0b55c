"""Small files of market data, made for a test."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brokers.sim.synthetic import SyntheticMarket
from qm.history.layout import BAR_COLUMNS
from qm.model.market import Kind
from qm.rules.calendar import Session


def bars_file(path: Path, of: list[Session], symbols: int = 40, seed: int = 3) -> int:
    """Write the minute bars of some sessions as Parquet, as a vendor would; returns the number of rows."""
    market = SyntheticMarket(symbols, seed)
    days = [batch for each in of for batch in market.minutes(each, detail="bars")]
    events = np.concatenate(days)
    events = events[events["kind"] == Kind.BAR]
    names = np.array(market.table.names)
    table = pa.table(
        {
            "ts": pa.array(events["event_ts"], pa.timestamp("ns", "UTC")),
            "symbol": names[events["sym"]],
            **{name: events[field] for name, field in zip(BAR_COLUMNS, "abcde", strict=True)},
        }
    )
    pq.write_table(table, path)
    return len(events)
