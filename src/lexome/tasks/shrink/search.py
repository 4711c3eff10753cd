"""A search for a basecaller within a super-network, from a file to a recipe (`lexome compress search`)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

from lexome.checkpoint.store import save
from lexome.compress.search import SearchTask, encoder_of
from lexome.compress.space_costs import SpaceCosts
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe
from lexome.tasks.shrink.halves import in_halves
from lexome.tasks.shrink.search_file import SearchFile
from lexome.tasks.shrink.search_result import found_figures, write_found
from lexome.tasks.training import train_recipe
from lexome.train.card import model_card
from lexome.train.config import LoopConfig
from lexome.train.state import TENSORS

SUPERNET, DERIVED = "supernet", "derived"
SAVED_AT_LEAST = 500  # steps between saves


@dataclass(frozen=True)
class SearchRecipe(Recipe):
    """The training of a super-network.

    Attributes:
        file: what to search.
        costs: of its networks.
        target: what the one that is found may cost.
    """

    file: SearchFile
    costs: SpaceCosts
    target: float

    def task(self) -> SearchTask:
        """The task, with the training chunks in halves.

        Raises:
            LexomeError: if a store is missing or too small, or the target cannot be reached.
        """
        whole = self.file.recipe(self.costs.cheapest()).task()
        assert isinstance(whole, BasecallTask)
        halves = in_halves(whole)
        return SearchTask(self.file.config, self.costs.space, self.costs, self.target, *halves)


def search_recipe(file: SearchFile, costs: SpaceCosts, cost: str, target: float) -> SearchRecipe:
    """The training of a search: as many steps as [search] says, everything else as [loop] says.

    Args:
        file: what to search.
        costs: of its networks.
        cost: where the costs come from, for the record.
        target: what the network that is found may cost.

    Raises:
        UsageError: if no network costs so little.
    """
    costs.check_target(target)
    search = file.config
    given = {
        **file.data["loop"], "steps": search.steps,
        "validate_every": min(search.validate_every, search.steps),
        "save_every": min(SAVED_AT_LEAST, search.validate_every), "average_decay": 0.0, "minutes": 0.0,
        "patience": 0, "processes": 1,
    }  # fmt: skip
    loop = from_dict(LoopConfig, given, f"{file.where}, [loop]")
    data = {**file.record(), "loop": to_dict(loop), "cost": cost, "target": target, "costs": costs.digest()}
    return SearchRecipe(f"{file.data['name']}_search", data, loop, file, costs, target)


def run_search(
    recipe: SearchRecipe,
    folder: Path,
    version: str,
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Searches; the folder gets the recipe that was found, its weights so far, the figures and the state.

    Args:
        recipe: of `search_recipe`.
        folder: for the results; the state of the training is in its `supernet`.
        version: of lexome, for the record.
        resume: go on with the state in the folder.
        on_log: called with each row of the log.

    Returns:
        The figures (`search_result.found_figures`).
    """
    if not resume and (folder / SUPERNET).exists():
        raise UsageError(f"{folder} holds a search already; add --resume, or choose another folder")
    train_recipe(recipe, folder / SUPERNET, version, resume=resume, on_log=on_log)
    task = recipe.task()
    model = _last(task, folder / SUPERNET)
    parameters = encoder_of(model).architecture
    likeliest, shares = parameters.likeliest(), parameters.shares()
    chosen = recipe.costs.within(likeliest, shares, recipe.target)
    made = {"name": recipe.file.data["name"], "lexome_version": version, "made_by": "compress search"}
    checkpoint = task.derived(model, chosen, made)
    save(folder / DERIVED, checkpoint, model_card(checkpoint), overwrite=True)
    figures = found_figures(
        recipe.file,
        recipe.costs,
        recipe.target,
        chosen,
        {name: share.tolist() for name, share in shares.items()},
        {
            "steps": recipe.loop.steps,
            "likeliest_cost": recipe.costs.of(likeliest),
            "changed_for_target": sorted(name for name in chosen if chosen[name] != likeliest[name]),
            "least_possible_cost": recipe.costs.of(recipe.costs.cheapest()),
        },
    )
    write_found(recipe.file, chosen, figures, folder)
    return figures


def _last(task: SearchTask, folder: Path) -> nn.Module:
    """The super-network as training left it."""
    model = task.build()
    with safe_open(folder / TENSORS, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("model.")]
        model.load_state_dict({name.removeprefix("model."): file.get_tensor(name) for name in names})
    return model.eval()
