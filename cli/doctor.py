"""`qm doctor`: whether this machine and this installation are fit to trade."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import emit, emit_json, say

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("doctor")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Examine the installation and its folders.

    It also looks at the journals, the engines, the clock and the terminal, and changes nothing. Exit code 1 when
    something fails; warnings are told and do not fail.
    """
    from cli.findings import examine

    found = examine()
    if as_json:
        emit_json(found)
    else:
        width = max(len(each.what) for each in found)
        for each in found:
            remedy = f"  {each.remedy}" if each.remedy else ""
            emit(f"{each.grade:<4}  {each.what:<{width}}  {each.finding}{remedy}")
    failed = sum(each.grade == "fail" for each in found)
    if failed:
        say(f"{failed} of {len(found)} checks failed.")
        raise typer.Exit(1)
