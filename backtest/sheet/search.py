"""The tear sheet of a sweep: what was tried, how far the best stands out, and how much of that luck explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtest.evidence import Evidence
from backtest.ledger import Definition, Trial, best_first, figure
from backtest.sheet import charts
from backtest.sheet.page import environment
from backtest.sheet.pictures import NARROW, Picture
from backtest.space import ordered
from backtest.sweep import neighbours

LISTED_MOST = 50
CURVES_MOST = 60
"""Trials drawn behind the best one."""
CELLS_MOST = 400
"""A larger table of two parameters is no table."""


@dataclass(frozen=True, slots=True)
class SweepSheet:
    """What the page of a sweep is made of."""

    title: str
    facts: Sequence[tuple[str, str]]
    of: Definition
    trials: Sequence[Trial]
    objective: str
    evidence: Evidence | None
    """Of the best trial; None when none came to anything."""
    command: str
    """Runs the best trial alone."""
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Square:
    """The best trial at each pair of values of two parameters."""

    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[float | None, str], ...]], ...]
    """(value, ((objective, class), ...))."""


def render_sweep(sheet: SweepSheet) -> str:
    """Return the page: one HTML file that needs nothing else."""
    return environment().get_template("sweep.html").render(_contents(sheet))


def _contents(sheet: SweepSheet) -> dict[str, Any]:
    best = best_first(list(sheet.trials), sheet.objective)
    near = [
        value for each in (neighbours(best[0], sheet.trials) if best else []) if (value := _of(sheet, each)) is not None
    ]
    top = _of(sheet, best[0]) if best else None
    return {
        "sheet": sheet,
        "best": best[:LISTED_MOST],
        "known": len(best),
        "failed": [trial for trial in sheet.trials if trial.error],
        "names": list(sheet.trials[0].params) if sheet.trials else [],
        "figure": lambda trial: figure(trial, sheet.objective),
        "near": near,
        "plateau": float(np.mean(near)) / top if near and top is not None and top > 0 else None,
        "curves": _curves(best),
        "pictures": [*_sharpes(sheet, best), *_axes(sheet, best)],
        "squares": _squares(sheet, best),
        "sessions": len(best[0].returns) if best else 0,
    }


def _of(sheet: SweepSheet, trial: Trial) -> float | None:
    return figure(trial, sheet.objective)


def _curves(best: Sequence[Trial]) -> list[Picture]:
    shown = [trial for trial in best if trial.returns]
    if not shown:
        return []
    picked = shown if len(shown) <= CURVES_MOST else [shown[n * len(shown) // CURVES_MOST] for n in range(CURVES_MOST)]
    curves = [[0.0, *(100 * (np.cumprod(1 + np.array(trial.returns)) - 1)).tolist()] for trial in picked]
    drawn = [charts.lines(curves, "Trials", width=width, height=260, unit="%") for width in (900, NARROW)]
    return [
        (f"Returns of the best trial (blue) and of {len(picked) - 1} others, session by session", drawn[0], drawn[1])
    ]


def _sharpes(sheet: SweepSheet, best: Sequence[Trial]) -> list[Picture]:
    known = [trial.summary.by_day.sharpe for trial in best if trial.summary is not None]
    values = [value for value in known if value is not None]
    if len(values) < 2:
        return []
    marks = []
    if sheet.evidence is not None and sheet.evidence.luck is not None:
        marks.append(charts.Mark(sheet.evidence.luck, "luck alone", "luck"))
    width = max(0.05, round((max(values) - min(values)) / 24, 2))
    return [("Sharpe ratios of the trials, a year", charts.histogram(values, width, "Sharpe ratios", marks=marks), "")]


def _axes(sheet: SweepSheet, best: Sequence[Trial]) -> list[Picture]:
    found = []
    for name in best[0].params if best else ():
        points = []
        for trial in best:
            value, at = figure(trial, sheet.objective), ordered(trial.params[name])[0]
            if value is not None and np.isfinite(at):
                told = ", ".join(f"{key}={text}" for key, text in trial.params.items())
                points.append((at, value, trial is best[0], f"{told}: {value:,.3f}"))
        if len({point[0] for point in points}) > 1:
            found.append((f"{sheet.objective} by {name}", charts.scatter(points, name, name, sheet.objective), ""))
    return found


def _squares(sheet: SweepSheet, best: Sequence[Trial]) -> list[Square]:
    names = list(best[0].params) if best else []
    found = []
    for place, across in enumerate(names):
        for down in names[place + 1 :]:
            columns = sorted({trial.params[across] for trial in best}, key=ordered)
            rows = sorted({trial.params[down] for trial in best}, key=ordered)
            if len(columns) * len(rows) <= min(CELLS_MOST, 2 * len(best)):
                found.append(_square(sheet, best, across, down, columns, rows))
    return found


def _square(
    sheet: SweepSheet, best: Sequence[Trial], across: str, down: str, columns: Sequence[str], rows: Sequence[str]
) -> Square:
    tops: dict[tuple[str, str], float] = {}
    for trial in best:
        # The best comes first.
        tops.setdefault((trial.params[across], trial.params[down]), figure(trial, sheet.objective) or 0.0)
    reach = max(abs(value) for value in tops.values()) or 1.0

    def cell(column: str, row: str) -> tuple[float | None, str]:
        value = tops.get((column, row))
        if not value:
            return value, ""
        return value, f"{'gain' if value > 0 else 'loss'}:{round(8 + 42 * abs(value) / reach)}"

    return Square(
        across, down, tuple(columns), tuple((row, tuple(cell(each, row) for each in columns)) for row in rows)
    )
