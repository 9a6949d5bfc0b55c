"""The strategies that come with the workstation, and how a name in the settings becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from qm.errors import ConfigError, NotFoundError, nearest
from qm.strategies.api import Params, Strategy
from qm.strategies.orb import OrbParams, orb_paper, orb_robust
from qm.strategies.thrust import ThrustParams, thrust

PRESETS: dict[str, tuple[Callable[[Any], Strategy], type[Params]]] = {
    "orb_robust": (orb_robust, OrbParams),
    "orb_paper": (orb_paper, OrbParams),
    "thrust": (thrust, ThrustParams),
}


def strategy(name: str, params: Mapping[str, Any] | None = None) -> Strategy:
    """Return a shipped strategy by name, with some parameters changed.

    Raises NotFoundError for an unknown name, naming the nearest; ConfigError for an unknown or out-of-bounds parameter.
    """
    if name not in PRESETS:
        raise NotFoundError.of("strategy", name, PRESETS)
    make, kind = PRESETS[name]
    if not params:
        return make(None)
    merged = msgspec.structs.asdict(make(None).params) | dict(params)
    for key in params:
        if key not in kind.__struct_fields__:
            known = ", ".join(nearest(key, kind.__struct_fields__) or kind.__struct_fields__)
            raise ConfigError(f"Strategy {name} has no parameter {key!r}.", f"Known: {known}.")
    try:
        return make(msgspec.convert(merged, kind, strict=False))
    except msgspec.ValidationError as error:
        raise ConfigError(f"Strategy {name}: {error}.", "Give a value within the bounds.") from error
