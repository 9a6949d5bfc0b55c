"""The active strategy watchlist: reasons in and out, time to live, capacity, priority, pins and bans."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from qm.clock import MINUTE, SECOND
from qm.errors import UsageError
from qm.model.events import (
    Banned,
    Entry,
    Event,
    Hit,
    HitEnded,
    HitRefreshed,
    HitRejected,
    SessionStarted,
    Unbanned,
    Unwatched,
    Watched,
)
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


class Ban(NamedTuple):
    """A symbol in which the trader wants no new position."""

    reason: str
    today: bool
    """It ends by itself with the session."""
    since: int
    """ns UTC."""


Change = Watched | Unwatched


class Watchlist:
    """Keeps the few symbols that strategies may work.

    A scan's hit brings a symbol in. It leaves `ttl_s` after its last hit was born, told again or over, unless it is
    pinned, a hit is alive, or it is held: a position is open or an order working. At most `capacity` symbols are there
    without a pin; when they are, a new one must outrank the weakest that is not held. Pins are the trader's own and
    always find room. Scans cannot bring a symbol back for `cool_off_s` after it left. What is banned does not come, and
    leaves once it is not held.
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
        self._banned: dict[str, Ban] = {}

    def watched(self) -> dict[str, Watch]:
        """Return the symbols on the list, the longest there first."""
        return dict(self._watched)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._watched

    def __len__(self) -> int:
        return len(self._watched)

    def banned(self) -> dict[str, Ban]:
        """Return the symbols that are banned, the longest first."""
        return dict(self._banned)

    def is_banned(self, symbol: str) -> bool:
        """Say whether the trader wants no new position in a symbol."""
        return symbol in self._banned

    def by_priority(self, held: Collection[str], ranking: Ranking | None) -> list[str]:
        """Return the symbols in the order in which they are kept: pins, what is held, then by strength."""

        def order(symbol: str) -> tuple[bool, bool, float, int]:
            score, row = ranking.strength(symbol) if ranking is not None else UNRANKED
            return not self._watched[symbol].pinned, symbol not in held, -score, -row

        return sorted(self._watched, key=order)

    def on_hit(
        self, symbol: str, scan: str, now: int, held: Collection[str], ranking: Ranking
    ) -> list[Change | HitRejected]:
        """Return who enters, and who leaves to make room, because of a find that is alive, or why nobody does.

        Nothing for a symbol that is there already.
        """
        if symbol in self._banned:
            return [_rejected(symbol, scan, "banned", f"banned by the trader: {self._banned[symbol].reason}")]
        if symbol in self._watched:
            return []
        since = now - self._left.get(symbol, now - self._cool_off_ns)
        if since < self._cool_off_ns:
            reason = f"left the watchlist {since // SECOND} s ago, and cools off for {self._cool_off_ns // SECOND} s"
            return [_rejected(symbol, scan, "cooling_off", reason)]
        entering = Watched(symbol, f"hit of {scan}", now + self._ttl_ns)
        unpinned = [name for name, watch in self._watched.items() if not watch.pinned]
        if len(unpinned) < self.capacity:
            return [entering]
        weakest = min((name for name in unpinned if name not in held), key=ranking.strength, default=None)
        if weakest is None:
            return [_rejected(symbol, scan, "full", f"the watchlist is full, and all {len(unpinned)} on it are held")]
        # A symbol that is not ranked has no strength with which to push another out.
        if not ranking.strength(symbol) > max(ranking.strength(weakest), UNRANKED):
            reason = f"the watchlist is full, and its weakest is no weaker: {weakest} {_score(ranking, weakest)}"
            return [_rejected(symbol, scan, "full", f"{reason}, {symbol} {_score(ranking, symbol)}")]
        reason = f"{symbol} is stronger: {_score(ranking, symbol)} over {_score(ranking, weakest)}"
        return [Unwatched(weakest, reason), entering]

    def on_beat(self, now: int, active_hits: Collection[str], held: Collection[str]) -> list[Unwatched]:
        """Return who leaves because nothing keeps it any more.

        `active_hits` are the symbols with a hit that is alive, `held` those with an open position or a working order.
        """
        leaving = []
        for symbol, watch in self._watched.items():
            if symbol in held:
                continue
            if symbol in self._banned:
                leaving.append(Unwatched(symbol, f"banned by the trader: {self._banned[symbol].reason}"))
            elif 0 < watch.until <= now and not watch.pinned and symbol not in active_hits:
                leaving.append(Unwatched(symbol, f"{self._ttl_ns / MINUTE:g} min without a hit"))
        return leaving

    def ban(self, symbol: str, reason: str, now: int, held: Collection[str], *, today: bool) -> list[Banned | Change]:
        """Return what follows when the trader bans a symbol; one that is held stays while it is, without its pin."""
        out: list[Banned | Change] = [Banned(symbol, reason, today)]
        watch = self._watched.get(symbol)
        if watch is not None and symbol not in held:
            out.append(Unwatched(symbol, f"banned by the trader: {reason}"))
        elif watch is not None and watch.pinned:
            out.append(Watched(symbol, "held; banned by the trader", now + self._ttl_ns))
        return out

    def unban(self, symbol: str, reason: str) -> list[Unbanned]:
        """Return what follows when the trader lifts a ban; nothing where there is none."""
        return [Unbanned(symbol, reason)] if symbol in self._banned else []

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
            HitRefreshed: self._apply_news,
            HitEnded: self._apply_news,
            Banned: self._apply_banned,
            Unbanned: self._apply_unbanned,
            SessionStarted: self._apply_session,
        }

    def state(self) -> object:
        """Return all that later decisions depend on, in encodable builtins."""
        return {
            "session": self._session,
            "watched": [[symbol, *watch] for symbol, watch in self._watched.items()],
            "left": [[symbol, at] for symbol, at in self._left.items()],
            "banned": [[symbol, *ban] for symbol, ban in self._banned.items()],
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
        assert isinstance(entry.body, Hit | HitRefreshed | HitEnded)
        watch = self._watched.get(entry.body.symbol)
        if watch is not None and watch.until:
            self._watched[entry.body.symbol] = watch._replace(until=max(watch.until, entry.ts + self._ttl_ns))

    def _apply_banned(self, entry: Entry) -> None:
        body = entry.body
        assert isinstance(body, Banned)
        self._banned[body.symbol] = Ban(body.reason, body.today, entry.ts)

    def _apply_unbanned(self, entry: Entry) -> None:
        assert isinstance(entry.body, Unbanned)
        self._banned.pop(entry.body.symbol, None)

    def _apply_session(self, entry: Entry) -> None:
        assert isinstance(entry.body, SessionStarted)
        if entry.body.session != self._session:
            self._session = entry.body.session
            self._watched.clear()
            self._left.clear()
            self._banned = {symbol: ban for symbol, ban in self._banned.items() if not ban.today}


def _rejected(symbol: str, scan: str, why: str, reason: str) -> HitRejected:
    return HitRejected(symbol, scan, "watchlist", why, reason)


def _score(ranking: Ranking, symbol: str) -> str:
    score, _ = ranking.strength(symbol)
    return f"{score:.1f}" if score >= 0 else "unranked"
