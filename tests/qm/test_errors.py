"""The exception tree: exit codes, remedies and the nearest names."""

import copy
import inspect
import re

import pytest

from qm import errors
from qm.errors import NotFoundError, QmError, did_you_mean, nearest


def all_errors() -> list[type[QmError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, QmError)]


def test_drawn_tree_names_every_error_with_its_exit_code() -> None:
    drawing = errors.__doc__ or ""
    for kind in all_errors():
        line = re.search(rf"^.*\b{kind.__name__}\b +(\d)?.*$", drawing, re.MULTILINE)
        assert line, f"{kind.__name__} is not drawn"
        if line[1]:
            assert int(line[1]) == kind.exit_code
        else:
            assert kind.exit_code == errors.StoreError.exit_code


def test_error_says_its_problem_and_keeps_its_remedy() -> None:
    error = errors.LockedError("Another daemon runs in sim.", "Stop it with `qm down`.")
    assert str(error) == "Another daemon runs in sim."
    assert error.remedy == "Stop it with `qm down`."
    assert error.exit_code == 5


def test_not_found_suggests_the_nearest_names() -> None:
    error = NotFoundError.of("strategy", "orb_papre", ["orb_paper", "orb_robust", "vwap_reclaim"])
    assert str(error) == "No strategy is called 'orb_papre'."
    assert error.nearest[0] == "orb_paper"
    assert error.remedy.startswith("Did you mean orb_paper")


@pytest.mark.parametrize(
    ("names", "phrase"),
    [([], ""), (["a"], "Did you mean a?"), (["a", "b", "c"], "Did you mean a, b or c?")],
)
def test_suggestion_reads_as_a_question(names: list[str], phrase: str) -> None:
    assert did_you_mean(names) == phrase


def test_nearest_ignores_case_and_the_order_of_the_known() -> None:
    assert nearest("MAXLOSS", ["max_loss", "min_price"]) == ("max_loss",)
    assert nearest("orb", {"orb_b", "orb_a"}) == nearest("orb", ["orb_a", "orb_b"])
    assert nearest("zzz", ["max_loss"]) == ()


@pytest.mark.parametrize("kind", all_errors())
def test_error_is_rebuilt_with_its_remedy(kind: type[QmError]) -> None:
    # A copy takes the same way as an error that comes back from a worker process.
    again = copy.copy(kind("It broke.", "Mend it."))
    assert (type(again), again.problem, again.remedy) == (kind, "It broke.", "Mend it.")


def test_nearest_names_are_rebuilt_too() -> None:
    assert copy.copy(NotFoundError("x", nearest=["a"])).nearest == ("a",)
