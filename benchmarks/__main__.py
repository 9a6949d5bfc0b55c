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


def write(names: Sequence[str]) -> None:
    """Put the results of some benchmarks into the README, in the order of `ALL`; the others stay as they are."""
    before, _, rest = README.read_text().partition(BEGIN)
    told, _, after = rest.partition(END)
    sections = {part.partition("\n")[0].strip(): f"### {part.strip()}\n" for part in told.split("### ")[1:]}
    sections |= {name: section(json.loads((RESULTS / f"{name}.json").read_text())) for name in names}
    found = [sections[name] for name in ALL if name in sections]
    README.write_text(f"{before}{BEGIN}\n\n" + "\n".join(found) + f"\n{END}{after}")


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
    write([name for name in names if name not in failed])
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
