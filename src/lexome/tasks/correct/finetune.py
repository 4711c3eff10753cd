"""A better read corrector for one's own subreads: what `lexome finetune` does with a corrector.

The model's weights are trained further on windows with known truth. Of the molecules, in the order of the
genome, the last tenth judges and the tenth before chooses the best network; what overlaps one of these on the
genome is not trained on.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint, bundled_models, load, save
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.io.truth import Place, read_places
from lexome.io.windows import WindowStore, read_windows
from lexome.tasks.correct.judge import Errors, JudgedWindows, Ratio
from lexome.tasks.correct.model import pileup_config
from lexome.tasks.correct.prepare import Split, WindowRequest, prepare_windows
from lexome.tasks.finetuning import MODEL, STORE, TRAINING, begin
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.card import model_card
from lexome.train.optim import OptimConfig
from lexome.train.state import RECORD

BATCH_SIZE = 32
VALIDATE_EVERY = 100
VALIDATION_WINDOWS = 2048
SHARE = 0.1  # of the molecules that choose; as many judge
FEWEST = 10  # molecules


@dataclass(frozen=True)
class CorrectorFinetuneRequest:
    """Which corrector to train further, with what, for how long.

    Attributes:
        model: a bundled name, or a folder.
        subreads: aligned to their CCS reads, together by ZMW.
        ccs: the CCS reads.
        truth: the true sequences, aligned to the CCS reads.
        places: where on a genome each truth lies (BED).
        minutes: of training, validation included; of no effect if `steps` is set.
        steps: of training, to get the same bits again; 0: as many as the minutes allow.
        lr: the highest learning rate.
        max_zmws: take only so many ZMWs, the first ones.
        threads: that train.
        seed: of the order of the data.
    """

    model: str
    subreads: Path
    ccs: Path
    truth: Path
    places: Path
    minutes: float = 10.0
    steps: int = 0
    lr: float = 5e-4
    max_zmws: int | None = None
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class CorrectorGain:
    """Errors on the windows that judge, of the model it began with and of the new one.

    `ratio` is errors of the new one per error of the old one.
    """

    windows: int
    molecules: int
    base: Errors
    tuned: Errors
    ccs: Errors
    majority: Errors
    ratio: Ratio


@dataclass(frozen=True)
class FinetunedCorrector:
    """What came out: where the model is, its gain over the one it began with, and whole sentences."""

    model: Path
    gain: CorrectorGain
    notes: list[str]


def finetune_corrector(
    request: CorrectorFinetuneRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_note: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[int], None] = lambda zmws: None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> FinetunedCorrector:
    """Trains a corrector further on subreads whose true sequence is known.

    Args:
        request: what to do.
        output: gets store/ (the labelled windows), training/ (state and log) and model/ (the result).
        version: of lexome, for the model's record.
        resume: go on with a fine-tuning that was stopped; the request must be the same.
        on_note: told what is being done, in whole lines.
        on_progress: told how many ZMWs were cut into windows.
        on_log: told each row of the training's log.

    Returns:
        The result. A model without any gain is written too; its card says so.

    Raises:
        UsageError: if the output holds something already, or with `resume` another request; if the model
            does not correct reads, or there are too few molecules.
        LexomeError: if the files cannot be read.
    """
    model = request.model if request.model in bundled_models() else str(Path(request.model).resolve())
    base = load(model)
    if base.task != "correct":
        raise UsageError(f"model {base.name} is for the task '{base.task}': it needs --reads and --reference")
    parts = divided(read_places(request.places))
    counts = {split: list(parts.values()).count(split) for split in ("training", "validation", "test")}
    on_note(
        f"{counts['training']} molecules to train on, {counts['validation']} to choose by, {counts['test']} "
        "to judge by"
    )
    threads = begin(to_dict(request), output, resume)
    if not (output / STORE).exists():
        report = prepare_windows(
            WindowRequest(
                request.subreads, request.ccs, request.truth, request.places, None, output / STORE,
                pileup_config(base), max_zmws=request.max_zmws, parts=parts,
            ),
            on_progress,
        )  # fmt: skip
        for line in report.lines():
            on_note(line)
    store = read_windows(output / STORE)
    _check_splits(store)
    recipe = resolve_recipe(_recipe(request, base, model, output / STORE, threads), "finetune")
    goes_on = (output / TRAINING / RECORD).exists()
    train_recipe(recipe, output / TRAINING, version, resume=goes_on, on_log=on_log)
    tuned = load(output / TRAINING / MODEL)
    gain = measure_gain(base, tuned, store)
    made = {**tuned.provenance, "finetuned_from": base.name, "subreads": request.subreads.name}
    tuned = dataclasses.replace(tuned, provenance=made)
    save(output / MODEL, tuned, f"{model_card(tuned)}\n\n{gain_section(gain, base.name)}")
    notes = []
    if gain.tuned.total >= gain.base.total:
        notes.append(f"no gain on what was held out: go on with {base.name}")
    return FinetunedCorrector(output / MODEL, gain, notes)


def divided(places: Mapping[str, Place]) -> dict[str, Split]:
    """What each molecule is for; those that overlap one that chooses or judges are for nothing.

    Args:
        places: contig, start and end of each, by the name of its CCS read.

    Raises:
        UsageError: if there are too few.
    """
    if len(places) < FEWEST:
        raise UsageError(
            f"{len(places)} molecules with known truth are too few: at least {FEWEST} are needed"
        )
    ordered = sorted(places, key=lambda name: (places[name], name))
    held = max(1, round(SHARE * len(ordered)))
    judge, choose = ordered[-held:], ordered[-2 * held : -held]
    parts: dict[str, Split] = {name: "test" for name in judge}
    for name in _before(choose, places, judge[0]):
        parts[name] = "validation"
    for name in _before(ordered[: -2 * held], places, choose[0]):
        parts[name] = "training"
    return parts


def _before(names: Sequence[str], places: Mapping[str, Place], first: str) -> list[str]:
    """Those of `names`, which all begin before `first`, that end before it or lie on another contig."""
    contig, start_bp, _ = places[first]
    return [name for name in names if places[name][0] != contig or places[name][2] <= start_bp]


def measure_gain(base: Checkpoint, tuned: Checkpoint, store: WindowStore) -> CorrectorGain:
    """Errors of two correctors on the windows of a store that judge."""
    judged = JudgedWindows(store, "test")
    passes = pileup_config(base).max_passes
    first, second = judged.model(base), judged.model(tuned)
    return CorrectorGain(
        len(judged.rows), judged.molecules, first, second, judged.ccs(passes), judged.majority(passes),
        judged.ratio(second, first),
    )  # fmt: skip


def gain_section(gain: CorrectorGain, base: str) -> str:
    """The part of the card that says what fine-tuning brought."""
    rows = [
        f"| {name} | {one.total} | {one.exact:.4f} |"
        for name, one in (
            (base, gain.base), ("this one", gain.tuned), ("CCS reads", gain.ccs),
            ("majority vote of the passes", gain.majority),
        )
    ]  # fmt: skip
    lines = [
        f"## Gain over {base}",
        "",
        f"Mismatches, insertions and deletions in {gain.windows} windows of {gain.molecules} molecules that "
        "nothing was trained on or chosen by, and the share of windows without any.",
        "",
        "| what | errors | windows without |",
        "|---|---|---|",
        *rows,
        "",
        f"Errors of this one per error of {base}: {gain.ratio.text()}, bootstrap over molecules. It holds "
        "for reads like these; how the model does on others was not measured.",
    ]
    return "\n".join(lines)


def _check_splits(store: WindowStore) -> None:
    for split in ("validation", "test"):
        if len(store.indices(split)) == 0:
            raise UsageError(f"no window of the molecules for {split} has a label; more molecules are needed")
    left = len(store.indices("training"))
    if left < BATCH_SIZE:
        raise UsageError(f"only {left} labelled windows are left to train on: more molecules are needed")


def _recipe(
    request: CorrectorFinetuneRequest, base: Checkpoint, model: str, store: Path, threads: int
) -> dict[str, Any]:
    return {
        "task_kind": "correct",
        "name": f"{base.name}_finetuned",
        "architecture": to_dict(base.architecture),
        "head": to_dict(base.head),
        "task": {
            "stores": [str(store.resolve())],
            "start_from": model,
            "validation_windows": VALIDATION_WINDOWS,
            "optim": to_dict(OptimConfig(lr=request.lr, warmup_steps=50, weight_decay=0.007)),
        },
        "loop": {
            "steps": max(1, request.steps),
            "minutes": 0.0 if request.steps else request.minutes,
            "batch_size": BATCH_SIZE,
            "seed": request.seed,
            "threads": threads,
            "average_decay": 0.99,
            "validate_every": VALIDATE_EVERY,
            "save_every": VALIDATE_EVERY,
        },
    }
