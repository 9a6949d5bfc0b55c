"""Settings and choices of the command line, put together into what the engine needs to run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import msgspec
from msgspec import Meta

import qm
from brokers.sim.exchange import SimExchange
from brokers.sim.settings import HOUSE, SimSettings
from qm.config import load, parse_override, paths
from qm.engine.settings import EngineSettings, RunSettings, StrategyChoice
from qm.errors import NotFoundError, UsageError
from qm.history.download.settings import DownloadSettings
from qm.history.retention import SnapshotSettings
from qm.market.market import Market
from qm.model.order import Side
from qm.radar.weights import RadarWeights
from qm.risk.limits import RiskSettings
from qm.rules.fees import COMMISSIONS, IBKR_FIXED, NO_COMMISSION, Commission, FeeSchedule
from qm.runtime.strategy_files import find
from qm.scanner.own import ScanSettings
from qm.strategies.allocator import AllocatorSettings
from qm.strategies.api import Strategy

WITHOUT_QUOTES: Final = {
    "momentum": "momentum_bars",
    "top_gappers": "top_gappers_bars",
    "small_cap_gappers": "small_cap_gappers_bars",
}
"""Scans that ask for the spread, and what stands in for each where the data tell none."""

ALL: Final = "all"
"""Stands for the strategies of the settings where one could be named."""


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulated account."""

    equity_usd: Decimal = Decimal(100_000)
    """At the start, $; more than 0."""
    commission: Literal["zero", "ibkr_fixed", "ibkr_tiered", "alpaca_elite"] = "zero"
    """Price list of the broker."""

    def __post_init__(self) -> None:
        # A Meta cannot bound a Decimal: the field could then never be set.
        if not (self.equity_usd.is_finite() and self.equity_usd > 0):
            raise ValueError("equity_usd must be more than 0")


class ScreenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the workstation looks."""

    theme: str | None = None
    """None chooses what fits the terminal."""
    hz: Annotated[float, Meta(gt=0, le=30)] = 5.0
    """Frames a second, at most."""


class CostPreset(NamedTuple):
    """What trading is taken to cost."""

    exchange: SimSettings
    commission: Commission | None
    """None charges no fees at all."""
    about: str


COSTS: Final[dict[str, CostPreset]] = {
    "house": CostPreset(HOUSE, NO_COMMISSION, "measured slippage and latency, regulatory fees"),
    "ibkr": CostPreset(HOUSE, IBKR_FIXED, "as house, with the fixed commission of Interactive Brokers"),
    "none": CostPreset(SimSettings(), None, "no slippage, no latency, no fees: for results to be checked by hand"),
}


class NoFees:
    """Trading for nothing."""

    def of_day(self, date: object, /) -> Self:
        """Return itself: every day is free."""
        return self

    def charge(self, side: Side, qty: int, price: Decimal, order: str = "", /) -> Decimal:
        """Return zero."""
        return Decimal(0)


class Settings(NamedTuple):
    """All sections of the settings."""

    engine: EngineSettings
    exchange: SimSettings
    account: AccountSettings
    screen: ScreenSettings
    snapshots: SnapshotSettings
    download: DownloadSettings


def settings(overrides: Iterable[str] = (), exchange: SimSettings = HOUSE) -> Settings:
    """Return the settings of all layers, the defaults of the exchange being `exchange`.

    `overrides` are as typed, `section.key=value`. Raises UsageError and ConfigError.
    """
    given = dict(parse_override(text) for text in overrides)
    found = load(_sections(exchange), given)
    engine = msgspec.structs.asdict(found["engine"])
    own = {name: found[name] for name in ("risk", "radar", "allocator")}
    return Settings(
        EngineSettings(**engine, **own, own_scans=found["scans"]),
        msgspec.convert(found["exchange"], SimSettings, from_attributes=True),
        found["account"],
        found["screen"],
        found["snapshots"],
        found["download"],
    )


def for_data(engine: EngineSettings, *, quotes: bool) -> EngineSettings:
    """Return the settings with scans that the data can answer."""
    if quotes:
        return engine
    # What the trader wrote is asked as it is written.
    instead = {scan: other for scan, other in WITHOUT_QUOTES.items() if scan not in engine.own_scans}
    scans = tuple(dict.fromkeys(instead.get(scan, scan) for scan in engine.scans))
    return msgspec.structs.replace(engine, scans=scans)


def choices(names: str, params: Iterable[str], engine: EngineSettings) -> tuple[StrategyChoice, ...]:
    """Return the strategies that a command names, `a` or `a,b` or `all` for those of the settings, the preferred first.

    Parameters are `key=value`, or `name.key=value` where several strategies are named. Raises UsageError.
    """
    taken = {each.name: each for each in engine.strategies}
    wanted = list(taken) if names == ALL else [name.strip() for name in names.split(",")]
    if not wanted or "" in wanted or len(set(wanted)) < len(wanted):
        raise UsageError(f"{names!r} names no strategies.", "Write one, several as a,b, or all.")
    given: dict[str, dict[str, Any]] = {name: dict(taken[name].params) if names == ALL else {} for name in wanted}
    for key, value in parse_params(params).items():
        name, dot, param = key.partition(".")
        if not dot and len(wanted) > 1:
            raise UsageError(f"It is not clear whose parameter {key!r} is.", f"Write --param {wanted[0]}.{key}=...")
        if dot and name not in given:
            raise UsageError(f"{key!r}: {name} is not run.", f"These are: {', '.join(wanted)}.")
        given[name if dot else wanted[0]][param if dot else key] = value
    return tuple(StrategyChoice(name, given[name], taken[name].scans if name in taken else ()) for name in wanted)


def for_strategies(
    engine: EngineSettings, made: Mapping[str, Strategy], *, assigned: bool, quotes: bool
) -> EngineSettings:
    """Return the settings with the scans that these strategies take hits of or, when assigned, with none."""
    own = {scan for choice in engine.strategies for scan in choice.scans}
    taken = [scan for each in made.values() for scan in each.scans]
    # What stands in where there are no quotes comes by itself.
    scans = dict.fromkeys(scan for scan in taken if scan in own or scan not in WITHOUT_QUOTES.values())
    wanted = () if assigned else tuple(scans)
    return for_data(msgspec.structs.replace(engine, scans=wanted), quotes=quotes)


def strategies(engine: EngineSettings) -> dict[str, Strategy]:
    """Return the strategies that are switched on, by name, shipped ones and the user's; NotFoundError, ConfigError."""
    folder = paths("sim").strategies
    found = {choice.name: (find(choice.name, folder, choice.params), choice.scans) for choice in engine.strategies}
    return {name: replace(chosen, scans=scans) if scans else chosen for name, (chosen, scans) in found.items()}


def parse_params(given: Iterable[str]) -> dict[str, str]:
    """Return the parameters written as `key=value`; UsageError."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{text!r} is no parameter.", "Write it as --param name=value.")
        found[name.strip()] = value.strip()
    return found


def cost_preset(name: str) -> CostPreset:
    """Return a preset of costs; NotFoundError with the nearest names."""
    if name not in COSTS:
        raise NotFoundError.of("set of costs", name, COSTS)
    return COSTS[name]


def fees_of(commission: Commission | None) -> FeeSchedule | NoFees:
    """Return the fees that go with a commission."""
    return NoFees() if commission is None else FeeSchedule(commission)


def make_venue(market: Market, run: RunSettings) -> SimExchange:
    """Return the simulated exchange of a run."""
    fees = fees_of(COMMISSIONS[run.commission] if run.commission else None)
    return SimExchange(market, fees, msgspec.convert(run.exchange, SimSettings))


def amount(usd: float) -> Decimal:
    """Return an amount of money that was typed; UsageError unless it is positive and finite."""
    found = Decimal(str(usd))
    if not found.is_finite() or found <= 0:
        raise UsageError(f"The equity is {usd}, which nobody can trade with.", "Give a positive amount, in $.")
    return found


def code() -> str:
    """Return the version of the program and the first digits of a digest of the sources that decide."""
    whole = hashlib.sha256()
    root = Path(qm.__file__).parent.parent
    for room in ("qm", "brokers", "backtest"):
        for path in sorted((root / room).rglob("*.py")):
            whole.update(path.relative_to(root).as_posix().encode())
            whole.update(path.read_bytes())
    return f"{qm.__version__}+{whole.hexdigest()[:12]}"


def _default(field: msgspec.structs.FieldInfo) -> Any:
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else msgspec.field(default_factory=made)


def _sections(exchange: SimSettings) -> dict[str, Any]:
    """The sections of the settings: the engine's parts stand beside it, not below it."""
    parts: dict[str, type[msgspec.Struct]] = {
        "risk": RiskSettings,
        "radar": RadarWeights,
        "allocator": AllocatorSettings,
    }
    own = [
        (field.name, field.type, _default(field))
        for field in msgspec.structs.fields(EngineSettings)
        if field.name not in (*parts, "own_scans")
    ]
    assumed = [(field.name, field.type, getattr(exchange, field.name)) for field in msgspec.structs.fields(SimSettings)]
    return {
        "engine": msgspec.defstruct("Engine", own, frozen=True, forbid_unknown_fields=True),
        **parts,
        "scans": dict[str, ScanSettings],
        "exchange": msgspec.defstruct("Exchange", assumed, frozen=True, forbid_unknown_fields=True),
        "account": AccountSettings,
        "screen": ScreenSettings,
        "snapshots": SnapshotSettings,
        "download": DownloadSettings,
    }
