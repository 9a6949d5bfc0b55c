"""Run the benchmarks one after the other and write what they found into the README of this folder."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, ROOT, table

ALL = ("common_job", "kernel", "beat", "year", "intake", "journal", "startup", "generator")
MODULES = {name: f"benchmarks.{name}" for name in (*ALL, "setup")} | {"common_job": "benchmarks.common_job.run"}
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results: written by `make bench` -->", "<!-- end of results -->"


def run(name: str, options: Sequence[str] = ()) -> bool:
    """Run one benchmark as a process of its own; says whether it succeeded."""
    return subprocess.run([sys.executable, "-m", MODULES[name], *options], cwd=ROOT, check=False).returncode == 0


def section(result: dict[str, Any]) -> str:
    """Return one benchmark's part of the README."""
    head = f"### {result['name']}\n\n{result['date']}, commit {result['commit']}, {result['machine']}\n"
    return f"{head}\n{table(result['columns'], result['rows'])}\n"


def write() -> None:
    """Put the kept results into the README, in the order of `ALL`."""
    files = [RESULTS / f"{name}.json" for name in ALL]
    sections = [section(json.loads(file.read_text())) for file in files if file.exists()]
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n{END}{after}")


def main() -> None:
    """Run what was asked for, all by default; ends with code 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; default: all")
    parser.add_argument("--sizes", metavar="N,N", help="symbols of the common job, instead of 1,20,100,500")
    parser.add_argument("--rounds", metavar="N", help="rounds of the common job, instead of 3")
    arguments = parser.parse_args()
    names = arguments.names or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(ALL)}")
    asked = {"--symbols": arguments.sizes, "--rounds": arguments.rounds}
    job = [word for option, value in asked.items() if value for word in (option, value)]
    if "common_job" in names:
        # A peer that cannot be built is told in the table, and the others are measured.
        run("setup")
    failed = [name for name in names if not run(name, job if name == "common_job" else ())]
    write()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
