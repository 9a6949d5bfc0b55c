"""Alpaca's corporate actions and assets as rows: what changes shares, pays cash, renames or ends a symbol.

Facts: `GET /v1/corporate-actions`, at most 1,000 a page, sorted by the date on which Alpaca processes them: that of a
split is its ex-date, that of a dividend its payment, weeks later. Whoever asks before the ex-date is told it, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from qm.errors import DataError
from qm.model.downloads import Unit
from qm.rules.calendar import previous_session

Row = tuple[Any, ...]

SOON: Final = (
    *("forward_split", "reverse_split", "unit_split", "stock_dividend", "spin_off", "rights_distribution"),
    *("cash_merger", "stock_merger", "stock_and_cash_merger", "reorganization"),
    *("redemption", "name_change", "worthless_removal"),
)
"""Processed on the day from which they hold, or within days of it."""
LATER: Final = ("cash_dividend", "capital_gains_distribution")
"""Processed when they are paid."""
SOON_DAYS: Final = 7
LATER_DAYS: Final = 120
_USD: Final = ("", "USD")
"""Nothing is told for most actions in dollars."""


class _Action(msgspec.Struct):
    """All fields that any of them has."""

    id: str = ""
    symbol: str = ""
    old_symbol: str = ""
    new_symbol: str = ""
    source_symbol: str = ""
    acquiree_symbol: str = ""
    process_date: str = ""
    ex_date: str = ""
    effective_date: str = ""
    currency: str = ""
    old_rate: float | None = None
    new_rate: float | None = None
    rate: float | None = None
    long_term_rate: float | None = None
    short_term_rate: float | None = None


class ActionsPage(msgspec.Struct):
    """One page, by type."""

    next_page_token: str | None
    corporate_actions: dict[str, list[_Action]] | None


class Asset(msgspec.Struct):
    """What can be traded, or could be once."""

    symbol: str
    exchange: str
    status: str
    tradable: bool
    marginable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    id: str = ""
    name: str | None = None


_LISTINGS: Final = {"NYSE": "N", "NASDAQ": "Q", "ARCA": "P", "NYSEARCA": "P", "AMEX": "A", "BATS": "Z"}
"""Its names of exchanges as letters of the tapes; other ones hold no auctions of ours."""


def actions(page: ActionsPage, unit: Unit, asked: Sequence[str]) -> list[Row]:
    """Return the actions that hold from this session on, of all symbols or of those that were asked for."""
    first = previous_session(unit.session).date + dt.timedelta(days=1)
    rows = []
    for name, told in (page.corporate_actions or {}).items():
        # They come by the plural of their type.
        what = name.removesuffix("s")
        for each in told:
            day = _date(each.ex_date or each.effective_date or each.process_date)
            symbol = each.symbol or each.old_symbol or each.source_symbol or each.acquiree_symbol
            becomes, ends = _name(what, symbol, each)
            # Who follows a company asks for its later name, too.
            if first <= day <= unit.session and (not asked or symbol in asked or becomes in asked):
                amount = _AMOUNT[what](each) if what in _AMOUNT and each.currency in _USD else None
                factor = _FACTOR[what](each) if what in _FACTOR else None
                rows.append((symbol, day, what, becomes, ends, _told(factor), _told(amount), each.id))
    return rows


def assets(told: Sequence[Asset], asked: Sequence[str], now: int) -> list[Row]:
    """Return the assets as they are told at `now`, ns UTC."""
    return [
        (
            each.symbol,
            now,
            _LISTINGS.get(each.exchange, ""),
            *(
                int(yes)
                for yes in (
                    each.status == "active",
                    each.tradable,
                    each.marginable,
                    each.shortable,
                    each.easy_to_borrow,
                    each.fractionable,
                )
            ),
            each.id,
            each.name or "",
        )
        for each in told
        if not asked or each.symbol in asked
    ]


def _name(what: str, symbol: str, of: _Action) -> tuple[str, int]:
    if what in ("name_change", "reverse_split"):
        return (of.new_symbol, 0) if of.new_symbol not in ("", symbol) else ("", 0)
    ended = what in ("unit_split", "redemption", "worthless_removal") or what.endswith("merger")
    return "", int(ended)


def _of_rates(of: _Action) -> float | None:
    return of.old_rate / of.new_rate if of.old_rate and of.new_rate else None


def _of_new_shares(of: _Action) -> float | None:
    return None if of.rate is None or of.rate <= 0 else 1.0 / (1.0 + of.rate)


_FACTOR: Final[dict[str, Callable[[_Action], float | None]]] = {
    "forward_split": _of_rates,
    "reverse_split": _of_rates,
    "stock_dividend": _of_new_shares,
}
_AMOUNT: Final[dict[str, Callable[[_Action], float | None]]] = {
    "cash_dividend": lambda of: of.rate,
    "capital_gains_distribution": lambda of: (of.long_term_rate or 0.0) + (of.short_term_rate or 0.0),
}


def _told(value: float | None) -> float | str:
    return "" if value is None else value


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"Alpaca sent {text!a} as the date of a corporate action.", "Try again later.") from error
