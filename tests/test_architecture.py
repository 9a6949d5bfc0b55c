"""The shape of the house: sizes, names, arrows that import-linter cannot see, and what start-up loads."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from qm import errors

ROOT = Path(__file__).parent.parent
ROOMS = ("qm", "tui", "cli", "brokers", "backtest")
FOLDERS = (*ROOMS, "tests", "examples", "benchmarks")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

# The compiled loop is one function: numba pays for every call on the path of each event.
LONG_FUNCTIONS = {("qm/market/kernel.py", "run")}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}

PURE_ROOMS = (
    *("engine", "journal", "portfolio", "execution", "risk", "strategies", "watchlist", "scanner", "radar"),
    *("market", "rules", "model"),
)
# Lint lets these rooms import qm.clock and qm.log for their pure parts; these names are not pure.
IMPURE_NAMES = {"now_ns", "monotonic_ns", "perf_ns", "logger", "configure", "load", "paths", "create"}
# The hash of a string and the id of an object differ from process to process.
IMPURE_BUILTINS = {"open", "input", "print", "id", "hash"}

HEAVY = {"pandas", "numba", "textual", "pyarrow", "aiohttp", "duckdb", "asyncio"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_is_longer_than_500_lines() -> None:
    sizes = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*FOLDERS)}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {}
    for path in sources(*FOLDERS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES_MAX and (relative(path), node.name) not in LONG_FUNCTIONS:
                    long[f"{relative(path)}:{node.lineno} {node.name}"] = size
    assert long == {}


def test_no_module_has_a_vague_name() -> None:
    named = [path.parent.name if path.name == "__init__.py" else path.stem for path in sources(*ROOMS)]
    assert VAGUE_NAMES.isdisjoint(named)


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    modules = {module_name(path): path for path in sources(*ROOMS)}
    graph = {name: set(imports(name, path, modules)) - {name} for name, path in modules.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("circle: " + " <- ".join(error.args[1]))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(importer: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of ours that `importer` needs while it is being loaded."""
    for node in at_module_scope(tree(path).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in submodules if name in modules)
            # `from package import module` inside the package needs the module, not the package.
            if any(name not in modules for name in submodules) or not importer.startswith(f"{node.module}."):
                yield node.module


def at_module_scope(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from at_module_scope(node.body)
            yield from at_module_scope(node.orelse)
        elif isinstance(node, ast.Try):
            yield from at_module_scope([*node.body, *node.orelse, *node.finalbody])
        else:
            yield node


def test_core_uses_no_clock_no_log_and_no_file() -> None:
    paths = sources(*(f"qm/{room}" for room in PURE_ROOMS))
    used = {relative(path): impure for path in paths if (impure := {*map(impure_name, ast.walk(tree(path)))} - {""})}
    assert used == {}


def impure_name(node: ast.AST) -> str:
    """Return what `node` takes from outside the core: an imported reader, or a call of a builtin that does I/O."""
    if isinstance(node, ast.ImportFrom) and node.module in {"qm", "qm.clock", "qm.log", "qm.config"}:
        return ", ".join(alias.name for alias in node.names if alias.name in IMPURE_NAMES)
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"clock", "log", "config"}:
        return node.attr if node.attr in IMPURE_NAMES else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS:
        return node.func.id
    return ""


def loaded_by(statement: str) -> set[str]:
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_engine_package_loads_nothing_heavy() -> None:
    assert loaded_by("import qm, qm.errors, qm.clock, qm.config, qm.log") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["backtest", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    statement = (
        f"sys.argv = ['qm', *{arguments!r}]\n"
        "from cli.app import main\n"
        "try:\n    code = main()\nexcept SystemExit as end:\n    code = end.code\n"
        "assert not code, code"
    )
    assert loaded_by(statement) & HEAVY == set()


def test_no_other_distribution_ships_a_package_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    foreign = {room: set(owners.get(room, ())) - {"quantmatrix"} for room in ROOMS}
    assert {room: names for room, names in foreign.items() if names} == {}


def test_no_tracked_file_knows_the_machine_it_was_made_on() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False)
    if listed.returncode:
        names = [relative(path) for path in sources(*FOLDERS)]
    else:
        names = [name for name in listed.stdout.split("\0") if name]
    machine_path = re.compile(rb"(?<![\w.~-])/(?:work|root|home|Users)/")
    found = [name for name in names if (ROOT / name).is_file() and machine_path.search((ROOT / name).read_bytes())]
    assert names
    assert found == []


def test_house_plan_names_every_room() -> None:
    plan = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [f"{room}/" for room in FOLDERS if room != "qm"] + [
        f"qm/{path.parent.name}/" for path in ROOT.glob("qm/*/__init__.py")
    ]
    rooms += [f"qm/{path.name}" for path in ROOT.glob("qm/*.py") if path.stem != "__init__"]
    assert [room for room in rooms if f"`{room}`" not in plan] == []


def test_exit_codes_of_the_errors_are_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.QmError)]
    assert kinds
    assert [kind.__name__ for kind in kinds if f"\n| {kind.exit_code} |" not in readme] == []
