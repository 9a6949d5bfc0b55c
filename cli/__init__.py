"""The `qm` command line: a Typer root and one module per group of commands."""
