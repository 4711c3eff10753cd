"""What is left of an output that was cut off: its first reads, whatever the place and the kind of the cut."""

import array
import random
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.io.hts import OutputHeader
from lexome.io.output import open_output
from lexome.io.salvage import salvage

ENDINGS = [".bam", ".cram", ".sam", ".fastq", ".fastq.gz", ".fasta", ".fasta.gz"]
READS = 40

Whole = tuple[bytes, list[tuple[str, list[str]]]]


def texts(records: list) -> list[str]:
    return [record if isinstance(record, str) else record.to_string() for record in records]


def found(path: Path) -> list[tuple[str, list[str]]]:
    return [(read_id, texts(records)) for read_id, records in salvage(path)]


@pytest.fixture
def header(make_run: Callable) -> OutputHeader:
    return OutputHeader([make_run()], "fast@v1", 6, "1.2.3", "lexome basecall /é.pod5", "cpu")


@pytest.fixture
def write(tmp_path: Path, header: OutputHeader, make_call: Callable) -> Callable[..., Path]:
    def write(ending: str, reads: int = READS, emit_moves: bool = True) -> Path:
        path = tmp_path / f"calls{ending}"
        with open_output(path, header, emit_moves) as output:
            for number in range(1, reads + 1):
                # long enough for many compressed blocks, and one without bases
                output.write(make_call(number, bases=0 if number == 5 else 3000 + 10 * number))
        return path

    return write


@pytest.fixture
def whole(write: Callable[..., Path]) -> Callable[[str], Whole]:
    """The bytes of an output and its reads but the last, as `salvage` finds them when nothing is wrong."""

    def whole(ending: str) -> Whole:
        path = write(ending)
        return path.read_bytes(), found(path)

    return whole


@pytest.mark.parametrize("ending", ENDINGS)
class TestEveryFormat:
    def test_of_a_whole_file_all_but_the_last_read(self, whole, ending, make_call) -> None:
        _, reads = whole(ending)
        assert [read_id for read_id, _ in reads] == [make_call(n).read_id for n in range(1, READS)]
        for number, (_, records) in enumerate(reads, 1):
            sequence = make_call(number, bases=0 if number == 5 else 3000 + 10 * number).sequence
            assert len(records) == 1
            assert (sequence or "\n\n" if "fast" in ending else sequence or "\t*\t*\t") in records[0]

    @pytest.mark.parametrize("tail", ["nothing", "zeros", "noise", "half zeros"])
    def test_cut_anywhere(self, whole, tmp_path, capfd, ending, tail) -> None:
        content, reads = whole(ending)
        rng = random.Random(f"{ending} {tail}")
        cuts = [0, 1, 20, 100, len(content) - 1, len(content) - 10, len(content) - 30, len(content)]
        cuts += [rng.randrange(len(content)) for _ in range(25)]
        lengths = []
        for cut in sorted(cuts):
            rest = {
                "nothing": b"",
                "zeros": bytes(rng.choice([1, 511, 4096, 300_000])),
                "noise": rng.randbytes(5000) + b"\n" + rng.randbytes(5000),
                "half zeros": bytes(4096) + content[cut + 4096 :],
            }[tail]
            path = tmp_path / f"cut{ending}.partial"
            path.write_bytes(content[:cut] + rest)
            left = found(path)
            assert left == reads[: len(left)], cut
            lengths.append(len(left))
        assert lengths == sorted(lengths)
        assert lengths[-1] >= READS - 2
        assert capfd.readouterr().err == ""

    def test_no_read_is_lost_to_a_cut_behind_it(self, write, whole, tmp_path, ending) -> None:
        """What the file held when it was only half as long, and was closed properly, is found in it."""
        content, reads = whole(ending)
        half = len(write(ending, reads=READS // 2).read_bytes())
        path = tmp_path / f"cut{ending}.resumed"
        path.write_bytes(content[: half + 200_000])
        left = found(path)
        assert left == reads[: len(left)]
        assert len(left) >= READS // 2 or ending == ".cram", "a CRAM of this size has a single container"

    def test_no_reads(self, write, ending) -> None:
        assert found(write(ending, reads=0)) == []
        assert found(write(ending, reads=1)) == []

    def test_a_missing_file_is_no_empty_one(self, tmp_path, ending) -> None:
        with pytest.raises(BadInputError, match="cannot be read"):
            found(tmp_path / f"none{ending}.partial")


def test_of_a_cut_cram_the_whole_containers_are_used(write: Callable[..., Path], tmp_path: Path) -> None:
    original = write(".bam")
    path = tmp_path / "calls.cram"
    with pysam.AlignmentFile(str(original), check_sq=False) as file:
        options = ["seqs_per_slice=7"]
        with pysam.AlignmentFile(str(path), "wc", header=file.header, format_options=options) as copy:
            for segment in file.fetch(until_eof=True):
                copy.write(segment)
    content, reads = path.read_bytes(), found(path)
    assert len(reads) == READS - 1
    lengths = set()
    for cut in range(0, len(content), len(content) // 60):
        for tail in (b"", bytes(9000)):
            path.write_bytes(content[:cut] + tail)
            left = found(path)
            assert left == reads[: len(left)]
            lengths.add(len(left))
    assert len(lengths) > 4
    assert max(lengths) > READS - 10


@pytest.mark.parametrize("ending", [".bam", ".sam"])
def test_the_alignments_of_a_read_come_together(tmp_path: Path, ending: str) -> None:
    header = pysam.AlignmentHeader.from_references(["g", "h"], [5000, 900])
    path = tmp_path / f"calls{ending}"
    with pysam.AlignmentFile(str(path), "wb" if ending == ".bam" else "w", header=header) as file:
        for name, flags in (("a", [0, 2048, 256]), ("b", [4]), ("c", [16, 2064])):
            for flag in flags:
                segment = pysam.AlignedSegment(header)
                segment.query_name, segment.flag = name, flag
                segment.query_sequence = "ACGT"
                segment.query_qualities = array.array("B", [9] * 4)
                if flag != 4:
                    segment.reference_id, segment.reference_start, segment.cigarstring = 1, 7, "4M"
                file.write(segment)
    columns = [[text.split("\t") for text in texts(records)] for _, records in salvage(path)]
    assert [[(row[0], row[1], row[2]) for row in rows] for rows in columns] == [
        [("a", "0", "h"), ("a", "2048", "h"), ("a", "256", "h")],
        [("b", "4", "*")],
    ]
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"c\t2064")] if ending == ".sam" else content)
    assert [read_id for read_id, _ in salvage(path)] == ["a", "b"], "c may have lost an alignment"


@pytest.mark.parametrize(
    ("ending", "text", "kept"),
    [
        (".fastq", "@a\tx\nAC\n+\n!!\n@b\nAC\n+\n!!\n@c\nAC\n+\n!", ["a"]),
        (".fastq", "@a\nAC\n+\n!!\n@b\nAC\n+\n!\n@c\nAC\n+\n!!\n", []),
        (".fastq", "@a\nAC\n+\n!!\n@b\nAC\n+\n!!\nc\nAC\n+\n!!\n", ["a"]),
        (".fastq", "@a\nAC\n+\n!!\n@b\nAC\n-\n!!\n@c\nAC\n+\n!!\n", []),
        (".fastq", "@a\nAC\n+\n!!\n@b\nA\0\n+\n!!\n@c\nAC\n+\n!!\n", []),
        (".fastq", "@a b\tRG:Z:x\n\n+\n\n@b\nAC\n+\n!!\n", ["a b"]),
        (".fasta", ">a\nAC\n>b\nAC\n>c\nAC", ["a"]),
        (".fasta", ">a\nAC\n>b\n>c\nAC\n>d\nA\n", []),
        (".fasta", ">a\nAC\n>b\nA1\n>c\nAC\n", []),
        (".fasta", ">a\nAC\n>\xe9\nA\n>c\nAC\n", []),
        (".sam", "@CO\na\t4\t*\t0\t0\t*\t*\t0\t0\tAC\t!!\nb\t4\t*\t0\t0\t*\t*\t0\t0\tAC\t!!\nc\t4\t*", ["a"]),
        (".sam", "a\t4\t*\t0\t0\t*\t*\t0\t0\tAC\t!!\nb\tx\t*\t0\t0\t*\t*\t0\t0\tAC\t!!\nc\t4\n", []),
        (".sam", "@HD\tVN:1.6\n@RG", []),
    ],
)  # fmt: skip
def test_text_is_used_as_far_as_it_is_whole(tmp_path: Path, ending: str, text: str, kept: list[str]) -> None:
    path = tmp_path / f"calls{ending}.partial"
    path.write_text(text, encoding="latin-1")
    assert [read_id for read_id, _ in salvage(path)] == kept


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.io.salvage.MAX_LINE_BYTES", 1000)
    path = tmp_path / "calls.fasta.partial"
    path.write_text(">a\nAC\n>b\nAC\n>c\n" + "A" * 5000 + "\n>d\nAC\n>e\nAC\n")
    assert [read_id for read_id, _ in salvage(path)] == ["a"]


def test_the_last_ending_counts(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(".cram").rename(tmp_path / "calls.bam.CRAM.partial")
    assert len(found(path)) == READS - 1
    path = write(".bam").rename(tmp_path / "calls.cram.bam.resumed")
    assert len(found(path)) == READS - 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UsageError, match="ending"):
        list(salvage(tmp_path / "a.txt"))
