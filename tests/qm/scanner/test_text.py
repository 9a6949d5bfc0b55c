import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qm.errors import UsageError
from qm.market.features import FLAGS, NAMES
from qm.scanner.conditions import Condition, above, at_least, at_most, below, flag, within
from qm.scanner.text import ALIASES, CHARS_MAX, DEPTH_MAX, ScanTextError, known, parse
from tests.qm.radar.day import made

NAN = float("nan")
A, B, C = at_least("gap_pct", 4), at_least("rvol", 3), flag("halted")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (
            "gap_pct >= 4 & rvol >= 3 & last in 2..20 & float_shares < 20M & ~halted",
            A & B & within("last", 2, 20) & below("float_shares", 20_000_000) & ~C,
        ),
        ("gap >= 4 and rvol >= 3 or halted", (A & B) | C),
        ("gap >= 4 | rvol >= 3 & halted", A | (B & C)),
        ("(gap >= 4 || rvol >= 3) && !halted", (A | B) & ~C),
        ("not (gap >= 4 & halted)", ~(A & C)),
        ("not gap >= 4 & halted", ~A & C),
        ("~~~halted", ~C),
        ("NOT halted AND Gap >= 4", ~C & A),
        ("4 <= gap", A),
        ("4 > gap", below("gap_pct", 4)),
        ("2 < price <= 20", above("last", 2) & at_most("last", 20)),
        ("20 >= price > 2", at_most("last", 20) & above("last", 2)),
        ("price not in 2..20", ~within("last", 2, 20)),
        ("chg in -5..-2.5", within("chg_pct", -5, -2.5)),
        ("last ≥ 2", at_least("last", 2)),
        ("dvol >= $1.5M", at_least("dollar_volume", 1_500_000)),
        ("dvol >= 1.5 m $", at_least("dollar_volume", 1_500_000)),
        ("adv >= 1,250,000 shares", at_least("adv", 1_250_000)),
        ("adv >= 1e6", at_least("adv", 1_000_000)),
        ("vwap_dist >= -$0", None),
        ("chg >= -$1", None),
        ("last >= -$1", at_least("last", -1)),
        ("last >= $-1", at_least("last", -1)),
        ("rvol >= .5x", at_least("rvol", 0.5)),
        ("spread <= 0.6%", at_most("spread_bps", 60)),
        ("mom5 >= 150 bp", at_least("mom_5_pct", 1.5)),
        ("high_age <= 5min", at_most("high_age_s", 300)),
        ("high_age <= 30 s", at_most("high_age_s", 30)),
        ("ref_days >= 8 days", at_least("ref_days", 8)),
        ("range_pos in 0.8..1", within("range_pos", 0.8, 1)),
        ("float in 0..20M", within("float_shares", 0, 20_000_000)),
        (
            "gap >= 4 & rvol >= 3 & price in 2..20 & float < 20M & ~halted",
            A & B & within("last", 2, 20) & below("float_shares", 20_000_000) & ~C,
        ),
        ("gap >= 4 stay 3.5", at_least("gap_pct", 4, stay=3.5)),
        ("gap >= 4 STAY 350bp & rvol >= 3", at_least("gap_pct", 4, stay=3.5) & B),
        ("spread < 60 stay 1%", below("spread_bps", 60, stay=100)),
        ("price in 2..20 stay 1.5..25", within("last", 2, 20, stay=(1.5, 25))),
        (
            "~halted & (gap > 4 stay 4 | rvol <= 1 stay 2)",
            ~C & (above("gap_pct", 4, stay=4) | at_most("rvol", 1, stay=2)),
        ),
    ],
)
def test_a_text_means_what_a_trader_reads_in_it(text: str, meant: Condition | None) -> None:
    if meant is None:
        with pytest.raises(ScanTextError):
            parse(text)
    else:
        assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "place", "problem", "remedy"),
    [
        ("gap >= 4x", "4x", "gap_pct is in %, not in x", "Write 4."),
        ("rvol >= 3 & gap_pc >= 4", "gap_pc", "no feature is called 'gap_pc'", "gap_pct"),
        ("rvl >= 3", "rvl", "no feature", "rvol"),
        ("zzz >= 3", "zzz", "no feature", "qm scan features"),
        ("gap >= 4 rvol >= 3", "rvol", "expected & or |, or the end, but there is 'rvol'", ""),
        ("gap >= 4 &", "", "expected a feature, ~ or (, but the scan ends", ""),
        ("gap >=", "", "expected a number in %", ""),
        ("gap", "", "expected >=, <=, >, < or `in` after gap", "gap >= 3"),
        ("(gap >= 4 & rvol >= 3", "", "the ) of column 1", ""),
        ("gap >= 4)", ")", "expected & or |, or the end", ""),
        ("()", ")", "expected a feature", ""),
        ("", "", "says nothing", "gap >= 4"),
        (" \t ", "", "says nothing", "gap >= 4"),
        ("gap >= 4 stay 5", "5", "gap_pct >= 5 is tighter than >= 4", "Write 4 or less after stay."),
        ("spread <= 60 stay 0.5%", "0.5%", "spread_bps <= 50 is tighter than <= 60", "Write 60 or more"),
        ("gap >= 4 stay", "", "expected a number in %, but the scan ends", ""),
        ("gap >= 4 stay 3x", "3x", "gap_pct is in %, not in x", "Write 3."),
        ("~(gap >= 4 stay 3)", "stay", "stay cannot stand under a ~", "Turn the comparison round"),
        ("price in 2..20 stay 3..25", "3", "last >= 3 is tighter than >= 2", ""),
        ("price in 2..20 stay 1..10", "10", "last <= 10 is tighter than <= 20", ""),
        ("price in 2..20 stay 1", "", "expected ..", ""),
        ("price not in 2..20 stay 1..25", "stay", "stay cannot follow `not in`", "last < a stay b"),
        ("halted stay 3", "stay", "expected & or |, or the end, but there is 'stay'", ""),
        ("4 <= gap stay 3", "stay", "expected & or |, or the end, but there is 'stay'", ""),
        ("stay >= 3", "stay", "expected a feature", ""),
        ("halted >= 1", ">=", "halted is set or not", "Write halted or ~halted"),
        ("rvol >= 3 & new_high in 0..1", "in", "new_high is set or not", "Write new_high or ~new_high"),
        ("halted == 1", "==", "halted is set or not", ""),
        ("1 <= halted", "halted", "halted is set or not", "Write halted or ~halted"),
        ("gap == 4", "==", "compares nothing that is measured", "gap in a..b"),
        ("gap => 4", "=>", "compares nothing", ">="),
        ("last > vwap", "vwap", "expected a number in $, but there is 'vwap'", "not with each other"),
        ("3 = gap", "=", "expected >=, <=, > or <", ""),
        ("2 < last > 20", ">", "point the same way", ""),
        ("20 < last < 2", "2", "cannot lie between 20 and 2", ""),
        ("last in 20..2", "20", "has no values", "smaller limit first"),
        ("last in 2", "", "expected ..", "2..20"),
        ("float in 5..20M", "5", "may be meant in M", "Write 5M..20M"),
        ("rvol >= 3M", "3M", "rvol is in x, not in M", ""),
        ("high_age <= 5m", "5m", "high_age_s is in s, not in M", "min"),
        ("range_pos >= 80%", "80%", "range_pos is a plain number, not in %", ""),
        ("gap >= 4pct", "pct", "'pct' is no unit", "%"),
        ("dvol >= $2 shares", "2", "do not go together", ""),
        ("last >= 1e999", "1e999", "too large", ""),
        ("adv >= 1,00", ",", "means nothing", ""),
        ("gap >= 4 ; rvol >= 3", ";", "means nothing", ""),
        ("eval(gap)", "eval", "no feature", ""),
        ("gap >= 4 & \x1b[31mrvol", "\x1b", "means nothing", ""),
        ("(" * 40 + "halted", "(", "more than 32", ""),
    ],
)
def test_an_error_points_at_its_place_and_says_what_would_be_right(
    text: str, place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ScanTextError) as raised:
        parse(text)
    error = raised.value
    assert problem in error.problem
    assert remedy in error.remedy
    at = error.column - 1
    assert text[at : at + len(place)] == place
    assert error.problem.startswith(f"Column {error.column}: ")
    assert error.width == max(1, len(place))


def test_the_pointer_stands_under_the_place() -> None:
    with pytest.raises(ScanTextError) as raised:
        parse("gap >= 4x & rvol >= 3")
    assert raised.value.pointer() == "gap >= 4x & rvol >= 3\n       ^^"


def test_the_pointer_of_a_long_text_shows_what_is_around_the_place() -> None:
    text = " & ".join(["gap >= 4"] * 40 + ["gapp >= 4"] + ["gap >= 4"] * 40)
    with pytest.raises(ScanTextError) as raised:
        parse(text)
    shown, carets = raised.value.pointer().split("\n")
    assert len(shown) < 90
    assert shown[carets.index("^") : carets.index("^") + carets.count("^")] == "gapp"


def test_a_text_too_long_is_refused() -> None:
    with pytest.raises(ScanTextError, match="at most 2,000"):
        parse(" " * CHARS_MAX + "halted")


def test_nots_and_parentheses_are_bounded() -> None:
    assert parse("(" * DEPTH_MAX + "halted" + ")" * DEPTH_MAX) == C
    assert parse("~" * DEPTH_MAX + "halted") == C
    assert parse(" & ".join(["(halted)"] * 100)).names() == ("halted",)
    with pytest.raises(ScanTextError):
        parse("not " * (DEPTH_MAX + 1) + "halted")


def test_the_error_is_a_usage_error_that_can_be_rebuilt_from_its_arguments() -> None:
    with pytest.raises(ScanTextError) as raised:
        parse("gap >= 4x")
    error = raised.value
    again = type(error)(*error.args)
    assert isinstance(again, UsageError)
    assert (again.problem, again.remedy, again.pointer()) == (error.problem, error.remedy, error.pointer())


def test_every_feature_and_every_alias_can_be_written() -> None:
    assert set(ALIASES.values()) <= set(NAMES)
    assert set(ALIASES).isdisjoint(NAMES)
    for name in (*NAMES, *ALIASES):
        if known(name) in FLAGS:
            assert parse(name) == flag(known(name))
        else:
            assert parse(f"{name} >= 1") == at_least(known(name), 1)
    assert known("nothing") == ""


def test_unknown_stays_unknown_through_the_text() -> None:
    condition = parse("gap >= 4 & not rvol >= 3")
    assert condition.mask(made(gap_pct=[5, 5, 5, NAN], rvol=[2, 3, NAN, 2])).tolist() == [True, False, False, False]
    settled = parse("gap >= 4 | rvol >= 3")
    assert settled.mask(made(gap_pct=[5, NAN], rvol=[NAN, NAN])).tolist() == [True, False]
    (check,) = parse("rvol >= 3").why(made(rvol=[NAN]), 0)
    assert (check.value, check.limit, check.passed, check.unit) == (None, 3.0, False, "x")


LIMIT = st.floats(allow_nan=False, allow_infinity=False)
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda make, feature, limit: make(feature, limit),
        st.sampled_from([at_least, at_most, above, below]),
        st.sampled_from([name for name in NAMES if name not in FLAGS]),
        LIMIT,
    ),
    st.builds(flag, st.sampled_from(FLAGS)),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a: ~a, inner),
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
    ),
    max_leaves=12,
)


@given(CONDITIONS)
def test_what_a_condition_says_of_itself_gives_it_again(condition: Condition) -> None:
    assert parse(str(condition)) == condition


@given(CONDITIONS)
def test_the_outline_has_every_comparison_in_its_place(condition: Condition) -> None:
    lines = condition.outline()
    said = [line.strip() for line in lines if not line.strip().endswith(" of")]
    assert [parse(line).names()[0] for line in said] == [
        check.name.strip("~").split()[0] for check in condition.why(made(gap_pct=[1.0]), 0)
    ]


WORDS = st.sampled_from(
    [*NAMES, *ALIASES, "and", "or", "not", "in", *"()~!&|<>=$%-.,;4", ">=", "<=", "..", "20M", "4x", "1e9", "5min", "é"]
)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join), st.lists(WORDS, max_size=12).map("".join)
    )
)
@example("(" * 5000)
@example("~" * 1999)
@example("1 < 2 < 3")
@example("٣ < gap")
def test_any_text_is_a_condition_or_the_documented_error(text: str) -> None:
    found = outcome(text)
    if isinstance(found, Condition):
        assert parse(str(found)) == found
        return
    assert 1 <= found.column <= len(text) + 1
    shown, carets = found.pointer().split("\n")
    assert carets.strip(" ").strip("^") == ""
    assert shown.isprintable()


def outcome(text: str) -> Condition | ScanTextError:
    try:
        return parse(text)
    except ScanTextError as error:
        return error
