"""The file of a search: a recipe with a space of networks in place of an architecture, and how to search.

It has all tables of a recipe but [architecture], and [space] and [search] instead; so what is found is a
recipe, with nothing to be written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.compress.costs import UNITS, Measure, Operation, plain_costs, read_cost_table, table_costs
from lexome.compress.ladder import LadderCosts, LadderSpace
from lexome.compress.search import SearchConfig
from lexome.compress.space import Choices, ConvolutionSpace
from lexome.compress.space_costs import SpaceCosts
from lexome.core.config import apply_overrides, from_dict, read_toml, to_dict
from lexome.core.errors import UsageError, nearest
from lexome.tasks.recipe import KEYS, Recipe, resolve_recipe

Space = ConvolutionSpace | LadderSpace
Costs = SpaceCosts | LadderCosts
SPACES: dict[str, type[ConvolutionSpace] | type[LadderSpace]] = {
    "convolutions": ConvolutionSpace,
    "ladder": LadderSpace,
}
FILE_KEYS = (*(key for key in KEYS if key != "architecture"), "space", "search")
COUNTED: dict[str, Measure] = {"macs": "macs", "bytes": "bytes"}


@dataclass(frozen=True)
class SearchFile:
    """A file that was read.

    Attributes:
        where: its name.
        data: its tables, with all overrides applied.
        space: the networks.
        config: how to search.
    """

    where: str
    data: dict[str, Any]
    space: Space
    config: SearchConfig

    def recipe(self, choices: Choices, loop: dict[str, Any] | None = None) -> Recipe:
        """The recipe of a network.

        Args:
            choices: an option of every slot.
            loop: keys of [loop] that are other than in the file.
        """
        data = {key: value for key, value in self.data.items() if key not in ("space", "search")}
        if loop is not None:
            data["loop"] = {**data["loop"], **loop}
        return resolve_recipe({**data, "architecture": self.space.architecture(choices)}, self.where)

    def record(self) -> dict[str, Any]:
        """What decides what is found, as plain values; a search is resumed with the same only."""
        return {**self.data, "space": to_dict(self.space), "search": to_dict(self.config)}


def read_search_file(path: Path, overrides: Sequence[str] = ()) -> SearchFile:
    """Reads a file and applies `key=value` overrides.

    Raises:
        UsageError: for an unknown key (with the nearest one), a missing or a wrong one.
    """
    data, where = apply_overrides(read_toml(path), overrides), str(path)
    for key in data:
        if key not in FILE_KEYS:
            raise UsageError(f"{where}: unknown key '{key}'; {nearest(key, FILE_KEYS)}")
    if data.get("task_kind") != "basecall":
        raise UsageError(f"{where}: task_kind must be 'basecall': other tasks cannot be searched for yet")
    if "loop" not in data:
        raise UsageError(f"{where}: key 'loop' is missing")
    config = from_dict(SearchConfig, data.get("search", {}), f"{where}, [search]")
    space = _space(data.get("space"), where)
    if isinstance(space, LadderSpace) and config.method != "optuna":
        raise UsageError(
            f"{where}: networks of a ladder share no weights, so '{config.method}' cannot search them; "
            "take --method optuna"
        )
    found = SearchFile(where, data, space, config)
    found.recipe({slot.name: 0 for slot in space.slots})  # so that what is wrong is said before any work
    return found


def read_space(path: Path) -> Space:
    """Reads the table [space] of a file, whatever else is in it."""
    return _space(read_toml(path).get("space"), str(path))


def _space(table: Any, where: str) -> Space:
    if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
        raise UsageError(f"{where}: needs a table [space] with its kind: {' or '.join(SPACES)}")
    if table["kind"] not in SPACES:
        raise UsageError(
            f"{where}, [space]: unknown kind '{table['kind']}'; {nearest(table['kind'], SPACES)}"
        )
    return from_dict(SPACES[table["kind"]], table, f"{where}, [space]")


def costs_by(cost: str, space: Space) -> Costs:
    """The costs of a space's networks.

    Args:
        cost: "macs" or "bytes", which are counted, or the file of a table of latencies.
        space: the networks.

    Raises:
        BadInputError: if the table cannot be read or operations are missing in it, naming them.
    """
    operations: dict[str, Operation] = space.operations()
    if cost in COUNTED:
        costs, unit = plain_costs(operations, COUNTED[cost]), UNITS[COUNTED[cost]]
    else:
        costs = table_costs(read_cost_table(Path(cost)), operations, cost)
        unit = UNITS["latency_ns"]
    if isinstance(space, LadderSpace):
        return LadderCosts(space, costs, unit)
    return SpaceCosts(space, costs, unit)
