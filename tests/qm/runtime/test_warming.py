"""What the engine compiles, it compiles before it answers: an hour of a session afterwards compiles next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from qm.runtime.warming import warm
from tests.qm.engine.drive import day, setup

ONLY_WHEN_NEEDED = {
    "qm.portfolio.portfolio._marks",
    "qm.radar.marks._ahead",
    "qm.scanner.order._largest",
}
"""Small ones, for what a tiny market does not come to: a position, a list that changes, a scan with too many finds."""
SCRIPT = """
import json, sys
from pathlib import Path
from numba.core.registry import CPUDispatcher
from backtest.runner import Plan, run
from qm.runtime.warming import warm
from tests.qm.engine.drive import day, setup


def compiled():
    found = set()
    for name, module in list(sys.modules.items()):
        for each in list(vars(module).values()) if name.startswith("qm.") else ():
            if isinstance(each, CPUDispatcher):
                of = f"{each.py_func.__module__}.{each.py_func.__name__}"
                found |= {(of, str(signature)) for signature in each.signatures}
    return found


made = setup(Path(), day())
warm(made)
before = compiled()
run(Plan(made.settings.engine, made.strategies), [made.day])
print(json.dumps([len(before), sorted({of for of, _ in compiled() - before})]))
"""


def test_a_session_compiles_nothing_that_was_not_compiled_before_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, later = json.loads(done.stdout)
    assert before > 8
    assert set(later) <= ONLY_WHEN_NEEDED


def test_the_feed_begins_anew_after_it(tmp_path: Path) -> None:
    made = setup(tmp_path, day(symbols=5, minutes=1))
    first = next(iter(made.day.batches)).tobytes()
    warm(made)
    assert next(iter(made.day.batches)).tobytes() == first
    assert list(tmp_path.iterdir()) == []
