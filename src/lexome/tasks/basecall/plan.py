"""What is asked of `lexome basecall`, and what its input and output look like before any work."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.core.records import RunInfo
from lexome.io.output import check_output
from lexome.io.partial import partial_of
from lexome.io.signal_files import find_signal_files, runs_of, summarise
from lexome.io.summary import check_summary
from lexome.tasks.basecall.outputs import OutputPaths, failed_path
from lexome.tasks.basecall.overwriting import check_overwrites
from lexome.tasks.basecall.resume import is_interrupted
from lexome.tasks.basecall.selection import Selection, read_id_list
from lexome.tasks.basecall.shard import Shard


@dataclass(frozen=True)
class CallRequest:
    """Which reads to call and how to write them.

    `output` None is SAM on stdout; `read_ids` is a file that lists the only reads wanted, `max_reads` how
    many of them; reads of a mean quality below `min_qscore` go to a second file beside `output`; `force`
    means that neither too little free disk matters nor what an interrupted run has left.
    """

    inputs: Sequence[Path]
    output: Path | None
    recursive: bool = False
    emit_moves: bool = False
    read_ids: Path | None = None
    max_reads: int | None = None
    min_qscore: float | None = None
    reference: Path | None = None
    sort: bool = False
    summary: Path | None = None
    resume: bool = False
    shard: Shard | None = None
    force: bool = False
    command_line: str = "lexome basecall"
    version: str = "unknown"

    @cached_property
    def paths(self) -> OutputPaths:
        """The files to write."""
        failed = failed_path(self.output) if self.min_qscore is not None and self.output is not None else None
        return OutputPaths(self.output, failed, self.summary)


@dataclass(frozen=True)
class CallPlan:
    """The input as found before any work: files, runs, what is wanted of them, totals of all they hold."""

    files: list[Path]
    runs: list[RunInfo]
    selection: Selection
    total_reads: int
    total_samples: int

    @property
    def expected_samples(self) -> int:
        """About how many samples are wanted."""
        return round(self.total_samples * self.selection.share(self.total_reads))


def plan_calls(request: CallRequest) -> CallPlan:
    """Looks at input and output before anything slow is done.

    Raises:
        UsageError: if an input is missing, holds no signal files, or the output cannot be written, or an
            interrupted run has left reads there that would be lost.
    """
    check_output(request.output, aligned=request.reference is not None, sort=request.sort)
    if request.output is None and request.min_qscore is not None:
        raise UsageError("--min-qscore needs an output file, for a second one beside it; name it with -o")
    if (
        request.output is not None
        and not (request.resume or request.force)
        and is_interrupted(request.output)
    ):
        raise UsageError(
            f"{partial_of(request.output)}: holds the finished reads of an interrupted run; --resume goes on "
            "from there, --force begins anew"
        )
    if request.summary is not None:
        check_summary(request.summary, request.output)
    if request.reference is not None and not request.reference.is_file():
        raise UsageError(f"{request.reference}: no such file; a reference is a FASTA file")
    for path in request.inputs:
        if request.output is None and _could_be_output(path):
            raise UsageError(f"{path}: no signal file; to write the calls there, put -o before it")
    files = find_signal_files(request.inputs, request.recursive)
    check_overwrites(request.paths, filter(None, (*files, request.reference, request.read_ids)))
    ids = read_id_list(request.read_ids) if request.read_ids is not None else None
    totals = summarise(files)
    selection = Selection(ids, request.max_reads, request.shard)
    return CallPlan(files, runs_of(files), selection, totals.reads, totals.samples)


def _could_be_output(path: Path) -> bool:
    try:
        check_output(path)
    except UsageError:
        return False
    return True
