"""What the page of a sweep is made of."""

from __future__ import annotations

import shlex

from backtest.evidence import Evidence
from backtest.ledger import Definition, Trial, best_first
from backtest.sheet.search import SweepSheet
from cli import trial as trials
from cli.trial import Order


def sheet_of(order: Order, of: Definition, found: list[Trial], objective: str, judged: Evidence | None) -> SweepSheet:
    """Return the page of a sweep, finished or not."""
    planned = trials.plan(order, found[0].params if found else None)
    best = best_first(found, objective)
    return SweepSheet(
        title=f"{of.method} sweep of {of.strategy} on {of.dataset}, {of.first} to {of.last}",
        facts=[
            ("sweep", of.id),
            ("varied", "; ".join(of.vary)),
            ("fixed", ", ".join(of.fixed) or "all else as shipped"),
            ("objective", objective),
            ("seed", str(of.seed)),
            ("costs", planned.costs),
            ("order in bars", f"{planned.fills}, where a bar tells none"),
            ("data hash", f"{planned.digest()} over {len(planned.chosen.sources)} sources, listed at the end"),
            ("code", planned.code),
        ],
        of=of,
        trials=found,
        objective=objective,
        evidence=judged,
        command=_command(order, best[0]) if best else "",
        sources=planned.chosen.sources,
    )


def _command(order: Order, best: Trial) -> str:
    """Return what runs the best trial alone, as it would be typed."""
    words = ["qm", "backtest", "run", order.strategy, "-d", order.dataset]
    given = (("--from", order.since), ("--to", order.until), ("--symbols", order.symbols), ("--kind", order.kind))
    words += [word for name, value in given if value for word in (name, value)]
    words += [word for text in order.params for word in ("-p", text)]
    words += [word for name, value in best.params.items() for word in ("-p", f"{name}={value}")]
    words += [word for text in order.overrides for word in ("-s", text)]
    words += [] if order.equity is None else ["--equity", f"{order.equity:g}"]
    words += ["--costs", order.costs, "--fills", "all", "--stress", f"{order.stress:g},{2 * order.stress or 1:g}"]
    return shlex.join([*words, "--report", "best.html"])
