"""What crosses the socket, as JSON Schema generated from the structs that carry it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from qm.model.commands import AnyCommand
from qm.store.projections import TradeRow
from qm.wire.protocol import VERSION, CommandReply, Explanation, Frame, Problem
from qm.wire.queries import BanLine, EventsPage, HitLine, Identity, Stopping

NAMED: Final[dict[str, Any]] = {
    "frame": Frame,
    "command": AnyCommand,
    "reply": CommandReply,
    "problem": Problem,
    "version": Identity,
    "events": EventsPage,
    "trade": TradeRow,
    "explanation": Explanation,
    "ban": BanLine,
    "hit": HitLine,
    "stopping": Stopping,
}


@cache
def schema() -> dict[str, Any]:
    """Return the schemas by name, with all structs under `$defs`."""
    schemas, components = msgspec.json.schema_components(NAMED.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "protocol": VERSION,
        "schemas": dict(zip(NAMED, schemas, strict=True)),
        "$defs": components,
    }
