"""Who takes part in `lexome bench basecallers`: trained models, and networks that nobody here has trained.

A network without its published weights still has a size and a speed. Its weights are random, scaled so that
signal neither fades nor explodes in it (numbers near 0 would slow a processor down); what it calls is
nonsense and is never judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, bundled_models, load
from lexome.compress.quantize import calibrate, quantised
from lexome.compress.quantize_config import QuantizeConfig
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.models.costs import example_chunks
from lexome.models.named import NAMED, named_architecture
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.bench.frontier_plan import labelled
from lexome.tasks.bench.sets import head_of
from lexome.tasks.recipe import read_recipe

RECIPE = "recipe:"
DEFAULT_WIDTH = 96
CHUNK_SIZE, OVERLAP = 3000, 300  # of a named architecture; what the recipes have
SCALED_CHUNKS, SCALED_SAMPLES = 2, 1000


@dataclass(frozen=True)
class Basecaller:
    """One that takes part.

    Attributes:
        label: its name in the results.
        source: as it was asked for: a bundled name, a folder, `recipe:FILE` or NAME[:WIDTH].
        checkpoint: its network.
        is_trained: whether its calls mean something.
        model: opened in its engine.
    """

    label: str
    source: str
    checkpoint: Checkpoint
    is_trained: bool
    model: BasecallModel


def open_basecallers(
    texts: Sequence[str], *, device: str = "auto", threads: int = 1, seed: int = 0
) -> list[Basecaller]:
    """Opens all that take part.

    Args:
        texts: each [LABEL=]MODEL; see `Basecaller.source`.
        device: "auto", "cpu" or "cuda:N".
        threads: of each engine.
        seed: of the weights of networks that are not trained.

    Raises:
        UsageError: for an unknown name, something that is no basecaller, or two of the same label.
        BadInputError: if a model is damaged.
    """
    found: list[Basecaller] = []
    for label, source in labelled(texts):
        checkpoint, is_trained = _checkpoint(source, seed)
        label = label or checkpoint.name
        if any(label == one.label for one in found):
            raise UsageError(f"two models are called '{label}'; name them apart as LABEL=MODEL")
        try:
            model = open_model(checkpoint, device=device, threads=threads)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error
        found.append(Basecaller(label, source, checkpoint, is_trained, model))
    return found


def _checkpoint(source: str, seed: int) -> tuple[Checkpoint, bool]:
    """The network, and whether it is trained."""
    if source.startswith(RECIPE):
        return untrained_of_recipe(Path(source.removeprefix(RECIPE)), seed), False
    is_model = source in bundled_models() or Path(source).is_dir()
    if not is_model and source.partition(":")[0] in NAMED:
        return untrained_of_name(source, seed), False
    try:
        return load(source), True
    except UsageError as error:
        raise UsageError(f"{error}; nor an architecture of docs/architectures.md") from error


def untrained_of_recipe(path: Path, seed: int) -> Checkpoint:
    """The network of a recipe as its training would begin, with the bits of its table [quantize] if any.

    Raises:
        UsageError: if the recipe is missing, wrong, or calls no bases.
    """
    data = read_recipe(path).data
    if data["task_kind"] != "basecall":
        raise UsageError(f"{path}: is no recipe of a basecaller")
    signal = from_dict(SignalConfig, data.get("signal", {}), f"{path}, [signal]")
    quantize = data.get("quantize")
    config = None if quantize is None else from_dict(QuantizeConfig, quantize, f"{path}, [quantize]")
    return _untrained(str(data["name"]), data["architecture"], data["head"], signal, config, seed)


def untrained_of_name(text: str, seed: int) -> Checkpoint:
    """The network of NAME[:WIDTH] (`models.named`), with the head that its family has.

    Raises:
        UsageError: if the width is no whole number above 0, or the architecture takes no signal.
    """
    name, _, width = text.partition(":")
    if ":" in text and not (width.isascii() and width.isdigit() and int(width)):
        raise UsageError(f"'{text}': the width behind the colon must be a whole number above 0")
    architecture = named_architecture(name, int(width or DEFAULT_WIDTH))
    signal = SignalConfig(chunk_size=CHUNK_SIZE, overlap=OVERLAP)
    full = f"{name}:{width or DEFAULT_WIDTH}"
    return _untrained(full, architecture, head_of(name), signal, None, seed)


def _untrained(
    name: str,
    architecture: dict[str, Any],
    head: dict[str, Any],
    signal: SignalConfig,
    quantize: QuantizeConfig | None,
    seed: int,
) -> Checkpoint:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = new_network(architecture, head)
        signal_NCS = _noise(network, name, seed)
        try:
            scale_to_data(network, signal_NCS)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
    checkpoint = Checkpoint(
        "basecall", Component(**architecture), Component(**head), to_dict(signal), None, {"name": name},
        weights_of(network),
    )  # fmt: skip
    if quantize is None:
        return checkpoint
    whole = quantised(network, quantize, calibrate(network, [signal_NCS], 1))
    return replace(checkpoint, weights=whole.weights(), quantization=whole.record(quantize))


def _noise(network: Network, name: str, seed: int) -> torch.Tensor:
    """What stands for signal: a few chunks of noise."""
    multiple = network.chunk_multiple
    samples = -(-SCALED_SAMPLES // multiple) * multiple
    signal_NCS = example_chunks(network.encoder, SCALED_CHUNKS, samples, seed)
    if signal_NCS.shape[1] != 1:
        raise UsageError(f"{name}: its network takes {signal_NCS.shape[1]} rows and no signal; no basecaller")
    return signal_NCS
