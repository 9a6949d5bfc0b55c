from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import NotFoundError, UsageError
from qm.model.events import Check
from qm.scanner.conditions import Condition, above, at_least, at_most, below, flag, within
from tests.qm.radar.day import made

NAN = float("nan")
GAPS = made(gap_pct=[3.0, 4.0, 5.0, NAN])


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        (at_least("gap_pct", 4), [False, True, True, False]),
        (at_most("gap_pct", 4), [True, True, False, False]),
        (above("gap_pct", 4), [False, False, True, False]),
        (below("gap_pct", 4), [True, False, False, False]),
        (within("gap_pct", 3, 4), [True, True, False, False]),
        (~at_least("gap_pct", 4), [True, False, False, False]),
        (~at_most("gap_pct", 4), [False, False, True, False]),
        (~above("gap_pct", 4), [True, True, False, False]),
        (~below("gap_pct", 4), [False, True, True, False]),
        (~within("gap_pct", 4, 4), [True, False, True, False]),
    ],
)
def test_a_comparison_holds_where_it_says_and_never_for_the_unknown(condition: Condition, held: list[bool]) -> None:
    assert condition.mask(GAPS).tolist() == held


def test_a_flag_is_set_or_not_and_unknown_is_neither() -> None:
    status = made(halted=[1.0, 0.0, NAN])
    assert flag("halted").mask(status).tolist() == [True, False, False]
    assert (~flag("halted")).mask(status).tolist() == [False, True, False]


def test_a_settled_side_decides_whatever_the_unknown_side_would_say() -> None:
    known = made(gap_pct=[5.0], rvol=[NAN])
    yes, unknown = at_least("gap_pct", 4), at_least("rvol", 2)
    assert (yes | unknown).mask(known)[0]
    assert not (yes & unknown).mask(known)[0]
    assert not (~yes & unknown).mask(known)[0]
    assert (~(~yes & unknown)).mask(known)[0]


@pytest.mark.parametrize("make", [at_least, at_most, above, below])
def test_a_feature_with_a_typo_fails_at_once_and_names_the_nearest(make: Callable[[str, float], Condition]) -> None:
    with pytest.raises(NotFoundError) as raised:
        make("gap_pc", 4)
    assert raised.value.nearest[0] == "gap_pct"


def test_a_flag_with_a_typo_fails_at_once_and_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as raised:
        flag("haltd")
    assert raised.value.nearest == ("halted",)


@pytest.mark.parametrize("limit", [NAN, float("inf"), -float("inf")])
def test_a_limit_that_is_no_number_is_refused(limit: float) -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        at_least("gap_pct", limit)


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(UsageError, match=r"20\.\.2"):
        within("last", 20, 2)


def test_why_shows_every_comparison_with_value_limit_and_unit() -> None:
    condition = at_least("gap_pct", 4) & within("last", 2, 20) & ~flag("halted") & at_least("rvol", 3)
    had = made(gap_pct=[6.25], last=[25.0], rvol=[NAN])
    assert condition.why(had, 0) == (
        Check("gap_pct >=", 6.25, 4.0, passed=True, unit="%"),
        Check("last >=", 25.0, 2.0, passed=True, unit="$"),
        Check("last <=", 25.0, 20.0, passed=False, unit="$"),
        Check("~halted", 0.0, None, passed=True),
        Check("rvol >=", None, 3.0, passed=False, unit="x"),
    )


def test_under_not_the_opposite_comparison_is_shown() -> None:
    had = made(gap_pct=[6.25])
    assert (~at_least("gap_pct", 4)).why(had, 0) == (Check("gap_pct <", 6.25, 4.0, passed=False, unit="%"),)


def test_a_condition_reads_as_it_was_meant() -> None:
    assert (
        str(at_least("gap_pct", 4) & (at_least("rvol", 3) | at_least("adv", 1_000_000)) & ~flag("halted"))
        == "gap_pct >= 4 % & (rvol >= 3 x | adv >= 1,000,000 shares) & ~halted"
    )
    assert str(~(at_least("range_pos", 0.8) & flag("halted"))) == "range_pos < 0.8 | ~halted"
    assert str(within("last", 2, 20) | flag("halted")) == "last >= 2 $ & last <= 20 $ | halted"


Symbol = tuple[float, float, float, float]
"""Gap, relative volume, last and halted."""
LEAVES = st.one_of(
    st.builds(
        lambda make, feature, limit: make(feature, limit),
        st.sampled_from([at_least, at_most, above, below]),
        st.sampled_from(["gap_pct", "rvol", "last"]),
        st.integers(-1, 1),
    ),
    st.just(flag("halted")),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a: ~a, inner),
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
    ),
    max_leaves=8,
)
VALUE = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, NAN])
SYMBOLS = st.lists(st.tuples(VALUE, VALUE, VALUE, st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=6)


def columns(symbols: list[Symbol]) -> dict[str, list[float]]:
    return dict(zip(("gap_pct", "rvol", "last", "halted"), map(list, zip(*symbols, strict=True)), strict=True))


@given(CONDITIONS, SYMBOLS)
def test_no_symbol_passes_a_condition_and_its_opposite(condition: Condition, symbols: list[Symbol]) -> None:
    found = made(**columns(symbols))
    assert not (condition.mask(found) & (~condition).mask(found)).any()
    assert (condition.mask(found) == (~~condition).mask(found)).all()


@given(CONDITIONS, SYMBOLS)
def test_with_everything_known_one_of_the_two_passes(condition: Condition, symbols: list[Symbol]) -> None:
    known = {name: np.nan_to_num(column).tolist() for name, column in columns(symbols).items()}
    found = made(**known)
    assert (condition.mask(found) ^ (~condition).mask(found)).all()


@given(CONDITIONS, SYMBOLS)
def test_nobody_passes_only_because_something_is_unknown(condition: Condition, symbols: list[Symbol]) -> None:
    held = condition.mask(made(**columns(symbols)))
    for filler in (-2.0, 0.0, 2.0):
        known = {
            name: np.where(np.isnan(column), filler if name != "halted" else float(filler > 0), column).tolist()
            for name, column in columns(symbols).items()
        }
        assert condition.mask(made(**known))[held].all()


@given(CONDITIONS, SYMBOLS)
def test_where_every_check_passed_the_condition_holds_and_where_none_did_it_does_not(
    condition: Condition, symbols: list[Symbol]
) -> None:
    found = made(**columns(symbols))
    held = condition.mask(found).tolist()
    for row in range(len(symbols)):
        passed = [check.passed for check in condition.why(found, row)]
        assert held[row] or not all(passed)
        assert any(passed) or not held[row]


@given(
    st.lists(st.tuples(st.sampled_from([">=", "<=", ">", "<"]), st.integers(-3, 3), st.integers(0, 3)), min_size=1),
    st.lists(st.booleans()),
    st.lists(st.one_of(st.integers(-6, 6), st.just(float("nan"))), min_size=1, max_size=8),
)
def test_what_a_condition_lets_in_it_does_not_end_at_once(
    bounds: list[tuple[str, int, int]], joins: list[bool], values: list[float]
) -> None:
    make = {">=": at_least, "<=": at_most, ">": above, "<": below}
    parts = [
        make[sign]("gap_pct", limit, stay=limit - wide * (1 if sign[0] == ">" else -1)) for sign, limit, wide in bounds
    ]
    condition = parts[0]
    for part, both in zip(parts[1:], joins, strict=False):
        condition = condition & part if both else condition | part
    found = made(gap_pct=values)
    assert not (condition.mask(found) & ~condition.staying().mask(found)).any()
    assert condition.staying().staying() == condition.staying()


@pytest.mark.parametrize(
    ("make", "stay"),
    [(at_least, 4.1), (above, 4.1), (at_most, 3.9), (below, 3.9), (at_least, float("nan"))],
)
def test_a_limit_to_stay_that_is_tighter_or_no_number_is_refused(make: Callable[..., Condition], stay: float) -> None:
    with pytest.raises(UsageError):
        make("gap_pct", 4, stay=stay)


def test_what_has_two_limits_has_no_opposite() -> None:
    with pytest.raises(UsageError, match="cannot stand before gap_pct >= 4 % stay 3 %"):
        ~(at_least("gap_pct", 4, stay=3) & flag("halted"))


def test_two_limits_are_written_out_and_both_are_shown_where_they_decide() -> None:
    condition = within("last", 2, 20, stay=(1, 25)) & flag("halted")
    assert str(condition) == "last >= 2 $ stay 1 $ & last <= 20 $ stay 25 $ & halted"
    assert str(condition.staying()) == "last >= 1 $ & last <= 25 $ & halted"
    assert [check.limit for check in condition.staying().why(made(last=[30.0], halted=[1.0]), 0)] == [1, 25, None]


def test_a_flag_has_no_values_to_compare() -> None:
    with pytest.raises(UsageError, match="halted is set or not"):
        at_least("halted", 1)
