"""Build the peers' virtual environments under `.bench/`, one each, from their pinned requirements."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

from benchmarks.measure import HOME, ROOT

PEERS = tuple(sorted(path.stem.partition("-")[2] for path in (ROOT / "benchmarks").glob("requirements-*.txt")))


def python(peer: str) -> Path:
    """Return a peer's interpreter."""
    return HOME / peer / "bin" / "python"


def missing(peer: str) -> str:
    """Say why a peer cannot be run; empty when its environment stands as its requirements ask."""
    stamp = _stamp(peer)
    if python(peer).exists() and stamp.exists() and stamp.read_text() == _wanted(peer):
        return ""
    failed = _failure(peer)
    return failed.read_text() if failed.exists() else "not built yet: python -m benchmarks.setup"


def build(peer: str) -> bool:
    """Build one environment, unless it stands; says whether it stands now, and notes why when it does not."""
    if not missing(peer):
        print(f"{peer}: ready")
        return True
    print(f"{peer}: building", flush=True)
    venv.create(HOME / peer, with_pip=True, clear=True)
    install = [str(python(peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, "--require-hashes", "-r", str(_requirements(peer))], check=False)
    if done.returncode:
        reason = f"cannot be installed on Python {platform.python_version()}: pip ended with code {done.returncode}"
        _failure(peer).write_text(reason)
        print(f"{peer}: {reason}; see its message above", file=sys.stderr)
        return False
    _stamp(peer).write_text(_wanted(peer))
    return True


def main() -> None:
    """Build what is missing; ends with code 1 when a peer cannot be built, after trying the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", choices=[*PEERS, []], help="default: all")
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n")
    built = [build(peer) for peer in parser.parse_args().peers or PEERS]
    sys.exit(0 if all(built) else 1)


def _requirements(peer: str) -> Path:
    return ROOT / "benchmarks" / f"requirements-{peer}.txt"


def _wanted(peer: str) -> str:
    return sha256(_requirements(peer).read_bytes()).hexdigest()


def _stamp(peer: str) -> Path:
    return HOME / peer / "requirements.sha256"


def _failure(peer: str) -> Path:
    return HOME / peer / "failure.txt"


if __name__ == "__main__":
    main()
