"""lexome from Python: the work of the commands, for notebooks and programs. Found as `lexome.load` and so on.

Nothing inside the package imports this module.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import cast

from lexome import __version__
from lexome.api_files import (
    OnSkip,
    Paths,
    SkippedWarning,
    choose_model,
    path_list,
    read_calls,
    read_runs,
    read_signal,
    warn_of,
    write_calls,
    write_signal,
)
from lexome.core.chemistry import chemistry_of
from lexome.core.cores import usable_cores
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import Basecall, RawRead, RunInfo, Skipped
from lexome.evaluate.reads import FileEvaluation, evaluate_file
from lexome.io.calls import CalledRead
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, SimulatedRead, simulate_reads
from lexome.tasks.basecall import choose
from lexome.tasks.basecall.files import CallSummary, call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.run import basecall_reads

__all__ = [
    "BadInputError",
    "Basecall",
    "Basecaller",
    "CallSummary",
    "CalledRead",
    "FileEvaluation",
    "LexomeError",
    "PoreConfig",
    "RawRead",
    "RunInfo",
    "SimulatedRead",
    "Skipped",
    "SkippedWarning",
    "UsageError",
    "bundled_levels",
    "chemistry_of",
    "choose_model",
    "evaluate_reads",
    "load",
    "random_genome",
    "read_calls",
    "read_runs",
    "read_signal",
    "simulate_reads",
    "write_calls",
    "write_signal",
]


def load(
    model: str | os.PathLike[str],
    *,
    device: str = "auto",
    threads: int | None = None,
    engine: str = "auto",
    batch_size: int | None = None,
    chunk_size: int | None = None,
    overlap: int | None = None,
    trim: bool = True,
    beam_width: int | None = None,
) -> "Basecaller":
    """Loads a model that calls bases.

    Args:
        model: name of a bundled model, or the folder of a model of lexome, bonito or dorado.
        device: "auto" (a GPU if there is one), "cpu" or "cuda:N".
        threads: batches worked on at a time; None: all cores. The bases do not depend on it.
        engine: "auto" (onnx on a CPU, torch on a GPU), "onnx" or "torch".
        batch_size: chunks in a batch; None: the engine's own. The bases do not depend on it.
        chunk_size: samples in a chunk; None: the model's.
        overlap: samples shared by neighbouring chunks; None: the model's.
        trim: whether the adapter at the start of a read is left out.
        beam_width: hypotheses kept by a beam search, 1 to 256; None: the best path, without a beam.

    Returns:
        The basecaller.

    Raises:
        UsageError: for an unknown name, a model that does not call bases, or sizes that do not fit.
        BadInputError: if the model's folder is damaged.
    """
    opened = open_model(
        model if isinstance(model, str) else Path(model), engine=engine, device=device,
        threads=threads or usable_cores(), batch_size=batch_size, chunk_size=chunk_size, overlap=overlap,
        trim=trim, beam_width=beam_width,
    )  # fmt: skip
    return Basecaller(opened)


class Basecaller:
    """A model ready to call bases; made by `load`."""

    def __init__(self, model: BasecallModel) -> None:
        self._model = model

    def __repr__(self) -> str:
        return f"<Basecaller {self.name} on {self.device}, {self._model.engine.threads} threads>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def device(self) -> str:
        """Where the network runs: "cpu" or "cuda:N"."""
        return self._model.engine.device

    @property
    def stride(self) -> int:
        """Samples per time step of the network, and so per entry of a call's moves."""
        return self._model.stride

    @property
    def sample_rate_hz(self) -> int | None:
        """The sample rate of the signal that the model was trained on, if it says so."""
        return self._model.signal.sample_rate_hz

    def basecall(
        self, reads: Paths | Iterable[RawRead], *, recursive: bool = False, on_skip: OnSkip | None = None
    ) -> Iterator[Basecall]:
        """Calls reads, in their order; memory does not grow with their number.

        Args:
            reads: signal files or folders of them (one or several), or raw reads.
            recursive: look into the subfolders of folders too.
            on_skip: told of every file and read that cannot be called; by default that is a `SkippedWarning`.

        Returns:
            An iterator over the calls; the work is done as it is consumed.

        Raises:
            UsageError: if a path is missing or holds no signal files.
        """
        tell = on_skip or warn_of
        return basecall_reads(_raw_reads(reads, recursive, tell), self._model, tell)

    def basecall_to_file(
        self,
        reads: Paths,
        output: str | os.PathLike[str],
        *,
        recursive: bool = False,
        emit_moves: bool = False,
        reference: str | os.PathLike[str] | None = None,
        sort: bool = False,
        min_qscore: float | None = None,
        summary: str | os.PathLike[str] | None = None,
        resume: bool = False,
        force: bool = False,
        on_progress: Callable[[int], None] = lambda samples: None,
    ) -> CallSummary:
        """Calls the reads of files into a file, as `lexome basecall` does.

        Args:
            reads: signal files (POD5, FAST5, SLOW5, BLOW5) or folders of them.
            output: the file; its ending says the format: .bam, .sam, .cram, .fastq, .fasta (the last two
                also .gz).
            recursive: look into the subfolders of folders too.
            emit_moves: write the move table (not in FASTQ and FASTA).
            reference: a FASTA file to align the reads to as well (SAM, BAM and CRAM).
            sort: by place on the reference, with an index.
            min_qscore: reads of a lower mean quality go to a second file, `<output>_fail.<ending>`.
            summary: a sequencing summary to write as well.
            resume: go on from what an interrupted run with the same settings left.
            force: call reads of another chemistry or sample rate than the model's too, and do not look
                whether the disk has room.
            on_progress: told how many samples are done after each read.

        Returns:
            The counts, and what was skipped.

        Raises:
            UsageError: if an input is missing, the output has an unknown ending, or the reads are of another
                chemistry or sample rate than the model's.
            LexomeError: if no read could be called or the output cannot be written.
        """
        said = f"lexome.load({self.name!r}).basecall_to_file"
        request = CallRequest(
            path_list(reads),
            Path(output),
            recursive,
            emit_moves,
            reference=_path(reference),
            sort=sort,
            min_qscore=min_qscore,
            summary=_path(summary),
            resume=resume,
            force=force,
            command_line=said,
            version=__version__,
        )
        plan = plan_calls(request)
        for note in choose.check_fit(plan.runs, self.name, self._model.signal, plan.files, force=force):
            warnings.warn(note, UserWarning, stacklevel=2)
        return call_files(request, plan, self._model, on_progress)


def _path(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def evaluate_reads(
    calls: str | os.PathLike[str], reference: str | os.PathLike[str], *, threads: int | None = None
) -> FileEvaluation:
    """Scores called reads against a reference, as `lexome evaluate reads` does.

    Args:
        calls: SAM, BAM, CRAM, FASTQ or FASTA; every read is aligned anew.
        reference: FASTA, may be gzip-compressed.
        threads: threads that align; None: all cores. The result does not depend on it.

    Returns:
        `figures` (docs/metrics.md defines them), `per_read`, and all figures as a dict with `to_json()`.

    Raises:
        UsageError: if a file is missing or the ending of `calls` is unknown.
        BadInputError: if a file is damaged or holds nothing.
    """
    return evaluate_file(Path(calls), Path(reference), threads=threads or usable_cores())


def _raw_reads(reads: Paths | Iterable[RawRead], recursive: bool, on_skip: OnSkip) -> Iterable[RawRead]:
    if isinstance(reads, str | os.PathLike):
        return read_signal(reads, recursive=recursive, on_skip=on_skip)
    if isinstance(reads, RawRead):
        raise UsageError("a single read was given; put it into a list: basecall([read])")
    items = iter(reads)
    first = next(items, None)
    if first is None:
        return ()
    if isinstance(first, RawRead):
        return cast(Iterable[RawRead], chain([first], items))
    return read_signal(cast(Paths, chain([first], items)), recursive=recursive, on_skip=on_skip)
