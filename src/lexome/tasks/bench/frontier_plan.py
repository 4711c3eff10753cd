"""What is asked of `lexome bench frontier`, and all that can be checked of it before the long work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lexome import __version__
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.bench.accuracy import (
    ReadsSource,
    check_models,
    check_store,
    describe_store,
    find_reads,
)
from lexome.tasks.bench.kept import read_kept
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.bench.speed import SpeedConfig, fitting_size
from lexome.tasks.bench.timing import GPU

MAX_LABEL = 40  # letters; longer ones leave no room in a picture


@dataclass(frozen=True)
class FrontierRequest:
    """What is to be measured.

    Attributes:
        models: bundled names or folders, each also as LABEL=MODEL.
        output: folder of the results.
        reads: signal files or folders, for the accuracy on reads.
        reference: the sequence that they come from.
        recursive: look into subfolders too.
        max_reads: call the first so many only.
        store: labelled chunks, for the accuracy on chunks.
        chunks: how many of its validation chunks are judged.
        engine: "auto", "onnx" or "torch".
        device: "auto", "cpu" or "cuda:N".
        threads: of the engine.
        speed: what is timed, and how.
        max_memory_bytes: for a batch; None: half of what is free.
        resume: go on with what the folder holds.
        command: as it was typed.
    """

    models: Sequence[str]
    output: Path
    reads: Sequence[Path] = ()
    reference: Path | None = None
    recursive: bool = False
    max_reads: int | None = None
    store: Path | None = None
    chunks: int = 512
    engine: str = "auto"
    device: str = "auto"
    threads: int = 1
    speed: SpeedConfig = SpeedConfig()
    max_memory_bytes: int | None = None
    resume: bool = False
    command: str = "lexome bench frontier"


@dataclass(frozen=True)
class NamedModel:
    """A model by the name it has in the results; `digest` tells it from others."""

    label: str
    source: str
    checkpoint: Checkpoint
    digest: str


@dataclass(frozen=True)
class FrontierPlan:
    """What is to be done, all of it checked.

    Attributes:
        request: what was asked for.
        models: that are to be measured; those that an earlier run has measured are not among them.
        source: the reads; None without.
        aligner: with the index of their reference.
        figures: the results so far, without a model or with those of an earlier run.
        notes: whole sentences for the user.
    """

    request: FrontierRequest
    models: Sequence[NamedModel]
    source: ReadsSource | None
    aligner: ReadAligner | None
    figures: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def plan_frontier(request: FrontierRequest) -> FrontierPlan:
    """Looks at everything before the long work: every model is opened once, the reference is indexed.

    Raises:
        UsageError: for a model that is no basecaller or not for these reads, sizes that do not fit, missing
            files, or results that are there already.
        BadInputError: if a model or a file is damaged.
    """
    source = _source(request)
    models, device = _opened_once(request)
    if device.startswith(GPU) and request.speed.rate == "samples_per_cpu_s":
        raise UsageError(f"work on {device} takes no time of the CPU that says anything; compare --by wall")
    notes = []
    if source is not None:
        notes += check_models([model.checkpoint for model in models], source)
    if request.store is not None:
        check_store([model.source for model in models], request.store)
    settings = {
        "lexome_version": __version__,
        "machine": machine_facts(device, request.threads),
        "protocol": {"engine": request.engine, "device": device, **_protocol(request.speed)},
        "data": {
            "reads": None if source is None else source.described(),
            "store": None if request.store is None else describe_store(request.store, request.chunks),
            "bootstrap": to_dict(DEFAULT_BOOTSTRAP),
        },
    }
    earlier = read_kept(request.output, settings, resume=request.resume)
    wanted = {model.label: model.digest for model in models}
    # a model of the same label with other weights takes the place of the earlier one
    kept = [m for m in earlier["models"] if wanted.get(m["label"], m["digest"]) == m["digest"]]
    there = {model["label"] for model in kept}
    figures = {**settings, "commands": [*earlier["commands"], request.command], "models": kept}
    aligner = None
    if source is not None and wanted.keys() - there:
        aligner = ReadAligner(source.reference, threads=request.threads)
    return FrontierPlan(request, [m for m in models if m.label not in there], source, aligner, figures, notes)


def _protocol(speed: SpeedConfig) -> dict[str, Any]:
    protocol = to_dict(speed)
    del protocol["timing"]["max_bytes"]  # what is free is another number each time
    return protocol


def _source(request: FrontierRequest) -> ReadsSource | None:
    if bool(request.reads) != (request.reference is not None):
        raise UsageError("--reads and --reference belong together: accuracy is that of reads on a reference")
    if request.reference is not None:
        return find_reads(
            request.reads, request.reference, recursive=request.recursive, max_reads=request.max_reads
        )
    if request.store is None:
        raise UsageError("there is nothing to measure accuracy on: give --reads and --reference, or --store")
    return None


def _opened_once(request: FrontierRequest) -> tuple[list[NamedModel], str]:
    """Loads and opens every model; gives them, and the device on which they run."""
    named = []
    device = "cpu"
    for label, source in labelled(request.models):
        checkpoint = load(source)
        try:
            model = open_named(checkpoint, request)
            fitting_size(model.engine, request.speed.chunk_size)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error
        device = model.engine.device
        named.append(NamedModel(label or checkpoint.name, source, checkpoint, model.digest))
    labels = [model.label for model in named]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two models are called '{label}'; name them apart as LABEL=MODEL")
    return named, device


def open_named(checkpoint: Checkpoint, request: FrontierRequest) -> BasecallModel:
    """A model in the engine that is asked for."""
    return open_model(checkpoint, engine=request.engine, device=request.device, threads=request.threads)


def labelled(models: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(label, model) of every LABEL=MODEL; the label is empty where there is none.

    Raises:
        UsageError: for a label that is empty or too long.
    """
    for text in models:
        label, equals, model = text.partition("=")
        if not equals or Path(text).is_dir():
            yield "", text
            continue
        if not label.strip() or not model or len(label) > MAX_LABEL:
            raise UsageError(f"'{text}': LABEL=MODEL needs a label of 1 to {MAX_LABEL} letters and a model")
        yield label, model
