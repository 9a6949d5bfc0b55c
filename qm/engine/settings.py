"""What decides: every setting that can change a decision, in one value with one digest."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from qm.radar.weights import RadarWeights
from qm.risk.limits import RiskSettings
from qm.rules.fees import COMMISSIONS, FeeSchedule
from qm.scanner.own import ScanSettings, named
from qm.scanner.presets import Scan
from qm.strategies.allocator import AllocatorSettings


class ExitAtClose(StrEnum):
    """How what is open at the end of the day is closed."""

    MARKET = "market"
    AUCTION = "auction"


class StrategyChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy that is switched on, with its changed parameters."""

    name: str
    params: dict[str, Any] = {}
    scans: tuple[str, ...] = ()
    """Scans whose hits it takes; none stands for those that it comes with."""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's settings; they are journaled with each session, and their digest proves which were used."""

    strategies: tuple[StrategyChoice, ...] = (StrategyChoice("orb_robust"), StrategyChoice("thrust"))
    """Which strategies trade, the preferred first."""
    scans: tuple[str, ...] = ("stocks_in_play", "momentum")
    """Which scans look for opportunities, by name."""
    own_scans: dict[str, ScanSettings] = {}
    """The trader's own scans, by name."""
    risk: RiskSettings = RiskSettings()
    radar: RadarWeights = RadarWeights()
    allocator: AllocatorSettings = AllocatorSettings()
    beat_s: Annotated[int, Meta(ge=1, le=60)] = 60
    """Seconds between beats of the radar; 60 where the market is told in minute bars."""
    flat_min: Annotated[float, Meta(ge=0, le=60)] = 2.0
    """Everything is closed so many minutes before the close; 0 leaves it to the strategies."""
    exit_at_close: ExitAtClose = ExitAtClose.MARKET
    """How that is done: market, or auction, by orders for the closing auction, sent a minute before the first cut-off.

    From then on nothing protects the positions, and after the cut-off nothing takes the orders back.
    """
    watch_capacity: Annotated[int, Meta(ge=1, le=500)] = 50
    """Most symbols on the watchlist, pinned ones not counted."""
    watch_ttl_min: Annotated[int, Meta(ge=1, le=390)] = 30
    """A symbol that nothing keeps on the watchlist leaves after so many minutes."""
    watch_cool_off_s: Annotated[int, Meta(ge=0)] = 300
    """Scans cannot bring a symbol back to the watchlist so soon after it left."""
    banned: dict[str, str] = {}
    """Symbols in which there is never a new position, each with the reason, e.g. {XYZ = "offering"}."""

    def __post_init__(self) -> None:
        # Bars close with the minute: a beat must fall on it, or a scan for their close would be asked late.
        if self.beat_s > 0 and 60 % self.beat_s:
            raise ValueError("beat_s must go into 60 without a rest, e.g. 1, 5, 10 or 60")

    def scan(self, name: str) -> Scan:
        """Return a scan by name, the trader's own before the shipped; NotFoundError with the nearest names."""
        return named(name, self.own_scans)

    def digest(self) -> str:
        """Return the sha256 of the settings in their canonical form."""
        return hashlib.sha256(_canonical(self)).hexdigest()


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything besides the market that decides what a run does; kept in the header of its journal and recording."""

    mode: str
    run_number: int = 0
    """Part of every order id, so that two runs of a day never share one."""
    equity: Decimal = Decimal(100_000)
    """$ at the start of the first session."""
    prints: bool = True
    """The feed tells single trades; False when it tells bars only."""
    engine: EngineSettings = EngineSettings()
    exchange: dict[str, Any] = {}
    """Assumptions of the simulated exchange."""
    commission: str = ""
    """Price list of the broker."""
    assigned: dict[str, tuple[str, ...]] = {}
    """Strategies with a fixed list of symbols; an empty list is every symbol of the session."""

    @property
    def fees(self) -> FeeSchedule | None:
        """What the account pays; None for nothing at all."""
        return FeeSchedule(COMMISSIONS[self.commission]) if self.commission else None

    def text(self) -> str:
        """Return the canonical JSON, the one that digests are made of."""
        return _canonical(self).decode()

    @classmethod
    def of(cls, text: str) -> Self:
        """Read back what `text` wrote; msgspec.ValidationError when it is something else."""
        return msgspec.json.decode(text, type=cls)


def _canonical(settings: msgspec.Struct) -> bytes:
    # Once through JSON: a whole number given for a float would else have another text before a restart than after.
    again = msgspec.json.decode(msgspec.json.encode(settings), type=type(settings))
    return msgspec.json.encode(again, order="sorted")
