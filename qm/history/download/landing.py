"""What a vendor tells of companies and of official prices: from the fetched file into the catalogue, by session."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec.structs import replace as changed

from qm.errors import DataError
from qm.history.catalogue import Catalogue
from qm.history.checks import Action, Finding, checked_names, found, joined, refuse
from qm.history.importer import ImportReport, Part
from qm.history.layout import ACTIONS, ASSETS, AUCTIONS, Array
from qm.history.manifest import Manifest
from qm.history.source import Columns, text
from qm.history.storing import State, Stored, store
from qm.rules.calendar import session

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: Final = (AUCTIONS, ACTIONS, ASSETS)


def land(catalogue: Catalogue, path: Path, manifest: Manifest, *, replace: bool) -> ImportReport:
    """Check the Parquet file at `path` and store it as the session that `manifest` names; DataError, DiskFullError.

    Its columns are those of `qm.model.downloads`. A session without corporate actions is stored, too: that nothing
    happened is known from then on.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    date = dt.date.fromisoformat(manifest.session)
    findings: list[Finding] = []
    try:
        table = pq.read_table(path, partitioning=None)
        read = _columns(manifest.kind, table, date)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path.name} cannot be read ({error}).", "Fetch it again.") from error
    rows = checked_names(_sound(read, date, findings), findings)
    rows = rows.take(np.lexsort((rows.ts, rows.symbol)))
    manifest = changed(manifest, findings=tuple(joined(findings)))
    if len(rows.ts):
        stored = [store(catalogue, manifest, rows, replace=replace, dry_run=False)]
    elif manifest.kind == ACTIONS:
        stored = [_nothing(catalogue, manifest, table.slice(0, 0), replace=replace)]
    else:
        stored = []
    part = Part(manifest.kind, (str(path),), table.num_rows, len(rows.ts), len(rows.names), tuple(joined(findings)))
    return ImportReport(manifest.dataset, dry_run=False, parts=(part,), sessions=tuple(stored), refused_files={})


def _columns(kind: str, table: pa.Table, date: dt.date) -> Columns:
    symbol = text(table.column("symbol"))
    ts = table.column("ts").to_numpy() if "ts" in table.column_names else np.full(len(table), session(date).pre_ns)
    values: dict[str, Array] = {}
    for name in table.column_names:
        if name not in ("symbol", "ts"):
            values[name] = table.column(name).to_numpy()
    return Columns(kind, ts, symbol.code, symbol.words, values)


def _sound(rows: Columns, date: dt.date, findings: list[Finding]) -> Columns:
    if rows.layout == AUCTIONS:
        of = session(date)
        outside = (rows.ts < of.pre_ns) | (rows.ts >= of.post_ns)
        rows = refuse(rows, outside, f"not of {date}", findings)
        price = rows.values["price"]
        return refuse(rows, ~(np.isfinite(price) & (price > 0)), "price is no positive number", findings)
    if rows.layout == ACTIONS:
        factor, amount = rows.values["factor"], rows.values["amount"]
        # NaN says that an action has none.
        rows = refuse(rows, (factor <= 0) | np.isinf(factor), "ratio is no positive number", findings)
        amount = rows.values["amount"]
        return _told_once(refuse(rows, (amount < 0) | np.isinf(amount), "amount is negative", findings), findings)
    return _once(rows, findings)


def _told_once(rows: Columns, findings: list[Finding]) -> Columns:
    """Leave out what is told again under another id, or because two symbols that it concerns were asked for."""
    seen: set[tuple[object, ...]] = set()
    again = np.zeros(len(rows.ts), bool)
    columns = [rows.values[name].astype(str).tolist() for name in ("what", "becomes", "factor", "amount")]
    for i, told in enumerate(zip(rows.symbol.tolist(), *columns, strict=True)):
        again[i] = told in seen
        seen.add(told)
    found(rows, again, "told again", Action.REPAIRED, findings)
    return rows.take(~again)


def _once(rows: Columns, findings: list[Finding]) -> Columns:
    """Keep of each symbol the asset that is active now, or the last one told of those that are not."""
    order = np.lexsort((np.arange(len(rows.ts)), rows.values["active"], rows.symbol))
    last = np.ones(len(order), bool)
    last[:-1] = np.diff(rows.symbol[order]) != 0
    if not last.all():
        findings.append(Finding("an earlier asset of the same name: left out", int((~last).sum()), Action.REPAIRED))
    return rows.take(np.sort(order[last]))


def _nothing(catalogue: Catalogue, manifest: Manifest, empty: pa.Table, *, replace: bool) -> Stored:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(empty.add_column(0, "ts", pa.array([], pa.int64())), sink, compression="zstd")
    data = bytes(sink.getvalue())
    manifest = changed(manifest, sha256=sha256(data).hexdigest(), bytes=len(data))
    there = catalogue.sha256(manifest.dataset, manifest.kind, dt.date.fromisoformat(manifest.session))
    state = State.NEW if there is None else State.UNCHANGED if there == manifest.sha256 else State.REPLACED
    if state is State.REPLACED and not replace:
        state = State.CONFLICT
    else:
        catalogue.put(manifest, data)
    return Stored(manifest.kind, manifest.session, 0, 0, manifest.bytes, state)
