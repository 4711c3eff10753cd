"""A better model for one's own reads: what `lexome finetune` does.

The reads are called with the model, placed on the reference and cut into labelled chunks; the model's weights
are trained on them; what is held out chooses the best network, calibrates it and, a second half of it that
nothing has seen, judges it against the model that it began with.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint, bundled_models, load, save
from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Skipped
from lexome.features.augment import AugmentConfig
from lexome.io.chunks import ChunkStore, read_store
from lexome.io.fastx import read_reference
from lexome.io.signal_files import find_signal_files, runs_of
from lexome.tasks.basecall.calibrate import calibrate
from lexome.tasks.basecall.choose import resolve_model, signal_config
from lexome.tasks.basecall.cut import WITH_CALLS
from lexome.tasks.basecall.gain import Gain, gain_section, measure_gain
from lexome.tasks.basecall.inputs import PrepareRequest
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.stores import prepare_store
from lexome.tasks.finetuning import MODEL, STORE, TRAINING, begin
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.card import model_card
from lexome.train.optim import OptimConfig
from lexome.train.state import RECORD

TEST_READS = "test_reads.txt"
HELD_OUT_SHARE = 0.1  # of the longest contig, if nothing else is said
MIN_HELD_OUT_BP = 2000  # but so much of it, or half of a contig that is shorter than twice that
MAX_CHUNK_SIZE = 3000  # of training, if the model calls longer ones
# mild: the reads are to be learnt as they are
AUGMENT = AugmentConfig(min_stretch=0.95, max_stretch=1.05, gain_sd=0.03, offset_sd=0.03, noise_sd=0.03)
BATCH_SIZE = 16
VALIDATE_EVERY = 200


@dataclass(frozen=True)
class FinetuneRequest:
    """Which model to train further, with what, for how long.

    Attributes:
        model: a bundled name, or a folder.
        reads: signal files or folders.
        reference: FASTA of what was sequenced.
        held_out: stretches that training must not see; the first half of each chooses and calibrates, the
            second half judges. Empty: the last tenth of the longest contig, but at least 2000 bases.
        minutes: of training, validation included; of no effect if `steps` is set.
        steps: of training, to get the same bits again; 0: as many as the minutes allow.
        lr: the highest learning rate.
        levels: k-mer levels; None takes the bundled R9.4.1 table.
        max_reads: take only so many reads, the first ones.
        recursive: look into subfolders.
        threads: that call, label and train.
        seed: of the order of the data.
    """

    model: str
    reads: Sequence[Path]
    reference: Path
    held_out: tuple[Interval, ...] = ()
    minutes: float = 10.0
    steps: int = 0
    lr: float = 5e-4
    levels: Path | None = None
    max_reads: int | None = None
    recursive: bool = False
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Finetuned:
    """What came out: where the model is, its gain over the one it began with, and whole sentences."""

    model: Path
    gain: Gain
    notes: list[str]


def finetune(
    request: FinetuneRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_note: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[int], None] = lambda reads: None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Finetuned:
    """Trains a model further on reads and the sequence that they come from.

    Args:
        request: what to do.
        output: gets store/ (the labelled chunks), training/ (state and log), model/ (the result), and
            test_reads.txt: the reads that only judged, so that they can be called and evaluated as a whole.
        version: of lexome, for the model's record.
        resume: go on with a fine-tuning that was stopped; the request must be the same.
        on_note: told what is being done, in whole lines.
        on_progress: told how many reads were labelled.
        on_log: told each row of the training's log.
        on_skip: told of every file and read that cannot be read.

    Returns:
        The result. A model without any gain is written too; its card says so.

    Raises:
        UsageError: if the output holds something already, or with `resume` another request; if the model does
            not fit the reads; if nothing of the reads lies in what is held out.
        LexomeError: if the reads cannot be labelled.
    """
    model = request.model if request.model in bundled_models() else str(Path(request.model).resolve())
    base = resolve_model(request.model, runs_of(_files(request)), _files(request), force=None).checkpoint
    halves = held_out_halves(request)
    for line in _described(request, halves):
        on_note(line)
    threads = begin(to_dict(request), output, resume)
    if not (output / STORE).exists():
        report = prepare_store(_labelling(request, base, halves), output / STORE, on_progress, on_skip)
        for line in report.lines():
            on_note(line)
    store = read_store(output / STORE)
    _check_splits(store, halves)
    recipe = resolve_recipe(_recipe(request, base, model, output / STORE, threads), "finetune")
    goes_on = (output / TRAINING / RECORD).exists()
    train_recipe(recipe, output / TRAINING, version, resume=goes_on, on_log=on_log)
    notes = []
    tuned = load(output / TRAINING / MODEL)
    try:
        tuned, _ = calibrate(tuned, [output / STORE])
    except LexomeError as error:
        notes.append(f"the qualities are those of {base.name}, not calibrated anew: {error}")
    gain = measure_gain(base, tuned, store)
    made = {
        **tuned.provenance,
        "finetuned_from": base.name,
        "reads": [path.name for path in request.reads],
        "reference": request.reference.name,
        "held_out": [str(interval) for half in halves for interval in half],
        "gain": to_dict(gain),
    }
    tuned = dataclasses.replace(tuned, provenance=made)
    (output / TEST_READS).write_text("".join(f"{name}\n" for name in judging_reads(store)), encoding="utf-8")
    save(output / MODEL, tuned, f"{model_card(tuned)}\n\n{gain_section(gain, base.name, halves)}")
    if gain.gain <= 0:
        notes.append(f"no gain on what was held out: go on with {base.name}")
    return Finetuned(output / MODEL, gain, notes)


def held_out_halves(request: FinetuneRequest) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """The stretches that choose and those that judge: the two halves of each that is held out.

    Raises:
        UsageError: if stretches overlap.
        LexomeError: if the reference cannot be read.
    """
    held_out = request.held_out
    if not held_out:
        reference = read_reference(request.reference)
        name, sequence = max(reference.items(), key=lambda item: len(item[1]))
        length = len(sequence)
        size = max(int(HELD_OUT_SHARE * length), min(MIN_HELD_OUT_BP, length // 2))
        held_out = (Interval(name, length - size, length),)
    for number, interval in enumerate(held_out):
        for other in held_out[:number]:
            if interval.overlaps(other):
                raise UsageError(f"{other} and {interval}, which are to be held out, overlap")
    middles = [(interval, (interval.start_bp + interval.end_bp) // 2) for interval in held_out]
    return (
        tuple(Interval(i.contig, i.start_bp, middle) for i, middle in middles),
        tuple(Interval(i.contig, middle, i.end_bp) for i, middle in middles),
    )


def judging_reads(store: ChunkStore) -> list[str]:
    """The reads of a store of which nothing was trained on or chosen by, sorted."""
    judged = set(store.source_N["read"][store.indices("test")])
    seen = set(store.source_N["read"][store.indices("training")])
    seen |= set(store.source_N["read"][store.indices("validation")])
    return sorted(name.decode() for name in judged - seen)


def _files(request: FinetuneRequest) -> list[Path]:
    return find_signal_files(request.reads, request.recursive)


def _described(request: FinetuneRequest, halves: tuple[Sequence[Interval], Sequence[Interval]]) -> list[str]:
    chose, judged = (", ".join(map(str, half)) for half in halves)
    automatic = (
        "" if request.held_out else " (the end of the longest contig; --validation names another stretch)"
    )
    return [f"held out: {chose} to choose by, {judged} to judge by{automatic}"]


def _labelling(
    request: FinetuneRequest, base: Checkpoint, halves: tuple[tuple[Interval, ...], tuple[Interval, ...]]
) -> PrepareRequest:
    multiple = open_model(base).engine.chunk_multiple
    size = -(-min(MAX_CHUNK_SIZE, signal_config(base).chunk_size) // multiple) * multiple
    labels = dataclasses.replace(WITH_CALLS, chunk_size=size, step=size // 2)
    return PrepareRequest(
        request.reads, request.reference, None, request.levels, halves[0], labels, request.recursive,
        request.threads, model=base, scaling=signal_config(base).scaling, max_reads=request.max_reads,
        test=halves[1],
    )  # fmt: skip


def _check_splits(store: ChunkStore, halves: tuple[Sequence[Interval], Sequence[Interval]]) -> None:
    for split, half in (("validation", halves[0]), ("test", halves[1])):
        if len(store.indices(split)) == 0:
            raise UsageError(
                f"no labelled chunk lies in {', '.join(map(str, half))}, which is held out; begin anew with "
                "--validation and a stretch that more reads cover"
            )
    left = len(store.indices("training"))
    if left < BATCH_SIZE:
        raise UsageError(f"only {left} labelled chunks are left to train on: more reads are needed")


def _recipe(
    request: FinetuneRequest, base: Checkpoint, model: str, store: Path, threads: int
) -> dict[str, Any]:
    return {
        "task_kind": "basecall",
        "name": f"{base.name}_finetuned",
        "architecture": to_dict(base.architecture),
        "head": to_dict(base.head),
        "signal": dict(base.features),
        "task": {
            "stores": [str(store.resolve())],
            "start_from": model,
            "augment": to_dict(AUGMENT),
            "optim": to_dict(OptimConfig(lr=request.lr, warmup_steps=50)),
        },
        "loop": {
            "steps": max(1, request.steps),
            "minutes": 0.0 if request.steps else request.minutes,
            "batch_size": BATCH_SIZE,
            "seed": request.seed,
            "threads": threads,
            "validate_every": VALIDATE_EVERY,
            "save_every": VALIDATE_EVERY,
        },
    }
