"""The tear sheet of a run: whole by itself, true to the run, and safe whatever a symbol is called."""

import datetime as dt
import shutil
import subprocess
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from backtest.sheet.bars import around
from backtest.sheet.breakdowns import at_other_costs, groups, half_hour, weekday
from backtest.sheet.page import Sheet, render
from backtest.summary import DayResult, summarize
from qm.clock import MINUTE
from qm.engine.day import Day
from qm.market.reference import Reference
from qm.model.events import TradeClosed
from qm.model.instrument import SymbolTable
from qm.model.market import Print, bar, events, trade
from qm.model.order import Side
from qm.rules.calendar import session

OF = session(dt.date(2025, 3, 12))
OPEN = OF.open_ns


def closed(minute: int, net: str, r: float | None, symbol: str = "AAA", qty: int = 100, **more: object) -> TradeClosed:
    made = TradeClosed(
        trade=f"T{minute}",
        symbol=symbol,
        strategy="orb_robust",
        side=Side.BUY,
        qty=qty,
        opened=OPEN + minute * MINUTE,
        closed=OPEN + (minute + 5) * MINUTE,
        entry_price=Decimal("10.00"),
        exit_price=Decimal("10.10"),
        gross_usd=Decimal(net),
        fees_usd=Decimal(0),
        net_usd=Decimal(net),
        risk_usd=50.0,
        r=r,
        mfe_usd=40.0,
        mae_usd=10.0,
        reason="close below the low",
    )
    return msgspec.structs.replace(made, **more)


def day(prints: bool = False) -> Day:
    table = SymbolTable(["AAA", "BBB"])
    if prints:
        rows = [trade(OPEN + n * 20_000_000_000, 0, 10 + n / 100, 100) for n in range(9)]
        rows.append(trade(OPEN + 9 * 20_000_000_000, 0, 99.0, 5, Print.VOLUME))
    else:
        rows = [bar(OPEN + (n + 1) * MINUTE, 0, 10, 10.2, 9.9, 10.1, 100) for n in range(60)]
    return Day(table, OF, Reference.empty(2), prints, [events(rows)])


def sheet(trades: list[TradeClosed], **more: object) -> Sheet:
    net = sum((each.net_usd for each in trades), Decimal(0))
    days = [DayResult("2025-03-12", 100_000 + net, len(trades))]
    counts = {"symbols": 2, "records": 60, "wakes": 1}
    found = Sheet(
        title="orb_robust on made",
        facts=[("costs", "house")],
        settings="{}",
        summary=summarize("r", trades, days, Decimal(100_000), counts, "abc", 1.0),
        days=days,
        trades=trades,
        market=[day()],
    )
    for name, value in more.items():
        object.__setattr__(found, name, value)
    return found


class Page(HTMLParser):
    """Collects what a browser would fetch, and the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def some() -> list[TradeClosed]:
    return [closed(5, "100.00", 2.0), closed(12, "-50.00", -1.0), closed(70, "-25.00", None, ambiguous=True)]


def test_each_trade_tells_what_it_took_of_its_range_and_kept_of_its_best() -> None:
    # From 10.00 to 10.60 between 9.80 and 11.00: five sixths and two thirds are good for half of the range.
    one = closed(5, "60.00", 2.0, exit_price=Decimal("10.60"), mfe_usd=100.0, mae_usd=20.0)
    assert "<td>50.0%</td><td>60.0%</td>" in render(sheet([one]))
    never_ahead = closed(5, "-10.00", -0.3, exit_price=Decimal("9.90"), mfe_usd=0.0, mae_usd=10.0)
    assert "<td>-100.0%</td><td>unknown</td>" in render(sheet([never_ahead]))


def test_the_page_needs_nothing_else_and_runs_no_script(some: list[TradeClosed]) -> None:
    text = render(sheet(some))
    page = Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert "@import" not in text


def test_the_numbers_are_those_of_the_run(some: list[TradeClosed]) -> None:
    page = Page(render(sheet(some)))
    for words in ("+25.00 $", "+0.50 R", "33.3%", "3 trades prove nothing", "In 33% of the trades", "09:30", "10:30"):
        assert words in page.words, words
    # Two curves, a calendar, five pictures of all trades, and a chart for each trade.
    assert page.tags.count("figure") == 3 + 5 + 3


def test_a_run_without_trades_has_a_page() -> None:
    page = Page(render(sheet([])))
    assert "0 trades prove nothing" in page.words
    assert page.tags.count("figure") == 3
    assert "There was none." in page.words


def test_what_a_symbol_is_called_stays_text() -> None:
    odd = closed(5, "1.00", 0.1, symbol="<script>alert(1)</script>", reason="</pre><b>x")
    page = Page(render(sheet([odd])))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words


def test_the_minutes_around_a_trade_come_from_bars() -> None:
    ((_, minutes),) = around([closed(40, "1", 0.1)], [day()])
    # Thirty minutes before 10:10, thirty after 10:15, as far as there are any.
    assert (minutes.start[0], minutes.start[-1]) == (OPEN + 10 * MINUTE, OPEN + 59 * MINUTE)
    assert minutes.vwap[-1] == pytest.approx((10.2 + 9.9 + 10.1) / 3)


def test_the_minutes_around_a_trade_come_from_prints_that_may_set_a_price() -> None:
    ((_, minutes),) = around([closed(1, "1", 0.1)], [day(prints=True)])
    assert minutes.start.tolist() == [OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE]
    assert minutes.open.tolist() == pytest.approx([10.0, 10.03, 10.06])
    assert minutes.high.tolist() == pytest.approx([10.02, 10.05, 10.08])
    assert minutes.close.tolist() == pytest.approx([10.02, 10.05, 10.08])
    assert minutes.vwap[0] == pytest.approx(np.mean([10.0, 10.01, 10.02]))


def test_groups_by_hour_and_day(some: list[TradeClosed]) -> None:
    found = groups(some, half_hour)
    assert [(each.name, each.trades, each.net_usd) for each in found] == [("09:30", 2, 50.0), ("10:30", 1, -25.0)]
    assert found[0].mean_r == 0.5
    assert found[1].mean_r is None
    assert [each.name for each in groups(some, weekday)] == ["Wednesday"]


def test_other_costs_are_paid_both_ways(some: list[TradeClosed]) -> None:
    # 300 shares in and 300 out.
    assert at_other_costs(some) == [(0, 25.0), (1, 19.0), (2, 13.0), (4, 1.0)]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_draws_it(some: list[TradeClosed], tmp_path: Path) -> None:
    file, picture = tmp_path / "sheet.html", tmp_path / "sheet.png"
    file.write_text(render(sheet(some)), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,2400"]
    subprocess.run(
        ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", file.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 40_000
