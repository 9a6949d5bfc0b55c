"""`qm data sql`: one SELECT over the catalogue."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import emit, emit_json, say, table

if TYPE_CHECKING:
    from qm.history.query import Answer

_SHOWN: Final = 200
_NUMBERS: Final = (int, float, Decimal)


def sql(
    question: Annotated[str | None, typer.Argument(metavar="SELECT", help="The question; none lists tables.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print columns and rows as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
) -> None:
    """Ask the data in SQL (DuckDB): one SELECT, read only.

    Every kind of a dataset is a table, DATASET.KIND, with its columns, `ts` in ns UTC and `session`, a date. Nothing
    but the files of the catalogue can be read. A table shows 200 rows, --json and --csv give all.

    \b
    qm data sql
    qm data sql 'SELECT symbol, sum(volume) v FROM us99_1m.bars_1m GROUP BY symbol ORDER BY v DESC LIMIT 10'
    qm data sql 'SELECT make_timestamp_ns(ts), price FROM runners.trades LIMIT 5' --csv
    """
    from cli.markets import catalogue
    from qm.errors import UsageError
    from qm.history.query import Query

    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms of one answer.", "Use one of them.")
    with Query(catalogue()) as query:
        if question is None:
            heads = ("table", "sessions", "first", "last")
            rows = [(v.name, f"{len(v.files):,}", v.files[0].stem, v.files[-1].stem) for v in query.views]
            if rows:
                table(heads, rows, left=("table", "first", "last"))
            else:
                say("There is no dataset yet. Import one: qm data import PATH --dataset NAME")
            return
        answer = query.ask(question)
        if as_csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(answer.columns)
            writer.writerows(answer.rows)
        elif as_json:
            emit_json({"schema": 1, "columns": answer.columns, "rows": [list(map(_plain, row)) for row in answer.rows]})
        else:
            _show(answer)


def _show(answer: Answer) -> None:
    rows = list(islice(answer.rows, _SHOWN))
    more = next(answer.rows, None) is not None
    left = [name for i, name in enumerate(answer.columns) if not _numeric(row[i] for row in rows)]
    if rows:
        table(answer.columns, [[_cell(value) for value in row] for row in rows], left=left)
    else:
        emit("no rows")
    if more:
        say(f"The first {_SHOWN} rows; --csv and --json give all.")


def _numeric(values: Iterator[Any]) -> bool:
    return all(value is None or (isinstance(value, _NUMBERS) and not isinstance(value, bool)) for value in values)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """JSON knows fewer types than SQL; what it does not know becomes text."""
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else str(value)
