import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx, read_fastx_records, read_reference


def put(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def listed(path: Path):
    return [
        (name, sequence, None if qualities is None else qualities.tolist())
        for name, sequence, qualities in read_fastx(path)
    ]


@pytest.mark.parametrize("ending", [".fq", ".fq.gz"])
class TestReading:
    def test_fastq(self, tmp_path, ending):
        path = put(tmp_path / f"x{ending}", '@r1 some words\nACGTN\n+\n!"#~I\n@r2\nac\n+r2\n@+\n')
        assert listed(path) == [("r1", "ACGTN", [0, 1, 2, 93, 40]), ("r2", "ac", [31, 10])]

    def test_fasta(self, tmp_path, ending):
        path = put(tmp_path / f"x{ending}", ">chr1 text\nACG\nTTT\n\n>chr2\n\n>chr3\nrykm*-\n")
        assert listed(path) == [("chr1", "ACGTTT", None), ("chr2", "", None), ("chr3", "rykm*-", None)]

    def test_line_ends_of_windows_and_none_at_the_end(self, tmp_path, ending):
        assert listed(put(tmp_path / f"x{ending}", "@r\r\nAC\r\n+\r\nII")) == [("r", "AC", [40, 40])]

    def test_broken_lines(self, tmp_path, ending):
        path = put(tmp_path / f"x{ending}", "@r\nAC\nGT\n+\n@I\n+I\n\n@s\n\n+\n\n@t\nA\n+\nI\n")
        assert listed(path) == [("r", "ACGT", [31, 40, 10, 40]), ("s", "", []), ("t", "A", [40])]

    def test_empty(self, tmp_path, ending):
        assert listed(put(tmp_path / f"x{ending}", "")) == []
        assert listed(put(tmp_path / f"x{ending}", "\n\n")) == []


def test_comments(tmp_path):
    path = put(tmp_path / "x.fq", "@r\tRG:Z:a b\tqs:f:9\nA\n+\nI\n@s\nA\n+\nI\n")
    assert [record.comment for record in read_fastx_records(path)] == ["RG:Z:a b\tqs:f:9", ""]


letters = st.text("ACGTN", max_size=30)


@settings(deadline=None, max_examples=60)
@given(entries=st.lists(st.tuples(letters, st.integers(0, 2**32 - 1)), max_size=8), width=st.integers(1, 12))
def test_any_fastq_and_fasta(tmp_path_factory, entries, width):
    folder = tmp_path_factory.mktemp("fastx")
    expected, fastq, fasta = [], "", ""
    for number, (sequence, seed) in enumerate(entries):
        qualities = np.random.default_rng(seed).integers(0, 94, len(sequence))
        text = "".join(chr(33 + q) for q in qualities)
        fastq += f"@read{number}\n{sequence}\n+\n{text}\n"
        broken = "".join(sequence[at : at + width] + "\n" for at in range(0, len(sequence), width))
        fasta += f">read{number}\n{broken}"
        expected.append((f"read{number}", sequence, qualities.tolist()))
    assert listed(put(folder / "x.fq", fastq)) == expected
    assert listed(put(folder / "x.fa.gz", fasta)) == [(name, bases, None) for name, bases, _ in expected]


class TestGarbage:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("hello world\n", "line 1 begins with neither"),
            ("\n\nACGT\n", "line 3 begins with neither"),
            (bytes(range(256)), "neither FASTA nor FASTQ"),
            (">a\nAC GT9\n", "line 2: not a line of sequence"),
            (b">a\nAC\xff\xfe\n", "line 2: not a line of sequence"),
            ("@r\nACGT\n", "cut off within read 'r'"),
            ("@r\nACGT\n+\n", "cut off within read 'r'"),
            ("@r\nACGT\n+\nII\n", "cut off within read 'r'"),
            ("@r\nACGT\n+\nIIIII\n", "line 4: more qualities than bases in read 'r'"),
            ("@r\nACGT\n+\nII I\n", "line 4: not a line of qualities"),
            ("@r\nA\n+\nI\n>s\nA\n", "line 5: expected '@'"),
        ],
    )
    def test_says_what_is_wrong(self, tmp_path, text, message):
        path = put(tmp_path / "x.txt", text)
        with pytest.raises(BadInputError, match=message) as error:
            list(read_fastx(path))
        assert str(error.value).startswith(f"{path}: ")

    def test_truncated_gzip(self, tmp_path):
        text = "".join(f"@r{n}\nACGT\n+\nIII{chr(33 + n % 90)}\n" for n in range(500))
        whole = gzip.compress(text.encode())
        for keep in (5, 20, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            (tmp_path / "x.fq.gz").write_bytes(whole[:keep])
            with pytest.raises(BadInputError, match="x.fq.gz: "):
                list(read_fastx(tmp_path / "x.fq.gz"))

    def test_damaged_gzip(self, tmp_path):
        data = bytearray(gzip.compress(np.random.default_rng(1).bytes(3000).hex().encode()))
        data[200:220] = bytes(20)
        (tmp_path / "x.fq.gz").write_bytes(data)
        with pytest.raises(BadInputError):
            list(read_fastx(tmp_path / "x.fq.gz"))

    def test_missing_or_folder(self, tmp_path):
        with pytest.raises(BadInputError, match="no such file"):
            list(read_fastx(tmp_path / "none.fa"))
        with pytest.raises(BadInputError, match="cannot be read"):
            list(read_fastx(tmp_path))


class TestReference:
    def test_upper_case_in_order(self, tmp_path):
        path = put(tmp_path / "x.fa.gz", ">b\nacgtn\n>a more\nACgt\n")
        assert list(read_reference(path).items()) == [("b", "ACGTN"), ("a", "ACGT")]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "holds no sequence"),
            ("@r\nA\n+\nI\n", "must be FASTA, this is FASTQ"),
            (">a\nA\n>a\nC\n", "'a' is there twice"),
            (">a\n>b\nC\n", "'a' is empty"),
            ("a,b,c\n", "neither FASTA nor FASTQ"),
        ],
    )
    def test_refusals(self, tmp_path, text, message):
        with pytest.raises(BadInputError, match=message):
            read_reference(put(tmp_path / "x.fa", text))

    def test_real(self, shared):
        reference = read_reference(shared / "data/nanopore/references/Lambda_phage.fna")
        assert [len(sequence) for sequence in reference.values()] == [48_502]


def test_real_fastq(shared):
    path = shared / "data/nanopore/kpneumoniae_deepnano/expected.fastq.gz"
    entries = list(read_fastx(path))
    assert len(entries) == 48
    assert all(len(bases) == len(qualities) > 0 for _, bases, qualities in entries)
