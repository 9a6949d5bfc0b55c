"""What kind of market it is, minute by minute: a label with its reasons, told with every decision, deciding none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from qm.clock import MINUTE
from qm.market.climate import told
from qm.market.market import Market
from qm.model.events import Entry, Event, SessionStarted, TapeRead
from qm.radar.leaning import LABELS, READINGS, WINDOW, classify, row_of
from qm.radar.tape import INDEX, read
from qm.rules.calendar import stretch
from qm.rules.occasions import occasions

VERSION: Final = "2"
"""Of the classifier; it goes up when the same minutes would get another label."""
UNKNOWN: Final = "unknown"
FEWEST: Final = 50
"""Symbols that stand for a market where no index fund is among them; fewer are no market, and nothing is said."""
HOLD: Final = 3
"""A label must lead for so many minutes in a row before it is taken over."""


class Regime:
    """Labels the market at each minute of regular hours.

    The label is that of the highest score, once it led for `HOLD` minutes in a row; it says `unknown` before that.
    Everything is kept by the fold of `TapeRead`, besides the market at the last boundaries, which keeps itself. Nothing
    in here keeps anybody from trading.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._tells = False
        self._before: dict[str, str | float] = {}
        self._session = ""
        self._minutes: deque[dict[str, float]] = deque(maxlen=WINDOW)
        self._rows = np.full((WINDOW + 1, len(READINGS)), np.nan)
        """The same by column, and room for the minute that is looked at."""
        self._latest: TapeRead | None = None
        self._since = 0
        self._led = 0

    @property
    def label(self) -> str:
        """The label of the last minute; `unknown` before the first."""
        return self._latest.regime if self._latest is not None else UNKNOWN

    def open(self, market: Market) -> None:
        """Take the market of a session."""
        self._market = market
        self._tells = len(market.table) >= FEWEST or any(symbol in market.table for symbol in INDEX)
        self._before = told(market.reference.climate)
        if besides := occasions(market.session.date):
            self._before["occasions"] = ", ".join(besides)

    @property
    def read_up_to(self) -> int:
        """The end of the last minute that was read, ns UTC; 0 before the first."""
        return self._latest.due if self._latest is not None else 0

    def on_minute(self, due: int) -> TapeRead | None:
        """Return what the minute that ended at `due` says, once it was marked.

        None outside regular hours, and where neither an index fund nor `FEWEST` symbols are told.
        """
        market = self._market
        if market is None or not self._tells or not market.session.open_ns < due <= market.session.close_ns:
            return None
        minute = read(market, due)
        self._rows[WINDOW] = row_of(minute)
        scores, parts = classify(self._rows)
        leaning = max(LABELS, key=lambda label: scores[label]) if scores else UNKNOWN
        led = self._led + 1 if self._latest is not None and leaning == self._latest.leaning else 1
        label = leaning if led >= HOLD else self.label
        return TapeRead(due, label, self.label, leaning, VERSION, scores, parts, minute)

    def context(self, now: int) -> dict[str, str | float]:
        """Return what is stored with a decision: the phase of the session, the regime, its scores and its parts,
        and what kind of days came before, as it was known before the open, with the occasions of the day.
        """
        if self._market is None:
            return {}
        found: dict[str, str | float] = {"phase": str(stretch(self._market.session, now)), "regime": self.label}
        latest = self._latest
        if latest is not None and latest.scores:
            found["regime_min"] = round((now - self._since) / MINUTE, 1)
            found["classifier"] = latest.version
            found |= latest.scores
            found |= {part.name: part.value for part in latest.parts if part.value is not None}
        return found | self._before

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {TapeRead: self._apply_read, SessionStarted: self._apply_session}

    def state(self) -> object:
        """Return all that later labels depend on, besides the market, in encodable builtins."""
        return [self._session, self.label, self._since, self._led, list(self._minutes)]

    def _apply_read(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, TapeRead)
        self._led = self._led + 1 if self._latest is not None and body.leaning == self._latest.leaning else 1
        if body.regime != self.label:
            self._since = body.due
        self._minutes.append(body.read)
        self._rows[:-1] = self._rows[1:]
        self._rows[WINDOW - 1] = row_of(body.read)
        self._latest = body

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._minutes.clear()
            self._rows[:] = np.nan
            self._latest, self._since, self._led = None, 0, 0
