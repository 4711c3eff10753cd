"""What a header says of the qualities of its reads."""

from pathlib import Path

import pysam
import pytest

from lexome.checkpoint.store import Checkpoint, Component
from lexome.tasks.correct.raw_qualities import why_not_raw

RAW = "--calibration skip --skip-windows-above 0"


def model(calibration: str | None) -> Checkpoint:
    config = {} if calibration is None else {"calibration": calibration}
    return Checkpoint("correct", Component("a", {}), Component("consensus", config), {})


def file_of(folder: Path, *commands: str) -> Path:
    path = folder / "c.bam"
    lines = "".join(f"@PG\tID:{i}\tPN:p\tCL:{command}\n" for i, command in enumerate(commands))
    with pysam.AlignmentFile(str(path), "wb", text="@HD\tVN:1.6\n" + lines):
        pass
    return path


@pytest.mark.parametrize(
    ("options", "own", "raw", "words"),
    [
        (RAW, None, True, ""),
        (RAW, "0,1.2,-1", True, ""),
        ("--calibration=skip --skip-windows-above=0.0 -m 'a b'", "0,1.2,-1", True, ""),
        ("--skip-windows-above 0", None, True, ""),  # the model has none
        ("--skip-windows-above 0", "skip", True, ""),
        ("--skip-windows-above 0", "0,1.2,-1", False, "the model has a calibration of its own"),
        ("--calibration 0,2,1 --skip-windows-above 0", None, False, "--calibration 0,2,1"),
        ("--calibration skip", None, False, "without --skip-windows-above 0"),
        ("--calibration skip --skip-windows-above 45", None, False, "without --skip-windows-above 0"),
        ("--calibration skip --skip-windows-above nothing", None, False, "without --skip-windows-above 0"),
    ],
)
def test_reads_of_a_known_model(tmp_path: Path, options: str, own: str | None, raw: bool, words: str) -> None:
    path = file_of(tmp_path, "ccs in out", f"lexome correct -m x {options}", "samtools view 'half")
    found, why = why_not_raw(path, model(own))
    assert found is raw
    assert words in why
    assert (why == "") is raw


def test_of_an_unknown_model_less_is_known(tmp_path: Path) -> None:
    assert why_not_raw(file_of(tmp_path, f"lexome correct {RAW}"), None) == (True, "")
    raw, why = why_not_raw(file_of(tmp_path, "lexome correct --skip-windows-above 0"), None)
    assert (raw, "may have its own" in why) == (None, True)


def test_the_last_correction_counts(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"lexome correct {RAW}", "lexome correct --calibration 0,1,1")
    assert why_not_raw(path, None)[0] is False


def test_files_that_do_not_tell(tmp_path: Path) -> None:
    assert why_not_raw(tmp_path / "c.fastq.gz", None)[0] is None
    raw, why = why_not_raw(file_of(tmp_path, "deepconsensus run --x"), None)
    assert (raw, "does not say that lexome correct" in why) == (None, True)
