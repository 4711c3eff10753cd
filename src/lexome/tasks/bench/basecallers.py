"""Basecallers beside one another on the same reads and the same machine: `lexome bench basecallers`.

Source: the comparison of the poster on RUBICON (Singh et al.): accuracy, throughput, model size, parameters,
mapped reads and mapped bases. Differs: throughput is in samples, per CPU-second too, with all models taking
turns; networks without published weights are measured for size and speed and never judged; what the authors
published stands apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome import __version__
from lexome.checkpoint.packing import read_quantization
from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.report.files import write_json
from lexome.tasks.bench.accuracy import ReadsSource, check_models, find_reads
from lexome.tasks.bench.basecallers_identity import check_folder, judge
from lexome.tasks.bench.basecallers_models import Basecaller, open_basecallers
from lexome.tasks.bench.basecallers_speed import CALLED, NETWORK, RoundsConfig, time_in_turn
from lexome.tasks.bench.frontier import Watch, costs_of, unwatched
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.bench.published_basecallers import published_basecallers
from lexome.tasks.bench.timing import GPU, Rate
from lexome.tasks.shrink.quantize_figures import weight_bytes

RESULTS = "basecallers.json"


@dataclass(frozen=True)
class BasecallersRequest:
    """What is to be measured.

    Attributes:
        models: see `basecallers_models.open_basecallers`.
        output: folder of the results.
        reads: signal files or folders; empty: no identity.
        reference: the sequence that they come from.
        recursive: look into subfolders too.
        limit: call the first so many only.
        device: "auto", "cpu" or "cuda:N".
        threads: of the engine.
        seed: of random weights, and of the bootstrap.
        rounds: how long is timed.
        resume: keep the figures of reads that the folder holds.
        command: as it was typed.
    """

    models: Sequence[str]
    output: Path
    reads: Sequence[Path] = ()
    reference: Path | None = None
    recursive: bool = False
    limit: int | None = None
    device: str = "auto"
    threads: int = 1
    seed: int = 0
    rounds: RoundsConfig = RoundsConfig()
    resume: bool = False
    command: str = "lexome bench basecallers"


@dataclass(frozen=True)
class BasecallersPlan:
    """What is to be done, all of it checked; `notes` are whole sentences for the user."""

    request: BasecallersRequest
    basecallers: Sequence[Basecaller]
    source: ReadsSource | None
    aligner: ReadAligner | None
    notes: Sequence[str] = ()


def plan_basecallers(request: BasecallersRequest) -> BasecallersPlan:
    """Looks at everything before the long work: every model is opened, the reference is indexed.

    Raises:
        UsageError: for models that are none, are no basecallers or not for these reads, for missing files,
            reads without a reference, or results that are there already.
        BadInputError: if a model or a file is damaged.
    """
    check_folder(request.output, RESULTS, resume=request.resume)
    source = None
    if bool(request.reads) != (request.reference is not None):
        raise UsageError("--reads and --reference belong together: identity is that of reads on a reference")
    if request.reference is not None:
        source = find_reads(
            request.reads, request.reference, recursive=request.recursive, max_reads=request.limit
        )
    elif request.limit is not None:
        raise UsageError("--limit is a number of reads; give --reads and --reference")
    basecallers = open_basecallers(
        request.models, device=request.device, threads=request.threads, seed=request.seed
    )
    if source is None:
        return BasecallersPlan(request, basecallers, None, None)
    trained = [one.checkpoint for one in basecallers if one.is_trained]
    notes = check_models(trained, source)
    if not trained:
        notes.append("none of these networks is trained, so no read will be called")
    aligner = ReadAligner(source.reference, threads=request.threads) if trained else None
    return BasecallersPlan(request, basecallers, source, aligner, notes)


def measure_basecallers(plan: BasecallersPlan, watch: Watch = unwatched) -> dict[str, Any]:
    """Judges every trained model of a plan, then times all of them in turn; writes `basecallers.json`.

    Args:
        plan: from `plan_basecallers`.
        watch: shows progress, as for `frontier.measure_frontier`.

    Returns:
        All figures as plain values.

    Raises:
        LexomeError: if no read can be called, or a file cannot be written.
    """
    request, bootstrap = plan.request, BootstrapConfig(seed=plan.request.seed)
    judged = [_judged(plan, one, bootstrap, watch) for one in plan.basecallers]
    sizes = [_sizes(one) for one in plan.basecallers]
    models = [one.model for one in plan.basecallers]
    with watch("timing in turn", "timings", 2 * request.rounds.rounds * len(models)) as show:
        speeds = time_in_turn(models, request.rounds, show)
    device = models[0].engine.device
    rows = [
        {
            "label": one.label,
            "model": one.source,
            "digest": one.model.digest,
            "architecture": one.checkpoint.architecture.name,
            "head": one.checkpoint.head.name,
            "is_trained": one.is_trained,
            "engine": one.model.engine.name,
            "stride": one.model.stride,
            **size,
            "speed": {what: to_dict(timing) for what, timing in speed.items()},
            "reads": reads,
        }
        for one, size, speed, reads in zip(plan.basecallers, sizes, speeds, judged, strict=True)
    ]
    rate: Rate = "samples_per_s" if device.startswith(GPU) else "samples_per_cpu_s"
    figures = {
        "lexome_version": __version__,
        "command": request.command,
        "machine": machine_facts(device, request.threads),
        "protocol": {"device": device, "seed": request.seed, "rate": rate, **to_dict(request.rounds)},
        "data": {
            "reads": None if plan.source is None else plan.source.described(),
            "bootstrap": to_dict(bootstrap),
        },
        "models": rows,
        "ratios": ratios(rows, rate),
        "published": published_basecallers(),
    }
    request.output.mkdir(parents=True, exist_ok=True)
    write_json(request.output / RESULTS, figures)
    return figures


def _judged(
    plan: BasecallersPlan, one: Basecaller, bootstrap: BootstrapConfig, watch: Watch
) -> dict[str, Any] | None:
    """The figures of reads; None without any, and for a network that is not trained."""
    if plan.source is None or plan.aligner is None or not one.is_trained:
        return None
    with watch(f"calling with {one.label}", "samples", None) as show:
        try:
            return judge(one.model, plan.source, plan.aligner, plan.request.output, bootstrap, show)
        except LexomeError as error:
            raise type(error)(f"{one.label}: {error}") from error


def _sizes(one: Basecaller) -> dict[str, Any]:
    costs = costs_of(one.checkpoint, one.model.signal.chunk_size)
    quantization = read_quantization(one.checkpoint.quantization, f"model {one.label}")
    return {
        "parameters": one.checkpoint.num_parameters,
        "weight_bytes": weight_bytes(one.checkpoint),
        "macs_per_sample": None if costs.uncounted else costs.macs_per_sample,
        "quantization": None if one.checkpoint.quantization is None else quantization.engine,
    }


def ratios(models: Sequence[Mapping[str, Any]], rate: Rate) -> list[dict[str, Any]]:
    """Every model's figures divided by those of the first one, all measured here; None where one is unknown.

    Args:
        models: rows of the results.
        rate: of the speeds.

    Returns:
        For each its label, the ratios, and how far its median identity is above the first one's, as a share.
    """

    def values(row: Mapping[str, Any]) -> dict[str, float | None]:
        sizes = {name: row[name] for name in ("parameters", "weight_bytes", "macs_per_sample")}
        speeds = {what: row["speed"][what][rate] for what in (NETWORK, CALLED)}
        bases = {"mapped_bases": None if row["reads"] is None else row["reads"]["mapped_bases"]}
        return {**sizes, **speeds, **bases}

    first, result = models[0], []
    base, best = values(first), None if first["reads"] is None else first["reads"]["identity_median"]
    for row in models:
        own = {name: _divided(value, base[name]) for name, value in values(row).items()}
        identity = None if row["reads"] is None else row["reads"]["identity_median"]
        more = None if identity is None or best is None else identity - best
        result.append({"label": row["label"], **own, "identity_median_difference": more})
    return result


def _divided(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by
