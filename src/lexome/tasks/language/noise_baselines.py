"""What a network that finds errors must beat: k-mer regression and Markov models of the genome.

Legend: N windows.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from lexome.core.config import from_dict
from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx
from lexome.tasks.language.judged_sets import Scored, by_group, check_predictions, column_of, read_predictions
from lexome.tasks.language.kmer_regression import fit_kmer_regression
from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.markov import MarkovModel, fit_markov
from lexome.tasks.language.noise import NoiseRates, add_noise
from lexome.tasks.language.noise_prepare import CLEAN_GENOME
from lexome.tasks.language.noise_request import CLEAN, GENOMIC, NOISY
from lexome.tasks.language.set_folder import DEV, META_FILE, TRAIN, tables_of

KMERS, MARKOV, MARKOV_PAIR = "k-mer regression", "Markov, order {}", "Markov, order {}, against noisy"
DISTINCT, DISTINCT_BP = "distinct 8-mers", 8


@dataclass(frozen=True)
class BaselineConfig:
    """How the baselines are made.

    Attributes:
        longest: bases of the longest k-mer of the regression.
        order: of the Markov models.
        pseudo_count: of the Markov models.
    """

    longest: int = 7
    order: int = 12
    pseudo_count: float = 1.0


def noise_baselines(
    folder: Path,
    config: BaselineConfig,
    predictions: Mapping[str, Path] | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Scored]:
    """Fits the baselines and judges them on every set but the training set, by category of windows.

    The Markov model learns the clean genome of the training regions; a window is noisy if its log-likelihood
    per base is below the threshold that is most often right on the genomic windows of dev (those of train
    are among what it has learnt, so they say nothing). The second one scores by the difference to a model
    that has learnt the same genome with errors. How many different 8-mers a window has tells errors in
    repeats, such as telomeres; its threshold is that of the same category of dev.

    Args:
        folder: of `lexome lm noise prepare`.
        config: how.
        predictions: files of `lexome lm finetune` that are judged beside them, by name.
        note: told what happens.

    Raises:
        UsageError, BadInputError: if the folder is another or a file is damaged.
    """
    tables = tables_of(folder)
    for path in (predictions or {}).values():
        check_predictions(path)
    training = read_labelled(tables.pop(TRAIN))
    if training.target.names != (CLEAN, NOISY):
        raise BadInputError(f"{training.path}: the labels are not {CLEAN} and {NOISY}")
    sets = {split: read_labelled(path, target=training.target) for split, path in tables.items()}
    categories = {split: column_of(path, "category") for split, path in tables.items()}
    note(f"k-mer regression learns {len(training)} windows")
    kmers = fit_kmer_regression(training, longest=config.longest)
    made = {KMERS: {split: kmers.predictions(one.sequences) for split, one in sets.items()}}
    if DEV in sets:
        made[DISTINCT] = _distinct(sets, categories)
    if (folder / CLEAN_GENOME).is_file() and DEV in sets:
        made.update(_markov(folder, config, sets, categories[DEV], note))
    else:
        note("no Markov model: it learns from genomes, and there are only telomeres")
    for name, path in (predictions or {}).items():
        read = {split: read_predictions(path, split, one) for split, one in sets.items()}
        made[name] = {split: values for split, values in read.items() if values is not None}
    return [
        scored
        for split, labelled in sets.items()
        for who, of_split in made.items()
        if split in of_split
        for scored in by_group(split, labelled, categories[split], who, of_split[split])
    ]


def _markov(
    folder: Path, config: BaselineConfig, sets: Mapping[str, LabelledSet], dev_categories: Sequence[str],
    note: Callable[[str], None],
) -> dict[str, dict[str, np.ndarray]]:  # fmt: skip
    path, rates = folder / CLEAN_GENOME, _rates(folder / META_FILE)
    genome = [sequence for _, sequence, _ in read_fastx(path)]
    note(
        f"a Markov model of order {config.order} learns {sum(map(len, genome)):,} bases, clean and with "
        "errors"
    )
    clean = fit_markov(genome, config.order, config.pseudo_count)
    rng = np.random.default_rng([0, 7])
    noisy = fit_markov(
        (add_noise(sequence, rates, rng).sequence for sequence in genome), config.order, config.pseudo_count
    )
    is_judged_N = np.array(dev_categories) == GENOMIC
    scores = {split: _scores(clean, noisy, one.sequences) for split, one in sets.items()}
    made: dict[str, dict[str, np.ndarray]] = {}
    for column, name in enumerate((MARKOV, MARKOV_PAIR)):
        on_dev = scores[DEV][is_judged_N, column]
        threshold = best_threshold(on_dev, sets[DEV].truth[is_judged_N] == 0)
        spread = float(on_dev.std()) or 1.0
        made[name.format(config.order)] = {
            split: _probabilities(of_split[:, column], threshold, spread)
            for split, of_split in scores.items()
        }
    return made


def _distinct(
    sets: Mapping[str, LabelledSet], categories: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    scores = {
        split: np.array([-float(distinct_kmers(text, DISTINCT_BP)) for text in one.sequences])
        for split, one in sets.items()
    }
    made = {split: np.full((len(one), 2), 0.5) for split, one in sets.items()}
    for category in set(categories[DEV]):
        is_judged_N = np.array(categories[DEV]) == category
        on_dev = scores[DEV][is_judged_N]
        threshold = best_threshold(on_dev, sets[DEV].truth[is_judged_N] == 0)
        for split, of_split in scores.items():
            is_own_N = np.array(categories[split]) == category
            made[split][is_own_N] = _probabilities(of_split[is_own_N], threshold, float(on_dev.std()) or 1.0)
    return made


def distinct_kmers(sequence: str, k: int) -> int:
    """How many different k-mers a sequence has."""
    return len({sequence[i : i + k] for i in range(len(sequence) - k + 1)})


def _rates(path: Path) -> NoiseRates:
    try:
        return from_dict(NoiseRates, json.loads(path.read_text(encoding="utf-8"))["rates"], str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path}: does not say the rates of errors ({error})") from error


def _scores(clean: MarkovModel, noisy: MarkovModel, sequences: Sequence[str]) -> Float[np.ndarray, "N 2"]:
    """How clean windows look: log-likelihood per base, and how much of it errors in the genome would cost."""
    of_clean = np.array([clean.per_base(sequence) for sequence in sequences])
    of_noisy = np.array([noisy.per_base(sequence) for sequence in sequences])
    return np.stack([of_clean, of_clean - of_noisy], axis=1)


def best_threshold(scores_N: Float[np.ndarray, " N"], is_clean_N: Bool[np.ndarray, " N"]) -> float:
    """The threshold from which on windows count as clean that is right most often; the lowest of equals.

    It lies in the middle between two scores.
    """
    order = np.argsort(scores_N, kind="stable")
    ranked, is_clean = scores_N[order], is_clean_N[order]
    # with i windows below the threshold: noisy ones below it and clean ones above it are right
    right = np.concatenate([[0], np.cumsum(~is_clean)]) + np.concatenate(
        [np.cumsum(is_clean[::-1])[::-1], [0]]
    )
    may_lie = np.concatenate([[True], np.diff(ranked) > 0, [True]])
    at = int(np.argmax(np.where(may_lie, right, -1)))
    ends = np.concatenate([[ranked[0] - 1], ranked, [ranked[-1] + 1]])
    return float((ends[at] + ends[at + 1]) / 2)


def _probabilities(scores_N: np.ndarray, threshold: float, spread: float) -> Float[np.ndarray, "N 2"]:
    """Of clean and noisy: one half at the threshold, in the order of the scores."""
    p_clean_N = 0.5 + 0.5 * np.tanh(0.5 * (np.nan_to_num(scores_N, nan=threshold) - threshold) / spread)
    return np.stack([p_clean_N, 1 - p_clean_N], axis=1)


def about(folder: Path, config: BaselineConfig) -> dict[str, Any]:
    """What was judged and how, for `--json`."""
    return {
        "folder": str(folder),
        "longest_kmer": config.longest,
        "markov_order": config.order,
        "pseudo_count": config.pseudo_count,
        "bootstrap": "95% intervals over windows",
    }
