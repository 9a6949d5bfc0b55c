import msgspec
import pytest

from qm.engine.settings import EngineSettings
from qm.errors import NotFoundError
from qm.scanner.cadence import Trigger
from qm.scanner.own import ScanSettings, named
from qm.scanner.presets import PRESETS, Scan
from qm.scanner.text import parse

LOW_FLOAT = ScanSettings(when="gap >= 4 & float < 20M", window=("09:35", "11:30"), rank_by="gap", top=5, hold_s=60)


def test_what_settings_say_becomes_a_scan() -> None:
    assert named("low_float", {"low_float": LOW_FLOAT}) == Scan(
        name="low_float",
        condition=parse("gap_pct >= 4 & float_shares < 20000000"),
        window=("09:35", "11:30"),
        rank_by="gap_pct",
        top=5,
        cooldown_s=300,
        hold_s=60,
    )


def test_a_scan_of_ones_own_takes_the_place_of_a_shipped_one() -> None:
    own = {"momentum": LOW_FLOAT}
    assert named("momentum", own).condition == LOW_FLOAT.scan().condition
    assert named("stocks_in_play", own) is PRESETS["stocks_in_play"]


def test_an_unknown_name_is_answered_with_the_nearest_of_both() -> None:
    with pytest.raises(NotFoundError) as raised:
        named("low_floats", {"low_float": LOW_FLOAT})
    assert "low_float" in raised.value.nearest


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"when": "gap >= 4x"}, "when = 'gap >= 4x': Column 8: gap_pct is in %, not in x. Write 4"),
        ({"when": ""}, "says nothing"),
        ({"when": "halted", "rank_by": "gapp"}, "No feature is called 'gapp'"),
        ({"when": "halted", "window": ("11:00", "09:35")}, "the window ends before it starts"),
        ({"when": "halted", "window": ("11h", "12:00")}, "'11h' is no time of day"),
        ({"when": "gap >= 4 stay 5"}, "Column 15: gap_pct >= 5 is tighter than >= 4. Write 4 or less after stay"),
        ({"when": "halted", "rank_by": "gap + rvol"}, "'gap + rvol' of the order 'gap + rvol' is neither a feature"),
        (
            {"when": "last > 5 & red_bars_5m >= 4", "trigger": "beat"},
            "red_bars_5m tells of whole bars and last moves with each trade: inside a bar they do not go together.",
        ),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused_as_soon_as_it_is_read(wrong: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        ScanSettings(**wrong)  # type: ignore[arg-type]
    assert problem in str(raised.value)


def test_how_often_it_is_told_and_asked_can_be_set() -> None:
    scan = ScanSettings(when="halted", rank_by="mom5 * rvol", rearm_pct=2, trigger="bar_close").scan("mine")
    assert (scan.rank_by, scan.rearm_pct, scan.trigger) == ("mom_5_pct * rvol", 2, Trigger.BAR_CLOSE)


def test_the_digest_of_the_settings_covers_them() -> None:
    one = EngineSettings(own_scans={"low_float": LOW_FLOAT})
    other = EngineSettings(own_scans={"low_float": msgspec.structs.replace(LOW_FLOAT, when="gap >= 5 & float < 20M")})
    assert len({each.digest() for each in (EngineSettings(), one, other)}) == 3
    again = msgspec.json.decode(msgspec.json.encode(one), type=EngineSettings)
    assert again == one
    assert again.scan("low_float") == one.scan("low_float")
