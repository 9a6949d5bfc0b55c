"""The contract that guards the arrows refuses what it should and lets the rest through."""

import pytest
from grimp import ImportGraph

from tests.arrows import ArrowsContract

ARROWS = {
    "tui.app": ("qm.wire.client", "tui.panes", "textual"),
    "tui.panes": ("qm.engine.core",),
    "qm.engine.core": ("qm.model", "asyncio"),
    "qmlike": ("qm.engine.core",),
}


def wrong(**options: list[str]) -> list[str]:
    graph = ImportGraph()
    for importer, imported in ARROWS.items():
        for module in imported:
            graph.add_import(importer=importer, imported=module)
    contract = ArrowsContract(name="test", session_options={}, contract_options=dict(options))
    found = contract.check(graph, verbose=False).metadata["wrong"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rooms": ["tui"], "allowed": ["qm.wire"]}, ["tui.panes -> qm.engine.core"]),
        ({"rooms": ["tui"], "allowed": ["qm.wire", "qm.engine"]}, []),
        ({"rooms": ["tui"], "allowed": ["qm.wir"]}, ["tui.app -> qm.wire.client", "tui.panes -> qm.engine.core"]),
        ({"rooms": ["qm"], "allowed": ["qm"]}, []),
        ({"rooms": ["qm.engine"], "banned": ["asyncio"]}, ["qm.engine.core -> asyncio"]),
        ({"rooms": ["qm.absent"], "banned": ["asyncio"]}, []),
        (
            {"rooms": ["qm.engine"], "banned": ["asyncio"], "except_imports": ["qm.engine.core -> asyncio"]},
            [],
        ),
    ],
)
def test_contract_names_the_wrong_arrows(options: dict[str, list[str]], expected: list[str]) -> None:
    assert wrong(**options) == expected
