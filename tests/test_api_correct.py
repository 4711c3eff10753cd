"""Read correction from Python does what `lexome correct` does."""

import re
from pathlib import Path

import numpy as np
import pysam
import pytest

import lexome
from lexome.api_correct import ReadCorrector
from lexome.core.errors import BadInputError, UsageError
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.files import CorrectRequest, correct_files
from lexome.tasks.correct.model import open_corrector
from lexome.tasks.correct.outcomes import Filters
from lexome.tasks.correct.simulate import simulate_to_folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("api") / "set"
    simulate_to_folder(folder, SubreadConfig(900.0, 50.0, 500, 3, 4), 3, 7, genome_bp=60_000)
    return folder / "subreads_to_ccs.bam", folder / "ccs.bam"


def test_the_reads_are_those_that_the_command_writes(
    files: tuple[Path, Path], tmp_path: Path, graph_cache: Path
) -> None:
    corrector = lexome.load_corrector("hifi_student", threads=1)
    assert repr(corrector) == "<ReadCorrector hifi_student>"
    reads = list(corrector.correct(str(files[0]), files[1]))
    request = CorrectRequest(*files, tmp_path / "o.bam", filters=Filters(0.0))
    correct_files(request, open_corrector("hifi_student"))
    with pysam.AlignmentFile(str(tmp_path / "o.bam"), check_sq=False) as file:
        written = list(file)
    assert len(written) == len(reads) == 3
    for read, record in zip(reads, written, strict=True):
        assert (read.ccs.name, read.sequence) == (record.query_name, record.query_sequence)
        assert np.array_equal(read.qualities, record.query_qualities)


def test_the_page_shows_what_works(
    files: tuple[Path, Path],
    graph_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """The example of docs/python.md for PacBio reads, where such files are."""
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
    example = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)[2]
    monkeypatch.chdir(files[0].parent)
    exec(example, {})
    assert capsys.readouterr().out.count("/ccs ") == 3


def test_what_gives_no_read_is_told(files: tuple[Path, Path], tmp_path: Path, graph_cache: Path) -> None:
    with pysam.AlignmentFile(str(files[1]), check_sq=False) as file:
        header, records = file.header, list(file)
    with pysam.AlignmentFile(str(tmp_path / "two.bam"), "wb", header=header) as output:
        for record in records[1:]:
            output.write(record)
    failures = []
    reads = list(
        lexome.load_corrector("hifi_student").correct(files[0], tmp_path / "two.bam", failures.append)
    )
    assert len(reads) == 2
    assert [one.outcome for one in failures] == ["no_ccs"]


def test_wrong_use_is_named(files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="did you mean 'hifi_student'"):
        lexome.load_corrector("hifi_studnt")
    with pytest.raises(UsageError, match="is for the task 'basecall'"):
        lexome.load_corrector("r9.4.1_fast")
    assert lexome.ReadCorrector is ReadCorrector
    with pytest.raises(BadInputError):
        list(lexome.load_corrector("hifi_student").correct("none.bam", files[1]))
