"""Ctrl-C during work that can end between two steps without losing what it has."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TypeVar

import typer

from cli.output import say

T = TypeVar("T")


@contextmanager
def told_what_stays(promise: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end work that leaves nothing half done; say what stays, and end with exit code 130."""

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say(f"Interrupted. {promise}")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Interrupts:
    """While active, the first Ctrl-C (or SIGTERM) asks for an end after the step, the second ends at once."""

    def __init__(self, promise: str) -> None:
        self.asked = False
        """An end was asked for."""
        self._promise = promise
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def until_asked(self, steps: Iterable[T]) -> Iterator[T]:
        """Yield the steps until an end is asked for; KeyboardInterrupt when it was before the first one."""
        begun = False
        for step in steps:
            if self.asked:
                break
            begun = True
            yield step
        if not begun and self.asked:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        say(f"\n{self._promise}" if number == signal.SIGINT else self._promise)
