"""How far a download is: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from qm.model.downloads import Unit


class Bar:
    """Two bars on stderr, of all units and of the one that is fetched; without a terminal it says nothing."""

    def __init__(self, units: int) -> None:
        self._progress: Progress | None = None
        self._unit: Unit | None = None
        self._done = 0
        if sys.stderr.isatty():
            self._progress = _progress()
            self._all: TaskID = self._progress.add_task("sessions", total=units, told=f"0/{units:,}")
            self._one: TaskID = self._progress.add_task("", total=None, told="", visible=False)
            self._units = units

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def tell(self, unit: Unit, here: int, size: int) -> None:
        """Show how many bytes of a unit are here, and of how many; 0 where nobody knows."""
        if self._progress is None:
            return
        if unit != self._unit:
            self._unit = unit
            self._progress.reset(self._one, description=unit.name, total=size or None, visible=True)
        told = f"{here / 1e6:,.1f}" + (f"/{size / 1e6:,.1f}" if size else "") + " MB"
        self._progress.update(self._one, completed=here, told=told)

    def done(self, units: int) -> None:
        """Show how many units are settled."""
        if self._progress is not None:
            self._progress.update(self._all, completed=units, told=f"{units:,}/{self._units:,}")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[told]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
