"""The work of `lexome prepare`: files in, a training store or a level table out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Skipped
from lexome.io.chunks import LabelledChunk, write_store
from lexome.tasks.basecall.cut import label_chunks
from lexome.tasks.basecall.inputs import (
    Inputs,
    PrepareRequest,
    label_inputs,
    open_inputs,
    placed_reads,
    round_note,
)
from lexome.tasks.basecall.leakage import contig_records
from lexome.tasks.basecall.levels import fit_levels, write_levels
from lexome.tasks.basecall.yields import LabelReport

YIELD_FILE = "yield.tsv"


def prepare_store(
    request: PrepareRequest,
    output: Path,
    on_progress: Callable[[int], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> LabelReport:
    """Makes a training store.

    Args:
        request: what to read.
        output: the folder to write; must not exist.
        on_progress: told how many reads were looked at.
        on_skip: told of every file and read that cannot be read; the report counts them too.

    Returns:
        What was kept and what was dropped.

    Raises:
        LexomeError: for input that cannot be read, or if nothing was kept.
    """
    if output.exists():
        raise UsageError(f"{output} exists already; choose another folder or remove it")
    try:  # now, not after all the work
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: its folder cannot be made ({error.strerror})") from error
    report = LabelReport()
    chunks: list[LabelledChunk] = []
    scores: dict[str, float] = {}
    inputs = label_inputs(request, open_inputs(request), report, on_progress)
    for read in placed_reads(request, inputs, report, on_skip, on_progress, scores):
        for chunk in label_chunks(read, request.validation, request.labels, report, request.test):
            # half precision at once: the store's own, and half the memory until it is written
            chunks.append(_as_stored(chunk))
    if inputs.scores:
        report.notes.append(round_note(request.rounds, scores, inputs.scores))
    if not chunks:
        raise LexomeError("no chunk could be labelled: " + "; ".join(line.strip() for line in report.lines()))
    held_out = (*request.validation, *request.test)
    contigs = [*(c.contig for c in chunks), *(i.contig for i in held_out)]
    meta = {
        "task": "basecall",
        "reads": [path.name for path in request.reads],
        **origin(request, inputs, report),
        "validation": [to_dict(i) for i in request.validation],
        "test": [to_dict(i) for i in request.test],
        "contigs": contig_records(inputs.reference, contigs),
        "scaling": to_dict(request.scaling),
        "labels": to_dict(request.labels),
        "outcome": {
            "reads": dict(report.reads),
            "chunks": dict(report.chunks),
            "aligned_bp": report.aligned_bp,
            "covered_samples": report.covered_samples,
        },
    }
    write_store(output, chunks, meta, {YIELD_FILE: report.table()})
    return report


def origin(request: PrepareRequest, inputs: Inputs, report: LabelReport) -> dict[str, Any]:
    """What a store's meta.json says of where its labels come from."""
    return {
        "runs": dict(report.runs),
        "held_out_runs": list(request.held_out_runs),
        "reference": request.reference.name,
        "levels": inputs.tables[0].name,
        "called_by": inputs.model_name or None,
        "rounds": request.rounds if inputs.model_name else None,
        "methods": dict(report.methods),
    }


def fit_table(
    request: PrepareRequest,
    output: Path,
    on_progress: Callable[[int], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> list[str]:
    """Fits a k-mer level table to reads.

    Args:
        request: what to read; `levels` is where the alignment starts from.
        output: the table to write.
        on_progress: told how many reads were looked at.
        on_skip: as of `prepare_store`.

    Returns:
        Lines that say how it went.

    Raises:
        LexomeError: for input that cannot be read, or too little of it.
    """
    if output.is_dir() or not output.parent.is_dir():
        complaint = "is a folder" if output.is_dir() else f"the folder {output.parent} does not exist"
        raise UsageError(f"{output}: {complaint}; name a table to write")
    inputs = label_inputs(request, open_inputs(request), LabelReport(), on_progress)
    start = inputs.tables[0]
    placed = placed_reads(request, inputs, LabelReport(), on_skip, on_progress)
    fitted = fit_levels(placed, start.k, start.centre, output.stem)
    seen = fitted.events > 0
    r = float(np.corrcoef(fitted.levels.mean_pa[seen], start.mean_pa[seen])[0, 1])
    said = (
        f"{start.k}-mer levels fitted by lexome to {fitted.num_reads} reads, {int(fitted.events.sum())} "
        f"events; {fitted.num_filled} k-mers with too few events filled by a linear model of their bases"
    )
    write_levels(output, fitted, said)
    return [said, f"correlation with the starting table {start.name} over k-mers with events: {r:.4f}"]


def _as_stored(chunk: LabelledChunk) -> LabelledChunk:
    return LabelledChunk(
        chunk.signal.astype(np.float16), chunk.target, chunk.read_id, chunk.contig,
        chunk.start_bp, chunk.end_bp, chunk.split,
    )  # fmt: skip
