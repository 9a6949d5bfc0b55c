"""The parameters of strategies as they are shown: value, bounds, and the text that stands under each in its class."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import NamedTuple, get_type_hints

from qm.strategies.api import Params
from qm.strategies.parameters import allowed


class Parameter(NamedTuple):
    """A parameter of a strategy."""

    name: str
    value: object
    allowed: str
    """Type and bounds in words, such as `number > 0, <= 2`."""
    about: str


def parameters(params: Params) -> list[Parameter]:
    """Return the parameters of a strategy with the values that they have in it."""
    kinds, said = get_type_hints(type(params), include_extras=True), _meanings(type(params))
    return [
        Parameter(name, getattr(params, name), allowed(kinds[name]), said.get(name, ""))
        for name in params.__struct_fields__
    ]


def _meanings(kind: type) -> dict[str, str]:
    """Return the text below each field; nothing where the source cannot be read."""
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for node, after in pairwise(lines):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(after, ast.Expr):
            found[node.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return found
