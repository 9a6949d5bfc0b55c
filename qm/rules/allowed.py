"""An answer to "may I?", with its reason in words for the trader."""

from __future__ import annotations

from typing import NamedTuple


class Allowed(NamedTuple):
    """Whether a rule of the market allows something, and why or why not."""

    ok: bool
    reason: str


def yes(reason: str) -> Allowed:
    """Allow it."""
    return Allowed(ok=True, reason=reason)


def no(reason: str) -> Allowed:
    """Refuse it."""
    return Allowed(ok=False, reason=reason)
