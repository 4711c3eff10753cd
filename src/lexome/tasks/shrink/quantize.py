"""A trained basecaller on grids of few bits: the recipe, and the model without training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.quantize_task import QuantizeTask
from lexome.core.config import from_dict, read_toml, to_dict
from lexome.core.errors import UsageError
from lexome.features.augment import AugmentConfig
from lexome.features.same_signal import other_signal
from lexome.features.signal import SignalConfig
from lexome.io.chunks import read_store
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.shrink.from_model import recipe_from_model

INTEGERS = [7, 8]  # more bits a weight are added up wrongly on processors without VNNI
INT8_OTHERS = (8, 32)
VALIDATE_EVERY = 200
LR = 2e-4


@dataclass(frozen=True)
class QuantizeRequest:
    """What to quantise, with what.

    Attributes:
        model: a bundled name, or a folder.
        stores: of `lexome prepare basecall`; training chunks calibrate and train, validation chunks judge.
        config: bits and ranges.
        steps: of training; 0 with 0 minutes: none.
        minutes: of training, of no effect if `steps` is set.
        lr: the highest learning rate.
        chunks: of the validation that judge, at most.
        seed: of the order of the data.
    """

    model: str
    stores: Sequence[Path]
    config: QuantizeConfig
    steps: int = 0
    minutes: float = 0.0
    lr: float = LR
    chunks: int = 512
    seed: int = 0

    @property
    def trains(self) -> bool:
        """Whether the network is trained after it is put on its grids."""
        return bool(self.steps or self.minutes)


def float_basecaller(model: str) -> Checkpoint:
    """A basecaller in floating point.

    Raises:
        UsageError: if it is something else.
    """
    checkpoint = load(model)
    if checkpoint.task != "basecall":
        raise UsageError(f"model {model} is for the task '{checkpoint.task}', not for basecalling")
    if checkpoint.quantization is not None:
        raise UsageError(f"model {model} is quantised already; begin with the one that it was made of")
    return checkpoint


def quantize_recipe(request: QuantizeRequest, base: Checkpoint) -> Recipe:
    """The recipe of a request; `lexome train` of it trains the same.

    Raises:
        UsageError: if no store is named, or one holds signal of another kind than the model takes.
    """
    if not request.stores:
        raise UsageError("name chunks to calibrate with: --store, a folder of 'lexome prepare' (repeatable)")
    check_signal(base, request.stores)
    data = recipe_from_model(
        request.model, base, request.stores, name=f"{base.name}_quantised", steps=max(1, request.steps),
        validate_every=VALIDATE_EVERY, lr=request.lr, seed=request.seed,
    )  # fmt: skip
    data["task"]["validation_chunks"] = request.chunks
    if request.trains:
        data["loop"]["minutes"] = 0.0 if request.steps else request.minutes
    else:
        data["task"]["augment"] = to_dict(AugmentConfig())  # ranges are taken of the signal as it is
    return resolve_recipe({**data, "quantize": to_dict(request.config)}, "compress quantize")


def check_signal(base: Checkpoint, stores: Sequence[Path]) -> None:
    """Refuses stores of another sample rate, chemistry or scaling than the model's.

    Raises:
        UsageError: naming the store and both; a store that does not say is taken.
    """
    features = {
        **base.features,
        **to_dict(from_dict(SignalConfig, base.features, f"model {base.name}, features")),
    }
    for path in stores:
        if other := other_signal(read_store(path).meta, features):
            words, theirs, ours = other
            raise UsageError(
                f"{path} holds signal of another {words} ({theirs}) than model {base.name} takes ({ours}): "
                "ranges measured on it would be wrong"
            )


def quantize_task(recipe: Recipe) -> QuantizeTask:
    """The task of such a recipe."""
    task = recipe.task()
    assert isinstance(task, QuantizeTask)
    return task


def for_int8(base: Checkpoint, config: QuantizeConfig, others: tuple[int, int] | None) -> QuantizeConfig:
    """The configuration of what runs in integers: LSTMs and the encoder's linear layers, weights of 7 bits.

    Args:
        base: the model.
        config: ranges; bits of layers by pattern, which come first.
        others: bits of the layers that run in float32 all the same; None: 8 for weights, as they are stored.

    Raises:
        UsageError: for a model without such layers.
    """
    encoder = build_network(base).encoder
    kinds = torch.nn.LSTM | torch.nn.Linear
    names = [f"encoder.{n}" for n, m in encoder.named_modules() if isinstance(m, kinds)]
    if not names:
        raise UsageError(
            f"model {base.name} has no LSTM and no linear layer in its encoder, and nothing else runs in "
            "integers here: leave out --int8"
        )
    layers = {**config.layers, **{name: INTEGERS for name in names if name not in config.layers}}
    given = {**to_dict(config), "bits": others or INT8_OTHERS, "layers": layers, "engine": "int8"}
    return from_dict(QuantizeConfig, given, "--int8")


def with_layers_of(path: Path, config: QuantizeConfig) -> QuantizeConfig:
    """A configuration with what a file says: keys of the table [quantize], such as `bits` and [layers]."""
    return from_dict(QuantizeConfig, {**to_dict(config), **read_toml(path)}, str(path))


def without_training(task: QuantizeTask, base: Checkpoint, version: str) -> Checkpoint:
    """A model put on its grids as it is.

    Args:
        task: of `quantize_task`.
        base: the model.
        version: of lexome, for the record.
    """
    torch.manual_seed(0)
    made = {
        "name": f"{base.name}_quantised", "lexome_version": version, "quantized_from": base.name,
        "quantize": to_dict(task.config),
    }  # fmt: skip
    return task.checkpoint(task.build(), made)
