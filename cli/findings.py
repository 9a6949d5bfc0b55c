"""The checks of `qm doctor`; each looks, and changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

import msgspec

import qm
from cli.places import DEMO, PLACES, answers, held, place
from cli.stores import STORES, journal_file, reading
from qm.clock import SECOND, now_ns, utc
from qm.config import paths
from qm.errors import QmError, UnavailableError

PYTHON: Final = (3, 11)
SPACE_WARN: Final = 5_000_000_000
SPACE_FAIL: Final = 500_000_000
"""Bytes below which a session's journal and recording may not fit."""
FIRST_YEAR: Final = 2025
"""A clock before it was never set."""
COLUMNS: Final = 80
ROWS: Final = 24
RUNS_VERIFIED: Final = 3
"""Runs of each journal whose chain is walked, the latest."""

Grade = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    grade: Grade
    what: str
    finding: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Run all checks, in the order in which they are told."""
    found: list[Finding] = []
    for check in (_python, _packages, _kernel, _settings, _folders, _space, _stores, _engines, _clock, _terminal):
        try:
            found += check()
        except QmError as error:
            # What cannot be looked at is a finding, too.
            found.append(Finding("fail", check.__name__.strip("_"), error.problem, error.remedy))
    return found


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fit = sys.version_info >= PYTHON
    yield Finding(
        "ok" if fit else "fail", "python", f"{version} at {sys.executable}", "" if fit else "Use 3.11 or later."
    )


def _packages() -> Iterator[Finding]:
    try:
        needed = metadata.requires("quantmatrix") or []
    except metadata.PackageNotFoundError:
        yield Finding("fail", "packages", "quantmatrix is not installed", "Install it: make demo.")
        return
    missing = []
    for each in needed:
        name, _, condition = each.partition(";")
        if "extra" in condition or ("win32" in condition and "!=" not in condition):
            continue
        bare = name.split("[")[0]
        for sign in "<>=!~ ":
            bare = bare.split(sign)[0]
        try:
            metadata.version(bare)
        except metadata.PackageNotFoundError:
            missing.append(bare)
    if missing:
        yield Finding("fail", "packages", f"missing: {', '.join(missing)}", "Install them: make demo.")
    else:
        yield Finding("ok", "packages", f"quantmatrix {qm.__version__}, all that it needs is there")


def _kernel() -> Iterator[Finding]:
    folder = Path(qm.__file__).parent / "market" / "__pycache__"
    other = os.environ.get("NUMBA_CACHE_DIR")
    cached = any(folder.glob("kernel.*.nbi")) or (other and any(Path(other).rglob("kernel.*.nbi")))
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        yield Finding("warn", "kernel", "runs as plain Python, hundreds of times slower", "Unset NUMBA_DISABLE_JIT.")
    elif cached:
        yield Finding("ok", "kernel", "compiled")
    elif not os.access(folder.parent, os.W_OK) and not other:
        yield Finding(
            "warn", "kernel", "cannot be kept compiled: each start compiles it", "Set NUMBA_CACHE_DIR to your folder."
        )
    else:
        yield Finding("warn", "kernel", "not compiled yet: the first start takes longer", "Run qm demo --headless.")


def _settings() -> Iterator[Finding]:
    from cli.compose import settings, strategies

    found = settings()
    chosen = strategies(found.engine)
    names = ", ".join(chosen)
    file = paths("sim").settings_file
    where = str(file) if file.exists() else f"defaults (no {file})"
    yield Finding("ok", "settings", f"{where}; strategies {names}")
    for each in chosen.values():
        if each.scans and not set(each.scans).intersection(found.engine.scans):
            scans = ", ".join(each.scans)
            yield Finding(
                "warn",
                "settings",
                f"{each.name} will get no symbols: it takes hits of {scans}, which is not switched on",
                "Name a scan that it takes in scans of [engine].",
            )


def _folders() -> Iterator[Finding]:
    for name in PLACES:
        of = place(name)
        for what, folder in (("data", of.data), ("state", of.state), ("runtime", of.runtime)):
            if not folder.exists():
                continue
            mode = folder.stat().st_mode & 0o777
            if not folder.is_dir():
                yield Finding("fail", f"{name} {what}", f"{folder} is not a folder", "Remove it.")
            elif folder.stat().st_uid != os.getuid():
                yield Finding("fail", f"{name} {what}", f"{folder} belongs to another user", "Remove it.")
            elif mode & 0o077:
                yield Finding(
                    "fail", f"{name} {what}", f"{folder} is open to others ({mode:04o})", f"chmod 700 {folder}"
                )
            elif not os.access(folder, os.W_OK):
                yield Finding("fail", f"{name} {what}", f"{folder} cannot be written", f"chmod 700 {folder}")
            else:
                yield Finding("ok", f"{name} {what}", str(folder))
    yield Finding("ok", "history", str(paths("sim").history))


def _space() -> Iterator[Finding]:
    folder = paths("sim").data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    grade: Grade = "fail" if free < SPACE_FAIL else "warn" if free < SPACE_WARN else "ok"
    remedy = "" if grade == "ok" else "Free some: without space the journal stops, and with it trading."
    yield Finding(grade, "disk", f"{free / 1e9:,.1f} GB free below {folder}", remedy)


def _stores() -> Iterator[Finding]:
    for store in STORES:
        path = journal_file(store)
        if not path.exists():
            continue
        what = f"{store} journal"
        try:
            with reading(store) as journal:
                journal.check()
                runs = journal.runs()
                verdicts = [journal.verify(header.id) for header in runs[-RUNS_VERIFIED:]]
        except QmError as error:
            yield Finding("fail", what, error.problem, error.remedy)
            continue
        broken = [each for each in verdicts if not each.ok]
        if broken:
            yield Finding(
                "fail", what, f"run {broken[0].run}: {broken[0].problem}", "Keep the file, and restore a backup."
            )
        else:
            entries = sum(each.entries for each in verdicts)
            yield Finding(
                "ok", what, f"{len(runs)} runs; the chains of the last {len(verdicts)} hold, {entries:,} links"
            )
        if path.stat().st_mode & 0o077:
            yield Finding("fail", what, f"{path} can be read by others", f"chmod 600 {path}")


def _engines() -> Iterator[Finding]:
    for name in PLACES:
        of = place(name)
        alive, locked, there = answers(of), held(of), of.socket.exists()
        what = f"{name} engine"
        if alive:
            yield _greeted(name, what)
        elif locked:
            pid = (of.runtime / "daemon.lock").read_text(errors="replace").strip()
            yield Finding(
                "fail",
                what,
                f"process {pid} holds the lock and does not answer",
                f"See {of.log_file}; then kill {pid}.",
            )
        elif there:
            yield Finding("warn", what, f"a dead socket lies at {of.socket}", f"The next start removes it{_how(name)}.")
        elif of.runtime.exists():
            yield Finding("ok", what, "does not run")


def _how(name: str) -> str:
    return ": qm demo" if name == DEMO else f": qm up --mode {name}"


def _greeted(name: str, what: str) -> Finding:
    from cli.link import ask
    from qm.wire.protocol import VERSION

    try:
        hello = ask(place(name), "/v1/version")
    except UnavailableError as error:
        return Finding("fail", what, error.problem, error.remedy)
    if hello["protocol"] != VERSION:
        return Finding("fail", what, f"speaks protocol {hello['protocol']}, not {VERSION}", "qm down, then qm up.")
    return Finding("ok", what, f"runs {hello['run']} as process {hello['pid']}, version {hello['version']}")


def _clock() -> Iterator[Finding]:
    now = now_ns()
    newest = max((p.stat().st_mtime_ns for s in STORES if (p := journal_file(s)).exists()), default=0)
    if utc(now).year < FIRST_YEAR:
        yield Finding("fail", "clock", f"it is {utc(now):%Y-%m-%d %H:%M:%S} UTC, which cannot be", "Set it.")
    elif newest - now > SECOND:
        yield Finding("fail", "clock", "it runs behind what the journal was written at", "Set it, and keep it set.")
    else:
        yield Finding("ok", "clock", f"{utc(now):%Y-%m-%d %H:%M:%S} UTC")


def _terminal() -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield Finding("ok", "terminal", "none here: the workstation needs one")
        return
    size = shutil.get_terminal_size()
    term, colours = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    said = f"{size.columns}x{size.lines}, TERM={term}, COLORTERM={colours or 'not set'}, {sys.stdout.encoding}"
    if term in {"", "dumb"}:
        yield Finding("warn", "terminal", said, "The workstation needs a terminal that can move its cursor.")
    elif size.columns < COLUMNS or size.lines < ROWS:
        yield Finding("warn", "terminal", said, f"At least {COLUMNS}x{ROWS} show all panes.")
    elif "utf" not in sys.stdout.encoding.lower():
        yield Finding("warn", "terminal", said, "Use a UTF-8 locale.")
    else:
        yield Finding("ok", "terminal", said)
