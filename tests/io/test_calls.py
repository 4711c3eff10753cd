import numpy as np
import pysam
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.io.calls import read_calls

HEADER = "@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:1000\n"
ALIGNED = (
    'fwd\t0\tchr1\t1\t60\t6M\t*\t0\t0\tACCGTT\t!"#$%&\tNM:i:3\tqs:f:12.5\n'
    'rev\t16\tchr1\t5\t60\t6M\t*\t0\t0\tACCGTT\t!"#$%&\n'
    "fwd\t256\tchr1\t9\t0\t6M\t*\t0\t0\t*\t*\n"
    "rev\t2064\tchr1\t9\t0\t3H3M\t*\t0\t0\tGTT\t$%&\n"
    "bare\t16\tchr1\t9\t60\t3M\t*\t0\t0\tCCA\t*\n"
    "none\t4\t*\t0\t0\t*\t*\t0\t0\t*\t*\n"
)


@pytest.fixture
def sam(tmp_path):
    path = tmp_path / "calls.sam"
    path.write_text(HEADER + ALIGNED)
    return path


@pytest.mark.parametrize("ending", [".sam", ".bam", ".bam.partial"])
def test_reads_in_their_own_orientation_once_each(sam, tmp_path, ending):
    path = tmp_path / f"calls{ending}"
    if ending != ".sam":
        pysam.view("-b", "-o", str(path), str(sam), catch_stdout=False)
    found = list(read_calls(path))
    assert [read.read_id for read in found] == ["fwd", "rev", "bare", "none"]
    assert [read.sequence for read in found] == ["ACCGTT", reverse_complement("ACCGTT"), "TGG", ""]
    qualities = [read.qualities for read in found]
    assert qualities[0] is not None
    assert qualities[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert qualities[0].dtype == np.uint8
    assert qualities[1] is not None
    assert qualities[1].tolist() == [5, 4, 3, 2, 1, 0]
    assert qualities[2] is None
    assert found[0].tags == {"NM": 3, "qs": 12.5}


def test_fastq_tags(tmp_path):
    path = tmp_path / "calls.fq"
    path.write_text(
        "@r\tqs:f:9.5\tch:i:7\tRG:Z:a:b c\tno tag\tns:i:x\tx:i:1\nAC\n+\nI!\n@s words: more\nA\n+\nI\n"
    )
    first, second = read_calls(path)
    assert first.tags == {"qs": 9.5, "ch": 7, "RG": "a:b c"}
    assert (second.read_id, second.tags) == ("s", {})
    assert first.qualities is not None
    assert first.qualities.tolist() == [40, 0]


def test_fasta_has_no_qualities(tmp_path):
    (tmp_path / "calls.fna").write_text(">r\nAC\n")
    (read,) = read_calls(tmp_path / "calls.fna")
    assert (read.sequence, read.qualities) == ("AC", None)


class TestRefusals:
    def test_unknown_ending_or_missing(self, tmp_path):
        (tmp_path / "calls.txt").touch()
        with pytest.raises(UsageError, match=r"known: \.sam"):
            next(read_calls(tmp_path / "calls.txt"))
        with pytest.raises(UsageError, match="no such file"):
            next(read_calls(tmp_path / "calls.bam"))

    @pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
    @pytest.mark.parametrize("content", [b"", b"garbage\n" * 50, bytes(500)])
    def test_garbage(self, tmp_path, ending, content, capfd):
        path = tmp_path / f"calls{ending}"
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=f"calls{ending}: cannot be read"):
            list(read_calls(path))
        assert capfd.readouterr().err == ""

    def test_truncated_bam(self, tmp_path, capfd):
        lines = "".join(
            f"r{n}\t4\t*\t0\t0\t*\t*\t0\t0\t{'ACGTTGCA' * (20 + n % 7)}\t*\tx{n % 7}:i:{n * 7919}\n"
            for n in range(3000)
        )
        (tmp_path / "whole.sam").write_text(HEADER + lines)
        pysam.view("-b", "-o", str(tmp_path / "whole.bam"), str(tmp_path / "whole.sam"), catch_stdout=False)
        whole = (tmp_path / "whole.bam").read_bytes()
        assert len(list(read_calls(tmp_path / "whole.bam"))) == 3000
        path = tmp_path / "cut.bam"
        for keep in (10, 100, len(whole) // 2, len(whole) - 28, len(whole) - 1):
            path.write_bytes(whole[:keep])
            with pytest.raises(BadInputError, match="cut off"):
                list(read_calls(path))
        assert capfd.readouterr().err == ""
