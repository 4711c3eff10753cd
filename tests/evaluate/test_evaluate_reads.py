"""The whole evaluation: known error rates come out, threads change nothing, real calls score as known."""

import json
from pathlib import Path

import mappy
import numpy as np
import pytest

from lexome import __version__
from lexome.core.alphabet import BASES, reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.reads import evaluate_file, evaluate_reads
from lexome.io.calls import CalledRead, read_calls

FEW = BootstrapConfig(resamples=50)
MIXED = (0.012, 0.01, 0.015)  # mismatches, insertions, deletions per base
GOOD_Q, BAD_Q = 20, 7


def spoil(
    truth: str, rng: np.random.Generator, rates: tuple[float, float, float]
) -> tuple[str, np.ndarray, np.ndarray]:
    """A read with errors at known rates: its bases, qualities and numbers of the four kinds of column."""
    mismatch, insertion, deletion = rates
    bases: list[str] = []
    qualities: list[int] = []
    counts = np.zeros(4, np.int64)
    for base in truth:
        fate = rng.random()
        if rng.random() < insertion:
            bases.append(BASES[rng.integers(4)])
            qualities.append(BAD_Q)
            counts[2] += 1
        if fate < deletion:
            counts[3] += 1
            continue
        wrong = fate < deletion + mismatch
        bases.append(BASES[(BASES.index(base) + rng.integers(1, 4)) % 4] if wrong else base)
        qualities.append(BAD_Q if wrong else GOOD_Q)
        counts[int(wrong)] += 1
    return "".join(bases), np.array(qualities, np.uint8), counts


def simulate(folder: Path, rates: tuple[float, float, float]) -> tuple[Path, list[CalledRead], np.ndarray]:
    """A reference, 60 reads from both strands, and the sum of their errors."""
    rng = np.random.default_rng(11)
    genome = "".join(rng.choice(list(BASES), 30_000))
    path = folder / "genome.fa"
    path.write_text(f">genome\n{genome}\n")
    reads, total = [], np.zeros(4, np.int64)
    for i in range(60):
        start = int(rng.integers(0, 27_000))
        truth = genome[start : start + 3000]
        sequence, qualities, counts = spoil(reverse_complement(truth) if i % 2 else truth, rng, rates)
        reads.append(CalledRead(f"read_{i}", sequence, qualities))
        total += counts
    return path, reads, total


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CalledRead], np.ndarray]:
    return simulate(tmp_path_factory.mktemp("simulated"), MIXED)


@pytest.mark.parametrize("rates", [(0.06, 0.0, 0.0), (0.0, 0.04, 0.0), (0.0, 0.0, 0.05), MIXED])
def test_known_error_rates_come_out(tmp_path: Path, rates: tuple[float, float, float]) -> None:
    path, reads, total = simulate(tmp_path, rates)
    found = evaluate_reads(reads, ReadAligner(path), bootstrap=FEW).figures
    assert (found.mapped, found.unmapped) == (60, 0)
    assert found.coverage_median == pytest.approx(1.0, abs=0.01)
    measured = [found.identity_pooled, found.mismatch_rate, found.insertion_rate, found.deletion_rate]
    # an aligner may explain neighbouring errors by fewer columns, so the truth is met only nearly
    assert measured == pytest.approx((total / total.sum()).tolist(), abs=0.0015)
    assert found.identity_median == pytest.approx(total[0] / total.sum(), abs=0.004)


def test_qualities_are_judged_by_the_errors_they_stand_for(
    simulated: tuple[Path, list[CalledRead], np.ndarray],
) -> None:
    path, reads, _ = simulated
    found = evaluate_reads(reads, ReadAligner(path), bootstrap=FEW).figures
    by_quality = {one.q_predicted: one.errors / one.bases for one in found.q_predicted_vs_empirical}
    assert by_quality[GOOD_Q] < 0.01
    assert by_quality[BAD_Q] > 0.85
    assert found.q_mean_correct is not None
    assert found.q_mean_wrong is not None
    assert found.q_mean_correct > found.q_mean_wrong + 8


def test_identity_is_minimap2s_own(simulated: tuple[Path, list[CalledRead], np.ndarray]) -> None:
    path, reads, _ = simulated
    result = evaluate_reads(reads, ReadAligner(path), bootstrap=FEW)
    aligner = mappy.Aligner(str(path), preset="map-ont")
    hits = [next(hit for hit in aligner.map(read.sequence) if hit.is_primary) for read in reads]
    assert result.per_read.identity.tolist() == [hit.mlen / hit.blen for hit in hits]
    lengths = [len(read.sequence) for read in reads]
    expected = [(hit.q_en - hit.q_st) / length for hit, length in zip(hits, lengths, strict=True)]
    assert result.per_read.coverage.tolist() == expected


def test_threads_change_nothing(simulated: tuple[Path, list[CalledRead], np.ndarray]) -> None:
    path, reads, _ = simulated
    aligner, told = ReadAligner(path), []
    one = evaluate_reads(reads, aligner, threads=1, bootstrap=FEW)
    three = evaluate_reads(reads, aligner, threads=3, bootstrap=FEW, progress=told.append)
    assert one.figures == three.figures
    assert one.per_read.read_id == three.per_read.read_id == tuple(read.read_id for read in reads)
    assert told == list(range(1, 61))


def test_reads_that_are_empty_foreign_or_without_qualities(
    simulated: tuple[Path, list[CalledRead], np.ndarray],
) -> None:
    path, reads, _ = simulated
    foreign = "".join(np.random.default_rng(99).choice(list(BASES), 3000))
    odd = [
        CalledRead("empty", "", np.zeros(0, np.uint8)),
        CalledRead("foreign", foreign, np.full(3000, 30, np.uint8)),
        CalledRead("plain", reads[0].sequence, None),
        reads[0],
    ]
    result = evaluate_reads(odd, ReadAligner(path), bootstrap=FEW)
    found = result.figures
    assert (found.reads, found.mapped, found.unmapped, found.empty_reads) == (4, 2, 2, 1)
    assert found.identity_mean is not None
    assert found.identity_mean_all_reads == pytest.approx(found.identity_mean / 2)
    assert np.isnan(result.per_read.mean_q).tolist() == [True, False, True, False]
    aligned = int(result.per_read.aligned_bp[3])
    assert sum(one.bases for one in found.q_predicted_vs_empirical) == aligned  # of the one read that has any


def test_a_file_and_what_its_json_says(
    simulated: tuple[Path, list[CalledRead], np.ndarray], tmp_path: Path
) -> None:
    path, reads, _ = simulated
    calls = tmp_path / "calls.fastq"
    with calls.open("w") as file:
        for read in reads:
            assert read.qualities is not None
            file.write(f"@{read.read_id}\n{read.sequence}\n+\n{(read.qualities + 33).tobytes().decode()}\n")
    result = evaluate_file(calls, path, bootstrap=FEW)
    direct = evaluate_reads(reads, ReadAligner(path), bootstrap=FEW)
    assert result.figures == direct.figures
    written = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert list(written)[:5] == ["calls", "reference", "lexome_version", "aligner", "bootstrap"]
    assert (written["calls"], written["reference"]) == (str(calls), str(path))
    assert written["lexome_version"] == __version__
    assert mappy.__version__ in written["aligner"]
    assert written["bootstrap"] == {"resamples": 50, "seed": 0, "level": 0.95}
    assert written["identity_median"] == direct.figures.identity_median


def test_files_that_cannot_be_evaluated(tmp_path: Path) -> None:
    reference = tmp_path / "reference.fa"
    reference.write_text(">a\nACGTACGT\n")
    (tmp_path / "calls.txt").write_text("reads")
    (tmp_path / "none.fastq").write_text("")
    (tmp_path / "some.fasta").write_text(">a\nACGT\n")
    with pytest.raises(UsageError, match=r"missing\.bam"):
        evaluate_file(tmp_path / "missing.bam", reference)
    with pytest.raises(UsageError, match=r"calls\.txt"):
        evaluate_file(tmp_path / "calls.txt", reference)
    with pytest.raises(BadInputError, match=r"none\.fastq: no reads"):
        evaluate_file(tmp_path / "none.fastq", reference)
    with pytest.raises(UsageError, match=r"missing\.fa"):
        evaluate_file(tmp_path / "some.fasta", tmp_path / "missing.fa")


def test_shipped_calls_of_klebsiella_score_as_stated(shared: Path) -> None:
    folder = shared / "data" / "nanopore"
    calls = folder / "kpneumoniae_deepnano" / "expected.fastq.gz"
    reference = folder / "references" / "K_pneumoniae_MGH78578_GCF_000016305.1.fna.gz"
    found = evaluate_file(calls, reference, bootstrap=FEW).figures
    assert (found.reads, found.mapped) == (48, 48)
    assert found.identity_median == pytest.approx(0.9015, abs=5e-5)
    assert found.coverage_median == pytest.approx(0.994, abs=5e-4)
    # stated as sorted values without interpolation, 0.749 and 0.9135
    assert found.identity_p10 == pytest.approx(0.749, abs=0.01)
    assert found.identity_p90 == pytest.approx(0.9135, abs=0.001)


def test_shipped_calls_of_lambda_score_as_stated(shared: Path) -> None:
    folder = shared / "data" / "nanopore"
    calls = list(read_calls(folder / "lambda_nanodj" / "lambda_r941_minknow_basecalls.fastq.gz"))
    aligner = ReadAligner(folder / "references" / "Lambda_phage.fna")
    found = evaluate_reads(calls[:500], aligner, bootstrap=FEW).figures
    assert found.reads == 500
    assert found.identity_median == pytest.approx(0.8965, abs=0.004)  # 0.8965 over all 1556
