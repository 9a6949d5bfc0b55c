"""One question to the engine and its answer, without an event loop: commands that ask once start faster so."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, Final
from urllib.parse import urlencode

from qm.config import Paths
from qm.errors import LockedError, NotFoundError, ProtocolError, QmError, UnavailableError, UsageError

TIMEOUT_S: Final = 5.0


class _Connection(http.client.HTTPConnection):
    """HTTP over the socket of a place."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("qm", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(of: Paths, path: str, **query: str) -> Any:
    """Return the answer to a query such as `/v1/status`.

    Raises UnavailableError when nobody answers in time, ProtocolError when the answer makes no sense, and otherwise
    what the engine says is wrong with the request.
    """
    return _request(of, "GET", f"{path}?{urlencode(query)}" if query else path)


def tell(of: Paths, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send something that changes the engine; raises like `ask`."""
    return _request(of, "POST", path, b"" if body is None else json.dumps(body).encode())


def _request(of: Paths, method: str, target: str, body: bytes | None = None) -> Any:
    connection = _Connection(str(of.socket), TIMEOUT_S)
    try:
        connection.request(method, target, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
    except TimeoutError as error:
        raise UnavailableError(f"The engine did not answer within {TIMEOUT_S:g} s.", "See qm doctor.") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"No engine answers at {of.socket}.", "Start it: qm up.") from error
    finally:
        connection.close()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ProtocolError("The engine sent something that cannot be read.", "Are both of one version?") from error
    if status >= http.client.BAD_REQUEST:
        raise _refusal(status, value)
    return value


def _refusal(status: int, value: Any) -> QmError:
    said = value if isinstance(value, dict) else {}
    problem, remedy = str(said.get("error", f"The engine answered with status {status}.")), str(said.get("remedy", ""))
    if status == http.client.NOT_FOUND:
        return NotFoundError(problem, remedy)
    if status == http.client.CONFLICT:
        return LockedError(problem, remedy)
    if status >= http.client.INTERNAL_SERVER_ERROR:
        return UnavailableError(problem, remedy)
    return UsageError(problem, remedy)
