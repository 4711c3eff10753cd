"""An output never goes where an input or another output is."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.overwriting import check_overwrites


@pytest.mark.parametrize(
    ("calls", "failed", "summary", "inputs"),
    [
        ("a.bam", None, None, ["a.bam"]),
        ("a.bam", None, None, ["a.bam.partial"]),
        ("a.bam", None, None, ["a.bam.bai"]),
        ("a.bam", "a_fail.bam", None, ["a_fail.bam"]),
        ("a.bam", None, "reads.pod5", ["reads.pod5"]),
        ("a.bam", None, "s.tsv", ["s.tsv.resumed"]),
        ("a.bam", "a_fail.bam", "a_fail.bam", []),
        ("a.bam", None, "a.bam.partial", []),
        (None, None, "reads.pod5", ["reads.pod5"]),
    ],
)
def test_what_would_be_lost_is_refused(tmp_path, calls, failed, summary, inputs) -> None:
    def place(name: str | None) -> Path | None:
        return None if name is None else tmp_path / name

    with pytest.raises(UsageError, match="choose another name"):
        check_overwrites(
            OutputPaths(place(calls), place(failed), place(summary)), [tmp_path / name for name in inputs]
        )


def test_a_link_to_an_input_is_one(tmp_path: Path) -> None:
    (tmp_path / "reads.pod5").write_bytes(b"x")
    (tmp_path / "calls.bam.partial").symlink_to("reads.pod5")
    with pytest.raises(UsageError, match="would overwrite the input"):
        check_overwrites(OutputPaths(tmp_path / "calls.bam"), [tmp_path / "reads.pod5"])


def test_names_of_their_own_are_fine(tmp_path: Path) -> None:
    paths = OutputPaths(tmp_path / "a.bam", tmp_path / "a_fail.bam", tmp_path / "s.tsv")
    check_overwrites(paths, [tmp_path / "reads.pod5", tmp_path / "a.fa"])
    check_overwrites(OutputPaths(None), [tmp_path / "reads.pod5"])
