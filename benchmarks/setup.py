"""Build the peers' virtual environments under `.bench/`, one each, from their pinned requirements."""

from __future__ import annotations

import argparse
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


def build(peer: str) -> None:
    """Build one environment, unless it stands as its requirements ask."""
    requirements = ROOT / "benchmarks" / f"requirements-{peer}.txt"
    wanted = sha256(requirements.read_bytes()).hexdigest()
    stamp = HOME / peer / "requirements.sha256"
    if python(peer).exists() and stamp.exists() and stamp.read_text() == wanted:
        print(f"{peer}: ready")
        return
    print(f"{peer}: building", flush=True)
    venv.create(HOME / peer, with_pip=True, clear=True)
    install = [str(python(peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", str(requirements)], check=True)
    stamp.write_text(wanted)


def main() -> None:
    """Build what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", choices=[*PEERS, []], help="default: all")
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n")
    for peer in parser.parse_args().peers or PEERS:
        try:
            build(peer)
        except subprocess.CalledProcessError as failure:
            sys.exit(f"{peer}: pip ended with code {failure.returncode}; see its message above")


if __name__ == "__main__":
    main()
