"""Bans for good outlive their run: the next one begins with them."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from qm.engine.settings import RunSettings
from qm.model.events import Banned, Unbanned
from qm.store.port import JournalPort

MOST: Final = 10_000
"""Bans that are carried over; the oldest are left behind."""


def with_bans(settings: RunSettings, journal: JournalPort) -> RunSettings:
    """Return the settings of a new run with the bans for good of the last one; those of the settings come first."""
    standing = {**_standing(journal), **settings.engine.banned}
    if standing == settings.engine.banned:
        return settings
    return structs.replace(settings, engine=structs.replace(settings.engine, banned=standing))


def _standing(journal: JournalPort) -> dict[str, str]:
    last = journal.last_run()
    if last is None:
        return {}
    # A run states at its start what it was given, so that the last one tells all there is.
    bans: dict[str, str] = {}
    for entry in journal.read(last.id):
        body = entry.body
        if isinstance(body, Banned | Unbanned):
            bans.pop(body.symbol, None)
        if isinstance(body, Banned) and not body.today:
            bans[body.symbol] = body.reason
    return dict(list(bans.items())[-MOST:])
