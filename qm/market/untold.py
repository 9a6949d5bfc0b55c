"""What traders ask of a symbol and nothing here tells: named, so that a scan says why instead of never finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from qm.errors import NotFoundError
from qm.market.names import NAMES

_NEWS: Final = "No feed tells news or what moves a symbol."
_EARNINGS: Final = "No feed tells when companies report."
_SECTOR: Final = "No feed tells the sector of a symbol."
_BORROW: Final = "What the broker says of borrowing is asked of each short order by the gate, and of none by a scan."
_ALL: Final = "All of them: qm scan features."
_STOP: Final = "It takes a stop, and a scan has none; each entry is held against it by the gate."
_MEAN: Final = "Of the volume of earlier days the means by the time of day are kept, over 14 days, not each day's."
_SHARES: Final = "Shares outstanding are not known."

UNTOLD: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("news", "news_age_s", "catalyst", "catalyst_type"), (_NEWS, _ALL)),
    **dict.fromkeys(("earnings", "earnings_bmo", "earnings_amc"), (_EARNINGS, _ALL)),
    **dict.fromkeys(("sector", "sector_rs", "sector_rs_pct"), (_SECTOR, "rs_spy_pct compares with SPY.")),
    **dict.fromkeys(
        ("etb", "htb", "locate", "borrow", "shortable"), (_BORROW, "ssr says whether sales are restricted.")
    ),
    "spread_vs_stop": (_STOP, "spread_bps is the spread by itself."),
    "rvol_median": (_MEAN, "rvol compares with the mean of at least 8 days."),
    "market_cap": (_SHARES, "adv_dollar tells large companies from small ones."),
}
"""By name, why it is not told and, where something does, what comes near it; nothing of this is ever guessed."""


def no_feature(name: str, known: Iterable[str] = NAMES) -> NotFoundError:
    """Build the error for a name that is none of the `known` features."""
    if name.lower() in UNTOLD:
        why, remedy = UNTOLD[name.lower()]
        return NotFoundError(f"{name!r} is no feature. {why}", remedy)
    return NotFoundError.of("feature", name, known)
