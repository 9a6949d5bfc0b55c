"""The order of the features, in which journals carry their values."""

from __future__ import annotations

from hashlib import sha256

from qm.market.names import NAMES, known

FIRST = 84
FIRST_NAMES = "f7a9c28cc92bd61fc53b0c80ec582cab757224dfa31327ef2980f0117c0ddf60"
"""sha256 of the names with which journals began, in their order."""


def test_the_order_of_the_names_only_grows_at_its_end() -> None:
    assert sha256(" ".join(NAMES[:FIRST]).encode()).hexdigest() == FIRST_NAMES


def test_values_find_their_names_again() -> None:
    assert known((1.0, None, 3.0)) == {NAMES[0]: 1.0, NAMES[2]: 3.0}
    assert known({"rvol": 2.0}) == {"rvol": 2.0}
    assert known(()) == {}
