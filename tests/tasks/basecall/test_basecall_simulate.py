import gzip
import itertools
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.io.pod5 import iter_reads
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig, simulate_reads
from lexome.tasks.basecall.simulate import SimulatedTotals, simulate_to_files

CONTIGS = {"one": random_genome(30_000, 1), "two": random_genome(8_000, 2)}
CONFIG = PoreConfig(mean_length_bp=1500.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a reference and a k-mer table."""
    folder = tmp_path_factory.mktemp("simulate")
    (folder / "ref.fa").write_text("".join(f">{name} a comment\n{s}\n" for name, s in CONTIGS.items()))
    means = np.random.default_rng(5).normal(90, 13, 4096)
    rows = [
        f"{''.join(k)}\t{m:.3f}\t1.5" for k, m in zip(itertools.product("ACGT", repeat=6), means, strict=True)
    ]
    (folder / "levels.tsv").write_text("\n".join(["kmer\tlevel_mean\tlevel_stdv", *rows]) + "\n")
    return folder


def simulate(
    files: Path, output: Path, *, truth: Path | None = None, stride: int = 5, seed: int = 3, count: int = 40
) -> SimulatedTotals:
    return simulate_to_files(
        files / "ref.fa",
        output,
        CONFIG,
        count,
        seed,
        truth=truth,
        levels=files / "levels.tsv",
        truth_stride=stride,
    )


def test_the_same_arguments_give_the_same_bytes(files: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(files, tmp_path / f"{name}.pod5", truth=tmp_path / f"{name}.bam")
    simulate(files, tmp_path / "c.pod5", truth=tmp_path / "c.bam", seed=4)
    for ending in ("pod5", "bam"):
        a, b, c = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "abc")
        assert a == b
        assert a != c
    assert not list(tmp_path.glob("*.partial*"))


def test_two_files_of_one_run_have_names_of_their_own(files: Path, tmp_path: Path) -> None:
    """POD5's identifier says which file it is: other reads, another identifier."""
    pod5 = pytest.importorskip("pod5")
    identifiers = set()
    for count in (3, 4):
        simulate(files, tmp_path / f"{count}.pod5", count=count)
        with pod5.Reader(tmp_path / f"{count}.pod5") as reader:
            identifiers.add(reader.file_identifier)
    assert len(identifiers) == 2


def test_what_is_written_is_what_was_simulated(files: Path, tmp_path: Path) -> None:
    totals = simulate(files, tmp_path / "a.pod5")
    levels = read_kmer_levels(files / "levels.tsv")
    expected = list(simulate_reads(CONTIGS, levels, CONFIG, 40, 3))
    written = list(iter_reads(tmp_path / "a.pod5", pytest.fail))
    assert totals == SimulatedTotals(
        40, sum(len(r.sequence) for r in expected), sum(len(r.read.raw) for r in expected)
    )
    for one, other in zip(expected, written, strict=True):
        assert np.array_equal(one.read.raw, other.raw)
        assert (one.read.scale, one.read.offset) == (other.scale, other.offset)
        for field in (
            "read_id",
            "channel",
            "mux",
            "read_number",
            "start_sample",
            "end_reason",
            "num_samples",
        ):
            assert getattr(one.read.info, field) == getattr(other.info, field), field
        for field in ("run_id", "flow_cell", "sample_rate_hz", "device"):
            assert getattr(one.read.info.run, field) == getattr(other.info.run, field), field
        assert other.info.run.start_time_utc.startswith("2020-01-01T00:00:00")
        assert other.info.run.extra["adc_max"] == 4095


@pytest.mark.parametrize("stride", [1, 5])
def test_the_truth_gives_back_place_sequence_and_times(files: Path, tmp_path: Path, stride: int) -> None:
    simulate(files, tmp_path / "a.pod5", truth=tmp_path / "a.bam", stride=stride)
    levels = read_kmer_levels(files / "levels.tsv")
    expected = list(simulate_reads(CONTIGS, levels, CONFIG, 40, 3))
    with pysam.AlignmentFile(str(tmp_path / "a.bam")) as file:
        assert dict(zip(file.references, file.lengths, strict=True)) == {
            k: len(v) for k, v in CONTIGS.items()
        }
        records = list(file)
    assert len({record.flag for record in records}) == 2
    for record, simulated in zip(records, expected, strict=True):
        assert record.query_name == simulated.read.read_id
        assert record.flag == (0 if simulated.strand == "+" else 16)
        assert record.cigarstring == f"{len(simulated.sequence)}M"
        on_reference = CONTIGS[record.reference_name or ""][record.reference_start : record.reference_end]
        assert record.query_sequence == on_reference == record.get_reference_sequence()
        as_read = reverse_complement(on_reference) if record.is_reverse else on_reference
        assert as_read == record.get_forward_sequence() == simulated.sequence
        assert record.get_tag("NM") == 0
        dwell, first = np.array(record.get_tag("dw")), int(record.get_tag("ts"))
        assert record.get_tag("ns") == len(simulated.read.raw) == first + dwell.sum()
        assert np.array_equal(first + np.cumsum(dwell) - dwell, simulated.base_starts)
        given_stride, *moves = record.get_tag("mv")
        assert given_stride == stride
        assert sum(moves) == len(simulated.sequence)
        off = np.flatnonzero(moves) - (simulated.base_starts - first) // stride
        assert np.abs(off).max() <= (0 if stride == 1 else 20)
        assert np.median(np.abs(off)) <= 1


def test_a_gzipped_reference_serves_as_well(files: Path, tmp_path: Path) -> None:
    packed = tmp_path / "ref.fa.gz"
    packed.write_bytes(gzip.compress((files / "ref.fa").read_bytes()))
    simulate(files, tmp_path / "a.pod5", count=2)
    simulate_to_files(packed, tmp_path / "b.pod5", CONFIG, 2, 3, levels=files / "levels.tsv")
    assert (tmp_path / "a.pod5").read_bytes() == (tmp_path / "b.pod5").read_bytes()


def test_progress_is_told(files: Path, tmp_path: Path) -> None:
    told: list[int] = []
    simulate_to_files(
        files / "ref.fa", tmp_path / "a.pod5", CONFIG, 4, 3, levels=files / "levels.tsv", progress=told.append
    )
    assert told == [1, 2, 3, 4]


def test_a_failure_leaves_no_file_that_looks_whole(files: Path, tmp_path: Path) -> None:
    output, truth = tmp_path / "a.pod5", tmp_path / "a.bam"
    output.write_bytes(b"what was here before")
    with pytest.raises(UsageError, match="stride 60"):
        simulate(files, output, truth=truth, stride=60)
    assert output.read_bytes() == b"what was here before"
    assert list(tmp_path.iterdir()) == [output]


def test_wrong_requests(files: Path, tmp_path: Path) -> None:
    ok = tmp_path / "a.pod5"
    for output, truth, stride, message in (
        (tmp_path / "a.fast5", None, 5, "pod5"),
        (ok, tmp_path / "a.sam", 5, "bam"),
        (ok, tmp_path / "a.bam", 0, "stride"),
        (ok, tmp_path / "a.bam", 1000, "stride"),
        (tmp_path / "missing" / "a.pod5", None, 5, "does not exist"),
        (ok, tmp_path / "missing" / "a.bam", 5, "does not exist"),
    ):
        with pytest.raises(UsageError, match=message):
            simulate(files, output, truth=truth, stride=stride)
    with pytest.raises(UsageError, match="at least 1"):
        simulate(files, ok, count=0)
    with pytest.raises(UsageError, match="--levels"):
        simulate_to_files(files / "ref.fa", ok, PoreConfig(profile="dna-r10-min"), 1, 1)
    assert not list(tmp_path.iterdir())


def test_input_that_cannot_be_used(files: Path, tmp_path: Path) -> None:
    for name, content, message in (
        ("empty.fa", "", "no sequence"),
        ("text.fa", "hello\n", "FASTA"),
        ("n.fa", ">a\n" + "N" * 5000 + "\n", "too short"),
        ("small.fa", ">a\n" + "ACGT" * 10 + "\n", "too short"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(BadInputError, match=message):
            simulate_to_files(tmp_path / name, tmp_path / "a.pod5", CONFIG, 1, 1, levels=files / "levels.tsv")
    with pytest.raises(BadInputError, match="no such file"):
        simulate_to_files(tmp_path / "no.fa", tmp_path / "a.pod5", CONFIG, 1, 1, levels=files / "levels.tsv")
    with pytest.raises(BadInputError, match="k-mer"):
        simulate_to_files(files / "ref.fa", tmp_path / "a.pod5", CONFIG, 1, 1, levels=files / "ref.fa")
    assert not list(tmp_path.glob("*.pod5*"))


def test_a_place_that_cannot_be_written_to(files: Path, tmp_path: Path) -> None:
    (tmp_path / "a.bam.partial").mkdir()  # in the way, even for a superuser
    with pytest.raises(LexomeError, match=r"a\.bam: cannot be written"):
        simulate(files, tmp_path / "a.pod5", truth=tmp_path / "a.bam")
