"""The strategies that come with the workstation, and how a name in the settings becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qm.errors import NotFoundError
from qm.strategies.api import Params, Strategy
from qm.strategies.first_pullback import FirstPullbackParams, first_pullback
from qm.strategies.gap_go import GapGoParams, gap_go
from qm.strategies.halt_resumption import HaltParams, halt_resumption
from qm.strategies.hod_break import HodBreakParams, hod_break
from qm.strategies.noise_area import NoiseParams, noise_area
from qm.strategies.orb import OrbParams, orb_paper, orb_robust
from qm.strategies.parabolic_short import ParabolicParams, parabolic_short
from qm.strategies.parameters import with_params
from qm.strategies.red_to_green import RedToGreenParams, red_to_green
from qm.strategies.thrust import ThrustParams, thrust
from qm.strategies.vwap_reclaim import VwapReclaimParams, vwap_reclaim

PRESETS: dict[str, tuple[Callable[[Any], Strategy], type[Params]]] = {
    "orb_robust": (orb_robust, OrbParams),
    "orb_paper": (orb_paper, OrbParams),
    "noise_area": (noise_area, NoiseParams),
    "first_pullback": (first_pullback, FirstPullbackParams),
    "gap_go": (gap_go, GapGoParams),
    "hod_break": (hod_break, HodBreakParams),
    "thrust": (thrust, ThrustParams),
    "red_to_green": (red_to_green, RedToGreenParams),
    "vwap_reclaim": (vwap_reclaim, VwapReclaimParams),
    "parabolic_short": (parabolic_short, ParabolicParams),
    "halt_resumption": (halt_resumption, HaltParams),
}


def strategy(name: str, params: Mapping[str, Any] | None = None) -> Strategy:
    """Return a shipped strategy by name, with some parameters changed.

    Raises NotFoundError for an unknown name, with the nearest; ConfigError for an unknown parameter, with the nearest,
    or for one out of bounds, with the bounds.
    """
    if name not in PRESETS:
        raise NotFoundError.of("strategy", name, PRESETS)
    make, kind = PRESETS[name]
    return with_params(name, make, kind, params)
