"""The socket as a file: nobody else can reach it, and a live one is never taken."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from qm.errors import ConfigError, LockedError, UnavailableError
from qm.runtime.socketfile import MAX_PATH_BYTES, Peer, identity, listen, peer_of


@pytest.fixture
def path(own_folders: Path) -> Path:
    return own_folders / "run" / "sim" / "gateway.sock"


@pytest.fixture
def loose_mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("loose_mask")
def test_only_the_user_can_reach_it(path: Path) -> None:
    with closing(listen(path)):
        assert (mode(path.parent.parent), mode(path.parent), mode(path)) == (0o700, 0o700, 0o600)
    left = os.umask(0)
    assert left == 0


def test_a_folder_that_is_open_to_others_is_closed(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o777)
    with closing(listen(path)):
        assert mode(path.parent) == 0o700


def test_the_other_end_is_known(path: Path) -> None:
    with closing(listen(path)) as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        connection, _ = server.accept()
        with connection:
            assert peer_of(connection) == Peer(os.getpid(), os.getuid())


def test_a_live_socket_is_not_taken(path: Path) -> None:
    with closing(listen(path)):
        before = identity(path)
        with pytest.raises(LockedError, match="Another daemon answers") as caught:
            listen(path)
        assert "qm status" in caught.value.remedy
        assert identity(path) == before


def test_a_live_socket_with_a_full_backlog_is_not_taken(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(0)
            waiting.append(client)
            client.connect_ex(str(path))
        with pytest.raises(LockedError):
            listen(path)
        for client in waiting:
            client.close()


def test_a_dead_socket_is_removed_and_said(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    with capture_logs() as said, closing(listen(path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert [(each["event"], each["path"]) for each in said] == [("a dead socket was removed", str(path))]


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(path: Path, what: str) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    if what == "file":
        path.write_text("mine")
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(ConfigError, match="is not a socket"):
        listen(path)
    assert os.path.lexists(path)


def test_a_folder_behind_a_link_is_refused(path: Path) -> None:
    real = path.parent.parent / "real"
    real.mkdir(parents=True, mode=0o700)
    path.parent.symlink_to(real)
    with pytest.raises(ConfigError, match="symbolic link"):
        listen(path)


def test_a_strangers_folder_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(ConfigError, match="belongs to another user"):
        listen(path)


def test_a_path_that_is_too_long_is_said_before_anything_is_made(path: Path) -> None:
    room = MAX_PATH_BYTES - len(os.fsencode(path.parent)) - 1
    with closing(listen(path.parent / ("s" * room))):
        pass
    far = path.parent / "deep" / ("ä" * MAX_PATH_BYTES)
    with pytest.raises(ConfigError, match="107 are allowed") as caught:
        listen(far)
    assert "QM_RUNTIME_DIR" in caught.value.remedy
    assert not far.parent.exists()


def test_a_system_that_cannot_name_the_other_end_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with pytest.raises(UnavailableError, match="does not say who connects"):
        listen(path)
    assert not path.exists()


def test_a_socket_that_cannot_be_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: socket.socket, address: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(socket.socket, "bind", full)
    with pytest.raises(UnavailableError, match="No space left"):
        listen(path)
