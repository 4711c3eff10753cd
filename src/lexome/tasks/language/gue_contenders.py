"""What competes in a benchmark: language models, one small network with several tokenizers, and baselines.

Every baseline has one configuration, written here, for all sets: nothing is tuned on a set.

Legend: N sequences, K outputs.
"""

import dataclasses
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from jaxtyping import Float

from lexome.checkpoint.build import LANGUAGE_TASK
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError, nearest
from lexome.features.tokens import load_tokenizer, tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.models.sequence_cnn import SequenceCnnConfig
from lexome.nn.language import Pooling
from lexome.tasks.language.finetune import FinetuneRequest, Listener, finetune_sets, usual_rate
from lexome.tasks.language.finetune_config import FinetuneConfig, Method
from lexome.tasks.language.gue_sets import BenchmarkSet
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.kmer_regression import fit_kmer_regression, majority_predictions, scikit_learn
from lexome.tasks.language.model import tokenizer_of

BASELINES = ("majority", "kmer", "cnn")
CNN = SequenceCnnConfig(size=64, widths=(11, 7), dropout=0.1)
CNN_SEGMENTS = 10  # stretches of a promoter or splice site; elsewhere motifs may be anywhere
SCRATCH = {"size": 128, "num_layers": 4, "num_heads": 4, "hidden": 256, "dropout": 0.1}
_WITH_PLACES = ("PD", "CPD", "SSP")
_TABLES = ("embeddings.weight", "embedding.weight")  # looked up, not multiplied with: no FLOPs
TESTED = "tested"

Role = Literal["model", "scratch", "cnn", "kmer", "majority"]


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
class Answer:
    """What a contender says of the tested sequences of a trial, and what that took.

    Attributes:
        predictions_NK: probabilities or values.
        cpu_s: CPU seconds of training, and of choosing the network; scoring the tested set is not counted.
        parameters: all trained or pre-trained numbers; None where there is no training.
        network_parameters: those of a network that every token is multiplied with; None for other models.
        bases_per_token: of the tested sequences; None without tokens.
        steps: of the training; None without steps.
        best_step: the one that was chosen.
    """

    predictions_NK: Float[np.ndarray, "N K"]
    cpu_s: float
    parameters: int | None = None
    network_parameters: int | None = None
    bases_per_token: float | None = None
    steps: int | None = None
    best_step: int | None = None


class Contender(Protocol):
    """One that competes."""

    @property
    def name(self) -> str:
        """Its column in tables."""
        ...

    @property
    def role(self) -> Role:
        """What kind of contender it is."""
        ...

    @property
    def is_drawn(self) -> bool:
        """Whether its result depends on a seed."""
        ...

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        """All that decides its result on a set, but seed and data; JSON values."""
        ...

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        """Trains on a trial and predicts the tested set; works in an existing folder, and goes on there."""
        ...


@dataclass(frozen=True)
class Majority:
    """The most frequent class of training."""

    name: str = "majority"
    role: Role = "majority"
    is_drawn: bool = False

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        """None."""
        return {}

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        """See `Contender`."""
        return Answer(majority_predictions(trial.training, len(trial.tested)), 0.0)


@dataclass(frozen=True)
class KmerContender:
    """Logistic regression on k-mer counts, as `kmer_regression` has it by default."""

    name: str = "kmer"
    role: Role = "kmer"
    is_drawn: bool = False

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        """Those that `fit_kmer_regression` has by default."""
        return {"longest": 6, "strength": 4.0}

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        """See `Contender`."""
        began = time.process_time()
        fitted = fit_kmer_regression(trial.training, **self.settings(described))
        spent = time.process_time() - began
        fitted_numbers = sum(
            int(m.coef_.size + m.intercept_.size) for m in fitted.models if not isinstance(m, float)
        )
        return Answer(fitted.predictions(trial.tested.sequences), spent, fitted_numbers)


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
    """

    name: str
    role: Role
    source: str
    checkpoint: Callable[[BenchmarkSet], Checkpoint]
    options: TrainingOptions
    threads: int = 1
    device: str = "auto"
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
            "weights_sha256": _weights_sha256(model.weights),
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
        weights = tuned.model.weights
        return Answer(
            tuned.judged[TESTED].predictions_NK,
            clock.spent_s,
            tuned.model.num_parameters,
            sum(
                int(w.size)
                for name, w in weights.items()
                if name.startswith("encoder.") and not name.endswith(_TABLES)
            ),
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


def contenders(
    models: Sequence[str],
    tokenizers: Sequence[str],
    baselines: Sequence[str],
    options: TrainingOptions,
    *,
    threads: int = 1,
    device: str = "auto",
) -> list[Contender]:
    """Opens all that compete, in the order of the table: baselines, tokenizers, models.

    Args:
        models: names, folders, or LABEL=FOLDER; without a label the last part of the name is the column.
        tokenizers: names or files, each for a network of the shape `SCRATCH` with new weights.
        baselines: out of `BASELINES`.
        options: of the training of models and of the networks with new weights.
        threads: of torch.
        device: where to train.

    Raises:
        UsageError: for an unknown name, if two have the same column, or if options make no sense.
        BadInputError: if a model or tokenizer is damaged.
    """
    for baseline in baselines:
        if baseline not in BASELINES:
            raise UsageError(f"no baseline '{baseline}'; {nearest(baseline, BASELINES)}")
    found: list[Contender] = []
    for baseline in dict.fromkeys(baselines):
        if baseline == "cnn":
            found.append(NetworkContender("cnn", "cnn", "cnn", cnn_checkpoint, CNN_TRAINING, threads, device))
        elif baseline == "kmer":
            scikit_learn("linear_model")  # says now that it is missing, not once for each set
            found.append(KmerContender())
        else:
            found.append(Majority())
    fresh = dataclasses.replace(options, method="full", pretrain_epochs=0.0)
    for source in tokenizers:
        found.append(_scratch(source, fresh, threads, device))
    for source in models:
        found.append(_model(source, options, threads, device))
    names = [file_name(one.name) for one in found]
    if twice := next((one.name for one in found if names.count(file_name(one.name)) > 1), None):
        raise UsageError(f"two contenders are called '{twice}'; write LABEL=FOLDER for one of them")
    return found


def file_name(contender: str) -> str:
    """A contender's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", contender)


def cnn_checkpoint(described: BenchmarkSet) -> Checkpoint:
    """The CNN, without weights; it keeps stretches of promoters and splice sites apart."""
    name = described.name.lower()
    has_places = described.group in _WITH_PLACES or "promoter" in name or "splice" in name
    tokenizer = load_tokenizer("nucleotide", uppercase=True)
    config = dataclasses.replace(
        CNN, vocab_size=tokenizer.vocab_size, segments=CNN_SEGMENTS if has_places else 1
    )
    return _unweighted("cnn", "sequence_cnn", to_dict(config), tokenizer)


def _scratch(source: str, options: TrainingOptions, threads: int, device: str) -> NetworkContender:
    tokenizer = load_tokenizer(source, uppercase=True)
    label = source if not Path(source).exists() else Path(source).resolve().name.removesuffix(".json")
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


def _model(source: str, options: TrainingOptions, threads: int, device: str) -> NetworkContender:
    label, place = "", source
    if "=" in source and not Path(source).is_dir():
        label, _, place = source.partition("=")
    model = load(place)
    tokenizer = tokenizer_of(model)
    if options.pretrain_epochs and model.head.name != "masked_lm":
        raise UsageError(
            f"model {place} has been fine-tuned; only a masked language model can be pre-trained further"
        )
    model = dataclasses.replace(
        model, features={**model.features, "tokenizer_json": tokenizer_text(tokenizer)}
    )
    if not label:
        label = Path(place).resolve().name if Path(place).is_dir() else place.rsplit("/", 1)[-1]
        label += f":{options.method}" if options.method != "full" else ""
        label += ":further" if options.pretrain_epochs else ""
    return NetworkContender(label, "model", place, lambda _: model, options, threads, device)


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
