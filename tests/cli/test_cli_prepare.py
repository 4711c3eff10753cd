"""`lexome prepare`: options reach the work, the report goes to stderr, errors are one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.kmer_levels import read_kmer_levels
from lexome.io.chunks import read_store
from lexome.io.pod5 import write_pod5
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig
from lexome.tasks.basecall.simulate import simulate_to_files

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    """Simulated reads in a folder below, the reference, and the reads' true places."""
    path = tmp_path_factory.mktemp("prepare")
    (path / "ref.fa").write_text(f">g\n{random_genome(12_000, 4)}\n")
    (path / "deep" / "reads").mkdir(parents=True)
    config = PoreConfig(mean_length_bp=1500.0, min_length_bp=1000, noise=0.5)
    reads = path / "deep" / "reads"
    simulate_to_files(path / "ref.fa", reads / "a.pod5", config, 10, 1, truth=path / "truth.bam")
    write_pod5(reads / "b.pod5", [raw_read(2, 500, raw=np.zeros(0, np.int16))])
    with pysam.AlignmentFile(str(path / "truth.bam")) as file:
        rows = [
            f"{r.query_name}\tg\t{r.reference_start}\t{r.reference_end}\t{'-' if r.is_reverse else '+'}"
            for r in file
        ]
    (path / "places.tsv").write_text("read_id\tcontig\tr_st\tr_en\tstrand\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def run(lexome: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    truth = ("--reference", data / "ref.fa", "--places", data / "places.tsv", "--threads", "1")
    return lambda command, *arguments: lexome("prepare", command, *truth, *arguments)


def test_a_store(run: Run, data: Path, tmp_path: Path) -> None:
    options = ("--validation", "g:4,000-6,000", "--validation", "g:9000-11000")
    options += ("--chunk-size", "1000", "--step", "600")
    code, out, err = run("basecall", data / "deep", "-r", "-o", "store", *options)
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert all(line.startswith("lexome: ") for line in lines)
    assert lines[0] == "lexome: reads: 11"
    assert "lexome: 1 skipped:" in lines
    assert lines[-1].endswith("it has no signal")
    store = read_store(tmp_path / "store")
    assert store.signal_NS.shape[1] == 1000
    assert store.meta["labels"]["step"] == 600
    assert [interval["start_bp"] for interval in store.meta["validation"]] == [4000, 9000]


def test_a_table(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.tasks.basecall.levels.MIN_EVENTS", 1)
    code, out, err = run("levels", data / "deep" / "reads", "-o", "fitted.tsv")
    assert (code, out) == (0, "")
    assert "6-mer levels fitted by lexome to 10 reads" in err
    assert "lexome: 1 skipped:" in err
    assert read_kmer_levels(tmp_path / "fitted.tsv").k == 6
    code, out, err = run("levels", data / "deep" / "reads", "-o", "again.tsv", "--levels", "fitted.tsv")
    assert (code, out) == (0, "")
    assert "starting table" in err


@pytest.mark.parametrize(
    ("command", "arguments", "code", "words"),
    [
        ("basecall", ("READS", "-o", "taken"), 2, "taken exists already"),
        ("basecall", ("missing", "-o", "store"), 2, "missing: no such file or folder"),
        ("basecall", ("READS", "-o", "store", "--validation", "g:5"), 2, "CONTIG:START-END"),
        ("basecall", ("READS", "-o", "store", "--validation", "h:1-5"), 2, "not within"),
        ("basecall", ("READS", "-o", "store", "--levels", "missing.tsv"), 1, "missing.tsv"),
        ("basecall", ("READS", "-o", "store", "--chunk-size", "500000"), 1, "no chunk could be labelled"),
        ("levels", ("READS", "-o", "no/table.tsv"), 2, "does not exist"),
    ],
)
def test_errors_are_one_line(
    run: Run, data: Path, tmp_path: Path, command: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "taken").mkdir()
    given = [data / "deep" / "reads" if word == "READS" else word for word in arguments]
    result, out, err = run(command, *given)
    assert (result, out) == (code, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("lexome: ")
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_what_is_missing_is_named(lexome: Run) -> None:
    for arguments, words in (
        (("basecall",), "READS"),
        (("basecall", "x.pod5"), "--reference"),
        (("levels", "x.pod5", "--reference", "r", "--places", "p"), "--output"),
    ):
        code, out, err = lexome("prepare", *arguments)
        assert (code, out) == (2, "")
        assert words in err
