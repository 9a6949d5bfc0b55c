"""One session of market to run: its symbols, what was known before it, and its records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qm.market.reference import Reference
from qm.model.instrument import SymbolTable
from qm.model.market import Events
from qm.rules.calendar import Session


@dataclass(frozen=True, slots=True)
class Day:
    """What every clock needs of a session; only where `batches` come from differs."""

    table: SymbolTable
    session: Session
    reference: Reference
    prints: bool
    """The records tell single trades and quotes; False when they are bars only."""
    batches: Iterable[Events]
    """Records in order of time, cut anywhere."""
