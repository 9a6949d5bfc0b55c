"""Tones by theme, contrast, and which theme fits which terminal."""

from __future__ import annotations

import pytest
from textual.color import Color

from tui.theme import THEMES, TONES, Choice, full_name, pick

TRUE = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(color: Color) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("environ", "wanted", "choice"),
    [
        (TRUE, None, Choice("qm-dark", mouse=True)),
        (TRUE | {"COLORTERM": "24bit"}, None, Choice("qm-dark", mouse=True)),
        ({"TERM": "xterm-256color"}, None, Choice("qm-ansi", mouse=True)),
        (TRUE | {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, None, Choice("qm-ansi", mouse=False)),
        (TRUE | {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "dark", Choice("qm-dark", mouse=False)),
        (TRUE | {"NO_COLOR": "1"}, None, Choice("qm-mono", mouse=False)),
        (TRUE | {"NO_COLOR": ""}, None, Choice("qm-dark", mouse=True)),
        (TRUE | {"NO_COLOR": "1"}, "qm-cvd", Choice("qm-cvd", mouse=True)),
        ({"TERM": "linux"}, None, Choice("qm-mono", mouse=False)),
        ({"TERM": "dumb"}, None, Choice("qm-mono", mouse=False)),
        ({}, None, Choice("qm-mono", mouse=False)),
    ],
)
def test_the_theme_fits_the_terminal(environ: dict[str, str], wanted: str | None, choice: Choice) -> None:
    assert pick(environ, wanted) == choice


def test_a_theme_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        full_name("pink")


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_every_tone_has_a_look(theme: object) -> None:
    variables = getattr(theme, "variables")  # noqa: B009
    for tone in TONES:
        assert {f"tone-{tone}", f"tone-{tone}-back", f"tone-{tone}-style"} <= variables.keys()


@pytest.mark.parametrize("name", ["qm-dark", "qm-cvd"])
@pytest.mark.parametrize("tone", TONES)
def test_every_tone_can_be_read_on_its_ground_and_under_the_cursor(name: str, tone: str) -> None:
    variables = THEMES[name].variables
    front, ground = Color.parse(variables[f"tone-{tone}"]), Color.parse(variables[f"tone-{tone}-back"])
    assert contrast(front, ground) >= 4.5
    if tone != "alert":
        cursor = Color.parse(variables["tone-cursor-back"])
        assert contrast(front, cursor) >= 3.4


@pytest.mark.parametrize("name", ["qm-ansi", "qm-mono"])
def test_terminal_themes_take_the_terminals_own_colours(name: str) -> None:
    theme = THEMES[name]
    assert theme.ansi
    used = {value for key, value in theme.variables.items() if key.startswith("tone-") and not key.endswith("-style")}
    assert all(value.startswith("ansi_") for value in used)
    assert name != "qm-mono" or used == {"ansi_default"}


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_the_cursor_and_alerts_stand_out_without_colour_or_by_ground(theme: object) -> None:
    variables = getattr(theme, "variables")  # noqa: B009
    for tone in ("cursor", "alert"):
        reverse = "reverse" in variables[f"tone-{tone}-style"]
        assert reverse or variables[f"tone-{tone}-back"] != variables["tone-up-back"]
