"""`qm backtest repro`: a kept run, made again from how it was asked for."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import Final

import msgspec

from backtest.kept import kept_run
from backtest.runner import run as run_again
from cli import trial
from cli.output import Progress, emit, facts
from cli.stores import BACKTEST, holding, reading
from qm.errors import NotFoundError

SCHEMA: Final = 1


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """What came of making a run again."""

    schema: int = SCHEMA
    run: str
    again: str
    """Name of the run as it would be kept today: equal for equal inputs."""
    same_inputs: bool
    code: tuple[str, str]
    """Version of the program then and now."""
    same_settings: bool
    sessions: int
    same_decisions: bool
    """Every entry of the journal is the same."""
    same_trades: bool
    journal_hash: tuple[str, str]
    result_hash: tuple[str, str]


def repeat(run: str, progress: Progress) -> Repeated:
    """Make a kept run again; NotFoundError when it was not kept, or how it was asked for was not."""
    _, header = holding(run, BACKTEST)
    file = trial.order_file(header.id)
    if not file.exists():
        raise NotFoundError(f"It was not kept how {header.id} was asked for.", "Run it again with this version.")
    with reading(BACKTEST) as journal:
        kept = kept_run(header.id, journal.read(header.id))
        _, head = journal.head(header.id)
    planned = trial.plan(msgspec.json.decode(file.read_bytes(), type=trial.Order))
    count = len(kept.days)
    outcome = run_again(
        planned.plan,
        islice(planned.days(), count),
        planned.header(),
        lambda day, trades: progress.show(f"{day.session}, {trades} trades"),
    )
    trades = [each for day in kept.trades for each in day]
    before = hashlib.sha256(msgspec.json.encode(trades)).hexdigest()
    name = planned.name(count)
    return Repeated(
        run=header.id,
        again=name,
        same_inputs=name == header.id,
        code=(header.code, planned.code),
        same_settings=planned.settings.text() == header.settings,
        sessions=count,
        same_decisions=head.hex() == outcome.summary.journal_hash,
        same_trades=before == outcome.summary.result_hash,
        journal_hash=(head.hex(), outcome.summary.journal_hash),
        result_hash=(before, outcome.summary.result_hash),
    )


def show(found: Repeated) -> None:
    """Write what came of it to stdout."""
    then, now = found.code
    emit(f"{found.run}: {'the same trades' if found.same_trades else 'OTHER TRADES'} over {found.sessions} sessions.")
    emit()
    facts(
        [
            ("inputs", "the same" if found.same_inputs else f"not the same: it would be {found.again} today"),
            ("code", then if then == now else f"{then} then, {now} now"),
            ("settings", "the same" if found.same_settings else "changed"),
            ("decisions", "the same" if found.same_decisions else "not the same, or under other settings"),
            ("journal hash", " ".join(dict.fromkeys(each[:16] for each in found.journal_hash))),
            ("result hash", " ".join(dict.fromkeys(each[:16] for each in found.result_hash))),
        ]
    )
