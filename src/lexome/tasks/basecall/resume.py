"""Going on after an interruption: which earlier output belongs to this run, and what of it is finished.

Reads are written in input order and depend on the input and the settings alone, so the records of an
interrupted `OUT.partial` are the first ones of the whole run. Beside it stands `OUT.partial.json`, the
journal of the settings that made it. To resume, OUT.partial is renamed to `OUT.resumed`, its finished reads
are copied into a new OUT.partial, and calling goes on behind them. OUT.resumed stays until OUT is complete,
so a crash at any moment loses nothing: if both are there, the one with more finished reads is used.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.core.read_ids import IdSet
from lexome.io.hts import printable
from lexome.io.partial import explained, partial_of
from lexome.io.salvage import RESUMED, Records, salvage
from lexome.tasks.basecall.journal import RunSettings, differences, read_journal, write_journal

JOURNAL = ".partial.json"


class Earlier:
    """The finished reads of an interrupted run.

    Args:
        path: the file that holds them; None if there is none.

    Attributes:
        done: the ids of the reads that `reads` has given out so far.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.done = IdSet()

    @property
    def found(self) -> bool:
        """Whether there is something to go on from."""
        return self._path is not None

    def reads(self) -> Iterator[tuple[str, Records]]:
        """Yields (read id, records) of every finished read, to be written anew; see `salvage`."""
        if self._path is None:
            return
        for read_id, records in salvage(self._path):
            self.done.add(read_id)
            yield read_id, records

    def is_done(self, read_id: str) -> bool:
        """Whether a read is among those that `reads` has given out."""
        return printable(read_id) in self.done


@contextmanager
def resumable(
    output: Path | None,
    settings: RunSettings,
    resume: bool,
    num_finished: Callable[[Path], int] = lambda path: sum(1 for _ in salvage(path)),
) -> Iterator[Earlier]:
    """Keeps a run's journal while its output is written, and finds what an interrupted run left.

    To be put around `open_output`, also for runs that do not resume: they clear away what earlier ones left.

    Args:
        output: the output; None (stdout) leaves nothing to resume.
        settings: of this run.
        resume: go on from an interrupted run; if there is none, and no output either, begin anew.
        num_finished: counts what is finished in an unfinished output; other than reads, for other outputs.

    Yields:
        The finished reads; to be copied before any other is written.

    Raises:
        UsageError: if the interrupted run had other settings or they are not known, if the output is
            complete, if another process is writing it, or if it is stdout.
        LexomeError: if the journal cannot be written.
    """
    if output is None:
        if resume:
            raise UsageError("--resume needs an output file; name it with -o")
        yield Earlier(None)
        return
    partial, resumed, journal = _paths(output)
    with _locked(journal, output) as hold:
        try:
            if resume:
                earlier = Earlier(_take_over(output, settings, num_finished))
            else:
                earlier = Earlier(None)
                _remove(partial, resumed)  # before the new journal is written, which is not theirs
            write_journal(journal, settings, hold)
            yield earlier
        except BaseException:
            if not partial.is_file() and resumed.is_file():
                with explained(partial):
                    resumed.replace(partial)
            # no read was finished, or nothing could be written; or the journal is but the lock made here
            if not partial.is_file() or read_journal(journal) is None:
                _remove(journal)
            raise
        _remove(resumed, journal)


def is_complete(output: Path) -> bool:
    """Whether an output is there and nothing of an interrupted run beside it."""
    return output.is_file() and not any(path.is_file() for path in _paths(output))


def is_interrupted(output: Path) -> bool:
    """Whether the finished reads of an interrupted run are there, to go on from."""
    partial, resumed, journal = _paths(output)
    return (partial.is_file() or resumed.is_file()) and read_journal(journal) is not None


def _paths(output: Path) -> tuple[Path, Path, Path]:
    """Where an unfinished output is, where it is while it is taken over, and the journal."""
    return (
        partial_of(output),
        output.with_name(output.name + RESUMED),
        output.with_name(output.name + JOURNAL),
    )


def _take_over(output: Path, settings: RunSettings, num_finished: Callable[[Path], int]) -> Path | None:
    """Moves what there is of an interrupted run to OUT.resumed; None if there is nothing."""
    partial, resumed, journal = _paths(output)
    left = [path for path in (partial, resumed) if path.is_file()]
    content = read_journal(journal)
    if not left:
        if content is None and output.exists():
            raise UsageError(
                f"{output}: is complete, there is nothing to resume; to make it anew, leave out --resume"
            )
        return None
    anew = f"leave out --resume to begin anew, or rename {left[0].name} to keep its reads"
    if content is None:
        raise UsageError(
            f"{left[0]}: cannot be resumed: the record of its settings, {journal.name}, is missing or "
            f"damaged; {anew}"
        )
    different = differences(content, settings)
    if different:
        raise UsageError(
            f"{left[0]}: cannot be resumed with other settings: {'; '.join(different)}; "
            f"give it the same settings, or {anew}"
        )
    with explained(partial):
        if len(left) == 2 and num_finished(resumed) >= num_finished(partial):
            partial.unlink()
        elif partial in left:
            partial.replace(resumed)
    return resumed


def _remove(*paths: Path) -> None:
    """Removes files; what is none (a link, a device, a folder) is left to whoever opens it."""
    for path in paths:
        if path.is_file() and not path.is_symlink():
            with explained(path):
                path.unlink(missing_ok=True)


@contextmanager
def _locked(journal: Path, output: Path) -> Iterator[Callable[[int], None]]:
    """Sees to it that one process only works on an output, by a lock on its journal.

    Yields:
        What takes over a new journal, given by its descriptor, before it replaces the present one.
    """
    with ExitStack() as held:

        def hold(descriptor: int) -> None:
            own = os.dup(descriptor)
            held.callback(os.close, own)
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(f"{output}: another lexome is writing it just now") from error
            except OSError:
                pass  # a file system without locks: then nothing tells

        while True:
            with explained(journal):
                descriptor = os.open(journal, os.O_RDWR | os.O_CREAT, 0o666)
                try:
                    hold(descriptor)
                    # whoever had it until now may have removed it since it was opened
                    current = journal.exists() and os.path.samestat(os.fstat(descriptor), journal.stat())
                finally:
                    os.close(descriptor)
            if current:
                break
        yield hold
