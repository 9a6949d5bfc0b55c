"""`qm explain`: why a trade was made, or was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit, emit_json

if TYPE_CHECKING:
    from qm.journal.explain import Explanation
    from qm.store.reader import JournalReader

app = typer.Typer(name="explain", rich_markup_mode=None, add_completion=False)


@app.command("explain")
def explain(
    what: Annotated[str, typer.Argument(metavar="TRADE|ORDER|SYMBOL", help="An id of `qm journal list`, or a symbol.")],
    run: Annotated[str | None, typer.Option(metavar="ID", help="The run; the latest by default.")] = None,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="Journal to read: sim, paper, live, demo or backtest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the steps as JSON.")] = False,
) -> None:
    """Tell why a trade was made, or was not.

    It walks from the fills of a trade back to what the radar saw, with every check in between. For a symbol it tells
    everything that was decided about it, traded or not.
    """
    from qm.log import clean

    found = _explanation(what, run, mode)
    if as_json:
        emit_json(found)
        return
    for line in found.text().splitlines():
        emit(line[: len(line) - len(line.lstrip())] + clean(line.lstrip()))


def _explanation(what: str, run: str | None, mode: str | None) -> Explanation:
    from cli.stores import holding, reading
    from qm.errors import NotFoundError, nearest
    from qm.journal.explain import explain as explained

    store, header = holding(run, mode)
    with reading(store) as journal:
        found = explained(journal, header.id, what)
        if found is not None:
            return found
        near = nearest(what, _known(journal, header.id))
    raise NotFoundError(
        f"Run {header.id} decided nothing about {what!r}.",
        "" if near else "See `qm journal list`; for another run use --run.",
        nearest=near,
    )


def _known(journal: JournalReader, run: str) -> set[str]:
    orders = journal.orders(run)
    return {row.trade for row in journal.trades(run=run)} | {row.id for row in orders} | {row.symbol for row in orders}
