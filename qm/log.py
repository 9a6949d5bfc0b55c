"""Structured logs: JSON lines in a private rotating file, one-liners for people on stderr.

What must not be logged is a type (`Secret`), so redaction does not depend on how a field is called.
Text from outside goes through `clean` before it reaches a log or a terminal.
"""

import hmac
import re
import unicodedata
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias

from qm.errors import ConfigError, nearest

if TYPE_CHECKING:
    import logging

    from structlog.stdlib import BoundLogger

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Entry: TypeAlias = MutableMapping[str, Any]

REDACTED: Final = "***"
FILE_BYTES_MAX: Final = 10_000_000
FILES_KEPT: Final = 5
TEXT_CHARS_MAX: Final = 2_000
TRACE_LINES_MAX: Final = 60
DEPTH_MAX: Final = 6

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# A whole escape sequence (CSI, or an OSC up to its terminator) goes, not only its first byte,
# so that its parameters do not stay behind as noise.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
)
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


class Secret:
    """A string that shows itself only to whoever calls `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself; never log, format or store what this returns."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")


def clean(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Return `text` from outside made safe for a terminal, at most `chars_max` characters long.

    Escape sequences, control characters (C0, C1), bidirectional overrides, zero-width and other
    format characters and lone surrogates are removed, line breaks and tabs become one space, and
    the rest is in normal form NFC.
    """
    if not (text.isascii() and text.isprintable()):
        text = _SPACES.sub(" ", _ESCAPES.sub("", text))
        text = "".join(char for char in text if unicodedata.category(char) not in {"Cc", "Cf", "Cs"})
        text = unicodedata.normalize("NFC", text)
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def logger(name: str) -> "BoundLogger":
    """Return the logger of `name`, usually `__name__`; binding and logging are structlog's."""
    import structlog

    bound: BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def configure(file: Path | None = None, *, level: Level = "info", stderr_level: Level = "warning") -> None:
    """Send all logs, ours and the libraries', to `file` (None for no file) and to stderr.

    The file is created with mode 0600 and rotates at 10 MB, five kept. A log that cannot be
    written is dropped: logging never stops a trade.
    Raises ConfigError when a level is unknown or the file cannot be opened.
    """
    import logging

    import structlog

    lowest = min(_level(level), _level(stderr_level))
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp,
        structlog.processors.format_exc_info,
        redact,
    ]
    handlers: list[logging.Handler] = [_stderr_handler(shared, _level(stderr_level))]
    if file:
        handlers.append(_file_handler(file, shared, _level(level)))
    root = logging.getLogger()
    for handler in [each for each in root.handlers if getattr(each, "of_qm", False)]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(lowest)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, entry: Entry) -> Entry:
    """Replace secrets and clean every string of a log entry, however deep, up to DEPTH_MAX levels."""
    for key, value in list(entry.items()):
        # Keys with an underscore belong to structlog's own formatter.
        if key == "exception":
            entry[key] = "\n".join(clean(line) for line in str(value).splitlines()[-TRACE_LINES_MAX:])
        elif not key.startswith("_"):
            entry[key] = _safe(value, DEPTH_MAX)
    return entry


def _safe(value: object, depth: int) -> object:
    import msgspec

    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret):
        return REDACTED
    if isinstance(value, str):
        return clean(value)
    if depth == 0:
        return "…"
    if isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {clean(str(key)): _safe(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(each, depth - 1) for each in value]
    return clean(str(value))


def _stamp(_logger: object, _method: str, entry: Entry) -> Entry:
    from qm.clock import now_ns, utc

    entry["at"] = utc(now_ns()).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return entry


def _json_line(_logger: object, _method: str, entry: Entry) -> str:
    import msgspec

    ordered = {key: entry.pop(key) for key in ("at", "level", "logger", "event") if key in entry}
    return msgspec.json.encode({**ordered, **entry}, enc_hook=str).decode()


def _human_line(_logger: object, _method: str, entry: Entry) -> str:
    at, level, event = entry.pop("at"), entry.pop("level"), entry.pop("event")
    source, trace = entry.pop("logger", ""), entry.pop("exception", "")
    details = "".join(f" {key}={value}" for key, value in sorted(entry.items()))
    # The trace is in the file; a person at a terminal gets its last sentence.
    reason = f" ({trace.splitlines()[-1]})" if trace else ""
    return f"{at[11:19]}Z {level:<7} {source}: {event}{details}{reason}"


def _level(name: str) -> int:
    if name not in _LEVELS:
        near = nearest(name, _LEVELS)
        raise ConfigError(
            f"No log level is called {name!r}.", f"Use {near[0] if near else 'debug, info, warning or error'}."
        )
    return _LEVELS[name]


def _formatter(shared: list[Any], render: Any) -> "logging.Formatter":
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )


def _stderr_handler(shared: list[Any], level: int) -> "logging.Handler":
    import logging

    class StderrHandler(logging.StreamHandler[Any]):
        of_qm = True

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (a name of the library)
            """Drop what a closed terminal cannot show."""

    handler = StderrHandler()
    handler.setLevel(level)
    handler.setFormatter(_formatter(shared, _human_line))
    return handler


def _file_handler(file: Path, shared: list[Any], level: int) -> "logging.Handler":
    import logging
    import os
    from logging.handlers import RotatingFileHandler

    class PrivateFileHandler(RotatingFileHandler):
        of_qm = True

        def _open(self) -> Any:
            descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.fchmod(descriptor, 0o600)
            return os.fdopen(descriptor, self.mode, encoding="utf-8")

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (a name of the library)
            """Drop what a full disk cannot hold."""

    try:
        handler = PrivateFileHandler(file, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The log {file} could not be opened: {error.strerror}.", "Choose a folder you own."
        ) from error
    handler.setLevel(level)
    handler.setFormatter(_formatter(shared, _json_line))
    return handler
