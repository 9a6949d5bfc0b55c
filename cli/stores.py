"""Where the journals lie, and how a command finds the run that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from cli.places import DEMO, PLACES, place
from qm.config import create, paths
from qm.errors import DivergedError, NotFoundError, UsageError, did_you_mean, nearest
from qm.store.chain import RunHeader
from qm.store.journal import Journal
from qm.store.memory import MemoryJournal
from qm.store.reader import JournalReader

BACKTEST: Final = "backtest"
"""Backtests have a journal of their own beside those of the modes."""
STORES: Final = (*PLACES, BACKTEST)
FILE: Final = "journal.db"
_CHUNK: Final = 4_096


def journal_file(store: str) -> Path:
    """Return where the journal of a mode, or that of the backtests, lies; UsageError for any other name."""
    if store == BACKTEST:
        return paths("sim").data.with_name(BACKTEST) / FILE
    if store in PLACES:
        return place(store).data / FILE
    raise UsageError(
        f"No journal is called {store!r}.", did_you_mean(nearest(store, STORES)) or f"There are {', '.join(STORES)}."
    )


def radar_folder(store: str) -> Path:
    """Return where the radar's snapshots of a mode or of the backtests lie, a folder per run; UsageError."""
    return journal_file(store).with_name("radar")


def keep_run(journal: MemoryJournal, run: str, header: RunHeader, store: str = BACKTEST) -> None:
    """Copy a run into a journal at rest; what an earlier copy of the same run left unfinished is completed.

    Raises DivergedError when a run of that id is there that was decided otherwise, and StoreError or one of its kinds.
    """
    path = journal_file(store)
    create(path.parent)
    with Journal.open(path, store) as kept:
        if any(each.id == header.id for each in kept.runs()):
            kept.resume(header.id)
        else:
            kept.start_run(header)
        seq, head = kept.head(header.id)
        last, whole = journal.head(run)
        same = whole if seq == last else dict(journal.links(run)).get(seq)
        if seq and same != head:
            raise DivergedError(
                f"Run {header.id} is in the journal with other decisions, although its inputs are the same.",
                "This is a defect: please report it, with both journals.",
            )
        entries = journal.read(run, seq)
        while chunk := list(islice(entries, _CHUNK)):
            kept.append(chunk, durable=chunk[-1].seq == last)


@contextmanager
def reading(store: str) -> Iterator[JournalReader]:
    """Open a journal for reading; NotFoundError when there is none."""
    with JournalReader.open(journal_file(store), "sim" if store == DEMO else store) as journal:
        yield journal


def holding(run: str | None, store: str | None, *, recorded: bool = False) -> tuple[str, RunHeader]:
    """Return the journal that holds a run and the run's header; of several, and without a name, the one started last.

    `recorded` leaves out the backtests. Raises NotFoundError with the nearest ids.
    """
    found: list[tuple[str, RunHeader]] = []
    for each in (store,) if store else PLACES if recorded else STORES:
        if journal_file(each).exists():
            with reading(each) as journal:
                found += [(each, header) for header in journal.runs()]
    if run is None and not found:
        raise NotFoundError("Nothing was journaled yet.", "Run something first: qm demo, or qm backtest run.")
    named = [pair for pair in found if run in (None, pair[1].id)]
    if not named:
        raise NotFoundError.of("run", str(run), (header.id for _, header in found))
    return max(named, key=lambda pair: pair[1].started)
