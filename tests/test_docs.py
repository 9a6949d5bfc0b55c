"""The pages say what the program does: generated ones are up to date, and what is typed in the others is a command."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from cli import compose
from cli.app import app
from qm.config import paths

ROOT = Path(__file__).parent.parent
WRITTEN = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/guide.md",
    "docs/data.md",
    "docs/api.md",
    "docs/design.md",
    "docs/own_strategies.md",
)


@pytest.fixture(scope="module")
def generate() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_generated_pages_are_what_make_docs_writes(generate: dict[str, Any]) -> None:
    stale = [name for name, page in generate["pages"]().items() if (ROOT / "docs" / name).read_text("utf-8") != page]
    assert stale == [], "run make docs"


def test_every_documented_setting_is_taken_with_its_default(generate: dict[str, Any]) -> None:
    before = compose.settings()
    lines = []
    for name, defaults in generate["SECTIONS"].items():
        lines.append(f"[{name}]")
        for key in defaults.__struct_fields__:
            value = getattr(defaults, key)
            if key not in generate["ELSEWHERE"] and value is not None:
                lines.append(f"{key} = {generate['toml'](value)}")
    file = paths("sim").settings_file
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    assert compose.settings() == before


@pytest.mark.parametrize("page", WRITTEN)
def test_what_is_typed_in_a_page_is_a_command_with_these_options(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    typed = [line.lstrip("$ ") for block in blocks for line in block.splitlines() if re.match(r"(\$ )?qm ", line)]
    typed += re.findall(r"`(qm [^`]*)`", text)
    assert {line: wrong for line in typed if (wrong := problem(line))} == {}


@pytest.mark.parametrize("page", WRITTEN)
def test_what_a_page_links_to_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def problem(line: str) -> str:
    """Return what is wrong with a command line as it is written in a page."""
    command: Any = get_command(app)
    if line.startswith("qm COMMAND"):
        return ""
    words = re.split(r" {2,}| *[#|>&]", line)[0].split()[1:]
    while words and hasattr(command, "get_command") and not words[0].startswith("-"):
        found = command.get_command(typer.Context(command, info_name="qm"), words.pop(0))
        if found is None:
            return "no such command"
        command = found
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    return ", ".join(word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known)
