"""`lexome filter` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "i.fastq"
    reads = {"good": "I" * 30, "bad": "#" * 30, "short": "I" * 4, "long": "I" * 90, "empty": ""}
    path.write_text("".join(f"@{name}\n{'A' * len(q)}\n+\n{q}\n" for name, q in reads.items()))
    return path


def test_reads_are_kept_and_left_out_by_reason(lexome: Run, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.fastq"
    limits = ("--min-quality", 30, "--min-length", 5, "--max-length", 50)
    code, out, err = lexome("filter", source, "-o", output, *limits)
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "lexome: kept 1 of 5 reads, 30 of 154 bases",
        "lexome: left out 1 (no_bases): empty",
        "lexome: left out 1 (low_quality): bad",
        "lexome: left out 1 (too_short): short",
        "lexome: left out 1 (too_long): long",
    ]
    assert output.read_text().startswith("@good\n")
    assert output.read_text().count("@") == 1


def test_many_names_are_counted(lexome: Run, tmp_path: Path) -> None:
    (tmp_path / "i.fq").write_text("".join(f"@r{i}\nA\n+\n#\n" for i in range(9)))
    _, _, err = lexome("filter", tmp_path / "i.fq", "-o", tmp_path / "o.fq", "-q", 3)
    assert err.splitlines()[1] == "lexome: left out 9 (low_quality): r0, r1, r2 and 6 more"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "o.fastq"), "--min-quality"),
        (("-o", "o.fasta", "-q", 20), "FASTA has no qualities"),
        (("-o", "o.fastq", "-q", 20, "--min-length", 9, "--max-length", 8), "no read could be kept"),
        (("-o", "o.fastq", "-q", 94), "-q"),
    ],
)
def test_wrong_use_is_one_line(
    lexome: Run, source: Path, options: tuple, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    code, out, err = lexome("filter", source, *options)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert [path.name for path in source.parent.iterdir()] == ["i.fastq"]


def test_a_cut_file_fails_and_leaves_no_whole_output(lexome: Run, source: Path, tmp_path: Path) -> None:
    source.write_text(source.read_text()[:-80])
    code, out, err = lexome("filter", source, "-o", tmp_path / "o.fastq", "-q", 20)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "cut off within read" in err
    assert not (tmp_path / "o.fastq").exists()
