"""Strategies as they are listed and shown."""

from __future__ import annotations

from typing import Any

import msgspec

from cli.output import emit, facts, table
from cli.parameters import parameters
from qm.config import paths
from qm.errors import QmError
from qm.log import clean
from qm.runtime.strategy_files import find, own_names
from qm.strategies.api import Strategy
from qm.strategies.presets import PRESETS


def listed() -> list[dict[str, Any]]:
    """Return the shipped strategies and then the user's own, good and bad."""
    folder = paths("sim").strategies
    found = []
    for name in [*PRESETS, *(own for own in own_names(folder) if own not in PRESETS)]:
        try:
            found.append(as_data(find(name, folder)))
        except QmError as error:
            found.append({"name": name, "own": name not in PRESETS, "problem": f"{error.problem} {error.remedy}"})
    return found


def as_data(of: Strategy) -> dict[str, Any]:
    """Return a strategy as JSON has it."""
    own = of.name not in PRESETS
    return {
        "name": of.name,
        "own": own,
        "version": of.version,
        "status": of.status,
        "about": of.about,
        "scans": of.scans,
        "symbols": of.symbols,
        "per_day": of.per_day,
        "needs": [str(need) for need in of.needs],
        "columns": of.columns,
        "rules": msgspec.to_builtins(of.rules),
        "source": of.source,
        "file": str(paths("sim").strategies / f"{of.name}.py") if own else "",
        "params": [
            {"name": each.name, "value": msgspec.to_builtins(each.value), "allowed": each.allowed, "about": each.about}
            for each in parameters(of.params)
        ],
        "problem": "",
    }


def show_list(found: list[dict[str, Any]]) -> None:
    """Write the strategies to stdout, and below them what is wrong with files of the user."""
    good = [each for each in found if not each["problem"]]
    heads = ("strategy", "", "status", "takes", "about")
    rows = [(each["name"], "yours" if each["own"] else "", each["status"], takes(each), each["about"]) for each in good]
    table(heads, rows, left=heads, spare=("status", "takes"))
    for each in found:
        if each["problem"]:
            emit(f"{clean(each['name'])}: cannot be used. {clean(each['problem'])}")


def takes(data: dict[str, Any]) -> str:
    """Say where a strategy gets its symbols."""
    return ", ".join(data["scans"] or data["symbols"]) or "a list"


def show_one(of: Strategy) -> None:
    """Write one strategy to stdout."""
    data = as_data(of)
    facts(
        [
            ("strategy", f"{of.name} {of.version}{', yours' if data['own'] else ''}"),
            ("status", of.status),
            ("about", of.about),
            ("symbols", f"{'hits of ' if of.scans else ''}{takes(data)}"),
            ("a day", f"{of.per_day} {'entry' if of.per_day == 1 else 'entries'} per symbol"),
            *(
                [("needs", ", ".join([*of.needs, *(column.replace("_", " ") for column in of.columns)]))]
                if of.needs
                else []
            ),
            *((rule.replace("_", " "), text) for rule, text in msgspec.structs.asdict(of.rules).items() if text),
            ("sha256", of.source),
            *([("file", data["file"])] if data["own"] else []),
        ]
    )
    if data["params"]:
        emit()
        rows = [(each["name"], str(each["value"]), each["allowed"], each["about"]) for each in data["params"]]
        table(("parameter", "value", "allowed", "about"), rows, left=("parameter", "allowed", "about"))
