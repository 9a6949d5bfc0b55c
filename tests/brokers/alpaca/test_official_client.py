"""The server of the tests satisfies the official client as it is, so that what ours is tested against is no fiction."""

import datetime as dt
import warnings

from qm.clock import utc
from qm.rules.calendar import session
from tests.brokers.alpaca.history_server import KEY_ID, SECRET, HistoryServer
from tests.brokers.served import served
from tests.cli.alpaca_market import MINUTES, QUOTES, SYMBOLS, alpaca, minute_rows, prints, quotes
from tests.cli.flat_market import DATES, FIRST, LAST

with warnings.catch_warnings(action="ignore"):
    # It loads its streams too, and they what its own dependency would rather not have.
    from alpaca.data.enums import Adjustment, DataFeed
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.models.corporate_actions import CashDividend, CashMerger, ForwardSplit, NameChange
    from alpaca.data.requests import (
        CorporateActionsRequest,
        StockBarsRequest,
        StockQuotesRequest,
        StockTradesRequest,
    )
    from alpaca.data.timeframe import TimeFrame
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import AssetClass, AssetStatus
    from alpaca.trading.requests import GetAssetsRequest


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


def test_it_pages_quotes_across_symbols() -> None:
    of = session(FIRST)
    with alpaca(HistoryServer(largest=7)) as ours, served(ours.app()) as url:
        client = StockHistoricalDataClient(KEY_ID, SECRET, url_override=url)
        asked = StockQuotesRequest(
            symbol_or_symbols=list(SYMBOLS), start=utc(of.pre_ns), end=utc(of.post_ns), feed=DataFeed.SIP
        )
        found = client.get_stock_quotes(asked)
        assert not isinstance(found, dict)
        assert {symbol: len(rows) for symbol, rows in found.data.items()} == dict.fromkeys(SYMBOLS, QUOTES)
        told = [(each.bid_price, each.ask_price, each.bid_size, each.conditions) for each in found.data["AAPL"]]
        assert told == [(row["bp"], row["ap"], row["bs"], row["c"]) for row in quotes(of, 10.0)]


def test_it_reads_corporate_actions_page_by_page() -> None:
    with alpaca(HistoryServer(largest=1)) as ours, served(ours.app()) as url:
        client = CorporateActionsClient(KEY_ID, SECRET, url_override=url)
        found = client.get_corporate_actions(CorporateActionsRequest(start=FIRST, end=dt.date(2025, 3, 1)))
        assert not isinstance(found, dict)
        ((split,), (dividend,), (name,), (merger,)) = (
            found.data[what] for what in ("forward_splits", "cash_dividends", "name_changes", "cash_mergers")
        )
        assert isinstance(split, ForwardSplit)
        assert isinstance(dividend, CashDividend)
        assert isinstance(name, NameChange)
        assert isinstance(merger, CashMerger)
        assert (split.symbol, split.new_rate, split.ex_date) == ("TSLA", 2.0, LAST)
        assert (dividend.rate, dividend.ex_date) == (0.25, DATES[1])
        assert (name.old_symbol, name.new_symbol) == ("OLD", "NA")
        assert merger.acquiree_symbol == "GONE"


def test_it_reads_the_assets() -> None:
    with alpaca() as ours, served(ours.app()) as url:
        client = TradingClient(KEY_ID, SECRET, paper=True, url_override=url)
        wanted = GetAssetsRequest(status=AssetStatus.ACTIVE, asset_class=AssetClass.US_EQUITY)
        found = client.get_all_assets(wanted)
        assert isinstance(found, list)
        told = {each.symbol: (each.exchange.value, each.shortable, each.easy_to_borrow) for each in found}
        assert told == {**dict.fromkeys(SYMBOLS, ("NASDAQ", True, True)), "HARD": ("NYSE", False, False)}


def test_it_carries_questions_about_auctions_for_which_it_has_no_method() -> None:
    of = session(FIRST)
    with alpaca(HistoryServer(largest=1)) as ours, served(ours.app()) as url:
        client = StockHistoricalDataClient(KEY_ID, SECRET, url_override=url)
        asked = {
            "symbols": ",".join(SYMBOLS),
            "start": utc(of.pre_ns).isoformat().replace("+00:00", "Z"),
            "end": utc(of.post_ns).isoformat().replace("+00:00", "Z"),
            "feed": "sip",
        }
        told: list[str] = []
        while True:
            page = client.get("/stocks/auctions", asked)
            assert isinstance(page, dict)
            told += page["auctions"]
            if page["next_page_token"] is None:
                break
            asked["page_token"] = page["next_page_token"]
        assert told == list(SYMBOLS)
