"""A bound on what a strategy of the user's may compute when it is asked: turns of loops and calls, counted in its code.

Counting lines with a trace function would slow every call and get into the way of debuggers; a limit by the clock
would give another result in a replay. So loops and functions of the file are made to count themselves, by its syntax
tree.
"""

from __future__ import annotations

import ast
from typing import Any, Final

STEP: Final = "__step__"
"""Name of the counter in the module of the user's file."""
STEPS: Final = 100_000
"""Loop turns and function calls granted to one question about one symbol."""
STEPS_PER_SYMBOL: Final = 500
"""Granted on top for every symbol of a group."""
IMPORT_STEPS: Final = 1_000_000
"""Granted to the import of the file, and to making the strategy."""


class OutOfStepsError(Exception):
    """Report code that went on longer than it may."""


class Budget:
    """The steps that are left of one question."""

    __slots__ = ("granted", "left")

    def __init__(self) -> None:
        self.granted = self.left = 0

    def grant(self, steps: int) -> None:
        """Begin a question."""
        self.granted = self.left = steps

    def step(self) -> bool:
        """Count one step; OutOfStepsError at the first too many and at every one after it, so that none is caught."""
        self.left -= 1
        if self.left < 0:
            raise OutOfStepsError(f"did not come to an end within {self.granted:,} loop turns and calls")
        return True

    @property
    def spent(self) -> bool:
        """Whether more was asked for than granted."""
        return self.left < 0


def counted(tree: ast.Module) -> ast.Module:
    """Return a module whose loops, comprehensions and functions each call the counter; lines stay where they are."""
    _Counting().visit(tree)
    return ast.fix_missing_locations(tree)


class _Counting(ast.NodeTransformer):
    def visit_While(self, node: ast.While) -> ast.AST:
        return self._body(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._body(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._body(node, after=_documented(node))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._body(node, after=_documented(node))

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.copy_location(ast.BoolOp(ast.And(), [_step(node.body), node.body]), node.body)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _step(node.iter))
        return node

    def _body(self, node: Any, after: int = 0) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(after, ast.copy_location(ast.Expr(_step(node)), node))
        return node  # type: ignore[no-any-return]


def _step(at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Call(ast.copy_location(ast.Name(STEP, ast.Load()), at), [], []), at)


def _documented(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return 1 if ast.get_docstring(node, clean=False) is not None else 0
