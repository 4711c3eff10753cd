"""All that one run writes: calls, those below the quality asked for, summary; all kept together on resume."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lexome.core.errors import UsageError
from lexome.core.read_ids import IdSet
from lexome.core.records import Alignment, Basecall
from lexome.io.hts import OutputHeader, mean_qscore, printable
from lexome.io.output import HTS_ENDINGS, Writer, ending_of, open_output
from lexome.io.partial import explained, partial_of
from lexome.io.salvage import RESUMED, Records
from lexome.io.summary import SummaryRow, SummaryWriter, read_rows
from lexome.tasks.basecall.journal import Settings
from lexome.tasks.basecall.resume import Earlier, is_complete, resumable

Row = TypeVar("Row")


@dataclass(frozen=True)
class OutputPaths:
    """Where the calls go (None: SAM to stdout), where those of too low quality, where the summary."""

    calls: Path | None
    failed: Path | None = None
    summary: Path | None = None


def failed_path(output: Path) -> Path:
    """Where calls of too low quality go: `calls.fastq.gz` -> `calls_fail.fastq.gz`."""
    ending = ending_of(output)
    return output.with_name(f"{output.name[: -len(ending)]}_fail{output.name[-len(ending) :]}")


class CallOutputs:
    """The open outputs of a run; made by `open_outputs`."""

    def __init__(
        self, calls: Writer, failed: Writer | None, summary: SummaryWriter | None, min_qscore: float | None
    ) -> None:
        self._calls, self._failed, self._summary = calls, failed, summary
        self._min_qscore = min_qscore

    @property
    def partial_path(self) -> Path | None:
        """Where the calls are until all are done; None for stdout."""
        return self._calls.partial_path

    def write(self, call: Basecall, alignments: Sequence[Alignment]) -> bool:
        """Writes a call to where it belongs; whether its quality was high enough."""
        passes = self._min_qscore is None or mean_qscore(call.qualities) >= self._min_qscore
        self._writer(passes).write(call, alignments)
        if self._summary is not None:
            self._summary.write(call, alignments, passes)
        return passes

    def keep(self, read: "KeptRead") -> None:
        """Writes the records of an earlier run's read again."""
        for record in read.records:
            self._writer(read.passes).keep(record)
        if self._summary is None:
            return
        if read.row is not None:
            self._summary.keep_row(read.row)
        else:  # the interrupted run wrote no summary; SAM, BAM and CRAM records say all that a row does
            self._summary.write_kept([r for r in read.records if not isinstance(r, str)], read.passes)

    def close(self) -> None:
        """Ends all files before the first gets its name: one that does not fit keeps all partial."""
        for output in (self._calls, self._failed, self._summary):
            if output is not None:
                output.close()

    def forget(self) -> None:
        """Removes the partial files: to be called when nothing was written that is worth keeping."""
        for output in (self._calls, self._failed, self._summary):
            if output is not None and output.partial_path is not None:
                output.partial_path.unlink(missing_ok=True)

    def _writer(self, passes: bool) -> Writer:
        return self._calls if passes or self._failed is None else self._failed


@dataclass(frozen=True)
class KeptRead:
    """A finished read of an interrupted run: its records, which file they were in, its row of the summary."""

    read_id: str
    passes: bool
    records: Records
    row: SummaryRow | None


class EarlierRun:
    """What an interrupted run left in its files.

    A read counts as finished if all files that should hold something of it do: they are written one after the
    other, each through a buffer of its own.
    """

    def __init__(self, calls: Earlier, failed: Earlier | None, rows: Iterator[SummaryRow] | None) -> None:
        self._calls, self._failed, self._rows = calls, failed, rows
        self._done = IdSet()

    def reads(self) -> Iterator[KeptRead]:
        """Yields every finished read, to be written anew."""
        streams = {True: self._calls.reads(), False: self._failed.reads() if self._failed else iter(())}
        if self._rows is None:
            for passes, stream in streams.items():
                for read_id, records in stream:
                    self._done.add(read_id)
                    yield KeptRead(read_id, passes, records, None)
            return
        for row in self._rows:  # the summary has the order in which reads went to the one file or the other
            read_id, records = next(streams[row.passes], ("", []))
            if read_id != row.read_id:
                return
            self._done.add(read_id)
            yield KeptRead(read_id, row.passes, records, row)

    def is_done(self, read_id: str) -> bool:
        """Whether a read is among those that `reads` has given out."""
        return printable(read_id) in self._done


@contextmanager
def open_outputs(
    paths: OutputPaths,
    header: OutputHeader,
    settings: Settings,
    *,
    resume: bool = False,
    sort: bool = False,
) -> Iterator[tuple[CallOutputs, EarlierRun]]:
    """Opens the files of a run; they get their names when the block ends well, and stay `.partial` otherwise.

    Args:
        paths: where to.
        header: of the calls' files.
        settings: on which the records depend; `min_qscore` decides between the two files.
        resume: go on from what an interrupted run of the same settings left.
        sort: by position, when all is written.

    Yields:
        The outputs, and what is to be kept of an earlier run: to be written before anything else.

    Raises:
        UsageError: as `resumable`, `open_output` and `SummaryWriter`.
        LexomeError: if something cannot be written.
    """
    with ExitStack() as stack:
        calls = stack.enter_context(resumable(paths.calls, settings, resume))
        failed = rows = None
        if paths.failed is not None:
            # that one may have got its name when the calls did not; its reads are then called anew
            lost = calls.found and is_complete(paths.failed)
            failed = stack.enter_context(resumable(paths.failed, settings, resume and not lost))
        if paths.summary is not None:
            # records of SAM, BAM and CRAM can stand in for rows
            stand_in = paths.calls is not None and ending_of(paths.calls) in HTS_ENDINGS
            rows = stack.enter_context(
                earlier_rows(
                    paths.summary, calls.found, stand_in, lambda path: read_rows(path, header), "--summary"
                )
            )
        summary = stack.enter_context(SummaryWriter(paths.summary, header)) if paths.summary else None
        writer = stack.enter_context(open_output(paths.calls, header, settings.emit_moves, sort=sort))
        failed_writer = None
        if paths.failed is not None:
            failed_writer = stack.enter_context(
                open_output(paths.failed, header, settings.emit_moves, sort=sort)
            )
        outputs = CallOutputs(writer, failed_writer, summary, settings.min_qscore)
        yield outputs, EarlierRun(calls, failed, rows)
        outputs.close()


@contextmanager
def earlier_rows(
    path: Path, resume: bool, can_do_without: bool, read: Callable[[Path], Iterator[Row]], option: str
) -> Iterator[Iterator[Row] | None]:
    """The rows that an interrupted run wrote; they stay in `<name>.resumed` until the block ends well.

    Args:
        path: the table that is to be written again from its first row.
        resume: there is something to go on from.
        can_do_without: the run can go on even if there is no table of the interrupted one.
        read: gives the rows of a table that may be cut off anywhere.
        option: of the command line that names the table.

    Yields:
        The rows; None if there are none.

    Raises:
        UsageError: if they are missing, and the run cannot go on without.
        LexomeError: if a file cannot be moved or removed.
    """
    partial, resumed = partial_of(path), path.with_name(path.name + RESUMED)
    if not resume:
        with explained(path):
            resumed.unlink(missing_ok=True)
        yield None
        return
    if not partial.is_file() and not resumed.is_file():
        if can_do_without:
            yield None
            return
        raise UsageError(
            f"{path}: the interrupted run left no {partial.name} to go on from; leave out {option}, or "
            "leave out --resume to begin anew"
        )
    with explained(path):
        if partial.is_file() and (not resumed.is_file() or _number(read(partial)) > _number(read(resumed))):
            partial.replace(resumed)
    yield read(resumed)
    with explained(path):
        resumed.unlink()


def _number(rows: Iterator[object]) -> int:
    return sum(1 for _ in rows)
