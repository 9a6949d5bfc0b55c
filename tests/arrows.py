"""The import-linter contract of this house: where the arrows out of a room may point.

A forbidden contract would need every other room by name, also those that do not exist yet; here a
room names the few that it may import, and what is not named is refused.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

OURS = ("qm", "tui", "cli", "brokers", "backtest", "tests", "examples", "benchmarks")


class ArrowsContract(Contract):
    """Allow direct imports out of `rooms` only to `allowed` modules of ours, and none of `banned` libraries.

    `rooms` that do not exist are skipped. Imports inside a room are free. Without `allowed` only the
    libraries are checked. `except_imports` lists "importer -> imported" pairs that are let through.
    """

    type_name = "arrows"

    rooms = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField(), required=False)
    banned = fields.ListField(subfield=fields.StringField(), required=False)
    except_imports = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        wrong: list[str] = []
        for room in _names(self.rooms):
            for importer in sorted(module for module in graph.modules if _inside(module, room)):
                wrong += [
                    f"{importer} -> {imported}"
                    for imported in sorted(graph.find_modules_directly_imported_by(importer))
                    if not self._may(room, imported)
                ]
        wrong = [arrow for arrow in wrong if arrow not in _names(self.except_imports)]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for arrow in check.metadata["wrong"]:
            output.print_error(f"- {arrow}", bold=False)
        output.new_line()

    def _may(self, room: str, imported: str) -> bool:
        if any(_inside(imported, ours) for ours in OURS):
            allowed = _names(self.allowed)
            return not allowed or any(_inside(imported, target) for target in (room, *allowed))
        return not any(_inside(imported, library) for library in _names(self.banned))


def _names(field: object) -> list[str]:
    """Return the value of a list field; import-linter replaces the descriptor by it on the instance."""
    return list(field) if isinstance(field, list) else []


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
