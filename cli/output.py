"""What a command says: data on stdout, everything told to a person on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final, Self

import typer

from qm.errors import QmError

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH: Final = 160
"""Columns of a table that goes into a file or another program."""
REDRAW_NS: Final = 100_000_000
_GAP: Final = 3
"""Columns between two cells."""
PLAIN_EVERY_NS: Final = 10_000_000_000
"""Without a terminal, progress is told in whole lines, this far apart."""


def say(text: str = "") -> None:
    """Tell a person something, on stderr."""
    typer.echo(text, err=True)


def complain(error: QmError) -> None:
    """Tell what went wrong and what can be done about it."""
    from qm.log import clean

    say(f"qm: {clean(error.problem)}")
    if error.remedy:
        say(f"    {clean(error.remedy)}")


def silence_pipe() -> None:
    """Drop what a reader that has gone will not take, so that the interpreter does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(text: str = "") -> None:
    """Write data to stdout."""
    typer.echo(text)


def emit_json(value: Any) -> None:
    """Write one JSON value to stdout: a line for programs, indented on a terminal."""
    import msgspec

    data = msgspec.json.encode(value)
    emit((msgspec.json.format(data, indent=2) if sys.stdout.isatty() else data).decode())


def interactive() -> bool:
    """Say whether a person sits at both ends of this command."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def console() -> Console:
    """Return the console for tables on stdout; it honours NO_COLOR, and is wide when nobody's terminal limits it."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = (), spare: Sequence[str] = ()
) -> None:
    """Write a table to stdout; cells are cleaned, columns right-aligned unless they are among `left`.

    Where the terminal is too narrow, columns among `spare` are left out, the first named first.
    """
    from rich import box
    from rich.table import Table

    from qm.log import clean

    cells = [[clean(cell) for cell in row] for row in rows]
    screen = console()
    widths = {head: max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)}
    gone: set[str] = set()
    for head in spare:
        if sum(width + _GAP for name, width in widths.items() if name not in gone) <= screen.width:
            break
        gone.add(head)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for head in heads:
        if head not in gone:
            made.add_column(head, justify="left" if head in left else "right", overflow="fold")
    for row in cells:
        made.add_row(*(cell for head, cell in zip(heads, row, strict=True) if head not in gone))
    screen.print(made)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Write names and values to stdout, one line each."""
    from qm.log import clean

    listed = [(name, clean(value)) for name, value in rows]
    width = max(len(name) for name, _ in listed)
    emit("\n".join(f"{name:<{width}}  {value}" for name, value in listed))


def usd(value: float | None) -> str:
    """Return an amount with its sign; one that is not known says so."""
    return "unknown" if value is None else f"{value:+,.2f}"


def log_file() -> Path:
    """Return the log of commands, in a folder that is there; ConfigError and UnavailableError when it cannot be."""
    from qm.config import create, paths

    return create(paths("sim").state) / "cli.jsonl"


class Progress:
    """One line on stderr that says how far something is: redrawn on a terminal, told now and then elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._live = sys.stderr.isatty()
        self._last = 0
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str, *, force: bool = False) -> None:
        """Show where it stands."""
        from qm.clock import monotonic_ns

        now = monotonic_ns()
        if self.quiet or (not force and now - self._last < (REDRAW_NS if self._live else PLAIN_EVERY_NS)):
            return
        first = not self._last
        self._last = now
        if not self._live:
            # What is over within seconds needs no report into a file.
            if force or not first:
                say(text)
            return
        width = get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
