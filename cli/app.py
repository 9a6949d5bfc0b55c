"""The root of the `qm` program: which command lives in which module, and how an error ends the process."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from cli.output import complain, say, silence_pipe
from qm import __version__
from qm.errors import QmError

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "The engine": {
        "demo": "cli.demo",
        "up": "cli.engine",
        "attach": "cli.screen",
        "status": "cli.engine",
        "entries": "cli.entries",
        "watch": "cli.watch",
        "flat": "cli.flat",
        "down": "cli.engine",
    },
    "History": {
        "data": "cli.data",
        "backtest": "cli.backtest",
        "scan": "cli.scan",
        "strategy": "cli.strategy",
        "replay": "cli.replay",
    },
    "What was done, and why": {
        "radar": "cli.radar",
        "journal": "cli.journal",
        "explain": "cli.explain",
    },
    "This machine": {"doctor": "cli.doctor", "cron": "cli.cron"},
}
"""The commands as help shows them, each with its module; a module is imported when its command is asked for."""

HIDDEN: Final = {"serve": "cli.engine"}

MODULES: Final = {name: module for section in SECTIONS.values() for name, module in section.items()} | HIDDEN


class Root(TyperGroup):
    """The group of all commands; it knows their names, and imports one only to run or to describe it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Typer suggests names for a mistyped command out of these keys.
        self.commands = dict.fromkeys(MODULES, get_command_later())

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a reader that has seen enough, as `head` does, ends it with success."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Further out, the library would end the process with 1 and no message.
            silence_pipe()
            raise typer.Exit from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names that help shows, in its order."""
        return [name for name in MODULES if name not in HIDDEN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, None when there is none of that name."""
        if cmd_name not in MODULES:
            return None
        command = get_command(import_module(MODULES[cmd_name]).app)
        # A module has either a group of that name, or several commands of the root, one of them of that name.
        inside = getattr(command, "commands", {})
        found = inside.get(cmd_name, command)
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands of the help, section by section."""
        width = formatter.width - 6 - max(map(len, MODULES))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.get_command(ctx, name).get_short_help_str(width)) for name in names])


def get_command_later() -> Any:
    """Stand for a command that was not imported yet."""
    return None


app = typer.Typer(
    name="qm",
    cls=Root,
    help="QuantMatrix, a momentum day-trading workstation in a terminal.\n\n"
    "Without a command it attaches to the engine, and starts one on a synthetic market when none runs.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Attach when no command was given."""
    if version:
        typer.echo(f"qm {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from cli.screen import attach_or_start

        raise typer.Exit(attach_or_start())


def main() -> int:
    """Run the program and return its exit code; a refused command line ends in SystemExit, as `--help` does."""
    try:
        app(prog_name="qm")
    except QmError as error:
        complain(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, the log gets the trace
        return _unexpected(error)
    return 0


def _unexpected(error: Exception) -> int:
    from cli.output import log_file
    from qm.log import configure, logger

    where = ""
    try:
        file = log_file()
        configure(file, stderr_level="error")
        logger("cli").info("command failed", arguments=sys.argv[1:], exc_info=error)
        where = f" The trace is in {file}."
    except QmError as problem:
        where = f" It could not be logged: {problem}"
    say(f"qm: This should not have happened: {type(error).__name__}: {error}.{where}")
    return 1


def _end() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _end()
