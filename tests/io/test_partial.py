import errno
from pathlib import Path

import pytest

from lexome.core.errors import LexomeError
from lexome.io.partial import explained, partial_of


def test_name():
    assert partial_of(Path("folder/calls.fastq.gz")) == Path("folder/calls.fastq.gz.partial")


@pytest.mark.parametrize(("path", "named"), [(Path("calls.bam"), "calls.bam"), (None, "stdout")])
def test_an_error_names_the_file(path, named):
    with pytest.raises(LexomeError, match=f"^{named}: cannot be written .No space"), explained(path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_closed_pipe_stays_what_it_is():
    with pytest.raises(BrokenPipeError), explained(None):
        raise BrokenPipeError
    with pytest.raises(ValueError, match="other"), explained(None):
        raise ValueError("other")
