"""Tones that follow from values."""

from __future__ import annotations

import math


def by_sign(value: float | None) -> str:
    """Return the tone of a gain, a loss, or neither."""
    if value is None or not math.isfinite(value) or value == 0:
        return ""
    return "up" if value > 0 else "down"


def by_level(level: str) -> str:
    """Return the tone of a line of the decisions feed."""
    return {"good": "up", "bad": "down", "warn": "warn"}.get(level, "")
