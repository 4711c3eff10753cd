"""The candidates of `lexome compress auto`, made by the methods of the other commands.

Each has a folder with start/ (as the method made it), training/ (if it is trained further) and model/; one
that has its model/ is not made again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.compress.quantize import calibrate, quantised
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.structured import cut
from lexome.core.config import to_dict
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.shrink.auto_ladder import MULTIPLE, SCOPE, Candidate, narrower
from lexome.tasks.shrink.from_model import name_of_model, recipe_from_model
from lexome.tasks.shrink.low_rank import LowRankRequest, make_low_rank
from lexome.tasks.shrink.prune import PruneRequest, prune
from lexome.tasks.shrink.quantize import (
    QuantizeRequest,
    float_basecaller,
    for_int8,
    quantize_recipe,
    quantize_task,
    without_training,
)
from lexome.tasks.training import train_recipe
from lexome.train.best import MODEL
from lexome.train.card import model_card
from lexome.train.state import RECORD

START, TRAINING = "start", "training"
VALIDATE_EVERY = 200
LR, STUDENT_LR, INT8_LR = 5e-4, 2e-3, 2e-4
INT8_DISTILL = 1.0
CALIBRATION_CHUNKS = 64


@dataclass(frozen=True)
class Workshop:
    """What all candidates are made with.

    Attributes:
        model: a bundled name, or a folder.
        base: what it holds.
        folder: gets a folder for every candidate.
        stores: labelled chunks; may be none.
        steps: of each training; 0 with 0 minutes: none.
        minutes: of each training, of no effect if `steps` is set.
        seed: of the order of the data.
        threads: that train.
        version: of lexome, for the records.
        signal: unlabelled chunks, (1, 1, samples) each, by which integers are scaled if there is no store.
        on_log: told each row of the trainings' logs.
    """

    model: str
    base: Checkpoint
    folder: Path
    stores: tuple[Path, ...]
    steps: int
    minutes: float
    seed: int
    threads: int
    version: str
    signal: Callable[[], Iterable[Tensor]]
    on_log: Callable[[dict[str, Any]], None] = lambda row: None

    @property
    def trains(self) -> bool:
        """Whether candidates are trained."""
        return bool(self.stores) and bool(self.steps or self.minutes)


def build(candidate: Candidate, shop: Workshop) -> Checkpoint:
    """Makes a candidate, or takes it from its folder.

    Args:
        candidate: what to make; the one that it is made of is there.
        shop: with what.

    Returns:
        The model in candidate's folder.
    """
    folder = shop.folder / candidate.name
    if (folder / MODEL).exists():
        return load(folder / MODEL)
    if candidate.kind == "int8":
        made = _in_integers(candidate, shop)
    elif candidate.kind == "int8-tuned":
        made = _trained_in_integers(shop, folder)
    elif candidate.kind == "student":
        made = _trained(shop, folder, _shape_of_student(candidate, shop), "", STUDENT_LR)
    else:
        made = _smaller(candidate, shop, folder)
    record = {
        "name": f"{shop.base.name}_{candidate.name}", "compressed_from": shop.base.name,
        "candidate": candidate.name,
    }  # fmt: skip
    made = replace(made, provenance={**made.provenance, **record})
    save(folder / MODEL, made, model_card(made))
    return made


def _smaller(candidate: Candidate, shop: Workshop, folder: Path) -> Checkpoint:
    """A pruned or thin network; trained further if that is asked for and of use."""
    start = folder / START / MODEL
    if not start.exists():
        if candidate.kind == "prune":
            request = PruneRequest(
                shop.model, candidate.amount, structured=True, scope=SCOPE, multiple=MULTIPLE
            )
            prune(request, folder / START, shop.version, resume=True)
        else:
            make_low_rank(
                LowRankRequest(shop.model, rank=int(candidate.amount)), folder / START, shop.version
            )
    made = _unjudged(load(start))
    if not shop.trains:
        return made
    tuned = _trained(shop, folder, made, str(start), LR)
    judge = _recipe(shop, made, str(start), LR, is_taught=False).task()
    before, after = (
        judge.evaluate(build_network(one), "validation")[judge.primary_metric] for one in (made, tuned)
    )
    outcome = {"label_identity_before": before, "label_identity_after": after}
    made = tuned if after >= before else made
    return replace(made, provenance={**made.provenance, "training": outcome})


def _shape_of_student(candidate: Candidate, shop: Workshop) -> Checkpoint:
    """A model with the architecture of the student; its weights are not used."""
    return cut(shop.base, *narrower(shop.base, candidate.amount))


def _in_integers(candidate: Candidate, shop: Workshop) -> Checkpoint:
    source = str(shop.folder / candidate.after / MODEL) if candidate.after else shop.model
    base = float_basecaller(source)
    config = for_int8(base, QuantizeConfig(), None)
    if shop.stores:
        recipe = quantize_recipe(QuantizeRequest(source, shop.stores, config, seed=shop.seed), base)
        made = without_training(quantize_task(recipe), base, shop.version)
        return replace(made, provenance={**_unjudged(base).provenance, **made.provenance})
    return calibrated(_unjudged(base), config, shop.signal())


def _unjudged(checkpoint: Checkpoint) -> Checkpoint:
    """A model whose record does not hold the validation of the one that it was made of."""
    kept = {key: value for key, value in checkpoint.provenance.items() if key != "validation"}
    return replace(checkpoint, provenance=kept)


def calibrated(base: Checkpoint, config: QuantizeConfig, signal: Iterable[Tensor]) -> Checkpoint:
    """A model on grids whose ranges come from signal without labels.

    Args:
        base: the model, in float.
        config: its bits.
        signal: batches (N, 1, samples), normalised as the model takes them; the first ones are used.

    Raises:
        UsageError: if there is no signal.
    """
    network = build_network(base)
    found = calibrate(network, signal, CALIBRATION_CHUNKS)
    whole = quantised(network, config, found)
    made = {**base.provenance, "quantized_from": base.name, "quantize": to_dict(config)}
    return replace(base, weights=whole.weights(), quantization=whole.record(config), provenance=made)


def _trained_in_integers(shop: Workshop, folder: Path) -> Checkpoint:
    config = for_int8(shop.base, QuantizeConfig(distill=INT8_DISTILL), None)
    request = QuantizeRequest(
        shop.model, shop.stores, config, steps=shop.steps, minutes=shop.minutes, lr=INT8_LR, seed=shop.seed
    )
    data = quantize_recipe(request, shop.base).data
    recipe = resolve_recipe({**data, "loop": {**data["loop"], "threads": shop.threads}}, "compress auto")
    return _run(shop, folder, recipe)


def _trained(shop: Workshop, folder: Path, start: Checkpoint, start_from: str, lr: float) -> Checkpoint:
    """A network after training with the model as its teacher; `start_from` is empty for new weights."""
    tuned = _run(shop, folder, _recipe(shop, start, start_from, lr, is_taught=True))
    return replace(tuned, provenance={**start.provenance, **tuned.provenance})


def _run(shop: Workshop, folder: Path, recipe: Recipe) -> Checkpoint:
    goes_on = (folder / TRAINING / RECORD).exists()
    train_recipe(recipe, folder / TRAINING, shop.version, resume=goes_on, on_log=shop.on_log)
    return load(folder / TRAINING / MODEL)


def _recipe(shop: Workshop, start: Checkpoint, start_from: str, lr: float, *, is_taught: bool) -> Recipe:
    data = recipe_from_model(
        start_from or shop.model, start, shop.stores, name=f"{shop.base.name}_smaller",
        steps=max(1, shop.steps), validate_every=VALIDATE_EVERY, lr=lr, seed=shop.seed,
    )  # fmt: skip
    if not start_from:
        del data["task"]["start_from"]
    data["loop"] |= {"threads": shop.threads, "minutes": 0.0 if shop.steps else shop.minutes}
    if is_taught:
        data["distill"] = {"teacher": name_of_model(shop.model), "target": "decoder", "stop_fraction": 1.0}
    return resolve_recipe(data, "compress auto")
