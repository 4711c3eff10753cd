"""Training state on disk, so that a stopped training goes on bit for bit: no pickle.

`training.safetensors` holds the model's and the optimiser's tensors, the average of the weights and torch's
generators (of every process), `training.json` the rest (optimiser settings, step, clipping history, best
metric). The pair is written beside the old one
and renamed, the json last; it carries a token of the tensor file. If a crash falls between the two renames,
the json that belongs to the tensors still has its `.partial` name and is taken from there.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lexome.core.errors import BadInputError
from lexome.train.averaging import WeightAverage

TENSORS, RECORD = "training.safetensors", "training.json"
FORMER_GENERATOR = "torch"  # the name in states of one process, before there could be several


@dataclass
class Position:
    """Where training stands: steps done, items seen, and the best validation so far.

    `spent_s` is the time used up of a training that has only so much (else None); `waited` counts the
    validations since the best one.
    """

    step: int = 0
    items: int = 0
    best_metric: float | None = None
    best_step: int = -1
    spent_s: float | None = None
    waited: int = 0

    def is_stale(self, patience: int) -> bool:
        """Whether the best validation is so many validations ago; never if `patience` is 0."""
        return 0 < patience <= self.waited


def save_state(
    folder: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    clips: list[list[float]],
    position: Position,
    recipe: dict[str, Any],
    *,
    average: WeightAverage | None = None,
    generators: Sequence[Tensor] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes the state of a training.

    Args:
        folder: an existing folder.
        model: the network.
        optimizers: one per update.
        clips: gradient norms remembered by each update's clipping.
        position: where it stands.
        recipe: the resolved recipe; resuming compares it.
        average: the average of the weights, if there is one.
        generators: states of torch's generator, one per process; none for that of this process alone.
        more: further state, JSON values; `read_record` gives it back as "more".
    """
    tensors = {f"model.{name}": t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    plain: list[dict[str, Any]] = []
    for n, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        for index, entry in state["state"].items():
            for key, value in entry.items():
                tensors[f"optimizer.{n}.{index}.{key}"] = torch.as_tensor(value).detach().cpu().contiguous()
        plain.append({"param_groups": state["param_groups"]})
    for rank, generator in enumerate(generators or [torch.get_rng_state()]):
        tensors[f"rng.{rank}"] = generator
    if torch.cuda.is_initialized():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    if average is not None:
        tensors |= {f"average.{name}": t.detach().cpu().contiguous() for name, t in average.tensors.items()}
    token = secrets.token_hex(8)
    record = {
        "token": token, "position": vars(position), "clips": clips, "optimizers": plain, "recipe": recipe,
        "average_updates": None if average is None else average.updates, "more": dict(more or {}),
    }  # fmt: skip
    save_file(tensors, folder / f"{TENSORS}.partial", metadata={"token": token})
    (folder / f"{RECORD}.partial").write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(folder / f"{TENSORS}.partial", folder / TENSORS)
    os.replace(folder / f"{RECORD}.partial", folder / RECORD)


def read_record(folder: Path) -> dict[str, Any]:
    """The json part of a saved state.

    Raises:
        BadInputError: if there is none, or no json belongs to the tensors.
    """
    try:
        with safe_open(folder / TENSORS, framework="pt") as file:
            token = (file.metadata() or {}).get("token")
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{folder}: no training to resume here ({error})") from error
    for name in (RECORD, f"{RECORD}.partial"):
        try:
            record = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if token and isinstance(record, dict) and record.get("token") == token:
            return record
    raise BadInputError(f"{folder}: {TENSORS} and {RECORD} are not of one moment; the last save was cut off")


def load_state(
    folder: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    average: WeightAverage | None = None,
    rank: int = 0,
) -> tuple[Position, list[list[float]]]:
    """Puts a saved state back into a model, its optimisers and torch's generator.

    Args:
        folder: where it was saved.
        model: the network.
        optimizers: one per update.
        average: gets the saved average; if none was saved it begins with the saved weights.
        rank: number of this process; one that was not there when the state was saved keeps its generator.

    Returns:
        Where training stood, and the clipping histories.

    Raises:
        BadInputError: if there is no state or it does not fit the model.
    """
    record = read_record(folder)
    own: dict[str, Tensor] = {}
    averaged: dict[str, Tensor] = {}
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
    with safe_open(folder / TENSORS, framework="pt") as file:
        for name in file.keys():
            kind, _, rest = name.partition(".")
            if kind in ("model", "average"):
                (own if kind == "model" else averaged)[rest] = file.get_tensor(name)
            elif kind == "optimizer":
                n, index, key = rest.split(".", 2)
                states[int(n)].setdefault(int(index), {})[key] = file.get_tensor(name)
            elif rest in (str(rank), FORMER_GENERATOR if rank == 0 else None):
                torch.set_rng_state(file.get_tensor(name))
            elif rest == "cuda" and torch.cuda.is_initialized():
                torch.cuda.set_rng_state(file.get_tensor(name))
    try:
        model.load_state_dict(own, strict=True)
        for optimizer, state, plain in zip(optimizers, states, record["optimizers"], strict=True):
            optimizer.load_state_dict({"state": state, **plain})
        if average is not None:
            average.restore(averaged or own, record.get("average_updates") or 0)
    except (RuntimeError, ValueError, KeyError) as error:
        raise BadInputError(f"{folder}: the saved state does not fit this recipe ({error})") from error
    return Position(**record["position"]), record["clips"]
