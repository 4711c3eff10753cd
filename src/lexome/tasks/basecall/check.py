"""Checks of a basecaller on this machine, for models that were trained, imported or exported elsewhere.

Every check gives a line that says what was found. Without reads of the user's own the signal is simulated,
the same at every call.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, bundled_models, load
from lexome.core.alphabet import encode
from lexome.core.errors import LexomeError
from lexome.core.records import Basecall, RawRead, Skipped
from lexome.dp.kernels.edit import matches_and_edits
from lexome.engine.engine import Engine
from lexome.features.signal import SignalConfig, chunk_spans, cut_chunks, normalise
from lexome.tasks.basecall.check_reads import (
    SIMULATED_CHEMISTRY,
    SIMULATED_RATE_HZ,
    TrialReads,
    first_reads,
    simulated_reads,
)
from lexome.tasks.basecall.choose import check_fit, signal_config
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.checking import CheckLine, Result, difference_line, weights_line

PLAUSIBLE_BASES_PER_S = (100, 800)  # DNA goes through the published pores with 260 to 450 bases per second
MAX_CHUNKS = 6  # whose scores are compared


def check_model(model: str | Path, reads: Sequence[Path] = ()) -> list[CheckLine]:
    """Checks a basecaller: its files, its network, its scores in both engines, its bases.

    Args:
        model: bundled name, or folder (lexome, bonito or dorado).
        reads: signal files or folders to try it with, of which the first few reads are taken; none:
            simulated R9.4.1 reads.

    Returns:
        One line per check; a check that fails and leaves nothing to look at ends the list.

    Raises:
        UsageError: if there is no such model or no such reads.
        BadInputError: if the reads cannot be read.
    """
    is_there = str(model) in bundled_models() or Path(model).is_dir()
    try:
        checkpoint = load(model)
        _refuse_other_tasks(checkpoint)
        network, signal = build_network(checkpoint), signal_config(checkpoint)
    except LexomeError as error:
        if not is_there:
            raise
        return [CheckLine("files", "FAIL", str(error))]
    lines = [
        CheckLine(
            "files",
            "pass",
            f"basecaller {checkpoint.name}: {checkpoint.architecture.name} with a {checkpoint.head.name} "
            f"head, {checkpoint.num_parameters:,} parameters, stride {network.stride}",
        ),
        weights_line(checkpoint),
        CheckLine("input", "info", _described(signal)),
    ]
    if any(line.result == "FAIL" for line in lines):
        return lines
    trial = first_reads(reads, signal) if reads else simulated_reads(checkpoint, signal)
    lines.append(_reads_line(trial, checkpoint, signal))
    if not trial.reads:
        return lines
    try:
        return lines + _engine_lines(checkpoint, trial) + _call_lines(checkpoint, trial)
    except LexomeError as error:
        return [*lines, CheckLine("calling", "FAIL", str(error))]


def _refuse_other_tasks(checkpoint: Checkpoint) -> None:
    if checkpoint.task != "basecall":
        raise LexomeError(f"model {checkpoint.name} is for the task '{checkpoint.task}', not for basecalling")


def _described(signal: SignalConfig) -> str:
    rate = "sample rate not stated" if signal.sample_rate_hz is None else f"{signal.sample_rate_hz} Hz"
    scaling = signal.scaling
    numbers = {
        "pa": f"({scaling.mean:g}, {scaling.stdev:g})",
        "quantile": f"({scaling.quantile_a:g}, {scaling.quantile_b:g})",
        "med_mad": "",
    }[scaling.method]
    return (
        f"chemistry {signal.chemistry or 'not stated'}, {rate}, scaling {scaling.method}{numbers}, chunks of "
        f"{signal.chunk_size} samples that share {signal.overlap}"
    )


def _reads_line(trial: TrialReads, checkpoint: Checkpoint, signal: SignalConfig) -> CheckLine:
    count = f"{len(trial.reads)} reads, {trial.num_samples:,} samples"
    if trial.truths:
        made = f"{count}, simulated: {SIMULATED_CHEMISTRY} at {SIMULATED_RATE_HZ} Hz"
        if trial.fits:
            return CheckLine("reads", "info", made)
        return CheckLine("reads", "warn", f"{made}, not what this model is for: give some with --reads")
    if not trial.reads:
        why = trial.skipped[0].reason if trial.skipped else "there are none"
        return CheckLine("reads", "FAIL", f"no read can be used: {why}")
    runs = list({read.info.run.run_id: read.info.run for read in trial.reads}.values())
    notes = check_fit(runs, checkpoint.name, signal, force=True)
    if trial.skipped:
        notes.append(f"{len(trial.skipped)} left out; the first: {trial.skipped[0].reason}")
    return CheckLine("reads", "warn" if notes else "pass", "; ".join([count, *notes]))


def _engine_lines(checkpoint: Checkpoint, trial: TrialReads) -> list[CheckLine]:
    """Compares the scores of the two engines, and the bases that they come to, chunk by chunk."""
    onnx = open_model(checkpoint, engine="onnx", device="cpu")
    torch = open_model(checkpoint, engine="torch", device="cpu")
    chunks = _chunks(trial.reads, onnx)
    ours, reference = _scores(onnx.engine, chunks), _scores(torch.engine, chunks)
    difference = max(float(np.abs(a - b).max(initial=0)) for a, b in zip(ours, reference, strict=True))
    lines = [difference_line(difference, f"{len(chunks)} chunks")]
    if lines[0].result == "pass":
        same = sum(
            np.array_equal(onnx.decoder(a).bases, torch.decoder(b).bases)
            for a, b in zip(ours, reference, strict=True)
        )
        result: Result = "pass" if same == len(chunks) else "warn"
        lines.append(CheckLine("engines' bases", result, f"the same in {same} of {len(chunks)} chunks"))
    return lines


def _chunks(reads: Iterable[RawRead], model: BasecallModel) -> list[np.ndarray]:
    chunks: list[np.ndarray] = []
    for read in reads:
        signal = normalise(read, model.signal).signal
        multiple = model.engine.chunk_multiple
        spans = chunk_spans(len(signal), model.signal.chunk_size, model.signal.overlap, multiple)
        chunks += [chunk.signal for chunk in cut_chunks(signal, spans[: MAX_CHUNKS - len(chunks)])]
        if len(chunks) == MAX_CHUNKS:
            break
    return chunks


def _scores(engine: Engine, chunks: list[np.ndarray]) -> list[np.ndarray]:
    return [scores_TK for _, scores_TK in engine.run(enumerate(chunks), lambda scores_TK: scores_TK)]


def _call_lines(checkpoint: Checkpoint, trial: TrialReads) -> list[CheckLine]:
    """Calls the reads as the engine for this machine's CPU does, in batches and threads of several sizes."""
    started_s = time.process_time()
    calls = _call(checkpoint, trial, batch_size=12, threads=1)
    cpu_s = time.process_time() - started_s
    lines = []
    for name, batch_size, threads in (("batch size 1", 1, 1), ("two threads", 12, 2)):
        again = _call(checkpoint, trial, batch_size=batch_size, threads=threads)
        same = sum(
            a.sequence == b.sequence and np.array_equal(a.qualities, b.qualities)
            for a, b in zip(calls, again, strict=True)
        )
        result: Result = "pass" if same == len(calls) else "FAIL"
        lines.append(CheckLine(name, result, f"the same bases and qualities in {same} of {len(calls)} reads"))
    lines.append(_bases_line(calls, trial))
    if trial.truths and trial.fits:
        lines.append(_truth_line(calls, trial))
    speed = f"{trial.num_samples / max(cpu_s, 1e-9):.2g} samples per CPU-second, reads to bases"
    return [*lines, CheckLine("speed", "info", speed)]


def _call(checkpoint: Checkpoint, trial: TrialReads, *, batch_size: int, threads: int) -> list[Basecall]:
    model = open_model(checkpoint, engine="onnx", device="cpu", batch_size=batch_size, threads=threads)
    failed: list[Skipped] = []
    calls = list(basecall_reads(trial.reads, model, failed.append))
    if failed:
        raise LexomeError(f"read {failed[0].name}: {failed[0].reason}")
    return calls


def _bases_line(calls: Sequence[Basecall], trial: TrialReads) -> CheckLine:
    """Whether there are about as many bases as DNA has in so much signal."""
    bases = sum(len(call.sequence) for call in calls)
    seconds = sum(len(read.raw) / read.info.run.sample_rate_hz for read in trial.reads)
    found = f"{bases / trial.num_samples:.3g} bases per sample, {bases / seconds:.0f} per second of signal"
    if not trial.fits:
        return CheckLine("bases", "info", f"{found}, but of signal that is not the model's")
    if not bases:
        return CheckLine("bases", "warn", "no base in any read: the model calls nothing")
    low, high = PLAUSIBLE_BASES_PER_S
    if not low <= bases / seconds <= high:
        return CheckLine("bases", "warn", f"{found}; DNA has {low} to {high}")
    return CheckLine("bases", "pass", found)


def _truth_line(calls: Sequence[Basecall], trial: TrialReads) -> CheckLine:
    """Identity to what was simulated: matches over columns of the global alignments, all reads together."""
    matches = columns = 0
    for call, truth in zip(calls, trial.truths, strict=True):
        called, true = (encode(bases).astype(np.int64) for bases in (call.sequence, truth))
        found, edits = matches_and_edits(called, true)
        matches, columns = matches + found, columns + found + edits
    return CheckLine(
        "truth",
        "info",
        f"identity {matches / max(columns, 1):.3f} to the simulated {SIMULATED_CHEMISTRY} sequences "
        "(unrelated ones: 0.5)",
    )
