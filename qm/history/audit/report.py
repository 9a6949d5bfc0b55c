"""What an audit finds: concerns with a level, a count, an example and what to do about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from qm.rules.calendar import Session

SCHEMA: Final = 1
"""Version of the JSON of an audit."""


class Level(StrEnum):
    """How much a concern weighs, the lightest first."""

    NOTE = "note"
    """A property of the data that a user should know."""
    WARN = "warn"
    """Probably wrong, or wrong for some uses."""
    BAD = "bad"
    """Wrong, or missing beyond the tolerance."""

    @property
    def weight(self) -> int:
        """Larger is worse."""
        return list(Level).index(self)


class Example(msgspec.Struct, frozen=True):
    """The first place where a concern shows."""

    session: str
    symbol: str = ""
    ts: int | None = None
    """ns UTC."""


class Concern(msgspec.Struct, frozen=True):
    """One thing to know about one kind of a dataset."""

    kind: str
    code: str
    level: Level
    count: int
    unit: str
    """What is counted: rows, sessions, symbols, minutes, files."""
    what: str
    example: Example | None
    remedy: str


class Audited(msgspec.Struct, frozen=True):
    """One kind of data, as far as it was looked at."""

    kind: str
    first: str
    last: str
    sessions: int
    expected_sessions: int
    closed: tuple[str, ...]
    """Weekdays in between on which the market was closed."""
    half_days: tuple[str, ...]
    rows: int
    symbols: int
    filled: float | None
    """Share of the regular minutes of all symbols that have a bar, 0 to 1; None for what is no bars within a day."""


class Audit(msgspec.Struct, frozen=True):
    """All that was found in a dataset, the worst first."""

    dataset: str
    kinds: tuple[Audited, ...]
    concerns: tuple[Concern, ...]
    schema: int = SCHEMA

    @property
    def worst(self) -> Level | None:
        """The heaviest level there is, None when there is no concern."""
        return max((each.level for each in self.concerns), key=lambda level: level.weight, default=None)


class Tally:
    """Concerns of one kind while its sessions are looked at: equal ones are counted, the first example stays."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._found: dict[str, Concern] = {}

    def add(
        self,
        code: str,
        level: Level,
        count: int,
        unit: str,
        what: str,
        *,
        remedy: str = "",
        example: Example | None = None,
    ) -> None:
        """Add a concern, or its count to the one of this code, which then has the words and the level of the worse."""
        if not count:
            return
        before = self._found.get(code)
        if before is None:
            self._found[code] = Concern(self.kind, code, level, count, unit, what, example, remedy)
            return
        worse = before.level if before.level.weight >= level.weight else level
        self._found[code] = msgspec.structs.replace(before, level=worse, count=before.count + count)

    def concerns(self) -> list[Concern]:
        """Return what was found, the worst first, else in the order in which it was found."""
        return sorted(self._found.values(), key=lambda concern: -concern.level.weight)


def at(of: Session, symbol: Any = "", ts: Any = None) -> Example:
    """Return a place in a session."""
    return Example(of.date.isoformat(), str(symbol), None if ts is None else int(ts))
