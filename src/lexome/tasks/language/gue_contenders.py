"""What competes in a benchmark: the most frequent class, k-mer regression, a CNN, language models."""

import dataclasses
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.core.errors import UsageError, nearest
from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue_answer import Answer, Contender, Role
from lexome.tasks.language.gue_networks import TrainingOptions, cnn, language_model, scratch
from lexome.tasks.language.gue_sets import BenchmarkSet
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.kmer_regression import fit_kmer_regression, majority_predictions, scikit_learn

BASELINES = ("majority", "kmer", "cnn")


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
        UsageError: for an unknown name, if two have the same column, or there is none.
        BadInputError: if a model or tokenizer is damaged.
    """
    for baseline in baselines:
        if baseline not in BASELINES:
            raise UsageError(f"no baseline '{baseline}'; {nearest(baseline, BASELINES)}")
    found: list[Contender] = []
    for baseline in dict.fromkeys(baselines):
        if baseline == "cnn":
            found.append(cnn(threads, device))
        elif baseline == "kmer":
            scikit_learn("linear_model")  # says now that it is missing, not once for each set
            found.append(KmerContender())
        else:
            found.append(Majority())
    fresh = dataclasses.replace(options, method="full", pretrain_epochs=0.0)
    found += [scratch(source, fresh, threads, device) for source in tokenizers]
    found += [language_model(source, options, threads, device) for source in models]
    names = [file_name(one.name) for one in found]
    if not found:
        raise UsageError("nothing to run: no model, tokenizer or baseline")
    if taken := next((one.name for one in found if one.role == "model" and one.name in BASELINES), None):
        raise UsageError(f"'{taken}' is the name of a baseline; write another LABEL=FOLDER")
    if twice := next((one.name for one in found if names.count(file_name(one.name)) > 1), None):
        raise UsageError(f"two contenders are called '{twice}'; write LABEL=FOLDER for one of them")
    return found


def file_name(contender: str) -> str:
    """A contender's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", contender)
