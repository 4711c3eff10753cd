"""What is asked of `lexome compress auto`, and all that can be checked of it before the long work."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.evaluate.align import ReadAligner
from lexome.tasks.basecall.journal import model_digest
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.bench.accuracy import ReadsSource, check_models, find_reads
from lexome.tasks.bench.frontier import Watch
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.shrink.auto_choice import Bounds
from lexome.tasks.shrink.auto_ladder import FAMILIES
from lexome.tasks.shrink.auto_reads import (
    CalledReads,
    Halves,
    call_reads,
    signal_chunks,
    split_reads,
    timed_reads,
)
from lexome.tasks.shrink.auto_speed import CallingSpeed, RoundsConfig, speeds_in_turn
from lexome.tasks.shrink.from_model import recipe_from_model
from lexome.tasks.shrink.quantize import check_signal, float_basecaller

TIMED_SAMPLES = 600_000  # of reads that are called to time


@dataclass(frozen=True)
class AutoRequest:
    """What is to be made smaller, by what, and how it is judged.

    Attributes:
        model: a bundled name, or a folder.
        output: gets candidates/, model/ and the figures.
        reads: signal files or folders.
        reference: the sequence that they come from.
        bounds: what is asked for.
        stores: labelled chunks to train and calibrate with; none: candidates are made at once.
        only: families of candidates.
        steps: of training of each candidate.
        minutes: of training, of no effect if `steps` is set.
        max_reads: drawn of all.
        recursive: look into subfolders too.
        rounds: how the timing is repeated.
        timed_samples: of reads that are timed.
        seed: of the draw of reads, and of the order of the data.
        threads: that call and train.
        resume: go on with what the folder holds.
    """

    model: str
    output: Path
    reads: tuple[Path, ...]
    reference: Path
    bounds: Bounds = Bounds()
    stores: tuple[Path, ...] = ()
    only: tuple[str, ...] = FAMILIES
    steps: int = 0
    minutes: float = 0.0
    max_reads: int = 400
    recursive: bool = False
    rounds: RoundsConfig = RoundsConfig()
    timed_samples: int = TIMED_SAMPLES
    seed: int = 0
    threads: int = 1
    resume: bool = False

    @property
    def trains(self) -> bool:
        """Whether candidates are trained."""
        return bool(self.steps or self.minutes)


@dataclass(frozen=True)
class Bench:
    """What all candidates are judged with: the reads, their reference, and the model to compare with."""

    request: AutoRequest
    source: ReadsSource
    halves: Halves
    aligner: ReadAligner
    model: BasecallModel
    watch: Watch

    def call(self, model: BasecallModel, ids: tuple[str, ...], name: str) -> CalledReads:
        """Calls reads and aligns them; `name` is told."""
        with self.watch(f"calling with {name}", "samples", None) as show:
            return call_reads(model, self.source, ids, self.aligner, show)

    def speeds(self, models: Mapping[str, BasecallModel], ids: tuple[str, ...]) -> dict[str, CallingSpeed]:
        """Times the calling of some of the reads; the first model is what the others are compared with."""
        reads = timed_reads(self.source, ids, self.request.timed_samples)
        rounds = self.request.rounds
        with self.watch("timing in turn", "measurements", rounds.rounds * len(models)) as show:
            return speeds_in_turn(models, reads, rounds, show)


def checked(request: AutoRequest) -> Checkpoint:
    """The model of a request that makes sense.

    Raises:
        UsageError: if it makes none: bounds, a folder that holds something, a model that is no basecaller in
            float, stores without chunks or with signal of another kind.
    """
    bounds = request.bounds
    if not (math.isfinite(bounds.target_speedup) and bounds.target_speedup >= 1):
        raise UsageError(f"a target of {bounds.target_speedup:g} times the speed is none: give 1 or more")
    if not 0 <= bounds.max_identity_loss < 1:
        raise UsageError(
            f"an identity loss of {bounds.max_identity_loss:g} is none: it is a part, such as 0.005 for half "
            "a point"
        )
    if request.trains and not request.stores:
        raise UsageError("training needs labelled chunks, never the reads that judge: add --store")
    output = request.output
    if not request.resume and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(
            f"{output} holds something already; add --resume to go on with its candidates, or choose another "
            "folder"
        )
    base = float_basecaller(request.model)
    check_signal(base, request.stores)
    if request.stores:
        _check_chunks(request, base)
    return base


def _check_chunks(request: AutoRequest, base: Checkpoint) -> None:
    """Finds out before anything is written whether the stores have what is needed."""
    data = recipe_from_model(
        request.model, base, request.stores, name=base.name, steps=1, validate_every=1, lr=1e-3
    )
    task = resolve_recipe(data, "compress auto").task()
    for split in ("training", "validation") if request.trains else ("training",):
        next(iter(task.batches(split, batch_size=1, seed=0, rank=0, world=1, skip=0)))


def open_bench(request: AutoRequest, base: Checkpoint, on_note: Callable[[str], None], watch: Watch) -> Bench:
    """Draws the reads, opens the model and indexes the reference.

    Raises:
        UsageError: for missing files, reads that the model is not for, or too few of them.
        BadInputError: if none of the files can be read, or the reference is no FASTA.
    """
    source = find_reads(
        request.reads, request.reference, recursive=request.recursive, max_reads=request.max_reads
    )
    for note in check_models([base], source):
        on_note(note)
    halves = split_reads(source, request.stores, request.seed)
    model = open_model(base, device="cpu", threads=request.threads)
    aligner = ReadAligner(source.reference, threads=request.threads)
    return Bench(request, source, halves, aligner, model, watch)


def settings_of(bench: Bench, base: Checkpoint) -> dict[str, Any]:
    """What must be the same to go on; bounds, families and the timing may differ."""
    request = bench.request
    return {
        "model": model_digest(base), "stores": [str(store.resolve()) for store in request.stores],
        "steps": request.steps, "minutes": request.minutes, "seed": request.seed, "threads": request.threads,
        "reads": [list(bench.halves.choosing), list(bench.halves.reporting)],
        "reference": bench.source.described()["reference_sha256"],
    }  # fmt: skip


def calibration(bench: Bench) -> Iterator[torch.Tensor]:
    """Chunks of the reads that choose, (1, 1, samples) each; nothing is known of their bases."""
    chunks = signal_chunks(
        bench.source, bench.halves.choosing, bench.model.signal, bench.model.engine.chunk_multiple
    )
    return (torch.from_numpy(chunk)[None, None] for chunk in chunks)


def training_words(request: AutoRequest) -> str:
    """How candidates are made, in a sentence."""
    if request.trains:
        budget = f"{request.steps} steps" if request.steps else f"{request.minutes:g} minutes"
        return f"candidates are trained for {budget} each, taught by the model"
    calibrated = (
        "" if request.stores else "; ranges of integers come from the signal of the reads that choose"
    )
    return f"candidates are made at once, without training (no --store with --steps or --minutes){calibrated}"
