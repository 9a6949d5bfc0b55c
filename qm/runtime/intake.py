"""What comes in over the socket, taken strictly: commands, query parameters, and how many of them."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NoReturn, get_args

import msgspec

from qm.clock import SECOND
from qm.errors import UsageError, did_you_mean, nearest
from qm.log import clean
from qm.model.commands import AnyCommand
from qm.model.instrument import SYMBOL

MAX_BODY_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
"""Arrays and objects inside each other; the parser of the standard library dies far deeper."""
REASON_CHARS: Final = 200

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,63}\Z")
_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z")
# Possessive, and with the closing quote optional: it never goes back, so that no body takes more than one pass.
_DEPTH: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_DO: Final = {kind.__struct_config__.tag: kind for kind in get_args(AnyCommand)}
_decode: Final = msgspec.json.Decoder(AnyCommand).decode


def command_of(body: bytes) -> AnyCommand:
    """Return the command in a request's body.

    Raises UsageError, with what would have been right, for anything but one JSON object with exactly the fields of a
    command: duplicate keys, NaN, unknown fields, and ids, symbols or orders that could not be ours.
    """
    _refuse_dangerous(body)
    try:
        command: AnyCommand = _decode(body)
    except msgspec.MsgspecError as error:
        raise _explained(error, body) from error
    _refuse_foreign("id", command.id, _ID, "Use up to 64 letters, digits, dots, colons and dashes.")
    values = msgspec.structs.asdict(command)
    if values.get("symbol") is not None:
        _refuse_foreign("symbol", values["symbol"], SYMBOL, "Write it as the exchange does, e.g. ABCD or BRK.B.")
    if "order" in values:
        _refuse_foreign("order", values["order"], _ID, "See /v1/orders.")
    if "reason" in values:
        # Reasons are journaled and shown; what could drive a terminal never gets that far.
        safe: AnyCommand = msgspec.structs.replace(command, reason=clean(values["reason"], REASON_CHARS))
        return safe
    return command


def _refuse_dangerous(body: bytes) -> None:
    depth = 0
    for found in _DEPTH.finditer(body):
        mark = found.group()
        depth += (mark in b"[{") - (mark in b"]}") if len(mark) == 1 else 0
        if depth > MAX_DEPTH:
            raise UsageError(f"The JSON is nested deeper than {MAX_DEPTH} levels.", "A command is one flat object.")
    try:
        # Given bytes, the parser would guess at other encodings.
        whole = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise UsageError("The request is not UTF-8.", "Send a command as one JSON object.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The request is not JSON: {error}.", 'E.g. {"id": "1", "do": "stop_entries"}') from error
    if not isinstance(whole, dict):
        raise UsageError("A command is one JSON object.", 'E.g. {"id": "1", "do": "stop_entries"}')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = clean(next(name for name in names if names.count(name) > 1), 40)
        raise UsageError(f"The key {twice!r} stands twice in one object.", "Say everything once.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise UsageError(f"{name} is not a number in JSON.", "Leave out what is not known.")


def _refuse_foreign(field: str, value: str, pattern: re.Pattern[str], remedy: str) -> None:
    if not pattern.match(value):
        raise UsageError(f"{clean(value, 40)!r} cannot be the {field} of a command.", remedy)


def _explained(error: msgspec.MsgspecError, body: bytes) -> UsageError:
    """Return the refusal of a body that is JSON but no command, with the nearest that would be one."""
    given = json.loads(body)
    do = given.get("do")
    if do is None:
        return UsageError("The command does not say what to `do`.", f"One of: {', '.join(_DO)}.")
    if not isinstance(do, str) or do not in _DO:
        close = did_you_mean(nearest(str(do), _DO))
        return UsageError(f"No command is called {clean(str(do), 40)!r}.", close or f"One of: {', '.join(_DO)}.")
    fields = _DO[do].__struct_fields__
    strange = [name for name in given if name not in (*fields, "do")]
    if strange:
        close = did_you_mean(nearest(strange[0], fields))
        known = f"It takes: {', '.join(fields)}."
        return UsageError(f"{do} takes no {clean(strange[0], 40)!r}.", f"{close} {known}".strip())
    return UsageError(f"{do} cannot be read: {clean(str(error))}.", f"It takes: {', '.join(fields)}.")


def parameters(given: Mapping[str, str], *known: str) -> dict[str, str]:
    """Return the query parameters of a request; UsageError with the nearest name for one that is not known."""
    for name in given:
        if name not in known:
            close = did_you_mean(nearest(name, known))
            takes = f"It takes: {', '.join(known)}." if known else "It takes none."
            raise UsageError(f"This query takes no {clean(name, 40)!r}.", f"{close} {takes}".strip())
    return dict(given)


def count(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number of a query, 0 to `most`; UsageError otherwise."""
    text = given.get(name)
    if text is None:
        return default
    # int() would take other alphabets' digits, underscores and blanks.
    if not _DIGITS.match(text) or int(text) > most:
        raise UsageError(f"{name} is {clean(text, 40)!r}.", f"It is a whole number from 0 to {most:,}.")
    return int(text)


class Allowance:
    """So many requests a second for each client, by process id; a burst of one second's worth is free."""

    CLIENTS: Final = 256

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._left: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def take(self, client: int, now: int, cost: float = 1.0) -> bool:
        """Say whether a client may go on; `now` in ns of a steady clock."""
        left, since = self._left.pop(client, (self.per_s, now))
        left = min(self.per_s, left + (now - since) / SECOND * self.per_s)
        allowed = left >= cost
        self._left[client] = (left - cost if allowed else left, now)
        if len(self._left) > self.CLIENTS:
            self._left.popitem(last=False)
        return allowed
