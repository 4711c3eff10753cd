"""Corrected reads in files against the truth in files, beside CCS reads and a vote."""

import dataclasses
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import encode
from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import ZmwReads
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.kmer_qv import canonical_kmers
from lexome.evaluate.true_reads import open_true_reads
from lexome.evaluate.truth_alignment import TooUnlikeError
from lexome.io.calls import read_calls
from lexome.tasks.correct import evaluation
from lexome.tasks.correct.evaluation import (
    EvaluationRequest,
    evaluate_correction,
    majority_read,
    quality_of_accuracy,
)

BOOTSTRAP = BootstrapConfig(resamples=50)


@pytest.fixture
def request_of(simulated: Path) -> EvaluationRequest:
    """Judges the CCS reads as if they were corrected ones, beside themselves and the vote."""
    return EvaluationRequest(
        simulated / "ccs.bam", simulated / "truth_to_ccs.bam", simulated / "ccs.bam",
        simulated / "subreads_to_ccs.bam", bootstrap=BOOTSTRAP,
    )  # fmt: skip


def write_fastq(path: Path, reads: dict[str, str], quality: int = 30) -> Path:
    letter = chr(quality + 33)
    path.write_text("".join(f"@{name}\n{bases}\n+\n{letter * len(bases)}\n" for name, bases in reads.items()))
    return path


def true_bases(folder: Path) -> dict[str, str]:
    with pysam.FastxFile(str(folder / "truth.fasta")) as file:
        return {str(entry.name).replace("/truth", "/ccs"): entry.sequence or "" for entry in file}


def test_all_sets_are_judged_alike(request_of: EvaluationRequest) -> None:
    result = evaluate_correction(request_of)
    assert list(result.sets) == ["corrected", "ccs", "majority"]
    assert (result.molecules, result.sets["corrected"].found, result.sets["majority"].found) == (5, 5, 5)
    plain = [
        dataclasses.replace(result.sets[name], kept_reads=0, kept_bases=0) for name in ("corrected", "ccs")
    ]
    assert plain[0].edits == plain[1].edits > 0
    assert plain[0].q_predicted_vs_empirical == plain[1].q_predicted_vs_empirical
    assert result.edit_ratios["ccs"].ratio == 1.0
    assert result.sets["majority"].q_predicted_vs_empirical == ()
    assert result.sets["majority"].kept_reads == 5


def test_the_same_from_fasta_and_with_more_threads(request_of: EvaluationRequest, simulated: Path) -> None:
    first = evaluate_correction(request_of).to_json()
    fasta = dataclasses.replace(request_of, truth=simulated / "truth.fasta", threads=3)
    second = evaluate_correction(fasta).to_json()
    assert first.pop("truth") != second.pop("truth")
    assert first == second


def test_the_vote_is_made_of_whole_reads(zmws: list[ZmwReads], request_of: EvaluationRequest) -> None:
    with open_true_reads(request_of.truth) as truths:
        for zmw in zmws:
            truth = truths.of(truths.number_of(zmw.name))
            vote = encode(majority_read(zmw))
            assert abs(len(vote) - len(truth.codes)) < 25
            edits = evaluation.judge(vote, None, truth).counts.edits
            assert edits < 0.06 * len(vote)
    one = dataclasses.replace(zmws[0], subreads=zmws[0].subreads[1:2])
    alone = majority_read(one)  # of one full pass the vote is the pass, within its first and last bases
    assert alone in one.subreads[0].sequence or abs(len(alone) - len(one.subreads[0].sequence)) < 20


def test_a_perfect_corrector_and_what_it_lacks(
    request_of: EvaluationRequest, simulated: Path, tmp_path: Path
) -> None:
    truth = true_bases(simulated)
    names = list(truth)
    reads = {name: truth[name] for name in names[:3]} | {"other/9/ccs": "ACGT"}
    path = write_fastq(tmp_path / "c.fastq", reads)
    path.write_text(path.read_text() + f"@{names[0]}\nAC\n+\nII\n")
    result = evaluate_correction(dataclasses.replace(request_of, corrected=path))
    found = result.sets["corrected"]
    assert (found.reads, found.found, found.missing, found.without_truth, found.repeated) == (5, 3, 2, 1, 1)
    assert (found.edits, found.perfect_reads, found.kmers_not_in_truth) == (0, 3, 0)
    assert (found.reads_q40, found.bases_q40) == (3, sum(len(truth[name]) for name in names[:3]))
    assert found.kmer_qv is None
    kmers = [set(canonical_kmers(encode(sequence)).tolist()) for sequence in truth.values()]
    share = len(set().union(*kmers[:3])) / len(set().union(*kmers))  # molecules overlap
    assert found.kmer_completeness == pytest.approx(share)
    assert share < 1
    assert result.edit_ratios["ccs"].molecules == 3
    assert result.edit_ratios["ccs"].edits_of_other > 0
    strict = evaluate_correction(dataclasses.replace(request_of, corrected=path, min_quality=31.0))
    assert (strict.sets["corrected"].found, strict.sets["corrected"].reads_q20) == (3, 0)


def test_reads_unlike_their_truth_are_lost_yield(
    request_of: EvaluationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, calls = evaluation.judge, []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise TooUnlikeError("x")
        return judge(*arguments)

    monkeypatch.setattr(evaluation, "judge", fails_once)
    found = evaluate_correction(dataclasses.replace(request_of, ccs=None, subreads=None)).sets
    assert list(found) == ["corrected"]
    assert (found["corrected"].found, found["corrected"].too_unlike, found["corrected"].missing) == (4, 1, 0)


def test_ccs_reads_are_filtered_by_rq_and_corrected_ones_by_their_bases(
    request_of: EvaluationRequest, simulated: Path, tmp_path: Path
) -> None:
    with (
        pysam.AlignmentFile(str(simulated / "ccs.bam"), check_sq=False) as source,
        pysam.AlignmentFile(str(tmp_path / "ccs.bam"), "wb", header=source.header) as output,
    ):
        for record in source.fetch(until_eof=True):
            record.set_tag("rq", -1.0, "f")
            output.write(record)
    path = tmp_path / "ccs.bam"
    found = evaluate_correction(dataclasses.replace(request_of, corrected=path, ccs=path)).sets
    assert found["ccs"].kept_reads == 0
    assert found["corrected"].kept_reads > 0


def test_accuracies_become_qualities() -> None:
    assert quality_of_accuracy(0.999) == pytest.approx(30)
    assert (quality_of_accuracy(-1.0), quality_of_accuracy(1.0), quality_of_accuracy(0.0)) == (0.0, 93.0, 0.0)


def test_wrong_requests(request_of: EvaluationRequest, simulated: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--subreads needs --ccs"):
        dataclasses.replace(request_of, ccs=None).check()
    with pytest.raises(UsageError, match="no such file"):
        dataclasses.replace(request_of, truth=tmp_path / "no.bam").check()
    strange = write_fastq(tmp_path / "s.fastq", {"a/1/ccs": "ACGT", "a/2/ccs": "ACGT"})
    with pytest.raises(BadInputError, match="has the truth of none of the 2 reads"):
        evaluate_correction(dataclasses.replace(request_of, corrected=strange))
    (tmp_path / "e.fastq").write_text("")
    with pytest.raises(BadInputError, match="no reads in this file"):
        evaluate_correction(dataclasses.replace(request_of, corrected=tmp_path / "e.fastq"))


def test_real_molecules(shared: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    ccs = folder / "ccs.bam"
    request = EvaluationRequest(
        ccs, folder / "truth_to_ccs.bam", ccs, folder / "subreads_to_ccs.bam", bootstrap=BOOTSTRAP
    )
    result = evaluate_correction(request)
    found = result.sets["ccs"]
    assert (found.found, found.without_truth) == (8, 1)
    # the three rejects (rq -1) are filtered; Q20 and Q30 as measured with edlib
    assert (found.kept_reads, found.reads_q20, found.reads_q30, found.reads_q40) == (5, 5, 2, 0)
    names = [
        read.read_id for read in read_calls(ccs) if int(read.read_id.split("/")[1]) in (4194383, 4194384)
    ]
    with open_true_reads(request.truth) as truths:
        numbers = [truths.number_of(name) for name in names]
    assert result.judged["ccs"].edits[numbers].tolist() == [3, 9]
    assert (result.judged["majority"].edits[numbers] < 16).all()
    assert np.isfinite(result.judged["ccs"].predicted_q_N[numbers]).all()
