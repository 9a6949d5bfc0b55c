"""The server of the tests satisfies the official client as it is, so that what ours is tested against is no fiction."""

import datetime as dt
import warnings

from qm.clock import utc
from qm.rules.calendar import session
from tests.brokers.alpaca.history_server import KEY_ID, SECRET, HistoryServer
from tests.brokers.served import served
from tests.cli.alpaca_market import MINUTES, SYMBOLS, alpaca, minute_rows, prints
from tests.cli.flat_market import FIRST

with warnings.catch_warnings(action="ignore"):
    # It loads its streams too, and they what its own dependency would rather not have.
    from alpaca.data.enums import Adjustment, DataFeed
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest, StockTradesRequest
    from alpaca.data.timeframe import TimeFrame


def test_it_pages_bars_and_prints_across_symbols() -> None:
    of = session(FIRST)
    start, end = utc(of.pre_ns), utc(of.post_ns)
    with alpaca(HistoryServer(largest=17)) as ours, served(ours.app()) as url:
        client = StockHistoricalDataClient(KEY_ID, SECRET, url_override=url)
        bars = client.get_stock_bars(
            StockBarsRequest(
                symbol_or_symbols=list(SYMBOLS),
                start=start,
                end=end,
                timeframe=TimeFrame.Minute,
                adjustment=Adjustment.RAW,
                feed=DataFeed.SIP,
                asof=str(FIRST),
            )
        )
        assert not isinstance(bars, dict)
        assert {symbol: len(rows) for symbol, rows in bars.data.items()} == dict.fromkeys(SYMBOLS, MINUTES)
        told = [(bar.timestamp, bar.open, bar.volume) for bar in bars.data["AAPL"]]
        assert told == [(dt.datetime.fromisoformat(row["t"]), row["o"], row["v"]) for row in minute_rows(of, 10.0)]
        asked = StockTradesRequest(symbol_or_symbols="TSLA", start=start, end=end, feed=DataFeed.SIP)
        trades = client.get_stock_trades(asked)
        assert not isinstance(trades, dict)
        assert [each.price for each in trades.data["TSLA"]] == [row["p"] for row in prints(of)]
