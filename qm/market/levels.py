"""Armed levels: who wants to be woken at which price, symbol by symbol."""

from __future__ import annotations

from math import inf

from qm.market.rows import Rows

Level = tuple[float, float, float, float]
"""up, down, close up, close down; +-inf arms nothing."""
IDLE: Level = (inf, -inf, inf, -inf)


class Levels:
    """The levels of every owner; the nearest of each kind stands in the symbol's row for the kernel.

    An owner is a strategy or the simulated exchange, by name. It has one level of each kind per symbol.
    """

    def __init__(self, rows: Rows) -> None:
        self._up, self._down = rows["up"], rows["down"]
        self._close_up, self._close_down = rows["close_up"], rows["close_down"]
        self._follow, self._next = rows["follow"], rows["next"]
        self._armed: dict[int, dict[str, Level]] = {}
        self._followers: dict[int, list[str]] = {}
        self._waiting: dict[int, list[str]] = {}

    def arm(self, row: int, owner: str, level: Level) -> None:
        """Set an owner's levels in a symbol, in place of those it had."""
        owners = self._armed.get(row)
        if level == IDLE:
            if owners is None or owners.pop(owner, None) is None:
                return
            if not owners:
                del self._armed[row]
                self._show(row, IDLE)
                return
        elif owners is None:
            self._armed[row] = {owner: level}
            self._show(row, level)
            return
        else:
            owners[owner] = level
        levels = owners.values()
        self._show(
            row,
            (
                min(lv[0] for lv in levels),
                max(lv[1] for lv in levels),
                min(lv[2] for lv in levels),
                max(lv[3] for lv in levels),
            ),
        )

    def _show(self, row: int, level: Level) -> None:
        self._up[row], self._down[row], self._close_up[row], self._close_down[row] = level

    def of(self, row: int, owner: str) -> Level:
        """Return what an owner has armed in a symbol."""
        return self._armed.get(row, {}).get(owner, IDLE)

    def owners(self, row: int) -> list[str]:
        """Return those with something armed in a symbol, in the order in which they armed it."""
        return list(self._armed.get(row, ()))

    def follow(self, row: int, owner: str) -> None:
        """Wake at every bar close of a symbol for this owner."""
        self._join(self._followers, self._follow, row, owner)

    def unfollow(self, row: int, owner: str) -> None:
        """Stop waking this owner at bar closes."""
        self._leave(self._followers, self._follow, row, owner)

    def followers(self, row: int) -> list[str]:
        """Return those who follow a symbol's bars."""
        return list(self._followers.get(row, ()))

    def await_next(self, row: int, owner: str) -> None:
        """Wake at every record of a symbol until `stop_waiting`."""
        self._join(self._waiting, self._next, row, owner)

    def stop_waiting(self, row: int, owner: str) -> None:
        """End what `await_next` began."""
        self._leave(self._waiting, self._next, row, owner)

    @staticmethod
    def _join(who: dict[int, list[str]], count: Rows, row: int, owner: str) -> None:
        names = who.setdefault(row, [])
        if owner not in names:
            names.append(owner)
            count[row] = len(names)

    @staticmethod
    def _leave(who: dict[int, list[str]], count: Rows, row: int, owner: str) -> None:
        names = who.get(row)
        if names and owner in names:
            names.remove(owner)
            count[row] = len(names)
            if not names:
                del who[row]
