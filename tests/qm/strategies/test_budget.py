"""Code that counts itself: whatever goes on for ever in it is ended, and what it computes stays the same."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import pytest

from qm.strategies.budget import STEP, Budget, OutOfStepsError, counted


def run(text: str, steps: int = 1_000) -> tuple[dict[str, Any], Budget]:
    budget = Budget()
    budget.grant(steps)
    known: dict[str, Any] = {STEP: budget.step}
    with warnings.catch_warnings(action="ignore"):
        code = compile(counted(ast.parse(text)), "mine.py", "exec")
    exec(code, known)
    return known, budget


ENDLESS = {
    "while": "while True: pass",
    "while with a body in one line": "while 1: x = 1",
    "for": "from itertools import count\nfor _ in count(): pass",
    "for in a class": "class A:\n    while True: pass",
    "a list": "[0 for _ in iter(int, 1)]",
    "a set": "{0 for _ in iter(int, 1)}",
    "a dict": "{0: 0 for _ in iter(int, 1)}",
    "a generator that C consumes": "sum(0 for _ in iter(int, 1))",
    "an inner loop of a comprehension": "[0 for a in (1,) for _ in iter(int, 1)]",
    "a generator function": "def f():\n    while True: yield 1\nsum(f())",
    "a call of itself": "def f(): f()\nf()",
    "two that call each other": "def f(): g()\ndef g(): f()\nf()",
    "a lambda": "f = lambda: f()\nf()",
    "a method": "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().a",
    "one that catches": "while True:\n    try:\n        pass\n    except BaseException:\n        pass",
    "one that catches inside": "def f():\n    while True:\n        try:\n            while True: pass\n"
    "        except BaseException: continue\nf()",
    "one that catches and calls": "def f():\n    try:\n        f()\n    except BaseException:\n        f()\nf()",
    "one that never leaves finally": "def f():\n    while True:\n        try:\n            f()\n"
    "        finally:\n            continue\nf()",
    "an awaiting one": "async def f():\n    while True: pass\nf().send(None)",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_goes_on_for_ever_is_ended(text: str) -> None:
    # A deep recursion may meet Python's own limit first where the budget is larger.
    with pytest.raises(OutOfStepsError, match="within 500 loop turns and calls"):
        run(text, steps=500)


def test_who_catches_the_end_of_its_budget_has_still_spent_it() -> None:
    known, budget = run("done = 0\ntry:\n    while True: pass\nexcept BaseException:\n    done = 1")
    assert known["done"] == 1
    assert budget.spent


@pytest.mark.parametrize(("turns", "spent"), [(999, False), (1000, False), (1001, True)])
def test_the_budget_is_exact(turns: int, spent: bool) -> None:
    text = f"try:\n    for _ in range({turns}): pass\nexcept BaseException: pass"
    assert run(text)[1].spent is spent


def test_the_same_code_takes_the_same_steps() -> None:
    text = "def f(n): return 1 if n < 2 else f(n - 1) + sum(k for k in range(n))\nx = f(12)"
    once, again = run(text)[1], run(text)[1]
    # Calls of f for n from 12 down to 1, and in each that is not the last n turns: 12 + (12 + ... + 2).
    assert once.granted - once.left == again.granted - again.left == 12 + 77


def test_what_it_computes_and_its_lines_stay_the_same() -> None:
    text = '''
def f(n):
    """Say it."""
    global told
    told = n
    return [k for k in range(n) if k % 2] + [m * k for m in (1, 2) for k in (3,) if m]

g = lambda n: n - 1 if n else None
def h():
    for k in range(3):
        if k == 2:
            raise KeyError(k)
    else:
        return 1
'''
    known, _ = run(text)
    assert (known["f"](6), known["told"], known["f"].__doc__) == ([1, 3, 5, 3, 6], 6, "Say it.")
    assert (known["g"](5), known["g"](0)) == (4, None)
    with pytest.raises(KeyError) as raised:
        known["h"]()
    assert raised.traceback[-1].lineno + 1 == 12
