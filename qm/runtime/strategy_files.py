"""The user's own strategies: files of an owner-only folder, read once, hashed, and made into modules that count."""

from __future__ import annotations

import ast
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

from qm.config import create
from qm.errors import ConfigError, NotFoundError, UnavailableError, nearest
from qm.model.events import Entry, SessionStarted
from qm.strategies.api import Strategy
from qm.strategies.budget import IMPORT_STEPS, STEP, Budget, counted
from qm.strategies.own import called, made, module_name
from qm.strategies.presets import PRESETS, strategy

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
"""Names of own strategies; they become parts of order ids and of file names."""
SIZE_MAX: Final = 1_000_000
"""A longer file is no strategy, bytes."""
OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class Source(NamedTuple):
    """The file of a strategy as it was read."""

    path: Path
    text: bytes
    digest: str
    """sha256, as `sha256sum` prints it."""


def own_names(folder: Path) -> list[str]:
    """Return the names of the files in the folder of own strategies, good or bad; empty when there is none."""
    try:
        return sorted(path.stem for path in folder.glob("*.py"))
    except OSError:
        return []


def find(name: str, folder: Path, params: Mapping[str, Any] | None = None) -> Strategy:
    """Return a strategy by name, shipped or out of the user's folder, with some parameters changed and its source.

    Raises NotFoundError with the nearest of both kinds; ConfigError for a file that others may write, that shadows a
    shipped name, or that cannot be used, and for parameters.
    """
    if name in PRESETS:
        if os.path.lexists(folder / f"{name}.py"):
            raise ConfigError(
                f"{folder / name}.py has the name of a strategy that comes with the program.",
                "Rename the file, and use its new name.",
            )
        return replace(strategy(name, params), source=shipped_source(name))
    known = [*PRESETS, *own_names(folder)]
    if not NAME.match(name) or name not in known:
        close = nearest(name, known)
        remedy = "" if close else f"`qm strategy list` shows all; {folder} holds your own."
        raise NotFoundError(f"No strategy is called {name!r}.", remedy, close)
    return load(read(folder, name), params)


def read(folder: Path, name: str) -> Source:
    """Return the file of an own strategy.

    What was checked is what is read: the folder and the file are opened first and looked at then, and symbolic links
    are not followed. Raises ConfigError when somebody else owns one or may write to it, or it is no plain file.
    """
    path = folder / f"{name}.py"
    if not NAME.match(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a strategy.", "Use up to 32 small letters, digits and _, a letter first."
        )
    parent = _open(folder.parent, os.O_DIRECTORY)
    try:
        _private(folder.parent, os.fstat(parent))
        inside = _open(folder, os.O_DIRECTORY | os.O_NOFOLLOW, folder.name, parent)
    finally:
        os.close(parent)
    try:
        _private(folder, os.fstat(inside))
        # Not waiting: a pipe of that name would else hold the engine up.
        file = _open(path, os.O_NOFOLLOW | os.O_NONBLOCK, path.name, inside)
    finally:
        os.close(inside)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > SIZE_MAX:
            raise ConfigError(f"{path} is no file of at most {SIZE_MAX:,} bytes.", "Keep a strategy in a plain file.")
        _private(path, status)
        with os.fdopen(file, "rb", closefd=False) as opened:
            text = opened.read(SIZE_MAX)
    finally:
        os.close(file)
    return Source(path, text, sha256(text).hexdigest())


def read_anywhere(path: Path) -> Source:
    """Return a file that the user names to be tried, wherever it lies and whoever may write it."""
    name = path.stem
    if not NAME.match(name) or path.suffix != ".py":
        raise ConfigError(
            f"{path.name!r} cannot be the file of a strategy.", "Use up to 32 small letters, digits and _, and .py."
        )
    if name in PRESETS:
        raise ConfigError(f"{path.name} has the name of a strategy that comes with the program.", "Rename the file.")
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_MAX + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no {path}.", "`qm strategy list` shows those in your folder.") from error
    except OSError as error:
        raise UnavailableError(f"{path} could not be read: {error.strerror}.") from error
    if len(text) > SIZE_MAX:
        raise ConfigError(f"{path} is no file of at most {SIZE_MAX:,} bytes.", "Keep a strategy in a plain file.")
    return Source(path, text, sha256(text).hexdigest())


def write_new(folder: Path, name: str, text: str) -> Path:
    """Write a new own strategy and return its file; the folder is made, for the user alone.

    Raises ConfigError for a name that is none, or that a shipped strategy or a file has.
    """
    path = folder / f"{name}.py"
    if not NAME.match(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a strategy.", "Use up to 32 small letters, digits and _, a letter first."
        )
    if name in PRESETS:
        raise ConfigError(f"{name} comes with the program.", "Choose another name.")
    create(folder)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(text.encode())
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already.", "Choose another name, or change that file.") from error
    except OSError as error:
        raise UnavailableError(f"{path} could not be written: {error.strerror}.") from error
    return path


def load(source: Source, params: Mapping[str, Any] | None = None) -> Strategy:
    """Return the strategy of a file, guarded and counted; ConfigError with the line of what is wrong.

    The code runs with all rights of the user: nothing here keeps it from files or the network.
    """
    name, budget = source.path.stem, Budget()
    loader = _Counted(source)
    spec = spec_from_loader(module_name(name), loader, origin=str(source.path))
    assert spec is not None
    module = module_from_spec(spec)
    module.__file__ = str(source.path)
    setattr(module, STEP, budget.step)
    # Annotations of structs and dataclasses are looked up in the module by its name.
    sys.modules[spec.name] = module
    try:
        called(name, budget, IMPORT_STEPS, lambda: loader.exec_module(module))
        return made(name, module, budget, source.digest, dict(params or {}))
    except ConfigError:
        del sys.modules[spec.name]
        raise


def shipped_source(name: str) -> str:
    """Return the sha256 over the modules in which a shipped strategy and all that it uses of its room are written."""
    modules = {path.stem: path for path in Path(_file(PRESETS[name][0].__module__)).parent.glob("*.py")}
    wanted, found = [PRESETS[name][0].__module__], dict[str, bytes]()
    while wanted:
        module = wanted.pop()
        stem = module.rpartition(".")[2]
        if module.startswith("qm.strategies.") and stem in modules and stem not in found:
            found[stem] = modules[stem].read_bytes()
            tree = ast.parse(found[stem])
            wanted += [each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    whole = sha256()
    for stem in sorted(found):
        whole.update(f"{stem} {len(found[stem])}\n".encode() + found[stem])
    return whole.hexdigest()


def kept_sources(recordings: Path) -> Path:
    """Return the folder, beside the recordings, of the files as runs used them."""
    return recordings.parent / "strategies"


def keep_sources(strategies: Iterable[Strategy], folder: Path) -> None:
    """Keep a copy of the file of each own strategy, so that a run can still be told and repeated when it has changed.

    A folder that is not there yet is made; UnavailableError when the system refuses.
    """
    for each in strategies:
        module = sys.modules.get(module_name(each.name))
        source = getattr(getattr(module, "__loader__", None), "source", None)
        if not isinstance(source, Source) or source.digest != each.source:
            continue
        path = create(folder) / _kept_name(each.name, each.source)
        if path.exists():
            continue
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(source.text)
        except OSError as error:
            raise UnavailableError(f"{path} could not be written: {error.strerror}.") from error


def refuse_changed(entries: Iterable[Entry], strategies: Mapping[str, Strategy], run: str, kept: Path) -> None:
    """Raise ConfigError when a run was decided by other rules than these strategies have now; `kept` has the old ones.

    Sources that were not journaled, by an earlier version, are let through.
    """
    for entry in entries:
        if not isinstance(entry.body, SessionStarted):
            continue
        for used in entry.body.strategies:
            now = strategies.get(used.name)
            if now is None or not used.source or not now.source or now.source == used.source:
                continue
            old = kept / _kept_name(used.name, used.source)
            back = f"its file as it was is {old}" if old.exists() else "go back to the version of the program"
            raise ConfigError(
                f"The rules of {used.name} are not those with which run {run} began "
                f"(sha256 {used.source[:12]}, now {now.source[:12]}).",
                f"Put them back ({back}), or begin anew with `qm up --fresh`.",
            )
        # A run is begun once; all its sessions use the same rules.
        return


class _Counted(InspectLoader):
    """Makes a module out of a source that was read already, so that nothing is read twice or cached beside it."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return self.source.text.decode()

    def get_code(self, fullname: str) -> CodeType:
        path = str(self.source.path)
        tree = counted(ast.parse(self.source.text, path))
        return compile(tree, path, "exec", dont_inherit=True)

    def is_package(self, fullname: str) -> bool:
        return False

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)


def _open(path: Path, flags: int, name: str | None = None, parent: int | None = None) -> int:
    try:
        return os.open(name or path, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            raise ConfigError(
                f"{path} is a symbolic link, which is not followed.", "Put the file itself into the folder."
            ) from error
        if error.errno == errno.ENOENT:
            raise NotFoundError(f"There is no {path}.", "`qm strategy new NAME` makes folder and file.") from error
        raise UnavailableError(f"{path} could not be opened: {error.strerror}.") from error


def _private(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.getuid():
        raise ConfigError(f"{path} belongs to another user.", "Only your own files are run: make a copy that is yours.")
    if status.st_mode & OTHERS:
        raise ConfigError(f"Others may write to {path}.", f"Look at what is in it, then: chmod go-w {path}")


def _kept_name(name: str, digest: str) -> str:
    return f"{name}-{digest[:12]}.py"


def _file(module: str) -> str:
    return str(sys.modules[module].__file__)
