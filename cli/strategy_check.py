"""Trying a strategy: what its source suggests, and what it does on a small made-up session, twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from backtest.runner import Outcome, Plan, run
from brokers.sim.settings import HOUSE
from cli import compose
from cli.feeds import Synthetic
from cli.markets import synthetic_day
from qm.model.events import Hit, Intended, Planned, Refused, Signal, StrategyFailed
from qm.model.order import Purpose
from qm.scanner.presets import PRESETS
from qm.strategies.api import Strategy

MARKET: Final = Synthetic(symbols=60, seed=1)
"""Where a strategy is tried; small, so that it takes seconds."""
DIFFERS: Final = {"time", "datetime", "random", "secrets", "uuid", "os", "socket", "threading", "asyncio", "subprocess"}
"""Modules by which a decision may differ when it is taken again, or by which it waits."""
MEMORY: Final = "__init__"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy did on a made-up session."""

    how: str
    """Where its symbols came from."""
    symbols: int
    hits: int
    plans: int
    signals: int
    refused: int
    entries: int
    trades: int
    net_usd: float
    failed: str
    """What it was isolated for; empty when it was not."""
    repeats: bool
    """A second run decided the same."""


def doubts(text: bytes) -> list[str]:
    """Return what in the source of a strategy may keep it from being repeated, one sentence each with its line."""
    return list(_doubts(ast.parse(text)))


def tried(of: Strategy) -> Tried:
    """Run a strategy over the session as its scans find symbols or, without scans, over all symbols of it."""
    first, again = _run(of), _run(of)
    bodies = [entry.body for entry in first.journal.read(first.header.id)]
    failed = [body.error for body in bodies if isinstance(body, StrategyFailed)]
    return Tried(
        how=f"hits of {', '.join(of.scans)}" if of.scans else "all symbols",
        symbols=MARKET.symbols,
        hits=sum(isinstance(body, Hit) for body in bodies),
        plans=sum(isinstance(body, Planned) for body in bodies),
        signals=sum(isinstance(body, Signal) and body.entry for body in bodies),
        refused=sum(isinstance(body, Refused) for body in bodies),
        entries=sum(isinstance(body, Intended) and body.order.purpose is Purpose.ENTRY for body in bodies),
        trades=first.summary.trades,
        net_usd=round(float(first.summary.net_usd), 2),
        failed=failed[0] if failed else "",
        repeats=first.summary.journal_hash == again.summary.journal_hash,
    )


def unknown_scans(of: Strategy) -> list[str]:
    """Return the scans that it takes hits of and that nobody has."""
    engine = compose.settings().engine
    return [scan for scan in of.scans if scan not in PRESETS and scan not in engine.own_scans]


def _run(of: Strategy) -> Outcome:
    engine = msgspec.structs.replace(compose.settings().engine, strategies=(), scans=of.scans)
    assigned: dict[str, Sequence[str]] = {} if of.scans else {of.name: of.symbols}
    plan = Plan(engine, {of.name: of}, exchange=HOUSE, assigned=assigned)
    return run(plan, [synthetic_day(MARKET)])


def _doubts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in DIFFERS.intersection(module.partition(".")[0] for module in modules):
                yield f"line {node.lineno}: imports {name}: what it decides may differ in a replay, or wait."
    for found in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for method in found.body:
            if isinstance(method, ast.FunctionDef) and method.name != MEMORY:
                yield from _memories(method)


def _memories(method: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(method):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            place = target.value if isinstance(target, ast.Subscript) else target
            if isinstance(place, ast.Attribute) and isinstance(place.value, ast.Name) and place.value.id == "self":
                yield (
                    f"line {node.lineno}: {method.name} writes self.{place.attr}, which a restart forgets: "
                    "put it into the note of a Plan."
                )
