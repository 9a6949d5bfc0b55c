"""`qm journal`: what was traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit_json, say, table, usd

if TYPE_CHECKING:
    import datetime as dt

    from qm.store.projections import TradeRow

app = typer.Typer(
    name="journal", help="What was traded.", rich_markup_mode=None, add_completion=False, no_args_is_help=True
)


@app.callback()
def journal() -> None:
    """What was traded."""


@app.command("list")
def list_trades(
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Only this strategy.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only sessions from this one on.")] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this run, or `all`; the latest by default.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="Journal to read: sim, paper, live, demo or backtest.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the latest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trades as JSON.")] = False,
) -> None:
    """List closed trades, the latest first.

    Without --run it lists those of the run that started last. `qm explain` tells the story of each.

    \b
    qm journal list --symbol TSLA --run all
    qm journal list --mode backtest --since 2025-01-10 --json
    """
    from cli.feeds import parse_date

    first = parse_date(since, "--since") if since else None
    found, where = _trades(run, mode, symbol.upper() if symbol else None, strategy, first, limit)
    if as_json:
        emit_json(found)
        return
    if not found:
        say(f"There are no such trades in {where}.")
        return
    _show(found)
    net, fees = sum(t.net_usd for t in found), sum(t.fees_usd for t in found)
    total_r = sum(t.r for t in found if t.r is not None)
    say(f"{where}: {len(found)} trades, {usd(float(net))} $ net, {total_r:+.2f} R, {fees:,.2f} $ fees")


def _trades(
    run: str | None, mode: str | None, symbol: str | None, strategy: str | None, since: dt.date | None, limit: int
) -> tuple[list[TradeRow], str]:
    from cli.stores import STORES, holding, journal_file, reading

    if run != "all":
        store, header = holding(run, mode)
        with reading(store) as kept:
            found = kept.trades(run=header.id, symbol=symbol, strategy=strategy, since=since, limit=limit)
        return found, f"run {header.id} ({store})"
    there = [store for store in ((mode,) if mode else STORES) if journal_file(store).exists()]
    everything: list[TradeRow] = []
    for store in there:
        with reading(store) as kept:
            everything += kept.trades(symbol=symbol, strategy=strategy, since=since, limit=limit)
    everything.sort(key=lambda row: (row.closed, row.run, row.seq), reverse=True)
    return everything[:limit], f"the journals ({', '.join(there) or 'none yet'})"


def _show(found: list[TradeRow]) -> None:
    from qm.clock import ny

    heads = ("trade", "symbol", "opened", "closed", "side", "qty", "entry", "exit", "net $", "R", "left because", "run")
    rows = [
        (
            row.trade,
            row.symbol,
            f"{ny(row.opened):%Y-%m-%d %H:%M:%S}",
            f"{ny(row.closed):%H:%M:%S}",
            "long" if row.side == "buy" else "short",
            f"{row.qty:,}",
            f"{row.entry_price:.2f}",
            f"{row.exit_price:.2f}",
            usd(float(row.net_usd)),
            "?" if row.r is None else f"{row.r:+.2f}",
            row.reason,
            row.run,
        )
        for row in found
    ]
    left = ("trade", "symbol", "opened", "closed", "side", "left because", "run")
    spare = ("closed", "side", "run", "left because", "symbol", "exit", "entry")
    shown = len(heads) - (len({row.run for row in found}) == 1)
    table(heads[:shown], [row[:shown] for row in rows], left, [head for head in spare if head in heads[:shown]])
