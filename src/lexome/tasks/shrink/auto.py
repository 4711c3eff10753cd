"""A smaller and faster basecaller within bounds, found by trying: what `lexome compress auto` does.

Candidates are made by the methods of the other commands, judged on half of the reads, and timed in turn with
the model. The other half takes no part in the choice: the chosen model's figures are reported on it.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.report.files import write_json
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.bench.frontier import Watch, unwatched
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.bench.speed import fitting_size
from lexome.tasks.finetuning import begin
from lexome.tasks.shrink.auto_build import Workshop, build
from lexome.tasks.shrink.auto_choice import Bounds, choose, judge_report, meets
from lexome.tasks.shrink.auto_ladder import Candidate, NotTried, plan_ladder
from lexome.tasks.shrink.auto_plan import (
    AutoRequest,
    Bench,
    calibration,
    checked,
    open_bench,
    settings_of,
    training_words,
)
from lexome.tasks.shrink.auto_reads import CalledReads, Halves, identity_loss
from lexome.tasks.shrink.quantize_figures import operations_of, weight_bytes
from lexome.train.best import MODEL
from lexome.train.card import model_card

FIGURES, CANDIDATES, READS = "auto.json", "candidates", "reads.json"
ITSELF = ""  # the model among its candidates
COUNTED_SAMPLES = 2000  # the chunk whose operations are counted
FEW_READS = 20


def compress_auto(
    request: AutoRequest,
    version: str,
    *,
    on_note: Callable[[str], None] = lambda line: None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
    watch: Watch = unwatched,
) -> dict[str, Any]:
    """Tries the candidates and keeps the fastest one whose loss is within the bound.

    Args:
        request: what to do.
        version: of lexome, for the records.
        on_note: told what is being done, in whole lines.
        on_log: told each row of the trainings' logs.
        watch: shows progress, as for `bench.frontier.measure_frontier`.

    Returns:
        The figures, as in auto.json: "model" of the model itself, "candidates", "not_tried", "chosen" (a name
        or None), "lines" (what is said of it) and "report" (its figures on the other half of the reads).

    Raises:
        UsageError: if the request cannot be met as it is; nothing is written then.
        LexomeError: if no read can be called or maps.
    """
    base = checked(request)
    ladder, left_out = plan_ladder(base, request.only, trains=request.trains)
    if not ladder:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in left_out)
        raise UsageError(f"model {base.name}: there is nothing to try ({reasons})")
    bench = open_bench(request, base, on_note, watch)
    folder = request.output / CANDIDATES
    threads = begin(settings_of(bench, base), folder, request.resume)
    shop = Workshop(
        request.model, base, folder, request.stores, request.steps, request.minutes, request.seed, threads,
        version, lambda: calibration(bench), on_log,
    )  # fmt: skip
    _say_plan(request, ladder, bench.halves, on_note)
    before = _kept(folder / READS, lambda: bench.call(bench.model, bench.halves.choosing, base.name))
    if not before.mapped:
        raise LexomeError(f"no read that {base.name} calls maps; is {request.reference} the right reference?")
    rows, models = _tried(ladder, left_out, shop, bench, before, on_note)
    speeds = bench.speeds({ITSELF: bench.model, **models}, bench.halves.choosing)
    for row in rows:
        row["speed"] = to_dict(speeds[row["name"]])
        row["within_loss"], row["fast_enough"] = meets(row, request.bounds)
    choice = choose(rows, request.bounds)
    figures: dict[str, Any] = {
        "lexome_version": version,
        "machine": machine_facts("cpu", request.threads),
        "bounds": to_dict(request.bounds),
        "training": training_words(request),
        "reads": {
            "choosing": len(bench.halves.choosing),
            "reporting": len(bench.halves.reporting),
            "left_out_as_trained_on": bench.halves.trained_on,
            "aligner": bench.aligner.version(),
        },
        "model": {
            "name": base.name,
            **_size(base, bench.model),
            **_accuracy(before),
            "speed": to_dict(speeds[ITSELF]),
        },
        "candidates": rows,
        "not_tried": [to_dict(one) for one in left_out],
        "chosen": choice.name,
        "lines": list(choice.lines),
        "report": None,
    }
    if choice.name is not None:
        report = figures["report"] = _reported(bench, base.name, choice.name, models[choice.name])
        found = {"loss": report["loss"], "speed": report["chosen"]["speed"]}
        figures["lines"] += judge_report(found, request.bounds)
    _write(request, folder, choice.name, figures)
    return figures


def _say_plan(
    request: AutoRequest, ladder: list[Candidate], halves: Halves, on_note: Callable[[str], None]
) -> None:
    if halves.trained_on:
        on_note(
            f"{halves.trained_on} reads are in the chunks of the stores and are left out: they judge nothing"
        )
    on_note(f"{len(halves.choosing)} reads choose, {len(halves.reporting)} others are for the report")
    if len(halves.choosing) < FEW_READS:
        on_note("so few reads say little of a loss of a point or less: look at the intervals")
    on_note(training_words(request))
    trained = sum(one.kind != "int8" for one in ladder)
    if request.minutes and not request.steps:
        on_note(f"{trained} trainings of {request.minutes:g} minutes are ahead")


def _tried(
    ladder: Iterable[Candidate], left_out: list[NotTried], shop: Workshop, bench: Bench, before: CalledReads,
    on_note: Callable[[str], None],
) -> tuple[list[dict[str, Any]], dict[str, BasecallModel]]:  # fmt: skip
    """Makes and judges every candidate; one made of another that is clearly too bad is left out."""
    rows: dict[str, dict[str, Any]] = {}
    models: dict[str, BasecallModel] = {}
    for candidate in ladder:
        if _is_hopeless(rows.get(candidate.after), bench.request.bounds):
            left_out.append(
                NotTried(candidate.name, f"{candidate.after} alone clearly loses more than the bound")
            )
            continue
        on_note(f"{candidate.name}: {candidate.what}")
        made = build(candidate, shop)
        model = models[candidate.name] = open_model(made, device="cpu", threads=bench.request.threads)
        called = _kept(
            shop.folder / candidate.name / READS,
            lambda model=model, name=candidate.name: bench.call(model, bench.halves.choosing, name),
        )
        loss = identity_loss(before.identity, called.identity)
        rows[candidate.name] = {
            "name": candidate.name, "what": candidate.what, **_size(made, model), **_accuracy(called),
            "loss": to_dict(loss), "training": made.provenance.get("training"),
        }  # fmt: skip
        on_note(f"{candidate.name}: identity {called.identity_mean or 0:.4f}, loss {loss.mean:.4f}")
    return list(rows.values()), models


def _is_hopeless(row: Mapping[str, Any] | None, bounds: Bounds) -> bool:
    """Whether even the low end of a candidate's loss is beyond the bound."""
    interval = None if row is None else row["loss"]["interval"]
    return interval is not None and interval[0] > bounds.max_identity_loss


def _kept(path: Path, work: Callable[[], CalledReads]) -> CalledReads:
    """The identities of a model's reads: those of an earlier run, or new ones, which are kept."""
    if not path.exists():
        called = work()
        write_json(path, to_dict(called))
        return called
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        identity = {str(k): None if v is None else float(v) for k, v in there["identity"].items()}
        return CalledReads(identity, int(there["bases"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path}: damaged; remove it to call these reads again") from error


def _size(checkpoint: Checkpoint, model: BasecallModel) -> dict[str, Any]:
    samples = fitting_size(model.engine, COUNTED_SAMPLES)
    return {
        "parameters": checkpoint.num_parameters, "weight_bytes": weight_bytes(checkpoint),
        "macs_per_sample": operations_of(checkpoint, samples)[0],
    }  # fmt: skip


def _accuracy(called: CalledReads) -> dict[str, Any]:
    return {
        "reads": len(called.identity), "mapped": len(called.mapped), "identity_mean": called.identity_mean,
        "identity_median": called.identity_median,
    }  # fmt: skip


def _reported(bench: Bench, base: str, name: str, model: BasecallModel) -> dict[str, Any]:
    """The figures of the model and of the chosen one on the reads that took no part in the choice."""
    ids = bench.halves.reporting
    before, after = bench.call(bench.model, ids, base), bench.call(model, ids, name)
    loss = identity_loss(before.identity, after.identity)
    speeds = bench.speeds({ITSELF: bench.model, name: model}, ids)
    return {
        "model": {**_accuracy(before), "speed": to_dict(speeds[ITSELF])},
        "chosen": {**_accuracy(after), "speed": to_dict(speeds[name])},
        "loss": to_dict(loss),
    }  # fmt: skip


def _write(request: AutoRequest, folder: Path, name: str | None, figures: Mapping[str, Any]) -> None:
    """The chosen model and the figures; without a choice no model is left, neither that of an earlier run."""
    output = request.output / MODEL
    if name is not None:
        chosen = load(folder / name / MODEL)
        record = {
            "bounds": figures["bounds"], "report": figures["report"], "lines": figures["lines"],
        }  # fmt: skip
        chosen = replace(chosen, provenance={**chosen.provenance, "compress_auto": record})
        save(output, chosen, model_card(chosen), overwrite=True)
    elif output.exists():
        shutil.rmtree(output)
    write_json(request.output / FIGURES, figures)


def check_chosen(figures: Mapping[str, Any]) -> None:
    """Says that nothing was chosen.

    Raises:
        LexomeError: if so.
    """
    if figures["chosen"] is None:
        raise LexomeError(f"{figures['lines'][0]}; no model is written")
