"""`lexome evaluate reads` from the command line: streams, files, exit codes, one-line errors."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import BASES, reverse_complement

PROGRAM = "from lexome.cli.main import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference, calls of 20 reads with 2% deletions, and files that are no calls."""
    path = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(8)
    genome = "".join(rng.choice(list(BASES), 20_000))
    (path / "genome.fa").write_text(f">g\n{genome}\n")
    with (path / "calls.fastq").open("w") as file:
        for i in range(20):
            truth = "".join(base for base in genome[800 * i : 800 * i + 1500] if rng.random() > 0.02)
            sequence = reverse_complement(truth) if i % 2 else truth
            file.write(f"@r{i}\n{sequence}\n+\n{'5' * len(sequence)}\n")
    (path / "empty.fastq").write_text("")
    (path / "calls.txt").write_text("no calls")
    (path / "text.fa").write_text("no sequence\n")
    return path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, "evaluate", "reads", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_table_on_stdout_files_where_asked_nothing_else(folder: Path, tmp_path: Path) -> None:
    written = [str(tmp_path / name) for name in ("figures.json", "report.html")]
    options = ("--json", written[0], "--report", written[1], "--threads", "2")
    done = run(folder, "calls.fastq", "--reference", "genome.fa", *options)
    assert (done.returncode, done.stderr) == (0, "")
    table = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    figures = json.loads(Path(written[0]).read_text("utf-8"))
    assert table["reads"] == "20"
    assert table["identity_median"] == f"{figures['identity_median']:.4f}"
    assert figures["deletion_rate"] == pytest.approx(0.02, abs=0.004)
    assert (figures["calls"], figures["reference"]) == ("calls.fastq", "genome.fa")
    page = Path(written[1]).read_text("utf-8")
    assert "evaluate reads calls.fastq --reference genome.fa" in page
    assert sorted(file.name for file in tmp_path.iterdir()) == ["figures.json", "report.html"]


def test_the_same_input_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    outputs = []
    for threads in ("1", "3"):
        file = tmp_path / "figures.json"
        done = run(
            folder, "calls.fastq", "--reference", "genome.fa", "--json", str(file), "--threads", threads
        )
        outputs.append((done.stdout, file.read_bytes()))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.bam", "--reference", "genome.fa"), 2, "missing.bam: no such file"),
        (("calls.txt", "--reference", "genome.fa"), 2, "calls.txt"),
        (("empty.fastq", "--reference", "genome.fa"), 1, "empty.fastq: no reads"),
        (("calls.fastq", "--reference", "missing.fa"), 2, "missing.fa: no such file"),
        (("calls.fastq", "--reference", "text.fa"), 1, "text.fa: neither FASTA nor FASTQ"),
        (("calls.fastq", "--reference", "genome.fa", "--json", "no/such/x.json"), 2, "does not exist"),
        (("calls.fastq", "--reference", "genome.fa", "--report", "."), 2, "is a folder"),
    ],
)
def test_errors_are_one_line(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("lexome: ")
    assert words in done.stderr


def test_a_missing_reference_option_is_wrong_use(folder: Path) -> None:
    done = run(folder, "calls.fastq")
    assert done.returncode == 2
    assert "--reference" in done.stderr


def test_no_mapped_read_is_a_result_with_a_warning(folder: Path, tmp_path: Path) -> None:
    other = "".join(np.random.default_rng(77).choice(list(BASES), 5000))
    (tmp_path / "other.fa").write_text(f">other\n{other}\n")
    done = run(folder, "calls.fastq", "--reference", str(tmp_path / "other.fa"))
    assert done.returncode == 0
    assert "no read aligned" in done.stderr
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("identity_median")] == [
        ["identity_median", "-"]
    ]
