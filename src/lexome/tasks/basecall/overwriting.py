"""What a run would overwrite: none of its own input, and none of its own other outputs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.io.partial import partial_of
from lexome.io.salvage import RESUMED
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.resume import JOURNAL

_BESIDE_CALLS = (JOURNAL, ".bai", ".csi", ".crai")


def check_overwrites(paths: OutputPaths, inputs: Iterable[Path]) -> None:
    """Refuses outputs that are an input too, or one of which is written over another.

    What lies beside an output while it is made (`OUT.partial` and so on) counts as well, and links are
    followed: `few.bam.partial` may lead to a signal file.

    Args:
        paths: the outputs.
        inputs: files that are read.

    Raises:
        UsageError: naming the file that would be lost.
    """
    read = {path.resolve() for path in inputs}
    written: dict[Path, int] = {}
    for number, output in enumerate(filter(None, (paths.calls, paths.failed, paths.summary))):
        for path in _written_for(output, is_calls=output is not paths.summary):
            place = path.resolve()
            if place in read:
                what = "is an input too" if path == output else f"would overwrite the input {path}"
                raise UsageError(f"{output}: {what}; choose another name for the output")
            if written.setdefault(place, number) != number:
                raise UsageError(f"{output}: the run writes something else to {path}; choose another name")


def _written_for(output: Path, is_calls: bool) -> Iterator[Path]:
    yield output
    yield partial_of(output)
    for ending in (RESUMED, *(_BESIDE_CALLS if is_calls else ())):
        yield output.with_name(output.name + ending)
