"""Everything that can go wrong in a way the user should read about, each with its exit code.

    QmError                   1  any error below
    ├── UsageError            2  a bad argument, or a command that makes no sense now
    ├── ConfigError           2  a setting that is unknown, malformed or out of range
    ├── NotFoundError         2  a name that names nothing; carries the nearest names
    ├── DataError             4  market data that is missing, has gaps or is corrupt
    ├── LockedError           5  another process holds the lock
    ├── AccessError           6  a key that is missing or refused, or may not read what was asked
    ├── UnavailableError      7  no daemon, a vendor that is down, a dead socket
    ├── DivergedError         8  a verification that did not reproduce the record
    ├── ProtocolError         1  a peer that broke the protocol of the wire
    └── StoreError            1  the journal or a projection cannot be read or written
        ├── WrongModeError       a store of another mode (sim, paper, live)
        ├── NewerSchemaError     a store written by a newer version
        └── DiskFullError        no space left for the journal

A refusal by the risk gate is an answer, not an error, and has no place here.
"""

from collections.abc import Iterable
from typing import ClassVar


class QmError(Exception):
    """Say what went wrong in one sentence, and what the user can do about it in another."""

    exit_code: ClassVar[int] = 1
    """The exit code of the process when this error ends it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return self.problem


class UsageError(QmError):
    """Refuse a command as it was typed."""

    exit_code = 2


class ConfigError(QmError):
    """Refuse a setting."""

    exit_code = 2


class NotFoundError(QmError):
    """Report a name that names nothing, with the known names nearest to it."""

    exit_code = 2

    def __init__(self, problem: str, remedy: str = "", nearest: Iterable[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(problem, remedy or did_you_mean(self.nearest))
        # Exception.__reduce__ rebuilds from args, so all three must be there.
        self.args = (problem, self.remedy, self.nearest)

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> "NotFoundError":
        """Build the error for `name`, which is not among the `known` names of this `kind`."""
        return cls(f"No {kind} is called {name!r}.", nearest=nearest(name, known))


class DataError(QmError):
    """Report market data that is missing, incomplete or corrupt."""

    exit_code = 4


class LockedError(QmError):
    """Report a lock that another process holds."""

    exit_code = 5


class AccessError(QmError):
    """Report a key that is missing, was refused, or may not read what was asked for."""

    exit_code = 6


class UnavailableError(QmError):
    """Report that whoever should answer is not there."""

    exit_code = 7


class DivergedError(QmError):
    """Report that re-running recorded inputs gave other events than the record."""

    exit_code = 8


class ProtocolError(QmError):
    """Report a message that breaks the protocol of the wire."""


class StoreError(QmError):
    """Report a store that cannot be read or written."""


class WrongModeError(StoreError):
    """Refuse a store that belongs to another mode."""


class NewerSchemaError(StoreError):
    """Refuse a store that a newer version has written."""


class DiskFullError(StoreError):
    """Report that the journal cannot be made durable for want of space."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return at most `limit` of the `known` names that look like `name`, the best first."""
    import difflib

    folded: dict[str, str] = {}
    for each in sorted(known):
        folded.setdefault(each.casefold(), each)
    return tuple(folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=limit, cutoff=0.5))


def did_you_mean(names: Iterable[str]) -> str:
    """Phrase a suggestion out of `names`, or nothing when there are none."""
    listed = list(names)
    if not listed:
        return ""
    if len(listed) == 1:
        return f"Did you mean {listed[0]}?"
    return f"Did you mean {', '.join(listed[:-1])} or {listed[-1]}?"
