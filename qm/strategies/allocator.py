"""The allocator: gives a watched symbol its strategy and a budget, and says what it did not choose and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, prod
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from qm.model.events import (
    Allocated,
    Alternative,
    Entry,
    Factor,
    HitRejected,
    NotStarted,
    Released,
    SessionStarted,
    StrategyFailed,
)
from qm.radar.leaning import LABELS
from qm.radar.regime import UNKNOWN
from qm.rules.calendar import Stretch
from qm.strategies.api import Strategy
from qm.strategies.attempts import Attempts
from qm.strategies.likeness import Likeness
from qm.strategies.record import Estimate, Prior, TrackRecord

SIZES: Final = (0.0, 0.5, 1.0)
"""What a label can leave of a budget: finer steps would only be fitted to the past."""
Share = Annotated[float, Meta(ge=0, le=1)]


class AllocatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How money is spread over opportunities."""

    budget_share: float = 0.25
    """Largest share of equity that one symbol may take, as notional."""
    regime: dict[str, float] = {}
    """What a regime leaves of the budget, 0, 0.5 or 1, for all strategies or one: {quiet = 0.5, "thrust:range" = 0}.
    All of it where nothing is set."""
    phase: dict[str, float] = {}
    """The same by the part of the session, e.g. {midday = 0.5}."""
    correlated: Annotated[float, Meta(gt=0, le=1)] = 0.7
    """From this correlation of one-minute returns on, a symbol counts as one with an open position."""
    correlated_size: Share = 0.5
    """What that leaves of the budget."""
    crowded_size: Share = 0.5
    """What is left of the budget when less open risk is allowed yet than one trade takes."""
    doubt: Annotated[float, Meta(ge=0, le=0.5)] = 0.2
    """A strategy whose chance of earning anything is lower, by its trades of this run, is doubtful."""
    doubtful_size: Share = 0.5
    """What that leaves of its budgets."""
    recent_trades: Annotated[int, Meta(ge=1, le=10_000)] = 200
    """Trades of each strategy that its record looks back on."""
    priors: dict[str, Prior] = {}
    """What is known of strategies from before, e.g. {thrust = {mean_r = 0.05, trades = 120}}."""

    def __post_init__(self) -> None:
        for name, sizes, labels in (("regime", self.regime, (*LABELS, UNKNOWN)), ("phase", self.phase, tuple(Stretch))):
            for key, size in sizes.items():
                if key.rpartition(":")[2] not in labels:
                    raise ValueError(f"{name}: {key!r} ends in none of {', '.join(labels)}")
                if size not in SIZES:
                    raise ValueError(f"{name}: {key} = {size:g} must be 0, 0.5 or 1")


class Situation(NamedTuple):
    """What the allocator looks at, besides strategies."""

    equity_usd: float
    heat_left_usd: float
    """What open trades may still risk together, besides what they do."""
    trade_risk_usd: float
    """What one trade risks."""
    context: Mapping[str, str | float] = {}
    """`regime` and `phase`; what is missing is not known."""
    alike: Likeness | None = None
    """To what is open; None when nothing is."""


class Offer(NamedTuple):
    """A symbol that a scan brought, for strategies to take."""

    symbol: str
    scan: str
    since: int | None = None
    """When it was found, ns UTC, for a find that is offered again: who let it go since is not asked a second time."""


class Allocator:
    """Chooses the strategy that is expected to earn most, of those that take a symbol; on a tie, the first configured.

    What leaves something of a budget is multiplied: the regime, the phase, the strategy's own record, the correlation
    with what is open, the open risk that is left. Each is stated as a factor, those that leave all of it, too.
    """

    def __init__(self, strategies: dict[str, Strategy], settings: AllocatorSettings) -> None:
        self._strategies = strategies
        self._settings = settings
        self._record = TrackRecord(tuple(strategies), settings.priors, settings.recent_trades)
        self._attempts = Attempts()
        self._let_go: dict[tuple[str, str], int] = {}
        """When a strategy let a symbol go today, by symbol and strategy, ns UTC."""
        self.idle: dict[str, str] = {}
        """Strategies that this session cannot tell what they need, and what that is."""
        self.failed: dict[str, str] = {}
        """Strategies that raised today, and what; they get nothing more."""

    def appliers(self) -> dict[type, Callable[[Entry], None]]:
        """Return how each event changes the allocator."""
        return {
            **self._attempts.appliers(),
            **self._record.appliers(),
            SessionStarted: self._on_session,
            StrategyFailed: self._on_failed,
            NotStarted: self._on_not_started,
            Released: self._on_released,
        }

    def on_watched(self, offer: Offer, seen: Situation) -> Allocated | HitRejected:
        """Choose the strategy for a watched symbol, or say why none gets it."""
        estimates = self._record.estimates()
        out: dict[str, Alternative] = {}
        fit: dict[str, tuple[Factor, ...]] = {}
        for name, strategy in self._strategies.items():
            refusal = self._refusal(strategy, offer)
            if refusal:
                out[name] = Alternative(name, refusal)
            else:
                fit[name] = self._factors(strategy, seen, estimates[name])
        sizes = {name: round(prod(factor.size for factor in factors), 6) for name, factors in fit.items()}
        takers = [name for name in fit if sizes[name] > 0]
        # The order of the settings decides where nothing else does: max keeps the first.
        best = max(takers, key=lambda name: (estimates[name].expected_r, sizes[name]), default=None)
        for name, factors in fit.items():
            if name != best:
                why = _why_not(name, best, estimates, sizes, factors)
                out[name] = Alternative(name, why, round(estimates[name].expected_r, 6), sizes[name])
        others = tuple(out[name] for name in self._strategies if name in out)
        if best is None:
            return self._nobody(offer, others, any_fit=bool(fit))
        budget = round(seen.equity_usd * self._settings.budget_share * sizes[best], 2)
        cut = [factor.told for factor in fit[best] if factor.size < 1]
        why = "; ".join([f"takes hits of {offer.scan}", _share(self._settings.budget_share * sizes[best]), *cut])
        expected = round(estimates[best].expected_r, 6)
        return Allocated(offer.symbol, best, budget, why, others, expected, fit[best])

    def state(self) -> object:
        """Return what must be equal after a restart."""
        let_go = [[*key, at] for key, at in sorted(self._let_go.items())]
        idle = sorted(self.idle.items())
        return [sorted(self.failed.items()), idle, let_go, self._attempts.state(), self._record.state()]

    # --- weighing ------------------------------------------------------------------------------------------------

    def _refusal(self, strategy: Strategy, offer: Offer) -> str:
        if strategy.name in self.failed:
            return "it failed today"
        if offer.scan not in strategy.scans:
            return f"does not take hits of {offer.scan}"
        if strategy.name in self.idle:
            return f"not started: {self.idle[strategy.name]}"
        if offer.since is not None and self._let_go.get((offer.symbol, strategy.name), -1) >= offer.since:
            return "has let it go since it was found"
        made = self._attempts.made(offer.symbol, strategy.name)
        if made >= strategy.per_day:
            return f"no attempts are left today: {made} of {strategy.per_day}"
        return ""

    def _nobody(self, offer: Offer, others: tuple[Alternative, ...], *, any_fit: bool) -> HitRejected:
        takers = [name for name, strategy in self._strategies.items() if offer.scan in strategy.scans]
        if not takers:
            reason = f"no strategy takes hits of {offer.scan}" if self._strategies else "no strategy is switched on"
            return HitRejected(offer.symbol, offer.scan, "allocator", "alert_only", reason, others)
        reason = "; ".join(f"{other.strategy}: {other.why}" for other in others if other.strategy in takers)
        why = "no_budget" if any_fit else "no_strategy"
        return HitRejected(offer.symbol, offer.scan, "allocator", why, reason, others)

    def _factors(self, strategy: Strategy, seen: Situation, estimate: Estimate) -> tuple[Factor, ...]:
        s, takes = self._settings, seen.trade_risk_usd
        if strategy.risk is not None:
            takes = min(takes, strategy.risk * seen.equity_usd)
        return (
            _labelled("regime", s.regime, strategy.name, seen.context),
            _labelled("phase", s.phase, strategy.name, seen.context),
            _trusted(estimate, s),
            _unlike(seen.alike, s),
            _roomy(seen.heat_left_usd, takes, s),
        )

    # --- folding -------------------------------------------------------------------------------------------------

    def _on_session(self, entry: Entry) -> None:
        self.failed.clear()
        self.idle.clear()
        self._let_go.clear()
        self._attempts.on_session(entry)

    def _on_failed(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, StrategyFailed)
        self.failed[body.strategy] = body.error

    def _on_released(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Released)
        self._let_go[body.symbol, body.strategy] = entry.ts

    def _on_not_started(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, NotStarted)
        self.idle[body.strategy] = body.reason


def _labelled(name: str, sizes: Mapping[str, float], strategy: str, context: Mapping[str, str | float]) -> Factor:
    label = str(context.get(name, UNKNOWN))
    size = sizes.get(f"{strategy}:{label}", sizes.get(label))
    if size is None:
        return Factor(name, 1.0, None, f"{name} {label}, which changes nothing")
    return Factor(name, size, None, f"{name} {label} leaves {size:.0%}")


def _trusted(estimate: Estimate, settings: AllocatorSettings) -> Factor:
    chance = round(estimate.chance, 4)
    earned = f"{estimate.expected_r:+.3f} R expected after {estimate.trades:,} trades"
    doubtful = not chance >= settings.doubt
    size = settings.doubtful_size if doubtful else 1.0
    less = f", less than {settings.doubt:.0%}" if doubtful else ""
    return Factor("record", size, chance, f"{earned}, {chance:.0%} to earn anything{less}")


def _unlike(alike: Likeness | None, settings: AllocatorSettings) -> Factor:
    if alike is None:
        return Factor("correlation", 1.0, None, "nothing is open to be correlated with")
    unknown = f"correlation with {', '.join(alike.unknown)} not known" if alike.unknown else ""
    if alike.correlation is None:
        return Factor("correlation", 1.0, None, unknown)
    told = f"correlation {alike.correlation:.2f} with {alike.symbol}"
    close = alike.correlation >= settings.correlated
    limit = f", {settings.correlated:g} or more" if close else ""
    both = "; ".join(filter(None, [f"{told}{limit}", unknown]))
    return Factor("correlation", settings.correlated_size if close else 1.0, alike.correlation, both)


def _roomy(heat_left_usd: float, takes_usd: float, settings: AllocatorSettings) -> Factor:
    # An unknown risk leaves no room that could be counted on.
    size = 1.0 if heat_left_usd >= takes_usd else settings.crowded_size
    left = round(max(0.0, heat_left_usd), 2) if isfinite(heat_left_usd) else None
    known = "an unknown sum" if left is None else f"${left:,.0f}"
    return Factor("open risk", size, left, f"{known} of open risk left, a trade takes ${takes_usd:,.0f}")


def _why_not(
    name: str,
    best: str | None,
    estimates: Mapping[str, Estimate],
    sizes: Mapping[str, float],
    factors: tuple[Factor, ...],
) -> str:
    if not sizes[name]:
        return next(factor.told for factor in factors if not factor.size)
    assert best is not None
    mine, other = estimates[name].expected_r, estimates[best].expected_r
    if mine < other:
        return f"{mine:+.3f} R expected of a trade, {other:+.3f} R of {best}"
    if sizes[name] < sizes[best]:
        return f"{sizes[name]:.0%} of the budget, {sizes[best]:.0%} for {best}"
    return f"{best} comes first"


def _share(share: float) -> str:
    return f"{100 * share:.3g}% of equity"
