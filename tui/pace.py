"""How often the screen is drawn: as wished, and less while the terminal cannot keep up.

Textual's output queue blocks the whole program when it is full, keys included, so data must not fill it.
"""

from __future__ import annotations

from typing import Any

MAX_HZ, MIN_HZ = 10.0, 0.25
SLOWEST_HZ = 0.2
"""The least that a user may ask for."""
BACKLOG = 1
"""Writes that may wait in the queue; more means that the terminal is behind."""
SKIPS = 3
RECOVER_S = 10.0


def backlog(driver: Any) -> int:
    """Return how many writes wait for the terminal; 0 where the driver writes at once.

    Textual has no public name for it, so the private one is used here and nowhere else.
    """
    thread = getattr(driver, "_writer_thread", None)
    queue = getattr(thread, "_queue", None)
    return int(queue.qsize()) if queue is not None else 0


class Pace:
    """Decide frame by frame whether to draw; times are seconds of one steady clock."""

    def __init__(self, hz: float) -> None:
        self.wished = clamp(hz)
        self.hz = self.wished
        """Frames per second now."""
        self.skipped = 0
        """Frames left out so far."""
        self._behind = 0
        """Frames left out since the terminal last kept up for a while."""
        self._calm_at = 0.0

    def wish(self, hz: float) -> None:
        """Draw so often from now on."""
        self.wished = self.hz = clamp(hz)
        self._behind = 0

    def draws(self, waiting: int, now: float) -> bool:
        """Say whether to draw this frame, given the writes that wait; `hz` follows."""
        if now >= self._calm_at:
            self._behind = 0
        if waiting > BACKLOG:
            self.skipped += 1
            self._behind += 1
            # Not only in a row: a line that is a little too slow takes every other frame, seconds late.
            if self._behind >= SKIPS:
                self._behind = 0
                self.hz = min(self.hz, max(MIN_HZ, self.hz / 2))
            self._calm_at = now + RECOVER_S
            return False
        if self.hz < self.wished and now >= self._calm_at:
            self.hz = min(self.wished, self.hz * 2, self.hz + 1)
            self._calm_at = now + RECOVER_S
        return True


def clamp(hz: float) -> float:
    """Return the nearest pace that there is."""
    return min(MAX_HZ, max(SLOWEST_HZ, hz))
