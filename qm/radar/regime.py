"""What kind of market it is, minute by minute: a label with its reasons, told with every decision, deciding none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Final

from qm.clock import MINUTE
from qm.market.climate import told
from qm.market.market import Market
from qm.model.events import Contribution, Entry, Event, SessionStarted, TapeRead
from qm.radar.tape import read
from qm.rules.calendar import stretch

VERSION: Final = "2"
"""Of the classifier; it goes up when the same minutes would get another label."""
UNKNOWN: Final = "unknown"
LABELS: Final = ("trend_up", "trend_down", "volatile_reversal", "range", "quiet")
"""In the order in which equal scores are decided."""
WINDOW: Final = 30
"""Minutes that are looked back on."""
LEAST: Final = 10
"""Minutes below which nothing is said."""
RECENT: Final = 5
"""Minutes over which what jumps from minute to minute is averaged."""
TURN: Final = 10
"""Minutes whose move is held against that of those before them, to see a reversal."""
HOLD: Final = 3
"""A label must lead for so many minutes in a row before it is taken over."""

DIRECTION: Final[dict[str, tuple[float, float]]] = {
    "drift": (0.35, 2.0),
    "index_vwap_bp": (0.15, 25.0),
    "above_vwap_pct": (0.20, 25.0),
    "up_dollars": (0.15, 0.4),
    "net_highs_pct": (0.15, 2.0),
    "ema9_bp": (0.10, 5.0),
    "ema20_bp": (0.05, 3.0),
    "or_state": (0.10, 1.0),
}
"""What direction is made of: weight, and the value that counts in full (of above_vwap_pct, the distance from 50)."""

ADX: Final = (18.0, 25.0)
"""Average directional index below which the index funds chop, and from which they trend."""

Minutes = Sequence[Mapping[str, float]]
"""Readings of `qm.radar.tape.read`, oldest first."""


def classify(minutes: Minutes) -> tuple[dict[str, float], tuple[Contribution, ...]]:
    """Return the score of each label, which add up to 1, and what they are made of; nothing when too little is known.

    Over the last `WINDOW` minutes, with m the moves of the index in bp, n of them, s their root mean square:
    drift = sum(m) / (s sqrt(n)), about a normal deviate in a random walk; efficiency = |sum(m)| / sum(|m|); pace =
    mean(|m|). Direction is the weighted mean of the parts of `DIRECTION`, each cut to -1..1, those unknown left out.

    - trend_up, trend_down: direction x ramp(efficiency, 0.10, 0.35); where the average directional index of the index
      funds is known, direction x the mean of that and of ramp(adx_5m, 18, 25): below 18 is chop, above 25 a trend
    - quiet: 1 - ramp(pace, 0.5, 1.5)
    - volatile_reversal: ramp(pace, 2, 6) x how clearly the last ten minutes took back the ones before
    - range: what is left of 1 after each of these
    """
    known = [minute for minute in minutes if "move_bp" in minute][-WINDOW:]
    if len(known) < LEAST:
        return {}, ()
    moves = [minute["move_bp"] for minute in known]
    path, size = sum(abs(move) for move in moves), sqrt(sum(move * move for move in moves) / len(moves))
    drift = sum(moves) / (size * sqrt(len(moves))) if size else 0.0
    values = {"drift": drift, **_latest(known)}
    weighed = {name: weight for name, (weight, _) in DIRECTION.items() if name in values}
    total = sum(weighed.values())
    shares = {
        name: weight / total * _cut((values[name] - (50 if name == "above_vwap_pct" else 0)) / DIRECTION[name][1])
        for name, weight in weighed.items()
    }
    direction, efficiency, pace = sum(shares.values()), abs(sum(moves)) / path if path else 0.0, path / len(moves)
    turn = _turn(moves, size)
    firm = _ramp(efficiency, 0.10, 0.35)
    adx = known[-1].get("adx_5m")
    if adx is not None:
        firm = (firm + _ramp(adx, *ADX)) / 2
    trend, quiet = direction * firm, 1 - _ramp(pace, 0.5, 1.5)
    reversal = turn * _ramp(pace, 2.0, 6.0)
    scores = {
        "trend_up": max(0.0, trend),
        "trend_down": max(0.0, -trend),
        "volatile_reversal": reversal,
        "range": (1 - abs(trend)) * (1 - quiet) * (1 - reversal),
        "quiet": quiet,
    }
    # Not all can be 0: what is neither a trend nor quiet nor a reversal is a range.
    whole = sum(scores.values())
    parts = [Contribution(name, round(values[name], 4), round(share, 4)) for name, share in shares.items()]
    parts += [
        Contribution("direction", round(direction, 4), round(direction, 4)),
        Contribution("efficiency", round(efficiency, 4), round(_ramp(efficiency, 0.10, 0.35), 4)),
        Contribution("pace_bp", round(pace, 4), round(_ramp(pace, 0.5, 1.5), 4)),
        Contribution("turn", round(turn, 4), round(reversal, 4)),
    ]
    parts += [Contribution("adx_5m", adx, round(_ramp(adx, *ADX), 4))] if adx is not None else []
    if "range_atr" in known[-1]:
        # Told, not weighed: it says how much of a day was already made.
        parts.append(Contribution("range_atr", round(known[-1]["range_atr"], 4), 0.0))
    return {label: round(scores[label] / whole, 4) for label in LABELS}, tuple(parts)


class Regime:
    """Labels the market at each minute of regular hours.

    The label is that of the highest score, once it led for `HOLD` minutes in a row; it says `unknown` before that.
    Everything is kept by the fold of `TapeRead`, besides the market at the last boundaries, which keeps itself. Nothing
    in here keeps anybody from trading.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._before: dict[str, str | float] = {}
        self._session = ""
        self._minutes: deque[dict[str, float]] = deque(maxlen=WINDOW)
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
        self._before = told(market.reference.climate)

    @property
    def read_up_to(self) -> int:
        """The end of the last minute that was read, ns UTC; 0 before the first."""
        return self._latest.due if self._latest is not None else 0

    def on_minute(self, due: int) -> TapeRead | None:
        """Return what the minute that ended at `due` says, once it was marked; None outside regular hours."""
        market = self._market
        if market is None or not market.session.open_ns < due <= market.session.close_ns:
            return None
        minute = read(market, due)
        scores, parts = classify([*self._minutes, minute])
        leaning = max(LABELS, key=lambda label: scores[label]) if scores else UNKNOWN
        led = self._led + 1 if self._latest is not None and leaning == self._latest.leaning else 1
        label = leaning if led >= HOLD else self.label
        return TapeRead(due, label, self.label, leaning, VERSION, scores, parts, minute)

    def context(self, now: int) -> dict[str, str | float]:
        """Return what is stored with a decision: the phase of the session, the regime, its scores and its parts,
        and what kind of days came before, as it was known before the open.
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
        self._latest = body

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._minutes.clear()
            self._latest, self._since, self._led = None, 0, 0


def _latest(known: Minutes) -> dict[str, float]:
    """The parts of the direction that the last minutes tell: states as they are, flows averaged."""
    found = {}
    for name in ("index_vwap_bp", "above_vwap_pct", "ema9_bp", "ema20_bp", "or_state"):
        if name in known[-1]:
            found[name] = known[-1][name]
    for name in ("up_dollars", "net_highs_pct"):
        recent = [minute[name] for minute in known[-RECENT:] if name in minute]
        if recent:
            found[name] = sum(recent) / len(recent)
    return found


def _turn(moves: Sequence[float], size: float) -> float:
    """How clearly the last minutes went against the ones before: 1 when both went 1.5 times as far as chance goes."""
    late, early = moves[-TURN:], moves[:-TURN]
    if len(early) < TURN or not size:
        return 0.0
    now, then = sum(late) / (size * sqrt(len(late))), sum(early) / (size * sqrt(len(early)))
    return _ramp(min(abs(now), abs(then)), 0.5, 1.5) if now * then < 0 else 0.0


def _ramp(value: float, start: float, full: float) -> float:
    return min(1.0, max(0.0, (value - start) / (full - start)))


def _cut(value: float) -> float:
    return min(1.0, max(-1.0, value))
