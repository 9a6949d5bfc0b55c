"""What is known about one file of market data; it lies beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from qm.errors import DataError
from qm.history.checks import Finding
from qm.history.files import fill, write_whole

SCHEMA: Final = 1
"""Version of the columns at rest."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session of one kind of a dataset."""

    dataset: str
    kind: str
    session: str
    """Session date, `YYYY-MM-DD`."""
    seconds: int
    """Length of a bar; a daily bar has that of the session's regular hours; 0 for what is no bars."""
    rows: int
    symbols: int
    first: int
    """Earliest `ts`, ns UTC."""
    last: int
    sha256: str = ""
    """Of the Parquet file, hex."""
    bytes: int = 0
    source: str
    """Where it came from, as the importer was told."""
    fetched_at: int
    """Wall time of the import, ns UTC."""
    etag: str = ""
    """What the source calls this version of it; empty for files that nobody downloaded."""
    known_at: int = 0
    """When the source published it, ns UTC; 0 when it does not say."""
    findings: tuple[Finding, ...] = ()
    """What the import refused, repaired or found strange in this session."""
    schema: int = SCHEMA


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at `path`; DataError when it is missing, damaged or newer than this version."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{path} is missing or damaged ({error}).", "Import the session again with --replace."
        ) from error
    if found.schema > SCHEMA:
        raise DataError(f"{path} was written by a newer version (schema {found.schema}).", "Update the program.")
    return found


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, whole and durably."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    write_whole(path, lambda part: fill(part, text))
