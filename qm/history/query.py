"""`qm data sql`: questions in SQL over the files of the catalogue, which can read those files and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from qm.errors import DataError, NotFoundError, UsageError
from qm.history.catalogue import Catalogue
from qm.history.layout import FACTS, is_kind

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 10_000
_VIEW: Final = """
create view {schema}.{view} as
select * exclude (filename), cast(regexp_extract(filename, '(\\d{{4}}-\\d\\d-\\d\\d)\\.parquet$', 1) as date) as session
from read_parquet([{files}], union_by_name = true, filename = true, hive_partitioning = false)
"""


class View(NamedTuple):
    """One kind of a dataset, as it is called in a question."""

    dataset: str
    kind: str
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """As one writes it: `us99_1m.bars_1m`."""
        return f"{_quoted(self.dataset)}.{_quoted(self.kind)}"


class Answer(NamedTuple):
    """What a question gave."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    """As they are asked for, a stretch at a time; DataError when a file turns out to be damaged."""


class Query:
    """A database in memory with a view for each kind of each dataset: `DATASET.KIND`, with a column `session`.

    It reads the files of the catalogue and no other, writes nothing, loads no extension and runs one SELECT at a time.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.views = tuple(_views(catalogue))
        self._database: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        import duckdb

        self._database = database = duckdb.connect(":memory:", config={"temp_directory": ""})
        for dataset in dict.fromkeys(view.dataset for view in self.views):
            database.execute(f"create schema if not exists {_quoted(dataset)}")
        paths = [str(path) for view in self.views for path in view.files]
        # Before the lock: nothing else can ever be read by this connection, whatever a question says.
        for setting in (
            f"allowed_paths = [{', '.join(map(_text, paths))}]",
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            database.execute(f"set {setting}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def ask(self, question: str) -> Answer:
        """Return the answer; UsageError for what is no single SELECT, or is none that can be run, DataError."""
        import duckdb

        database = self._database
        assert database is not None
        try:
            statements = database.extract_statements(question)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError(
                    "Only one SELECT is answered: nothing is written, attached, installed or set.",
                    "Ask like: qm data sql 'SELECT symbol, sum(volume) FROM us99_1m.bars_1m GROUP BY symbol'.",
                )
            self._needed(database, question)
            found = database.execute(statements[0])
            columns = tuple(str(each[0]) for each in found.description or ())
        except duckdb.Error as error:
            raise self._meant(error) from error
        return Answer(columns, self._rows(found))

    def _needed(self, database: duckdb.DuckDBPyConnection, question: str) -> None:
        """Make the views that a question may mean: a catalogue of years has many, and each opens a file."""
        lowered = question.lower()
        # SHOW and the like name none and mean all.
        wanted = [view for view in self.views if view.kind in lowered and view.dataset in lowered] or self.views
        for view in wanted:
            schema, name = _quoted(view.dataset), _quoted(view.kind)
            files = ", ".join(_text(str(path)) for path in view.files)
            text = _VIEW.format(schema=schema, view=name, files=files).replace("create view", "create or replace view")
            database.execute(text)

    def _rows(self, found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
        import duckdb

        try:
            while rows := found.fetchmany(_BATCH):
                yield from rows
        except duckdb.Error as error:
            raise self._meant(error) from error

    def _meant(self, error: duckdb.Error) -> UsageError | NotFoundError | DataError:
        import duckdb

        problem = str(error).strip().partition("\n")[0].rstrip(".")
        if isinstance(error, duckdb.PermissionException):
            return UsageError(f"{problem}.", "Only the files of the catalogue can be read.")
        if isinstance(error, duckdb.IOException | duckdb.InvalidInputException | duckdb.SerializationException):
            return DataError(f"{problem}.", "Look for damage: qm data verify.")
        names = ", ".join(view.name for view in self.views) or "none yet: import one with qm data import"
        return UsageError(f"{problem}.", f"There is {names}.")


def _views(catalogue: Catalogue) -> Iterator[View]:
    for dataset in catalogue.names():
        for folder in sorted((catalogue.folder / dataset).iterdir()):
            files = tuple(sorted(folder.glob("????-??-??.parquet")))
            if files and (is_kind(folder.name) or folder.name in FACTS):
                yield View(dataset, folder.name, files)


def _quoted(name: str) -> str:
    return name if name.isidentifier() and not name.isdigit() else '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
