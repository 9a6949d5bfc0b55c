"""What reaches a log: cleaned, redacted, private, and never in the way."""

import json
import logging
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import ConfigError
from qm.log import REDACTED, Secret, clean, configure, logger


def entries(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("AAPL", "AAPL"),
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("t\x1b]0;title\x07x", "tx"),
        ("t\x1b]8;;link\x1b\\x", "tx"),
        ("\x9b2Jgone", "gone"),
        ("line\r\nnext\tcell", "line next cell"),
        ("pay\u202eLPAA", "payLPAA"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("nul\x00bell\x07", "nulbell"),
        ("e\u0301", "\u00e9"),
        ("\ud800", ""),
        ("日本", "日本"),
    ],
)
def test_clean_keeps_the_words_and_drops_the_commands(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters()), st.integers(1, 50))
def test_clean_text_is_printable_short_and_stays_clean(text: str, chars_max: int) -> None:
    cleaned = clean(text, chars_max)
    assert len(cleaned) <= chars_max
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in cleaned)
    assert clean(cleaned, chars_max) == cleaned
    cleaned.encode("utf-8")


def test_long_text_ends_with_an_ellipsis() -> None:
    assert clean("x" * 100, 10) == "x" * 9 + "…"


def test_secret_shows_itself_only_when_revealed() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    for shown in (str(secret), repr(secret), f"{secret:>5}", f"{secret!r}", "%s" % (secret,)):  # noqa: UP031
        assert "hunter2" not in shown
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert len({secret, Secret("hunter2")}) == 1
    assert secret
    assert not Secret("")
    with pytest.raises(TypeError, match="cannot be serialised"):
        secret.__reduce__()


def test_secrets_and_commands_are_gone_however_deep(tmp_path: Path) -> None:
    class Login(msgspec.Struct):
        user: str
        key: Secret

    file = tmp_path / "qm.jsonl"
    configure(file)
    logger("qm.test").info(
        "sent",
        key=Secret("hunter2"),
        inside=[{"k": (Secret("hunter2"),)}, Login("ann", Secret("hunter2"))],
        note="\x1bx",
    )
    assert "hunter2" not in file.read_text()
    (entry,) = entries(file)
    assert entry["key"] == REDACTED
    assert entry["inside"] == [{"k": [REDACTED]}, {"user": "ann", "key": REDACTED}]
    assert entry["note"] == "x"
    assert (entry["level"], entry["logger"], entry["event"]) == ("info", "qm.test", "sent")


def test_file_is_private_and_takes_the_logs_of_libraries(tmp_path: Path) -> None:
    file = tmp_path / "qm.jsonl"
    configure(file)
    logging.getLogger("aiohttp.access").warning("GET %s", "/v1\x00")
    logging.getLogger("aiohttp.access").debug("not at this level")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry["event"] for entry in entries(file)] == ["GET /v1"]


def test_person_reads_one_line_and_the_file_keeps_the_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "qm.jsonl"
    configure(file, stderr_level="error")
    try:
        raise ValueError("no such price")
    except ValueError:
        logger("qm.test").exception("feed failed", symbol="AAPL")
    logger("qm.test").warning("only in the file")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert "qm.test: feed failed symbol=AAPL (ValueError: no such price)" in shown[0]
    assert "Traceback" in str(entries(file)[0]["exception"])


def test_configuring_again_replaces_the_handlers(tmp_path: Path) -> None:
    configure(tmp_path / "first.jsonl")
    configure(tmp_path / "second.jsonl")
    logger("qm.test").info("once")
    assert (tmp_path / "first.jsonl").read_text() == ""
    assert len(entries(tmp_path / "second.jsonl")) == 1


def test_file_rotates_and_stays_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.log.FILE_BYTES_MAX", 500)
    file = tmp_path / "qm.jsonl"
    configure(file)
    for number in range(30):
        logger("qm.test").info("entry", number=number)
    kept = sorted(tmp_path.iterdir())
    assert 2 < len(kept) <= 6
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in kept)


def test_full_disk_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "qm.jsonl"
    configure(file)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        for handler in logging.getLogger().handlers:
            if getattr(handler, "baseFilename", "") == str(file):
                patch.setattr(handler, "flush", full)
        logger("qm.test").info("lost")
    assert capsys.readouterr().err == ""


def test_unknown_level_and_impossible_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inof"):
        configure(level="inof")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="could not be opened"):
        configure(tmp_path / "absent" / "qm.jsonl")
