"""Layered settings in TOML, and the folders that each mode of the program owns.

A value comes from the last of these that names it: the default in its struct, `qm.toml` in the
config folder, the environment (`QM_RISK__MAX_LOSS_USD=500`), the command line
(`risk.max_loss_usd=500`). Every room owns the struct of its own section, and whoever composes the
program hands all of them to `load`, so this module knows no section by name.
"""

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args, get_origin

import msgspec

from qm.errors import ConfigError, UnavailableError, UsageError, did_you_mean, nearest

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

Mode: TypeAlias = Literal["sim", "paper", "live"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
FILE_NAME: Final = "qm.toml"

_APP: Final = "qm"
_TABLE = re.compile(r"^\s*\[\[?\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_FULL_PATH = re.compile(r" - at `\$(.*)`$")

KeyPath: TypeAlias = tuple[str, ...]


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of one mode; naming them creates nothing."""

    mode: Mode
    """The mode that owns `data`, `state` and `runtime`."""
    config: Path
    """Settings, shared by all modes."""
    data: Path
    """The journal and what is projected from it."""
    history: Path
    """Market data, shared by all modes."""
    state: Path
    """Logs and what may be lost without harm to the account."""
    cache: Path
    """What can be computed again, shared by all modes."""
    runtime: Path
    """The socket and the lock of the daemon, gone after a reboot."""

    @property
    def settings_file(self) -> Path:
        """The TOML file of settings, whether it exists or not."""
        return self.config / FILE_NAME

    @property
    def strategies(self) -> Path:
        """The folder of the user's own strategies, whether it exists or not."""
        return self.config / "strategies"

    @property
    def socket(self) -> Path:
        """The Unix socket of the daemon's gateway."""
        return self.runtime / "gateway.sock"

    @property
    def log_file(self) -> Path:
        """The structured log of the daemon."""
        return self.state / "qm.jsonl"


def paths(mode: Mode, environ: Mapping[str, str] | None = None) -> Paths:
    """Return the folders of `mode`.

    QM_CONFIG_DIR, QM_DATA_DIR and QM_RUNTIME_DIR override the platform's own; state and cache move
    along with QM_DATA_DIR, so that setting the three leaves nothing elsewhere.
    Raises UsageError for a mode that is none.
    """
    if mode not in MODES:
        raise UsageError(
            f"No mode is called {mode!r}.", did_you_mean(nearest(mode, MODES)) or "Use sim, paper or live."
        )
    from platformdirs import PlatformDirs

    env = os.environ if environ is None else environ
    dirs = PlatformDirs(_APP, appauthor=False)
    data_root = _folder(env, "QM_DATA_DIR") or dirs.user_data_path
    moved = "QM_DATA_DIR" in env
    return Paths(
        mode=mode,
        config=_folder(env, "QM_CONFIG_DIR") or dirs.user_config_path,
        data=data_root / mode,
        history=data_root / "history",
        state=(data_root / "state" if moved else dirs.user_state_path) / mode,
        cache=data_root / "cache" if moved else dirs.user_cache_path,
        runtime=(_folder(env, "QM_RUNTIME_DIR") or _runtime(dirs)) / mode,
    )


def create(folder: Path) -> Path:
    """Create `folder` for the user alone (0700) and return it.

    Raises ConfigError when something else is there or a stranger owns it, because whoever owns the
    folder of the socket owns the account; UnavailableError when the system refuses.
    """
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError
        _refuse_strangers(folder)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"{folder} is not a folder.", "Remove it, or choose another folder.") from error
    except OSError as error:
        raise UnavailableError(f"{folder} could not be created: {error.strerror}.") from error
    return folder


class _Value(msgspec.Struct, frozen=True):
    """A value with the place where the user wrote it."""

    value: object
    place: str
    is_text: bool


def load(
    section_types: Mapping[str, Any],
    overrides: Mapping[str, object] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return one struct per section of `section_types`, merged from all layers.

    A section whose type is dict[str, struct] is made of named tables, `[section.name]`; it becomes such a dict.
    `overrides` maps "section.key" to a value, as text or already typed. `file` is the TOML file;
    None means the user's own, and one that does not exist is empty.
    Raises ConfigError that names the place, the key, what is wrong, and the nearest known key.
    """
    env = os.environ if environ is None else environ
    source = file if file is not None else paths("sim", env).settings_file
    merged: dict[KeyPath, _Value] = {}
    for layer in (_from_file(source), _from_environment(env), _from_overrides(overrides or {})):
        for path, found in layer:
            field_path = _resolve(path, section_types, found)
            # A later layer that sets a whole table also sets everything inside it.
            for covered in [known for known in merged if known[: len(field_path)] == field_path]:
                del merged[covered]
            merged[field_path] = found
    return {name: _section(kind, name, merged) for name, kind in section_types.items()}


def parse_override(text: str) -> tuple[str, str]:
    """Split "section.key=value" into its name and its text; raises UsageError when it is not that."""
    name, equals, value = text.partition("=")
    if not equals or "." not in name.strip("."):
        raise UsageError(f"{text!r} sets nothing.", "Write it as section.key=value.")
    return name.strip(), value.strip()


def _refuse_strangers(folder: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    public = False
    for each in (*reversed(folder.parents), folder):
        status = each.stat()
        # Below a folder that anybody may write to (/tmp) somebody may have been first.
        if (public or each == folder) and status.st_uid != os.getuid():
            raise ConfigError(f"{each} belongs to another user.", "Remove it, or choose another folder.")
        public = public or bool(status.st_mode & 0o002)


def _runtime(dirs: "PlatformDirs") -> Path:
    import warnings

    # Without XDG_RUNTIME_DIR it is a folder below /tmp, which `create` makes safe to use: nothing to warn about.
    with warnings.catch_warnings(action="ignore"):
        return dirs.user_runtime_path


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(name)
    if text is None:
        return None
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        raise ConfigError(f"{name} is {text!r}, which is no absolute path.", "Give the whole path of a folder.")
    return folder


def _from_file(file: Path) -> Iterator[tuple[KeyPath, _Value]]:
    import tomllib

    try:
        text = file.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        return
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.", "Correct that line.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{file} could not be read: {error.strerror}.") from error
    lines = _lines(text)
    for path, value in _leaves(tree, ()):
        yield path, _Value(value, f"{file}:{_line_of(path, lines)}", is_text=False)


def _from_environment(env: Mapping[str, str]) -> Iterator[tuple[KeyPath, _Value]]:
    for name in sorted(env):
        if name.startswith("QM_") and "__" in name:
            path = tuple(part.lower() for part in name.removeprefix("QM_").split("__"))
            yield path, _Value(env[name], f"environment variable {name}", is_text=True)


def _from_overrides(overrides: Mapping[str, object]) -> Iterator[tuple[KeyPath, _Value]]:
    for name, value in overrides.items():
        yield tuple(name.split(".")), _Value(value, "command line", is_text=isinstance(value, str))


def _leaves(tree: Mapping[str, object], above: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _lines(text: str) -> dict[KeyPath, int]:
    """Map each table and key of a TOML text to its line; a hint for people, so the first one wins."""
    table: KeyPath = ()
    found: dict[KeyPath, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _split_key(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + _split_key(key[1]), number)
    return found


def _split_key(text: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    return next((lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in lines), 1)


def _resolve(path: KeyPath, section_types: Mapping[str, Any], found: _Value) -> KeyPath:
    """Check that `path` names a field; keys are compared without case, as the environment has none."""
    section = _known(path[0], section_types, found, "section", path[:1])
    resolved, kind = [section], cast("object", section_types[section])
    for depth, key in enumerate(path[1:], start=2):
        if struct := _struct_of(kind):
            fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
            resolved.append(_known(key, fields, found, "key", path[:depth]))
            kind = fields[resolved[-1]].type
        elif values := _values_of(kind):
            resolved.append(key)
            kind = values
        else:
            # What is below any other field is data, not keys.
            return (*resolved, *path[depth - 1 :])
    if (_struct_of(kind) or len(path) == 1) and found.value != {}:
        raise ConfigError(f"{found.place}: {'.'.join(path)} is a table, but a single value was set.")
    return tuple(resolved)


def _known(key: str, known: Iterable[str], found: _Value, kind: str, path: KeyPath) -> str:
    names = {name.casefold(): name for name in known}
    if key.casefold() in names:
        return names[key.casefold()]
    remedy = did_you_mean(nearest(key, names.values())) or f"Known: {', '.join(sorted(names.values())) or 'none'}."
    raise ConfigError(f"{found.place}: unknown {kind} {'.'.join(path)}.", remedy)


def _struct_of(kind: object) -> type[msgspec.Struct] | None:
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _values_of(kind: object) -> type[msgspec.Struct] | None:
    """Return the struct in a dict[str, struct], which is a table of named tables."""
    return _struct_of(get_args(kind)[1]) if get_origin(kind) is dict else None


def _section(kind: object, name: str, merged: Mapping[KeyPath, _Value]) -> object:
    if values := _values_of(kind):
        return _tables(values, (name,), merged)
    return _build(cast("type[msgspec.Struct]", kind), (name,), merged)


def _tables(values: type[msgspec.Struct], path: KeyPath, merged: Mapping[KeyPath, _Value]) -> dict[str, msgspec.Struct]:
    names = dict.fromkeys(known[len(path)] for known in _below(merged, path) if len(known) > len(path))
    return {name: _build(values, (*path, name), _below(merged, (*path, name))) for name in names}


def _build(struct: type[msgspec.Struct], path: KeyPath, merged: Mapping[KeyPath, _Value]) -> msgspec.Struct:
    chosen: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        field_path = (*path, field.encode_name)
        inside = _below(merged, field_path)
        if inside and (inner := _struct_of(field.type)):
            chosen[field.name] = _build(inner, field_path, inside)
        elif (values := _values_of(field.type)) and all(len(known) > len(field_path) for known in inside):
            default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else {}
            chosen[field.name] = {**default, **_tables(values, field_path, inside)}
        elif inside:
            chosen[field.name] = _convert(field_path, field.type, inside)
        elif field.required:
            raise ConfigError(f"{'.'.join(field_path)} must be set.", f"Add it to {FILE_NAME}.")
    try:
        return struct(**chosen)
    except (TypeError, ValueError) as error:
        places = ", ".join(sorted({found.place for found in merged.values()})) or "defaults"
        raise ConfigError(f"[{'.'.join(path)}] {error} ({places}).") from error


def _below(merged: Mapping[KeyPath, _Value], path: KeyPath) -> dict[KeyPath, _Value]:
    return {known: found for known, found in merged.items() if known[: len(path)] == path}


def _convert(path: KeyPath, kind: Any, inside: Mapping[KeyPath, _Value]) -> object:
    """Convert what the layers said about one field; a dict may come in pieces from several layers."""
    tree: object = {}
    found = next(iter(inside.values()))
    for known, found in inside.items():
        if known == path:
            tree = found.value
        elif isinstance(tree, dict):
            _plant(tree, known[len(path) :], found.value)
    name = ".".join(path)
    _refuse_non_finite(tree, name, found)
    try:
        if found.is_text and path in inside:
            converted = _convert_text(str(tree), kind)
        else:
            converted = _typed(tree, kind, strict=not any(each.is_text for each in inside.values()))
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        problem = _FULL_PATH.sub(r" in \1", str(error))
        raise ConfigError(f"{found.place}: {name} = {_shown(tree)}: {problem}.", "Correct the value.") from error
    _refuse_non_finite(converted, name, found)
    return converted


def _plant(tree: dict[str, object], path: KeyPath, value: object) -> None:
    for key in path[:-1]:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            below = tree[key] = {}
        tree = below
    tree[path[-1]] = value


def _convert_text(text: str, kind: Any) -> object:
    """Read text as the field's own type if it can be, or else as a TOML value (a list, a time)."""
    import tomllib

    try:
        return _typed(text, kind, strict=False)
    except msgspec.ValidationError:
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        return _typed(value, kind)


def _typed(value: object, kind: Any, *, strict: bool = True) -> object:
    return msgspec.convert(value, kind, strict=strict, dec_hook=_decode_path)


def _decode_path(kind: type, value: object) -> object:
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value).expanduser()
    raise NotImplementedError(f"settings of type {kind.__name__} are not supported")


def _refuse_non_finite(value: object, name: str, found: _Value) -> None:
    # TOML can say nan and inf; every comparison with nan is false, so no limit would hold.
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for child in children:
        _refuse_non_finite(child, name, found)
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ConfigError(f"{found.place}: {name} = {value}: a finite number was expected.", "Correct the value.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
