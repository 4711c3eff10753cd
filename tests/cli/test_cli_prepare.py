"""`lexome prepare`: options reach the work, the report goes to stderr, errors are one line."""

from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pysam
import pytest

from lexome.cli import prepare, prepare_options
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


def test_a_store_without_places(lexome: Run, data: Path, tmp_path: Path, graph_cache: Path) -> None:
    """The reads are called and the calls mapped; every filter can be set."""
    runs = tmp_path / "runs.txt"
    runs.write_text("some-other-run\n")
    given = (data / "deep" / "reads" / "a.pod5", "--reference", data / "ref.fa", "--threads", "1")
    options = ("--rounds", "0", "--hold-out-runs", runs, "--max-reads", "6", "--min-coverage", "0.7")
    options += ("--min-identity", "0.55", "--min-samples-per-base", "3", "--max-samples-per-base", "30")
    store = tmp_path / "store"
    code, out, err = lexome("prepare", "basecall", *given, *options, "--max-residual", "0.25", "-o", store)
    assert (code, out) == (0, ""), err
    lines = [line for line in err.splitlines() if "labelling: " not in line]  # progress, if it takes long
    assert lines[0] == "lexome: -m auto: model r9.4.1_hac, for r9.4.1 at 4000 Hz"
    assert lines[1].startswith("lexome: called by r9.4.1_hac: 6 reads; 6 map, identity median 0.")
    assert "lexome: reads: 6" in lines
    assert lines[-1].startswith("lexome: signal with labels: ")
    meta = read_store(store).meta
    wanted = {"min_coverage": 0.7, "min_identity": 0.55, "min_samples_per_base": 3.0}
    wanted |= {"max_samples_per_base": 30.0, "max_chunk_residual": 0.25, "cover_end": True}
    assert {key: meta["labels"][key] for key in wanted} == wanted
    assert (meta["called_by"], meta["rounds"]) == ("r9.4.1_hac", 0)
    assert meta["held_out_runs"] == ["some-other-run"]
    rows = [line.split("\t") for line in (store / "yield.tsv").read_text().splitlines()]
    assert ["read", "placed", "6", "1.0000"] in [row[:4] for row in rows]


def test_a_model_asks_more_of_chunks(run: Run, data: Path, tmp_path: Path, graph_cache: Path) -> None:
    reads = data / "deep" / "reads" / "a.pod5"
    assert run("basecall", reads, "-o", "plain", "--max-reads", "3")[0] == 0
    assert run("basecall", reads, "-o", "called", "--max-reads", "3", "-m", "r9.4.1_fast")[0] == 0
    plain, called = (read_store(tmp_path / name).meta["labels"] for name in ("plain", "called"))
    keys = ("min_coverage", "min_identity", "cover_end")
    assert [plain[key] for key in keys] == [0, 0, False]
    assert [called[key] for key in keys] == [0.8, 0.6, True]


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
        ("basecall", ("READS", "-o", "store", "--min-identity", "0.5"), 2, "name a model with -m"),
        ("basecall", ("READS", "-o", "store", "--min-samples-per-base", "26"), 2, "no chunk would be left"),
        (
            "basecall",
            ("READS", "-o", "store", "--hold-out-runs", "missing"),
            2,
            "list of runs cannot be read",
        ),
        ("basecall", ("READS", "-o", "store", "-m", "r9.4.1_fats"), 2, "did you mean 'r9.4.1_fast'"),
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


def test_the_options_are_the_same_for_all() -> None:
    assert prepare_options.Rounds.__metadata__[0].max == 9
    for command in (prepare.basecall, prepare.levels, prepare.composed):
        hints = get_type_hints(command, include_extras=True)
        assert hints["reads"] == prepare_options.Reads
        assert hints["places"] == prepare_options.Places
        assert hints["model"] == prepare_options.Model


def test_what_is_missing_is_named(lexome: Run) -> None:
    for arguments, words in (
        (("basecall",), "READS"),
        (("basecall", "x.pod5"), "--reference"),
        (("levels", "x.pod5", "--reference", "r", "--places", "p"), "--output"),
    ):
        code, out, err = lexome("prepare", *arguments)
        assert (code, out) == (2, "")
        assert words in err
