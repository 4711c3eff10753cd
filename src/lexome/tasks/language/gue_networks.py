"""Networks that compete in a benchmark: language models, one small network with new weights, a CNN.

The networks with new weights have one configuration each, written here, for all sets: nothing is tuned on a
set.
"""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lexome.checkpoint.build import LANGUAGE_TASK
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.features.tokens import FILE_NAME, load_tokenizer, tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.models.sequence_cnn import SequenceCnnConfig
from lexome.nn.language import Pooling
from lexome.tasks.finetuning import MODEL
from lexome.tasks.language.finetune import FinetuneRequest, Listener, finetune_sets, usual_rate
from lexome.tasks.language.finetune_config import FinetuneConfig, Method
from lexome.tasks.language.gue_answer import Answer, Role
from lexome.tasks.language.gue_sets import BenchmarkSet
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.pretrain_text import PRETRAINED_HEADS

CNN = SequenceCnnConfig(size=64, widths=(11, 7), dropout=0.1)
CNN_SEGMENTS = 10  # stretches of a promoter or splice site; elsewhere motifs may be anywhere
SCRATCH = {"size": 128, "num_layers": 4, "num_heads": 4, "hidden": 256, "dropout": 0.1}
TESTED = "tested"
_WITH_PLACES = ("PD", "CPD", "SSP")
_TABLES = ("embeddings.weight", "embedding.weight")  # looked up, not multiplied with: no FLOPs


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained; see `FinetuneRequest` and `FinetuneConfig`.

    Attributes:
        lr: 0 takes the usual one of the method.
    """

    epochs: float = 3.0
    batch_size: int = 32
    lr: float = 0.0
    pooling: Pooling | Literal[""] = "max"
    method: Method = "full"
    pretrain_epochs: float = 0.0
    average_decay: float = 0.0


CNN_TRAINING = TrainingOptions(epochs=8.0, lr=2e-3)


@dataclass(frozen=True, eq=False)
class NetworkContender:
    """A network that is fine-tuned, or trained from new weights.

    Attributes:
        name: its column.
        role: model, scratch or cnn.
        source: where it is from, as asked for.
        checkpoint: what it begins with, for a set.
        options: of its training.
        threads: of torch.
        device: where it is trained.
        weights_sha256: of the weights that it begins with; empty without.
    """

    name: str
    role: Role
    source: str
    checkpoint: Callable[[BenchmarkSet], Checkpoint]
    options: TrainingOptions
    threads: int = 1
    device: str = "auto"
    weights_sha256: str = ""
    is_drawn: bool = True

    def request(self, described: BenchmarkSet, seed: int) -> FinetuneRequest:
        """How it is trained on a set."""
        options, model = self.options, self.checkpoint(described)
        config = FinetuneConfig(
            options.method, pooling=options.pooling, new_weights=self.role in ("scratch", "cnn")
        )
        return FinetuneRequest(
            self.source, Path(described.folder), config=config, lr=options.lr or usual_rate(config, model),
            epochs=options.epochs, batch_size=options.batch_size, pretrain_epochs=options.pretrain_epochs,
            average_decay=options.average_decay, threads=self.threads, device=self.device, seed=seed,
        )  # fmt: skip

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        """See `Contender`; the learning rate is the one that is used."""
        model = self.checkpoint(described)
        return {
            "architecture": to_dict(model.architecture),
            "tokenizer_sha256": _sha256([str(model.features.get("tokenizer_json")).encode()]),
            "weights_sha256": self.weights_sha256,
            **to_dict(dataclasses.replace(self.options, lr=self.request(described, 0).lr)),
        }

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        """See `Contender`."""
        from lexome import __version__

        clock = _CpuClock(folder / "cpu_s.txt")

        def log(row: dict[str, Any]) -> None:
            clock.tick()
            listener.log(row)

        model = self.checkpoint(described)
        sets = {"training": trial.training, "validation": trial.stopping, TESTED: trial.tested}
        tuned = finetune_sets(
            self.request(described, seed), model, sets, folder, __version__, Listener(listener.note, log)
        )
        return Answer(
            tuned.judged[TESTED].predictions_NK,
            clock.spent_s,
            tuned.model.num_parameters,
            _network_parameters(tuned.model.weights),
            _bases_per_token(tokenizer_of(model), trial.tested.sequences),
            tuned.steps,
            tuned.best_step,
        )


class _CpuClock:
    """CPU seconds until the last tick, those before an interruption too."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before_s = float(file.read_text()) if file.exists() else 0.0
        self._began_s = time.process_time()
        self.spent_s = self._before_s

    def tick(self) -> None:
        self.spent_s = self._before_s + time.process_time() - self._began_s
        partial = self._file.with_name(self._file.name + ".partial")
        partial.write_text(f"{self.spent_s:.3f}")
        partial.replace(self._file)


def cnn_checkpoint(described: BenchmarkSet) -> Checkpoint:
    """The CNN, without weights; it keeps stretches of promoters and splice sites apart."""
    name = described.name.lower()
    has_places = described.group in _WITH_PLACES or "promoter" in name or "splice" in name
    tokenizer = load_tokenizer("nucleotide", uppercase=True)
    config = dataclasses.replace(
        CNN, vocab_size=tokenizer.vocab_size, segments=CNN_SEGMENTS if has_places else 1
    )
    return _unweighted("cnn", "sequence_cnn", to_dict(config), tokenizer)


def cnn(threads: int, device: str) -> NetworkContender:
    """The CNN, with the training that it has on every set."""
    return NetworkContender("cnn", "cnn", "cnn", cnn_checkpoint, CNN_TRAINING, threads, device)


def scratch(source: str, options: TrainingOptions, threads: int, device: str) -> NetworkContender:
    """A network of the shape `SCRATCH` with new weights, and a tokenizer: what is the tokenizer worth?

    Its column has the name of the tokenizer or its file; of the folder around it, if that is tokenizer.json.

    Raises:
        UsageError: if there is no such tokenizer, or it has no token for padding.
        BadInputError: if its file is damaged.
    """
    tokenizer = load_tokenizer(source, uppercase=True)
    label, place = source, Path(source)
    if place.exists():
        place = place.resolve()
        label = place.parent.name if place.name == FILE_NAME else place.name.removesuffix(".json")
    name = f"scratch:{label}"
    config = {**SCRATCH, "vocab_size": tokenizer.vocab_size}
    if "pad" not in tokenizer.special_ids:
        raise UsageError(f"{source}: the tokenizer has no token for padding")
    config["pad_id"] = tokenizer.special_ids["pad"]
    model = _unweighted(name, "dnabert2", config, tokenizer)
    return NetworkContender(name, "scratch", source, lambda _: model, options, threads, device)


def _unweighted(name: str, architecture: str, config: dict[str, Any], tokenizer: Tokenizer) -> Checkpoint:
    return Checkpoint(
        LANGUAGE_TASK,
        Component(architecture, config),
        Component("sequence", {"num_outputs": 2, "pooling": "max"}),
        {"tokenizer_json": tokenizer_text(tokenizer)},
        None,
        {"name": name},
    )


def language_model(source: str, options: TrainingOptions, threads: int, device: str) -> NetworkContender:
    """A language model that is fine-tuned.

    Its column is the label, or the name of the model or its folder (of the folder around it, if that is
    called "model"), and behind it what is done otherwise than usual: `:lora`, `:probe`, `:further`.

    Args:
        source: a bundled name, a folder, or a name on the hub, behind LABEL= if there is a label.
        options: of the training.
        threads: of torch.
        device: where to train.

    Raises:
        UsageError: if there is no such model, it is none of language, or cannot be pre-trained further.
        BadInputError: if it is damaged or has no tokenizer.
    """
    label, place = "", source
    if "=" in source and not Path(source).is_dir():
        label, _, place = source.partition("=")
    model = load(place)
    tokenizer = tokenizer_of(model)
    if options.pretrain_epochs and model.head.name not in PRETRAINED_HEADS:
        raise UsageError(
            f"model {place} has been fine-tuned; only a masked language model, or one that writes text, can "
            "be pre-trained further"
        )
    model = dataclasses.replace(
        model, features={**model.features, "tokenizer_json": tokenizer_text(tokenizer)}
    )
    if not label:
        label = _label(place)
        label += f":{options.method}" if options.method != "full" else ""
        label += ":further" if options.pretrain_epochs else ""
    weights = _weights_sha256(model.weights)
    return NetworkContender(label, "model", place, lambda _: model, options, threads, device, weights)


def _label(place: str) -> str:
    if not Path(place).is_dir():
        return place.rsplit("/", 1)[-1]
    folder = Path(place).resolve()
    return folder.parent.name if folder.name == MODEL else folder.name


def _network_parameters(weights: Mapping[str, np.ndarray]) -> int:
    """Numbers of the encoder that every token is multiplied with."""
    return sum(
        int(w.size) for n, w in weights.items() if n.startswith("encoder.") and not n.endswith(_TABLES)
    )


def _bases_per_token(tokenizer: Tokenizer, sequences: Sequence[str]) -> float:
    tokens = sum(map(len, tokenizer.encode_batch(sequences, special=False)))
    return sum(map(len, sequences)) / max(1, tokens)


def _weights_sha256(weights: Mapping[str, np.ndarray]) -> str:
    parts = ((name.encode(), np.ascontiguousarray(weights[name]).tobytes()) for name in sorted(weights))
    return _sha256([part for pair in parts for part in pair])


def _sha256(parts: Sequence[bytes]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()
