"""A strategy out of a user's file: what the file must offer, and the guard around everything that it is asked.

Reading files is not done here (`qm/runtime/strategy_files.py`): this is given the module that was made of one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from traceback import walk_tb
from types import ModuleType
from typing import Any, Final

import msgspec

from qm.errors import ConfigError
from qm.market.reference import Reference
from qm.strategies.api import (
    Alert,
    Done,
    Enter,
    EntrySignals,
    ExitSignals,
    Group,
    Params,
    Plan,
    Strategy,
    View,
    Wish,
    Wishes,
)
from qm.strategies.budget import IMPORT_STEPS, STEPS, STEPS_PER_SYMBOL, Budget, OutOfStepsError
from qm.strategies.contract import Need, Rules
from qm.strategies.parameters import with_params

FACTORY: Final = "strategy"
"""The function that a file must define: `strategy(params=None) -> Strategy`."""
WISHES_PER_SYMBOL: Final = 8
"""More than these in one answer are nonsense."""
NOTES: Final = 50
"""Most names that a plan may note."""
TEXT: Final = 300
"""Longest reason or alert, in characters: each is journaled and shown."""
COLUMNS: Final = tuple(field.name for field in fields(Reference))
STATUSES: Final = ("supported", "experimental")
KINDS: Final[tuple[type, ...]] = Wish.__args__
FACTORY_REMEDY: Final = (
    "Define `def strategy(params: MyParams | None = None) -> Strategy:`; `qm strategy new` writes one."
)


class StrategyFault(Exception):  # noqa: N818 - a fault of the file, which the journal names
    """Report what a user's strategy did wrong, and in which line of its file."""


def made(name: str, module: ModuleType, budget: Budget, source: str, params: dict[str, Any] | None = None) -> Strategy:
    """Return the guarded strategy of a module; `source` is the sha256 of its file, `budget` counts its steps.

    Its name is the file's. Raises ConfigError that says what the module lacks, or which parameter is wrong.
    """
    factory = getattr(module, FACTORY, None)
    if not callable(factory):
        raise ConfigError(f"{name}.py defines no function called {FACTORY}.", FACTORY_REMEDY)

    def make(given: Params | None) -> Strategy:
        built = called(name, budget, IMPORT_STEPS, lambda: factory(given))
        return _checked(name, built, asked=given)

    plain = make(None)
    chosen = with_params(name, make, type(plain.params), params)
    return replace(
        chosen,
        name=name,
        source=source,
        entry=GuardedEntry(name, chosen.entry, budget),
        exit=GuardedExit(name, chosen.exit, budget),
    )


def called(name: str, budget: Budget, steps: int, what: Callable[[], Any]) -> Any:
    """Return what foreign code of a file gives while the program starts; ConfigError when it raises or does not end."""
    try:
        return guarded(name, budget, steps, what)
    except StrategyFault as fault:
        raise ConfigError(
            f"{name}.py cannot be used: {fault}.", f"Correct it, and try `qm strategy check {name}`."
        ) from (fault)


def guarded(name: str, budget: Budget, steps: int, what: Callable[[], Any]) -> Any:
    """Return what foreign code gives within so many steps; StrategyFault with file and line for all that it raises."""
    budget.grant(steps)
    try:
        answer = what()
    except KeyboardInterrupt:
        raise
    # Foreign code may also raise SystemExit, which must not end the engine.
    except BaseException as error:
        raise StrategyFault(_told(name, error)) from error
    if budget.spent:
        # It caught the error of its own budget.
        raise StrategyFault(str(_spent(budget)))
    return answer


class GuardedEntry(EntrySignals):
    """The entry part of a user's file: counted while it is asked, its answers checked before any is granted."""

    def __init__(self, name: str, part: EntrySignals, budget: Budget) -> None:
        self._name, self._part, self._budget = name, part, budget

    def on_start(self, group: Group) -> Wishes:
        return self._group(group, self._part.on_start)

    def on_time(self, group: Group) -> Wishes:
        return self._group(group, self._part.on_time)

    def on_touch(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_touch)

    def on_close(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_close)

    def on_bar(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_bar)

    def on_gone(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_gone)

    def _group(self, group: Group, ask: Callable[[Group], object]) -> Wishes:
        rows = dict.fromkeys(group.rows.tolist())
        steps = STEPS + STEPS_PER_SYMBOL * len(rows)
        return _wishes(guarded(self._name, self._budget, steps, lambda: ask(group)), rows)


class GuardedExit(ExitSignals):
    """The exit part of a user's file, guarded alike."""

    def __init__(self, name: str, part: ExitSignals, budget: Budget) -> None:
        self._name, self._part, self._budget = name, part, budget

    def on_open(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_open)

    def on_touch(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_touch)

    def on_close(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_close)

    def on_bar(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_bar)

    def on_time(self, view: View) -> Wishes:
        return _one(self._name, self._budget, view, self._part.on_time)


def _one(name: str, budget: Budget, view: View, ask: Callable[[View], object]) -> Wishes:
    return _wishes(guarded(name, budget, STEPS, lambda: ask(view)), (view.row,))


def _wishes(answer: object, rows: Collection[int]) -> Wishes:
    # A list only: a generator would run on while its first wishes are granted already.
    if type(answer) not in (list, tuple):
        raise StrategyFault(f"returned {_kind(answer)}, and not a list of wishes")
    assert isinstance(answer, list | tuple)
    if len(answer) > WISHES_PER_SYMBOL * max(len(rows), 1):
        raise StrategyFault(f"returned {len(answer):,} wishes for {len(rows):,} symbols")
    for wish in answer:
        if type(wish) not in KINDS:
            raise StrategyFault(f"returned {_kind(wish)} in its list, which is no wish")
        _fits(wish, rows)
    return tuple(answer)


def _fits(wish: Wish, rows: Collection[int]) -> None:
    """Refuse a wish about symbols that nobody asked about, and one that the journal would choke on."""
    named: Sequence[int] = ()
    if isinstance(wish, Plan):
        named = wish.rows
        if len(named) > len(rows) or len(wish.note) > NOTES:
            raise StrategyFault(f"returned a plan for {len(named):,} symbols with {len(wish.note):,} notes")
    elif isinstance(wish, Enter | Done | Alert):
        named = () if wish.row is None else (wish.row,)
    for row in named:
        if row not in rows:
            raise StrategyFault(f"named row {row}, about which it was not asked")
    said = wish.text if isinstance(wish, Alert) else "" if isinstance(wish, Plan) else wish.reason
    if len(said) > TEXT:
        raise StrategyFault(f"gave a text of {len(said):,} characters, {TEXT} are the most")


def _checked(name: str, built: object, asked: Params | None) -> Strategy:
    if not isinstance(built, Strategy):
        raise ConfigError(f"{FACTORY}() of {name}.py returned {_kind(built)}, and not a Strategy.", FACTORY_REMEDY)
    kinds: tuple[tuple[str, object, type], ...] = (
        ("version", built.version, str),
        ("about", built.about, str),
        ("params", built.params, Params),
        ("entry", built.entry, EntrySignals),
        ("exit", built.exit, ExitSignals),
        ("scans", built.scans, tuple),
        ("per_day", built.per_day, int),
        ("needs", built.needs, tuple),
        ("columns", built.columns, tuple),
        ("symbols", built.symbols, tuple),
        ("rules", built.rules, Rules),
    )
    for field, value, kind in kinds:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(
                f"{name}.py: {field} of its Strategy is {_kind(value)}.", f"It must be of the type {kind.__name__}."
            )
    if built.status not in STATUSES:
        raise ConfigError(f"{name}.py: status is {built.status!r}.", f"Known: {', '.join(STATUSES)}.")
    if built.per_day < 1 or not all(isinstance(scan, str) for scan in built.scans):
        raise ConfigError(f"{name}.py has scans {built.scans} and per_day {built.per_day}.", "Names, and at least 1.")
    _declared(name, built)
    if asked is not None and built.params != asked:
        raise ConfigError(
            f"{FACTORY}() of {name}.py does not take over the parameters that it is given.", FACTORY_REMEDY
        )
    _journaled(name, built.params)
    return built


def _declared(name: str, built: Strategy) -> None:
    """Refuse what a strategy declares and nobody could look up."""
    for field, values, known in (("needs", built.needs, tuple(Need)), ("columns", built.columns, COLUMNS)):
        for value in values:
            if value not in known:
                raise ConfigError(f"{name}.py: {value!r} is none of the {field}.", f"Known: {', '.join(known)}.")
    risk: object = built.risk
    if risk is not None and not (isinstance(risk, float) and 0.0 < risk <= 1.0):
        raise ConfigError(f"{name}.py: risk is {risk!r}.", "A share of equity, above 0 and up to 1, or None.")
    if not all(isinstance(symbol, str) for symbol in built.symbols):
        raise ConfigError(f"{name}.py has symbols {built.symbols}.", "Give their names.")


def _journaled(name: str, params: Params) -> None:
    try:
        msgspec.json.encode(params)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ConfigError(
            f"{name}.py: its parameters cannot be journaled ({error}).", "Use numbers, texts and switches."
        ) from error


def _told(name: str, error: BaseException) -> str:
    if isinstance(error, OutOfStepsError):
        return str(error) + _line(name, error)
    try:
        text = str(error)[:200]
    # Even its message is foreign code.
    except Exception:  # noqa: BLE001
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text}{_line(name, error)}"


def _line(name: str, error: BaseException) -> str:
    """Return the deepest line of the file itself that the error passed."""
    lines = [
        line for frame, line in walk_tb(error.__traceback__) if frame.f_globals.get("__name__") == module_name(name)
    ]
    return f" ({name}.py line {lines[-1]})" if lines else ""


def module_name(name: str) -> str:
    """Return the name under which the module of a strategy is known to Python."""
    return f"qm_own_{name}"


def _spent(budget: Budget) -> OutOfStepsError:
    return OutOfStepsError(f"did not come to an end within {budget.granted:,} loop turns and calls")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
