"""Scans of the trader's own, as settings write them; they are used by name wherever the shipped ones are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from qm.errors import NotFoundError, QmError
from qm.scanner.cadence import Trigger
from qm.scanner.order import SCORE
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.text import ScanTextError, parse


class ScanSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scan: what is looked for, when, and how long a find lasts. One named like a shipped scan takes its place."""

    when: str
    """The condition, e.g. "gap >= 4 & rvol >= 3 & ~halted"; `qm scan features` lists what it can ask for."""
    window: tuple[int | str, int | str] = ("09:30", "16:00")
    """First and last moment at which it is asked, New York, or in minutes from 09:30."""
    rank_by: str = SCORE
    """What comes first: a feature, a product such as "gap * log(pre_dollar_volume)", or the radar's score."""
    top: Annotated[int, Meta(ge=1)] = 20
    """At most so many symbols are found at one beat."""
    cooldown_s: Annotated[int, Meta(ge=0)] = 300
    """How long a symbol is not found again after it was over."""
    hold_s: Annotated[int, Meta(ge=0)] = 300
    """How long a find lasts at least; after that it is over when the condition does not hold."""
    rearm_pct: Annotated[float, Meta(ge=0)] = 0.0
    """Told again when the price has risen by so much since it was told last, %; 0 for never."""
    rearm_s: Annotated[int, Meta(ge=0)] = 0
    """Told again after so many seconds while it holds; 0 for never."""
    rearm_by: str = ""
    """Told again when this feature has grown since, such as "day_high" for each new high; empty for none."""
    trigger: Literal["beat", "bar_close"] | None = None
    """When it is asked: at every beat, or where a minute ends; none for as often as its features allow."""

    shows: tuple[str, ...] = ()
    """Features that are told with a find besides those that it asks for."""

    def __post_init__(self) -> None:
        try:
            self.scan()
        except ScanTextError as error:
            raise ValueError(f"when = {error.text!r}: {error} {error.remedy}".rstrip(" .")) from error
        except QmError as error:
            raise ValueError(f"{error} {error.remedy}".rstrip(" .")) from error

    def scan(self, name: str = "") -> Scan:
        """Return the scan under this name."""
        return Scan(
            name=name,
            condition=parse(self.when),
            window=self.window,
            rank_by=self.rank_by,
            top=self.top,
            cooldown_s=self.cooldown_s,
            hold_s=self.hold_s,
            rearm_pct=self.rearm_pct,
            rearm_s=self.rearm_s,
            rearm_by=self.rearm_by,
            trigger=Trigger(self.trigger) if self.trigger else None,
            shows=self.shows,
        )


def named(name: str, own: Mapping[str, ScanSettings]) -> Scan:
    """Return the scan of a name, the trader's own before the shipped; NotFoundError with the nearest names."""
    if name in own:
        return own[name].scan(name)
    if name not in PRESETS:
        raise NotFoundError.of("scan", name, (*own, *PRESETS))
    return PRESETS[name]
