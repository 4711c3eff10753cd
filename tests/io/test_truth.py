"""The truth of ZMWs: found, or why not."""

from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.core.zmw import Truth, ZmwOutcome, ZmwReport
from lexome.io.truth import HUMAN_SPLIT, open_truths, read_places


def test_the_truth_of_a_human_run(shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    movie = "m54238_180901_011437"
    with open_truths(folder / "truth_to_ccs.bam", folder / "truth.bed", folder / "truth_split.tsv") as truths:
        found = {hole: truths.of(f"{movie}/{hole}/ccs") for hole in (4194377, 4194379, 4194387)}
        again = truths.of(f"{movie}/4194377/ccs")
    first, second, missing = found.values()
    assert isinstance(first, Truth)
    assert isinstance(again, Truth)
    assert again.sequence == first.sequence
    assert (first.contig, first.contig_start_bp, first.contig_end_bp) == ("tig00028696", 94387, 105207)
    assert (first.split, len(first.sequence), first.cigar[:2].tolist()) == ("eval", 10820, [[16, 7], [1, 2]])
    assert isinstance(second, Truth)
    assert (second.split, second.ccs_start_bp) == ("train", 206)
    assert isinstance(missing, ZmwReport)
    assert missing.outcome == ZmwOutcome.NO_TRUTH_RANGE
    assert capfd.readouterr().err == ""  # the header has two lines that htslib complains about


def test_the_division_of_the_human_chromosomes() -> None:
    assert len(HUMAN_SPLIT) == 24
    parts = {part: {name for name, p in HUMAN_SPLIT.items() if p == part} for part in ("eval", "test")}
    assert parts == {"eval": {"chr21", "chr22"}, "test": {"chr19", "chr20"}}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    names = [f"m/{i}/ccs" for i in range(7)]
    header = "@HD\tVN:1.5\n" + "".join(f"@SQ\tSN:{name}\tLN:9\n" for name in names)
    # flag, bases, CIGAR
    rows = [
        [(0, "ACGT", "1S3="), (2048, "AC", "2=")],
        [(2048, "ACGT", "4="), (0, "ACGT", "4=")],
        [(256, "ACGT", "4=")],
        [(0, "ACG", "3=1H")],
        [(0, "ACG", "3=")],
        [],
        [(0, "ACGT", "4=")],
    ]
    with pysam.AlignmentFile(str(tmp_path / "t.bam"), "wb", text=header) as file:
        for i, records in enumerate(rows):
            for flag, sequence, cigar in records:
                record = pysam.AlignedSegment(file.header)
                record.query_name, record.flag, record.query_sequence = f"m/{i}/truth", flag, sequence
                record.reference_id, record.reference_start, record.cigarstring = i, 2, cigar
                file.write(record)
    places = "".join(f"tig{i}\t10\t14\t{name}\t0.5\t+\n" for i, name in enumerate(names))
    (tmp_path / "t.bed").write_text("# contig start end name\n" + places)
    (tmp_path / "t.tsv").write_text("".join(f"tig{i} \t chr{i + 17}\n" for i in range(7)))
    return tmp_path / "t.bam", tmp_path / "t.bed", tmp_path / "t.tsv"


def test_which_truth_is_used(files: tuple[Path, Path, Path]) -> None:
    with open_truths(*files) as truths:
        found = [truths.of(f"m/{i}/ccs") for i in range(8)]
    first = found[0]
    assert isinstance(first, Truth)
    assert (first.sequence, first.ccs_start_bp, first.cigar.tolist()) == ("ACGT", 2, [[1, 4], [3, 7]])
    assert (first.split, first.contig_start_bp) == ("train", 10)
    assert isinstance(found[3], Truth)
    assert (found[3].split, found[3].sequence) == ("test", "ACG")
    reports = {i: item.outcome for i, item in enumerate(found) if isinstance(item, ZmwReport)}
    assert reports == {
        1: ZmwOutcome.SUPPLEMENTARY_TRUTH,
        2: ZmwOutcome.SUPPLEMENTARY_TRUTH,
        4: ZmwOutcome.MALFORMED_TRUTH,
        5: ZmwOutcome.NO_TRUTH_ALIGNMENT,
        6: ZmwOutcome.NO_SPLIT,  # chr23
        7: ZmwOutcome.NO_TRUTH_RANGE,
    }


@pytest.mark.parametrize(
    ("number", "content", "reason"),
    [
        (1, "tig0\t10\t14\n", r"t\.bed, line 1: has 3 columns instead of 4"),
        (1, "\ntig0\t14\t10\tm/0/ccs\n", r"t\.bed, line 2: 14 to 10 is no place"),
        (1, "tig0\t-1\t10\tm/0/ccs\n", r"t\.bed, line 1: -1 to 10 is no place"),
        (2, "tig0\n", r"t\.tsv, line 1: has 1 columns"),
        (0, "text", r"t\.bam: "),
    ],
)
def test_damaged_files(files: tuple[Path, Path, Path], number: int, content: str, reason: str) -> None:
    files[number].write_text(content)
    with pytest.raises(BadInputError, match=reason), open_truths(*files):
        pass


def test_a_missing_table(files: tuple[Path, Path, Path]) -> None:
    files[1].unlink()
    with pytest.raises(BadInputError, match=r"t\.bed: cannot be read"), open_truths(*files):
        pass


def test_places_are_those_of_a_bed_file(tmp_path: Path) -> None:
    path = tmp_path / "t.bed"
    path.write_text("# contig start end name\nc\t5\t9\tm/1/ccs\t0.1\t+\n\nd 1 2 m/2/ccs\n")
    assert read_places(path) == {"m/1/ccs": ("c", 5, 9), "m/2/ccs": ("d", 1, 2)}
    for text, complaint in (
        ("c\t5\t9\n", "line 1: has 3 columns instead of 4"),
        ("c\t1\t2\tn\nc\tx\t9\tm\n", "line 2: x to 9 is no place on a contig"),
    ):
        path.write_text(text)
        with pytest.raises(BadInputError, match=complaint):
            read_places(path)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_places(tmp_path)
