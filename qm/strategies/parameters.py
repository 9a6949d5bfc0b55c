"""Parameters of strategies: what bounds them, and changing some of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from qm.errors import ConfigError, nearest
from qm.strategies.api import Params, Strategy

WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "not set"}


def allowed(kind: Any) -> str:
    """Return in words what a type lets through."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = [bound for meta in inside[1:] if isinstance(meta, Meta) for bound in _bounds(meta)]
        return ", ".join([" ".join([allowed(inside[0]), *bounds[:1]]), *bounds[1:]])
    if origin in (Union, UnionType):
        return " or ".join(allowed(each) for each in inside)
    if origin is Literal:
        return " or ".join(map(str, inside))
    if origin is tuple:
        return "list of " + ", ".join(dict.fromkeys(allowed(each) for each in inside if each is not Ellipsis))
    return WORDS.get(kind, str(getattr(kind, "__name__", kind)))


def with_params(
    name: str, make: Callable[[Any], Strategy], kind: type[Params], params: Mapping[str, Any] | None
) -> Strategy:
    """Return a strategy with some parameters changed.

    Raises ConfigError for an unknown parameter, with the nearest, and for one out of bounds, with the bounds.
    """
    plain = make(None)
    if not params:
        return plain
    kinds = get_type_hints(kind, include_extras=True)
    merged = msgspec.structs.asdict(plain.params)
    for key, value in params.items():
        if key not in kinds:
            known = ", ".join(nearest(key, kinds) or kinds)
            raise ConfigError(f"Strategy {name} has no parameter {key!r}.", f"Known: {known or 'none'}.")
        try:
            merged[key] = msgspec.convert(value, kinds[key], strict=False)
            if isinstance(merged[key], float) and not isfinite(merged[key]):
                raise ValueError("no number")
        # A ValidationError is a ValueError.
        except ValueError as error:
            raise ConfigError(
                f"Strategy {name}: {key} = {value} is out of bounds.", f"Allowed: {allowed(kinds[key])}."
            ) from error
    try:
        return make(kind(**merged))
    # The parameters of a strategy may also be checked against each other.
    except (ValueError, TypeError) as error:
        raise ConfigError(f"Strategy {name}: {error}.", "Give values that go together.") from error


def _bounds(meta: Meta) -> list[str]:
    signs = ((">", meta.gt), (">=", meta.ge), ("<", meta.lt), ("<=", meta.le))
    return [f"{sign} {bound:g}" for sign, bound in signs if bound is not None]
