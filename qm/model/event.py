"""What every fact of the journal is."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    """Something the core states as a fact."""
