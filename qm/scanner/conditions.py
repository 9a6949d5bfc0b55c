"""Conditions over the features of all symbols: they compose with `& | ~`, and say why they held or failed.

A condition has three answers: true, false, and unknown where a feature is NaN; only true passes a scan. `~` is carried
down to the comparisons when it is written (`~(a & b)` is `~a | ~b`, `~at_least` is less than), and no comparison holds
for NaN, so unknown passes neither a condition nor its opposite. A part that is false settles `&`, a part that is true
settles `|`, whatever the unknown one would have said.

A comparison can have a second, looser limit at which what was found stays found (`at_least("gap_pct", 4, stay=3.5)`):
what hovers about a single limit would come and go at every beat.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from qm.errors import NotFoundError, UsageError
from qm.market.features import FLAGS, UNITS, Features
from qm.market.untold import no_feature
from qm.model.events import Check
from qm.scanner.program import Mask, Program, Step

_HOLDS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_INDENT: Final = "  "
_OPPOSITE: Final = {">=": "<", "<=": ">", ">": "<=", "<": ">="}


class Condition(ABC):
    """What a scan asks of each symbol."""

    def mask(self, features: Features) -> Mask:
        """Return for each row whether the condition is true; unknown is not."""
        found: Mask = _program(self).masks(features)[0]
        return found

    @abstractmethod
    def steps(self) -> list[Step]:
        """Return it as a program runs it."""

    @abstractmethod
    def why(self, features: Features, row: int) -> tuple[Check, ...]:
        """Return every comparison with what one symbol had, in the order in which they are written."""

    def fails(self, features: Features, row: int) -> tuple[Check, ...]:
        """Return the comparisons that keep one symbol from passing: the first that must hold, or all of an `|`."""
        return tuple(check for check in self.why(features, row) if not check.passed)

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the features that it asks for, each once, in the order in which they are written."""

    @abstractmethod
    def outline(self, depth: int = 0) -> list[str]:
        """Return it line by line for people to read, what belongs together indented alike."""

    @abstractmethod
    def staying(self) -> Condition:
        """Return what keeps a find alive: the same with the looser limits; itself where there are none."""

    @abstractmethod
    def __invert__(self) -> Condition: ...

    def __and__(self, other: Condition) -> Condition:
        return _All((*_parts(self, _All), *_parts(other, _All)))

    def __or__(self, other: Condition) -> Condition:
        return _Any((*_parts(self, _Any), *_parts(other, _Any)))


def at_least(feature: str, limit: float, *, stay: float | None = None) -> Condition:
    """Hold where the feature is `limit` or more, and then to `stay`; NotFoundError for a feature that is none."""
    return _bound(feature, ">=", limit, stay)


def at_most(feature: str, limit: float, *, stay: float | None = None) -> Condition:
    """Hold where the feature is `limit` or less, and then to `stay`; NotFoundError for a feature that is none."""
    return _bound(feature, "<=", limit, stay)


def above(feature: str, limit: float, *, stay: float | None = None) -> Condition:
    """Hold where the feature is more than `limit`, and then than `stay`; NotFoundError for a feature that is none."""
    return _bound(feature, ">", limit, stay)


def below(feature: str, limit: float, *, stay: float | None = None) -> Condition:
    """Hold where the feature is less than `limit`, and then than `stay`; NotFoundError for a feature that is none."""
    return _bound(feature, "<", limit, stay)


def within(feature: str, low: float, high: float, *, stay: tuple[float, float] | None = None) -> Condition:
    """Hold where the feature lies between two limits, both included, and then between the two of `stay`.

    NotFoundError for a feature that is none.
    """
    if low > high:
        raise UsageError(f"{feature} cannot lie within {low:g}..{high:g}.", "Write the smaller limit first.")
    left, right = stay or (None, None)
    return at_least(feature, low, stay=left) & at_most(feature, high, stay=right)


def flag(feature: str) -> Condition:
    """Hold where the flag is set; NotFoundError for a flag that is none."""
    if feature not in FLAGS:
        raise NotFoundError.of("flag", feature, FLAGS)
    return _Flag(feature, wanted=True)


@dataclass(frozen=True, slots=True)
class _Bound(Condition):
    feature: str
    relation: str
    limit: float
    stay: float | None = None

    def steps(self) -> list[Step]:
        return [Step(self.relation, self.feature, self.limit)]

    def why(self, features: Features, row: int) -> tuple[Check, ...]:
        value: float = features[self.feature].item(row)
        known, passed = round(value, 6) if isfinite(value) else None, _HOLDS[self.relation](value, self.limit)
        return (Check(_name(self.feature, self.relation), known, self.limit, passed, UNITS[self.feature]),)

    def names(self) -> tuple[str, ...]:
        return (self.feature,)

    def outline(self, depth: int = 0) -> list[str]:
        return [_INDENT * depth + str(self)]

    def staying(self) -> Condition:
        return self if self.stay is None else _Bound(self.feature, self.relation, self.stay)

    def __invert__(self) -> Condition:
        if self.stay is not None:
            raise UsageError(f"~ cannot stand before {self}.", "Turn the comparison round, and give it its own stay.")
        return _Bound(self.feature, _OPPOSITE[self.relation], self.limit)

    def __str__(self) -> str:
        unit = UNITS[self.feature]
        stay = "" if self.stay is None else f" stay {_exactly(self.stay)} {unit}".rstrip()
        return f"{self.feature} {self.relation} {_exactly(self.limit)} {unit}".rstrip() + stay


@dataclass(frozen=True, slots=True)
class _Flag(Condition):
    feature: str
    wanted: bool

    def steps(self) -> list[Step]:
        return [Step(">" if self.wanted else "==", self.feature, 0.0)]

    def why(self, features: Features, row: int) -> tuple[Check, ...]:
        value = float(features[self.feature][row])
        return (
            Check(
                name=str(self),
                value=value if isfinite(value) else None,
                limit=None,
                passed=value > 0 if self.wanted else value == 0,
                unit=UNITS[self.feature],
            ),
        )

    def names(self) -> tuple[str, ...]:
        return (self.feature,)

    def outline(self, depth: int = 0) -> list[str]:
        return [_INDENT * depth + str(self)]

    def staying(self) -> Condition:
        return self

    def __invert__(self) -> Condition:
        return _Flag(self.feature, not self.wanted)

    def __str__(self) -> str:
        return self.feature if self.wanted else f"~{self.feature}"


@dataclass(frozen=True, slots=True)
class _All(Condition):
    parts: tuple[Condition, ...]

    def steps(self) -> list[Step]:
        return _joined(self.parts, "&")

    def why(self, features: Features, row: int) -> tuple[Check, ...]:
        return tuple(check for part in self.parts for check in part.why(features, row))

    def fails(self, features: Features, row: int) -> tuple[Check, ...]:
        return next((found for part in self.parts if (found := part.fails(features, row))), ())

    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names()))

    def outline(self, depth: int = 0) -> list[str]:
        return [f"{_INDENT * depth}all of", *(line for part in self.parts for line in part.outline(depth + 1))]

    def staying(self) -> Condition:
        return _All(tuple(part.staying() for part in self.parts))

    def __invert__(self) -> Condition:
        return _Any(tuple(~part for part in self.parts))

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, _Any) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Any(Condition):
    parts: tuple[Condition, ...]

    def steps(self) -> list[Step]:
        return _joined(self.parts, "|")

    def why(self, features: Features, row: int) -> tuple[Check, ...]:
        return tuple(check for part in self.parts for check in part.why(features, row))

    def fails(self, features: Features, row: int) -> tuple[Check, ...]:
        found = [part.fails(features, row) for part in self.parts]
        return tuple(check for checks in found for check in checks) if all(found) else ()

    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names()))

    def outline(self, depth: int = 0) -> list[str]:
        return [f"{_INDENT * depth}any of", *(line for part in self.parts for line in part.outline(depth + 1))]

    def staying(self) -> Condition:
        return _Any(tuple(part.staying() for part in self.parts))

    def __invert__(self) -> Condition:
        return _All(tuple(~part for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


def _bound(feature: str, relation: str, limit: float, stay: float | None) -> Condition:
    known, enter = _known(feature), _finite(feature, limit)
    if known in FLAGS:
        raise UsageError(f"{known} is set or not, and has no values to compare.", f'Write flag("{known}").')
    if stay is None:
        return _Bound(known, relation, enter)
    if tighter(relation, enter, loose := _finite(feature, stay)):
        raise UsageError(f"{feature} cannot stay {relation} {stay:g}: {relation} {limit:g} is looser.")
    return _Bound(known, relation, enter, loose)


def tighter(relation: str, limit: float, stay: float) -> bool:
    """Say whether a second limit would end what the first lets in."""
    return stay > limit if relation in (">=", ">") else stay < limit


@lru_cache(maxsize=512)
def _name(feature: str, relation: str) -> str:
    return f"{feature} {relation}"


def _joined(parts: tuple[Condition, ...], sign: str) -> list[Step]:
    first, *others = parts
    return [*first.steps(), *(step for part in others for step in (*part.steps(), Step(sign)))]


@lru_cache(maxsize=512)
def _program(condition: Condition) -> Program:
    return Program([condition.steps()])


def _parts(condition: Condition, join: type[_All | _Any]) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, join) else (condition,)


def _known(feature: str) -> str:
    if feature not in UNITS:
        raise no_feature(feature)
    return feature


def _finite(feature: str, limit: float) -> float:
    if not isfinite(limit):
        raise UsageError(f"{feature} cannot be compared with {limit}.", "Write a finite number.")
    return float(limit)


def _exactly(limit: float) -> str:
    short = f"{limit:,.12g}"
    return short if float(short.replace(",", "")) == limit else repr(limit)
