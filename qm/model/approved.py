"""The stamp of the risk gate as a type: what has it may be sent, what has not cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Approved(Generic[T]):
    """A value that passed the risk gate. Only `qm.risk.gate` makes one; a test holds that."""

    value: T
