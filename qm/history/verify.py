"""`qm data verify`: each file against its manifest, and the day cache against the files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from qm.errors import DataError, QmError
from qm.history.catalogue import Catalogue, unknown_dataset
from qm.history.files import sha256_of
from qm.history.kept import kept_files
from qm.history.layout import FACTS, columns_of, is_kind
from qm.history.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA: Final = 1
"""Version of the JSON of a verification."""
_AGAIN: Final = "Import or download the session again with --replace."
_CACHE: Final = "Remove the file; it is made again when it is needed."


class Fault(msgspec.Struct, frozen=True):
    """One file that is not what it should be."""

    path: str
    why: str
    remedy: str


class Verified(msgspec.Struct, frozen=True):
    """What was compared, and what did not agree."""

    files: int
    rows: int
    bytes: int
    cached: int
    """Days of the cache that were compared record by record."""
    stale: int
    """Files of the cache that are of data that is no longer there: harmless, qm data gc removes them."""
    faults: tuple[Fault, ...]
    schema: int = SCHEMA


def verify(catalogue: Catalogue, dataset: str | None = None, told: Callable[[str], None] = lambda _: None) -> Verified:
    """Compare every file of a dataset, or of all, with its manifest, and the day cache with the files.

    `told` hears how far it is. Nothing is changed. Raises NotFoundError for an unknown dataset.
    """
    root = catalogue.folder
    folders = sorted(root.iterdir()) if root.is_dir() else []
    # Downloads on their way lie in a hidden folder beside the datasets.
    names = [path.name for path in folders if path.is_dir() and not path.name.startswith(".")]
    if dataset is not None and dataset not in names:
        raise unknown_dataset(dataset, names)
    faults: list[Fault] = []
    files = rows = size = 0
    for name in names if dataset is None else [dataset]:
        for path in _stems(root / name):
            told(f"{path.with_suffix('.parquet')}")
            found = _compare(root / name, path, faults)
            if found is not None:
                files, rows, size = files + 1, rows + found.rows, size + found.bytes
    cached, stale = _caches(catalogue, dataset, faults, told)
    return Verified(files, rows, size, cached, stale, tuple(faults))


def _stems(folder: Path) -> Iterator[Path]:
    """Yield each session of each kind once, as the path of its manifest, whether that is there or not."""
    for kind in sorted(folder.iterdir()):
        if kind.is_dir() and (is_kind(kind.name) or kind.name in FACTS):
            for pattern in ("????-??-??.json", "????-??-??.parquet"):
                for path in sorted(kind.glob(pattern)):
                    if path.suffix == ".json" or not path.with_suffix(".json").exists():
                        yield path.with_suffix(".json")


def _compare(dataset: Path, path: Path, faults: list[Fault]) -> Manifest | None:
    """Return the manifest of a session, None when it tells nothing; adds what does not agree with it."""
    data = path.with_suffix(".parquet")
    if not path.exists():
        faults.append(Fault(str(data), "has no manifest", _AGAIN))
        return None
    try:
        manifest = read_manifest(path)
    except DataError as error:
        faults.append(Fault(str(path), error.problem.removeprefix(f"{path} "), error.remedy))
        return None
    told = (manifest.dataset, manifest.kind, manifest.session)
    there = (dataset.name, path.parent.name, path.stem)
    if told != there:
        faults.append(Fault(str(path), f"is the manifest of {'/'.join(told)}", _AGAIN))
    try:
        if sha256_of(data) != manifest.sha256:
            faults.append(Fault(str(data), "its content is not what its manifest says (sha256)", _AGAIN))
    except OSError as error:
        faults.append(Fault(str(data), f"cannot be read ({error.strerror})", _AGAIN))
        return manifest
    faults.extend(Fault(str(data), why, _AGAIN) for why in _inside(data, manifest))
    return manifest


def _inside(path: Path, manifest: Manifest) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except (OSError, pa.ArrowException) as error:
        yield f"is no Parquet file ({error})"
        return
    if rows != manifest.rows:
        yield f"has {rows:,} rows, its manifest says {manifest.rows:,}"
    for name in ("ts", "symbol", *columns_of(manifest.kind)):
        if name not in schema.names:
            yield f"has no column {name}"
        elif not _fits(name, schema.field(name).type):
            yield f"has a column {name} of type {schema.field(name).type}"


def _fits(name: str, kind: pa.DataType) -> bool:
    import pyarrow as pa

    if name == "ts":
        return bool(pa.types.is_int64(kind))
    if name == "symbol":
        return bool(pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind))
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _caches(
    catalogue: Catalogue, dataset: str | None, faults: list[Fault], told: Callable[[str], None]
) -> tuple[int, int]:
    compared = stale = 0
    for each in kept_files(catalogue, dataset):
        if not each.current:
            stale += 1
        elif each.events:
            told(f"{each.path}")
            compared += 1
            if not _agrees(catalogue, each.dataset, each.session, each.kind):
                faults.append(Fault(str(each.path), "the day cache tells other records than the files", _CACHE))
    return compared, stale


def _agrees(catalogue: Catalogue, dataset: str, session: dt.date, kind: str) -> bool:
    try:
        return catalogue.cache_agrees(dataset, session, kind)
    except QmError:
        # The file itself is damaged, which is told above.
        return True
