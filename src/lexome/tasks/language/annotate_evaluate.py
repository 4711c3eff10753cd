"""How well the function of fragments is told: k-mer regression, and networks beside it, class by class."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lexome.tasks.language.judged_sets import Scored, by_group, check_predictions, read_predictions
from lexome.tasks.language.kmer_regression import fit_kmer_regression, majority_predictions
from lexome.tasks.language.labelled import read_labelled
from lexome.tasks.language.set_folder import TRAIN, tables_of

KMERS, COMMONEST = "k-mer regression", "commonest class"
ALL = "all"


def annotation_scores(
    folder: Path,
    longest: int,
    predictions: Mapping[str, Path] | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Scored]:
    """Fits k-mer regression; judges it, the commonest class and networks on all sets but the training set.

    Args:
        folder: of `lexome lm annotate prepare`.
        longest: bases of the longest k-mer.
        predictions: files of `lexome lm finetune` that are judged beside them, by name.
        note: told what happens.

    Raises:
        UsageError, BadInputError: if the folder is another or a file is damaged.
    """
    tables = tables_of(folder)
    for path in (predictions or {}).values():
        check_predictions(path)
    training = read_labelled(tables.pop(TRAIN))
    note(f"k-mer regression learns {len(training)} fragments of {training.target.num_outputs} classes")
    kmers = fit_kmer_regression(training, longest=longest)
    scored: list[Scored] = []
    for split, path in tables.items():
        labelled = read_labelled(path, target=training.target)
        made = {
            COMMONEST: majority_predictions(training, len(labelled)),
            KMERS: kmers.predictions(labelled.sequences),
        }
        for name, file in (predictions or {}).items():
            read = read_predictions(file, split, labelled)
            if read is not None:
                made[name] = read
        for who, values in made.items():
            scored += by_group(split, labelled, [ALL] * len(labelled), who, values)
    return scored
