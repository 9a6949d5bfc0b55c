"""The limits of the account, as settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from qm.rules.borrow import ShortPolicy

Share = Annotated[float, Meta(gt=0, le=1)]


class MarginRegime(StrEnum):
    """Under which rules for day trading the account stands."""

    INTRADAY_MARGIN = "intraday_margin"
    """Equity covers what positions tie up, at every moment: the rule since 2026-06-04."""
    LEGACY_PDT = "legacy_pdt"
    """Below $25,000 three day trades in five sessions, and no more credit than overnight."""
    BY_DATE = "by_date"
    """Whichever held on the date of the session."""


class RiskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits that no strategy can pass; shares are fractions of equity."""

    risk_per_trade: Annotated[float, Meta(gt=0, le=0.02)] = 0.005
    """What a stopped-out trade may lose."""
    max_notional: Annotated[float, Meta(gt=0, le=4)] = 0.25
    """Largest position."""
    max_gross: Annotated[float, Meta(gt=0, le=4)] = 2.0
    """All positions and working entries together, longs and shorts both counted as positive."""
    max_of_volume: Share = 0.01
    """Largest position as a share of what traded in the last five minutes; entries for an auction are not bound."""
    max_heat: Share = 0.02
    """What all open trades together may lose if every stop is hit."""
    day_loss: Share = 0.02
    """After losing this much in a session there are no new positions."""
    leverage: Annotated[float, Meta(gt=0, le=4)] = 2.0
    """Buying power as a multiple of equity."""
    max_positions: Annotated[int, Meta(ge=1, le=100_000)] = 20
    """Open positions and working entries at once."""
    min_price: Annotated[float, Meta(ge=0)] = 1.0
    """Cheaper shares are not bought, $."""
    max_price: Annotated[float, Meta(gt=0)] = 10_000.0
    """A price above is taken for an error, $."""
    max_spread_bps: Annotated[float, Meta(gt=0)] = 60.0
    """A wider market is not entered; checked once the feed has quotes."""
    max_spread_of_stop: Annotated[float, Meta(gt=0, le=1)] = 0.15
    """A market wider than this share of the way to the stop is not entered; checked once the feed has quotes."""
    max_age_s: Annotated[float, Meta(gt=0)] = 90.0
    """A price older than this is no price to enter at."""
    last_entry_min: Annotated[int, Meta(ge=0, le=390)] = 30
    """No new position in the last minutes before the close."""
    min_stop_ticks: Annotated[float, Meta(ge=0)] = 3.0
    """A nearer stop is noise, in ticks of the date."""
    min_stop_spreads: Annotated[float, Meta(ge=0, le=20)] = 3.0
    """A nearer stop is noise, in spreads; checked once the feed has quotes."""
    min_stop_atr: Annotated[float, Meta(ge=0, le=2)] = 0.1
    """A nearer stop is noise, in daily ATR(14); 0 takes any. Checked where the session knows average ranges."""
    max_stop_pct: Annotated[float, Meta(gt=0, le=100)] = 25.0
    """A stop farther away than this, in per cent of the price, is an error."""
    slippage_bps: Annotated[float, Meta(ge=0)] = 8.0
    """Counted into the risk per share when sizing, per side."""
    min_risk_used: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """A position cut down by other caps to less than this share of its risk is not worth its costs."""
    max_orders_per_min: Annotated[int, Meta(ge=1)] = 60
    """More entries than this in a minute stop the entries."""
    min_band_pct: Annotated[float, Meta(ge=0, le=20)] = 1.0
    """A price nearer than this to a volatility band is not entered, in per cent of the price."""
    shorts: ShortPolicy = ShortPolicy.PROXY
    """When short sales may be opened: off, etb, etb_proxy, located or any.

    What is easy to borrow says the broker's list of that session, where it was downloaded (`assets`). Where it was not,
    `etb` sells nothing short, and for `etb_proxy` shares from $5 and with $20M traded on an average day stand for it.
    """
    margin_regime: MarginRegime = MarginRegime.INTRADAY_MARGIN
    """Rules for day trading on credit: intraday_margin, legacy_pdt or by_date."""
    margin_headroom: Annotated[float, Meta(ge=0, lt=1)] = 0.2
    """Share of equity that margin requirements must leave free."""
