"""What a search found, as files and tables: a recipe that trains as it is, bits, and how it was chosen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lexome.checkpoint.toml_text import to_toml
from lexome.compress.space import NONE, Choices
from lexome.models.costs import network_costs
from lexome.models.registry import new_network
from lexome.report.files import write_json, write_text
from lexome.report.tables import Table
from lexome.tasks.shrink.search_file import Costs, SearchFile

RECIPE, BITS, FIGURES = "recipe.toml", "bits.toml", "search.json"
COUNTED_SAMPLES = 5040
LISTED = 4  # shares of a choice that are printed, the largest ones


def found_figures(
    file: SearchFile,
    costs: Costs,
    target: float,
    choices: Choices,
    shares: Mapping[str, Sequence[float]],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """What is told of a network that was found, as plain values.

    Args:
        file: of the search.
        costs: of its networks.
        target: what one might cost.
        choices: of the network.
        shares: of the options of choices: probabilities, or parts of the trials.
        more: what else is known.
    """
    recipe = file.recipe(choices)
    with torch.random.fork_rng(devices=[]):
        network = new_network(recipe.data["architecture"], recipe.data["head"])
    counted = network_costs(network, COUNTED_SAMPLES)
    slots = [
        {
            "choice": slot.name,
            "chosen": slot.options[choices[slot.name]],
            "shares": dict(zip(slot.options, shares.get(slot.name, (1.0,)), strict=True)),
        }
        for slot in file.space.slots
        if len(slot.options) > 1
    ]
    return {
        "method": file.config.method,
        "parameters": counted.parameters,
        "macs_per_sample": counted.macs_per_sample,
        "cost": costs.of(choices),
        "target": target,
        "unit": costs.unit,
        "choices": slots,
        **more,
    }


def write_found(file: SearchFile, choices: Choices, figures: Mapping[str, Any], folder: Path) -> None:
    """Writes the recipe of a network, its bits if there are any, and the figures.

    The bits are as `lexome compress quantize --per-layer` takes them.
    """
    about = (
        "# Found by lexome compress search. It trains as it is:\n"
        f"#   lexome train {RECIPE} -o MODEL\n"
    )  # fmt: skip
    bits = {name: list(pair) for name, pair in file.space.bits(choices).items()}
    if bits:
        about += f"#   lexome compress quantize MODEL/model --per-layer {BITS} --store STORE -o QUANTIZED\n"
        write_text(folder / BITS, to_toml({"bits": [32, 32], "layers": bits}))
    else:
        (folder / BITS).unlink(missing_ok=True)
    write_text(folder / RECIPE, about + to_toml(file.recipe(choices).data))
    write_json(folder / FIGURES, figures)


def found_tables(figures: Mapping[str, Any]) -> list[Table]:
    """The network's figures, and each choice with the shares of its options, the largest first."""
    numbers = (
        ("parameters", f"{figures['parameters']:,}"),
        ("MAC per sample", f"{figures['macs_per_sample']:,.0f}"),
        (f"cost, {figures['unit']}", f"{figures['cost']:,.6g}"),
        ("target", f"{figures['target']:,.6g}"),
    )
    choices = []
    for row in figures["choices"]:
        largest = sorted(row["shares"].items(), key=lambda item: -item[1])
        told = ", ".join(f"{'left out' if o == NONE else o} {share:.0%}" for o, share in largest[:LISTED])
        rest = f", {len(largest) - LISTED} others" if len(largest) > LISTED else ""
        chosen = "left out" if row["chosen"] == NONE else row["chosen"]
        choices.append((row["choice"], chosen, told + rest))
    return [
        Table(("network found", ""), numbers),
        Table(("choice", "chosen", "shares"), tuple(choices), align="lll"),
    ]
