"""The active strategy watchlist: reasons in and out, time to live, capacity, pins."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from qm.clock import MINUTE, SECOND
from qm.errors import UsageError
from qm.model.events import Entry, Event, Hit, HitEnded, SessionStarted, Unwatched, Watched
from qm.radar.ranking import UNRANKED, Ranking


class Watch(NamedTuple):
    """A symbol's place on the watchlist."""

    reason: str
    since: int
    """ns UTC at which it came; pinning it later does not change that."""
    until: int
    """ns UTC from which it may leave; 0 is the end of the session."""
    pinned: bool
    seq: int
    """`seq` of its latest Watched."""


class Watchlist:
    """Keeps the few symbols that strategies may work.

    A scan's hit brings a symbol in. It leaves `ttl_s` after its last hit was born or was over, unless it is pinned, a
    hit is alive, or it is held: a position is open or an order working. At most `capacity` symbols are there without a
    pin; when they are, a new one must outrank the weakest that is not held. Pins are the trader's own and always find
    room. Scans cannot bring a symbol back for `cool_off_s` after it left.
    """

    def __init__(self, capacity: int = 50, ttl_s: int = 1800, cool_off_s: int = 300) -> None:
        if capacity < 1 or ttl_s < 1 or cool_off_s < 0:
            raise UsageError(
                "A watchlist needs a capacity and a time to live of 1 or more, and a cool-off of 0 or more."
            )
        self.capacity = capacity
        self._ttl_ns, self._cool_off_ns = ttl_s * SECOND, cool_off_s * SECOND
        self._session = ""
        self._watched: dict[str, Watch] = {}
        self._left: dict[str, int] = {}
        """When a symbol left, ns UTC."""

    def watched(self) -> dict[str, Watch]:
        """Return the symbols on the list, the longest there first."""
        return dict(self._watched)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._watched

    def __len__(self) -> int:
        return len(self._watched)

    def on_hit(self, entry: Entry, now: int, held: Collection[str], ranking: Ranking) -> list[Watched | Unwatched]:
        """Return who enters, and who leaves to make room, because of a Hit; nothing for a symbol already there."""
        assert isinstance(entry.body, Hit)
        symbol, scan = entry.body.symbol, entry.body.scan
        if symbol in self._watched or now < self._left.get(symbol, -self._cool_off_ns) + self._cool_off_ns:
            return []
        entering = Watched(symbol, f"hit of {scan}", now + self._ttl_ns)
        unpinned = [name for name, watch in self._watched.items() if not watch.pinned]
        if len(unpinned) < self.capacity:
            return [entering]
        weakest = min((name for name in unpinned if name not in held), key=ranking.strength, default=None)
        # A symbol that is not ranked has no strength with which to push another out.
        if weakest is None or not ranking.strength(symbol) > max(ranking.strength(weakest), UNRANKED):
            return []
        reason = f"{symbol} is stronger: {_score(ranking, symbol)} over {_score(ranking, weakest)}"
        return [Unwatched(weakest, reason), entering]

    def on_beat(self, now: int, active_hits: Collection[str], held: Collection[str]) -> list[Unwatched]:
        """Return who leaves because nothing keeps it any more.

        `active_hits` are the symbols with a hit that is alive, `held` those with an open position or a working order.
        """
        return [
            Unwatched(symbol, f"{self._ttl_ns / MINUTE:g} min without a hit")
            for symbol, watch in self._watched.items()
            if 0 < watch.until <= now and not watch.pinned and symbol not in active_hits and symbol not in held
        ]

    def pin(self, symbol: str) -> list[Watched]:
        """Return the entry of a symbol that the trader wants to keep; nothing when it is pinned already."""
        watch = self._watched.get(symbol)
        if watch is not None and watch.pinned:
            return []
        return [Watched(symbol, "pinned by the trader", 0, pinned=True)]

    def unpin(self, symbol: str, now: int, held: Collection[str]) -> list[Watched | Unwatched]:
        """Return the leaving of a symbol, pinned or not; one that is held stays, without its pin."""
        watch = self._watched.get(symbol)
        if watch is None:
            return []
        if symbol not in held:
            return [Unwatched(symbol, "taken off by the trader")]
        return [Watched(symbol, "held; unpinned by the trader", now + self._ttl_ns)] if watch.pinned else []

    def appliers(self) -> dict[type[Event], Callable[[Entry], None]]:
        """Return what folds each kind of entry into the state."""
        return {
            Watched: self._apply_watched,
            Unwatched: self._apply_unwatched,
            Hit: self._apply_news,
            HitEnded: self._apply_news,
            SessionStarted: self._apply_session,
        }

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins."""
        return {
            "session": self._session,
            "watched": [[symbol, *watch] for symbol, watch in self._watched.items()],
            "left": [[symbol, at] for symbol, at in self._left.items()],
        }

    def _apply_watched(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Watched)
        before = self._watched.get(body.symbol)
        since = entry.ts if before is None else before.since
        self._watched[body.symbol] = Watch(body.reason, since, body.until, body.pinned, entry.seq)
        self._left.pop(body.symbol, None)

    def _apply_unwatched(self, entry: Entry) -> None:
        assert isinstance(entry.body, Unwatched)
        self._watched.pop(entry.body.symbol, None)
        self._left[entry.body.symbol] = entry.ts

    def _apply_news(self, entry: Entry) -> None:
        assert isinstance(entry.body, Hit | HitEnded)
        watch = self._watched.get(entry.body.symbol)
        if watch is not None and watch.until:
            self._watched[entry.body.symbol] = watch._replace(until=max(watch.until, entry.ts + self._ttl_ns))

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._watched.clear()
            self._left.clear()


def _score(ranking: Ranking, symbol: str) -> str:
    score, _ = ranking.strength(symbol)
    return f"{score:.1f}" if score >= 0 else "unranked"
