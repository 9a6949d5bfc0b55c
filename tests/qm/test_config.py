"""Layers of settings, their errors, and the folders of each mode."""

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from qm.config import MODES, create, load, parse_override, paths
from qm.errors import ConfigError, UsageError


class Exits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target_r: float = 2.0
    flat_at: dt.time = dt.time(15, 55)


class Risk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_loss_usd: Decimal = Decimal(500)
    max_positions: Annotated[int, msgspec.Meta(ge=1, le=20)] = 4
    allow_short: bool = False
    symbols: tuple[str, ...] = ()
    weights: dict[str, float] = msgspec.field(default_factory=dict)
    exits: Exits = Exits()
    by_strategy: dict[str, Exits] = msgspec.field(default_factory=dict)
    sizing: Literal["fixed", "risk"] = "risk"
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.sizing == "fixed" and self.allow_short:
            raise ValueError("fixed sizing cannot be short")


def risk(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **overrides: object) -> Risk:
    file = tmp_path / "qm.toml"
    file.write_text(text)
    names = {f"risk.{name}": value for name, value in overrides.items()}
    section = load({"risk": Risk}, names, file=file, environ=environ or {})["risk"]
    assert isinstance(section, Risk)
    return section


def test_no_layer_gives_the_defaults(tmp_path: Path) -> None:
    assert load({"risk": Risk}, file=tmp_path / "absent.toml", environ={}) == {"risk": Risk()}


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    text = "[risk]\nmax_loss_usd = 100.1\nmax_positions = 5\nallow_short = true\n"
    section = risk(tmp_path, text, {"QM_RISK__MAX_POSITIONS": "6", "QM_RISK__ALLOW_SHORT": "false"}, max_positions=7)
    assert section == Risk(max_loss_usd=Decimal("100.1"), max_positions=7, allow_short=False)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("symbols", '["AAPL", "MSFT"]', ("AAPL", "MSFT")),
        ("max_loss_usd", "12.34", Decimal("12.34")),
        ("allow_short", "true", True),
        ("weights", "{ gap = 0.5 }", {"gap": 0.5}),
        ("folder", "/somewhere", Path("/somewhere")),
    ],
)
def test_text_becomes_the_type_of_its_key(tmp_path: Path, name: str, text: str, value: object) -> None:
    assert getattr(risk(tmp_path, environ={f"QM_RISK__{name.upper()}": text}), name) == value
    assert (
        getattr(load({"risk": Risk}, {f"risk.{name}": text}, environ={}, file=tmp_path / "absent")["risk"], name)
        == value
    )


def test_nested_tables_merge_key_by_key(tmp_path: Path) -> None:
    text = "[risk.exits]\ntarget_r = 3\n[risk.by_strategy.orb]\nflat_at = 12:00:00\n[risk.weights]\ngap = 1\n"
    environ = {"QM_RISK__EXITS__FLAT_AT": "15:30:00", "QM_RISK__WEIGHTS__RVOL": "2"}
    section = risk(tmp_path, text, environ)
    assert section.exits == Exits(target_r=3.0, flat_at=dt.time(15, 30))
    assert section.by_strategy == {"orb": Exits(flat_at=dt.time(12))}
    assert section.weights == {"gap": 1.0, "rvol": 2.0}


@pytest.mark.parametrize(
    ("text", "line", "problem", "remedy"),
    [
        ("[risk]\n\nmax_los_usd = 1\n", 3, "unknown key risk.max_los_usd", "max_loss_usd"),
        ("[rsik]\nmax_loss_usd = 1\n", 2, "unknown section rsik", "Did you mean risk?"),
        ("[risk]\nmax_positions = 4\n[risk.exits]\ntarget = 2\n", 4, "unknown key risk.exits.target", "target_r"),
        ("[risk.by_strategy.orb]\ntarget = 2\n", 2, "unknown key risk.by_strategy.orb.target", "target_r"),
        ("[risk]\nmax_positions = 99 # too many\n", 2, "risk.max_positions = 99: Expected `int` <= 20", ""),
        ("[risk]\nmax_positions = 'two'\n", 2, "Expected `int`, got `str`", ""),
        ("[risk]\nexits = 5\n", 2, "risk.exits is a table", ""),
        ("[risk.exits]\ntarget_r = nan\n", 2, "a finite number was expected", ""),
        ("[risk]\nsymbols = ['A', 3]\n", 2, "Expected `str`, got `int` in [1]", ""),
        ("[risk]\nmax_loss_usd = 'nan'\n", 2, "a finite number was expected", ""),
    ],
)
def test_error_names_file_line_key_and_what_is_near(
    tmp_path: Path, text: str, line: int, problem: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        risk(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'qm.toml'}:{line}: ")
    assert problem in str(caught.value)
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_error_names_the_variable_and_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="environment variable QM_RISK__MAX_POSITION: unknown key"):
        risk(tmp_path, environ={"QM_RISK__MAX_POSITION": "1"})
    with pytest.raises(ConfigError, match="command line: unknown key risk.max_position"):
        risk(tmp_path, max_position="1")


def test_a_section_of_named_tables_is_a_dict_of_them(tmp_path: Path) -> None:
    def found(text: str, **given: str) -> dict[str, Exits]:
        file = tmp_path / "qm.toml"
        file.write_text(text, encoding="utf-8")
        tables: dict[str, Exits] = load({"exits": dict[str, Exits]}, given, file=file, environ={})["exits"]
        return tables

    assert found("") == found("[exits]\n") == {}
    assert found("[exits.orb]\ntarget_r = 3\n[exits.gap]\n") == {"orb": Exits(target_r=3.0), "gap": Exits()}
    given = {"exits.orb.target_r": "4"}
    assert found("[exits.orb]\ntarget_r = 3\nflat_at = 12:00:00\n", **given) == {
        "orb": Exits(target_r=4.0, flat_at=dt.time(12))
    }
    for wrong, problem in {
        "exits = 3": "exits is a table",
        "[exits]\norb = 3": r"exits\.orb is a table",
        "[exits.orb]\ntarget = 3": r"qm.toml:2: unknown key exits\.orb\.target",
    }.items():
        with pytest.raises(ConfigError, match=problem):
            found(wrong)


def test_values_that_contradict_each_other_are_refused_with_their_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fixed sizing cannot be short \(.*qm.toml:2, command line\)"):
        risk(tmp_path, "[risk]\nsizing = 'fixed'\n", allow_short="true")


def test_required_key_must_be_set(tmp_path: Path) -> None:
    class Account(msgspec.Struct, frozen=True):
        number: str

    with pytest.raises(ConfigError, match="account.number must be set"):
        load({"account": Account}, file=tmp_path / "absent.toml", environ={})


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"[risk\n", "not valid TOML.*line 1"), (b"\xff\xfe", "not UTF-8")],
)
def test_unreadable_file_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "qm.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        load({"risk": Risk}, file=file, environ={})
    with pytest.raises(ConfigError, match="could not be read"):
        load({"risk": Risk}, file=tmp_path, environ={})


def test_override_is_split_at_its_first_equals_sign() -> None:
    assert parse_override("notify.url = a=b") == ("notify.url", "a=b")
    for wrong in ("risk.max_loss", "max_loss=5", ".=5", ""):
        with pytest.raises(UsageError):
            parse_override(wrong)


def test_folders_come_from_the_environment_and_are_apart_for_each_mode(tmp_path: Path) -> None:
    environ = {f"QM_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    found = [paths(mode, environ) for mode in MODES]
    for own in ("data", "state", "runtime", "socket", "log_file"):
        assert len({getattr(each, own) for each in found}) == len(MODES)
    for shared in ("config", "history", "cache", "settings_file"):
        assert len({getattr(each, shared) for each in found}) == 1
    assert found[0].data == tmp_path / "data" / "sim"
    assert not list(tmp_path.iterdir()), "naming folders must not create them"
    assert load({"risk": Risk}, environ=environ)["risk"] == Risk()


def test_unknown_mode_and_relative_folder_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        paths("papre", {})  # type: ignore[arg-type]
    assert "paper" in caught.value.remedy
    with pytest.raises(ConfigError, match="QM_DATA_DIR"):
        paths("sim", {"QM_DATA_DIR": "data"})


def test_created_folders_are_private(tmp_path: Path) -> None:
    folder = create(tmp_path / "a" / "b")
    assert [each.stat().st_mode & 0o777 for each in (folder, folder.parent)] == [0o700, 0o700]
    folder.chmod(0o755)
    assert create(folder).stat().st_mode & 0o777 == 0o700


def test_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create(tmp_path / "run")
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        create(folder)


def test_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="is not a folder"):
            create(folder)
