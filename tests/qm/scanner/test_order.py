"""The largest values, whether they are picked or sorted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qm.scanner.order import largest

VALUES = st.lists(st.sampled_from([float("nan"), float("-inf"), -3.0, -0.5, 0.0, 0.5, 7.0, float("inf")]), max_size=30)


@given(VALUES, st.integers(1, 12))
def test_the_largest_are_those_that_a_sort_puts_first_and_unknown_ones_come_last(found: list[float], top: int) -> None:
    by = np.array(found, np.float64)
    assert largest(by, top).tolist() == np.argsort(-by, kind="stable")[:top].tolist()
