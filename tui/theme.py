"""Colours by meaning: panes name a tone, a theme says how the tone looks, and no tone is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.theme import BUILTIN_THEMES, Theme

TONES = ("up", "down", "warn", "dim", "head", "title", "here", "live", "alert", "cursor")
"""up, down: signs of money; warn: look here; dim: unsure or old; head, title: words around the numbers; here: the title
of the pane that has the keys; live: real money and other accents; alert: act now; cursor: the chosen row."""

Look = tuple[str, str, str]
"""Foreground, background and text style, as CSS writes them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What fits the terminal."""

    theme: str
    mouse: bool


def pick(environ: Mapping[str, str], wanted: str | None = None) -> Choice:
    """Choose a theme and whether to track the mouse, from the environment unless a theme is `wanted`.

    Over SSH the mouse stays off, because every movement would travel upstream, and the terminal's own 16 colours
    are used, because 24-bit colours are most of the bytes.
    """
    remote = "SSH_CONNECTION" in environ
    if wanted is not None:
        return Choice(full_name(wanted), mouse=not remote)
    if environ.get("NO_COLOR") or environ.get("TERM", "") in {"", "dumb", "linux"}:
        return Choice("qm-mono", mouse=False)
    if remote or environ.get("COLORTERM", "").lower() not in {"truecolor", "24bit"}:
        return Choice("qm-ansi", mouse=not remote)
    return Choice("qm-dark", mouse=True)


def full_name(name: str) -> str:
    """Return the theme's full name for `dark` or `qm-dark`; `KeyError` when there is none."""
    full = name if name.startswith("qm-") else f"qm-{name}"
    if full not in THEMES:
        raise KeyError(name)
    return full


def _theme(name: str, *, ansi: bool, foreground: str, background: str, looks: Mapping[str, Look]) -> Theme:
    # Textual's own style sheets use a few variables that only its terminal themes define.
    variables = dict(BUILTIN_THEMES["ansi-dark"].variables) if ansi else {}
    for tone in TONES:
        front, back, style = looks[tone]
        variables |= {f"tone-{tone}": front, f"tone-{tone}-back": back, f"tone-{tone}-style": style}
    return Theme(
        name=name,
        ansi=ansi,
        dark=True,
        primary=looks["live"][0],
        foreground=foreground,
        background=background,
        surface=background,
        panel=background,
        boost=background,
        variables=variables
        | {
            "input-cursor-text-style": "reverse",
            "input-cursor-background": foreground,
            "input-cursor-foreground": background,
            "input-selection-background": looks["cursor"][1],
        },
    )


def _colours(ground: str, looks: Mapping[str, tuple[str, str]], cursor: str, alert: tuple[str, str]) -> dict[str, Look]:
    return {tone: (front, ground, style) for tone, (front, style) in looks.items()} | {
        "cursor": (looks["live"][0], cursor, "bold"),
        "alert": (alert[0], alert[1], "bold"),
    }


GROUND, INK = "#11161b", "#c8d0d8"
DARK = {
    "up": ("#5fbfa4", "none"),
    "down": ("#e58079", "none"),
    "warn": ("#e0ab4d", "bold"),
    "dim": ("#7d8994", "none"),
    "head": ("#93a1ae", "bold"),
    "title": ("#8b98a5", "none"),
    "here": ("#7fb8e6", "bold"),
    "live": ("#7fb8e6", "bold"),
}
# Okabe and Ito's pair, which the usual forms of colour blindness keep apart: https://jfly.uni-koeln.de/color/
CVD = DARK | {"up": ("#56b4e9", "none"), "down": ("#e69f00", "none"), "warn": ("#f0e442", "bold")}
PLAIN = "ansi_default"
ANSI = {
    "up": ("ansi_green", "none"),
    "down": ("ansi_red", "none"),
    "warn": ("ansi_yellow", "bold"),
    "dim": (PLAIN, "dim"),
    "head": (PLAIN, "bold"),
    "title": (PLAIN, "none"),
    "here": ("ansi_cyan", "bold"),
    "live": ("ansi_cyan", "bold"),
}
MONO = {
    "up": (PLAIN, "none"),
    "down": (PLAIN, "none"),
    "warn": (PLAIN, "bold"),
    "dim": (PLAIN, "dim"),
    "head": (PLAIN, "bold"),
    "title": (PLAIN, "none"),
    "here": (PLAIN, "bold"),
    "live": (PLAIN, "bold"),
}


def _on_terminal(looks: Mapping[str, tuple[str, str]]) -> dict[str, Look]:
    # Whatever the terminal's own colours are, reverse video stands out from them.
    whole = {"cursor": (PLAIN, PLAIN, "reverse"), "alert": (PLAIN, PLAIN, "bold reverse")}
    return {tone: (front, PLAIN, style) for tone, (front, style) in looks.items()} | whole


THEMES: dict[str, Theme] = {
    theme.name: theme
    for theme in (
        _theme(
            "qm-dark",
            ansi=False,
            foreground=INK,
            background=GROUND,
            looks=_colours(GROUND, DARK, "#26333f", ("#ffffff", "#a8322b")),
        ),
        _theme(
            "qm-cvd",
            ansi=False,
            foreground=INK,
            background=GROUND,
            looks=_colours(GROUND, CVD, "#26333f", ("#000000", "#f0e442")),
        ),
        _theme("qm-ansi", ansi=True, foreground=PLAIN, background=PLAIN, looks=_on_terminal(ANSI)),
        _theme("qm-mono", ansi=True, foreground=PLAIN, background=PLAIN, looks=_on_terminal(MONO)),
    )
}
