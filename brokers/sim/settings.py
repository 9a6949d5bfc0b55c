"""What the simulated exchange assumes: latency, slippage, participation."""

from __future__ import annotations

from enum import StrEnum
from math import ceil
from typing import Annotated

import msgspec

from qm.rules.borrow import ShortPolicy

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

MS = 1_000_000


class Intrabar(StrEnum):
    """What to assume where a bar leaves the order of events open, see `SimExchange`."""

    PESSIMISTIC = "pessimistic"
    PATH = "path"
    OPTIMISTIC = "optimistic"


class SimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The assumptions of a simulation; the defaults assume nothing, so that results can be checked by hand."""

    latency_ns: Count = 0
    """From the decision until the order is live at the exchange."""
    slippage_bps: Amount = 0.0
    """What taking liquidity costs where no quote says so, in 1/100 % of the price."""
    stop_slippage_bps: Amount = 0.0
    """The same for a stop that closes a position."""
    slippage_ticks: Count = 0
    """The least slippage, in ticks, when any applies."""
    half_spread: bool = False
    """Slippage is at least half of the spread, as quoted last or as the dollars traded a day suggest."""
    spread_times: Amount = 1.0
    """How many times as wide as quoted, or suggested, spreads are taken to be."""
    participation: Share = 0.0
    """Largest share of a bar's volume that we may take; 0 caps nothing, neither here nor in the ticks."""
    tick_participation: Share = 1.0
    """Largest share of a print's or a quote's size that we may take: what is shown can be had."""
    refill_ms: Count = 1000
    """What was taken of a quote is not there again for so long, as long as the price is the same: the quotes of a
    recorded market never show what we took of them."""
    quote_age_ms: Count = 2000
    """A quote older than this no longer says at which price a print could have been had."""
    shorts: bool = False
    """Entries may sell what is not held."""
    borrow: ShortPolicy = ShortPolicy.ANY
    """Whose shares can be borrowed for it: any, or etb_proxy, where large liquid stocks stand for the broker's list."""
    extended_hours: bool = False
    """Orders that are marked for extended hours are taken, and worked there as well."""
    intrabar: Intrabar = Intrabar.PESSIMISTIC
    """What happened first where a bar does not tell: what is worse for a trade, what a path from the open over the
    nearer extreme implies, or what is better."""


def stressed(settings: SimSettings, times: float) -> SimSettings:
    """Return the settings with slippage and spreads so many times as large, ticks rounded up."""
    return msgspec.structs.replace(
        settings,
        slippage_bps=settings.slippage_bps * times,
        stop_slippage_bps=settings.stop_slippage_bps * times,
        slippage_ticks=ceil(settings.slippage_ticks * times),
        spread_times=settings.spread_times * times,
    )


HOUSE = SimSettings(
    latency_ns=100 * MS,
    slippage_bps=8.0,
    stop_slippage_bps=10.0,
    slippage_ticks=1,
    half_spread=True,
    participation=0.05,
    shorts=True,
    borrow=ShortPolicy.PROXY,
)
"""What breakouts have been measured to cost; results under these may be believed more than under the defaults."""
