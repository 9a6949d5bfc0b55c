"""Keys of vendors: from the environment or the system's keyring, never from arguments, settings or files of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from qm.errors import AccessError
from qm.log import Secret

SERVICE: Final = "qm"
"""Under which the keyring keeps our keys."""


class Entry(NamedTuple):
    """Where one key may lie."""

    what: str
    environ: tuple[str, ...]
    """Variables of the environment, the first that is set counts."""
    keyring: str
    """Its name in the keyring."""


def secret(entry: Entry) -> Secret:
    """Return a key; AccessError that says where it was looked for."""
    for name in entry.environ:
        if text := os.environ.get(name, "").strip():
            return Secret(text)
    if text := _kept(entry.keyring):
        return Secret(text)
    raise AccessError(
        f"There is no {entry.what}.",
        f"Set {entry.environ[0]}, or keep it in the keyring: keyring set {SERVICE} {entry.keyring}",
    )


def secrets(entries: Sequence[Entry]) -> list[Secret]:
    """Return several keys; AccessError like `secret`."""
    return [secret(each) for each in entries]


def _kept(name: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    try:
        return (keyring.get_password(SERVICE, name) or "").strip()
    except (KeyringError, RuntimeError):
        # A machine without a desktop has none: the environment is the only place.
        return ""
