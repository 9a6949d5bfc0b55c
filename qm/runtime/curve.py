"""The day's result by minute, in few enough points for a screen."""

from __future__ import annotations

from typing import Final

POINTS: Final = 120


class Curve:
    """One value per minute; when there are too many, every second one is left out and minutes become pairs."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._slot: int | None = None
        self._step = 1

    def add(self, minute: int, value: float | None) -> None:
        """Note the value of a minute; the last one of a minute stays, and a minute without one keeps the one before.

        An unknown value is not noted.
        """
        if value is None:
            return
        slot = minute // self._step
        if self._slot is not None and slot <= self._slot:
            self._values[-1] = value
            return
        # A long pause would otherwise be filled point by point, only to be thinned out again.
        missed = 0 if self._slot is None else min(slot - self._slot - 1, POINTS * self._step)
        self._values += [self._values[-1]] * missed if missed else []
        self._values.append(value)
        self._slot = slot
        while len(self._values) > POINTS - 1:
            # Counted from the newest, which stays.
            self._values = self._values[::-2][::-1]
            self._step *= 2
            self._slot = minute // self._step

    def points(self, now: float | None) -> tuple[float, ...]:
        """Return the curve, oldest first, with the value of this moment at its end."""
        return (*self._values, now) if now is not None and self._values else tuple(self._values)
