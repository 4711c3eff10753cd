"""Drafts made of raw subreads alone, in files: against the truth of simulated molecules, and of real ones."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import encode, reverse_complement
from lexome.core.errors import LexomeError
from lexome.dp.kernels.edit import matches_and_edits
from lexome.features.draft_polish import ErrorRates
from lexome.io.fastx import read_reference
from lexome.io.subreads import read_zmws
from lexome.simulate.hifi_profile import bundled_subread_profile
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.align import AlignRequest, align_files
from lexome.tasks.correct.aligned_table import AlignRow
from lexome.tasks.correct.drafts import DraftOutcome, DraftRequest, DraftSummary, draft_files, error_rates


def records_of(path: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return list(file.fetch(until_eof=True))


def edits(sequence: str, truth: str) -> int:
    """Of the strand that is nearer."""
    both = (sequence, reverse_complement(sequence))
    return min(int(matches_and_edits(encode(one), encode(truth))[1]) for one in both)


@pytest.fixture(scope="module")
def made(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drafts of the five simulated ZMWs; aligned subreads do as well as raw ones."""
    output = tmp_path_factory.mktemp("drafts") / "ccs.bam"
    draft_files(DraftRequest(simulated / "subreads_to_ccs.bam", output), lambda row: pytest.fail(row.reason))
    return output


def test_drafts_are_nearly_the_molecules(simulated: Path, made: Path) -> None:
    truths = read_reference(simulated / "truth.fasta")
    ccs = {one.query_name or "": one for one in records_of(simulated / "ccs.bam")}
    drafts = records_of(made)
    assert len(drafts) == 5
    wrong = theirs = bases = 0
    for one in drafts:
        name = one.query_name or ""
        truth = truths[name.removesuffix("ccs") + "truth"]
        wrong += edits(one.query_sequence or "", truth)
        theirs += edits(ccs[name].query_sequence or "", truth)
        bases += len(truth)
        assert one.flag == 4
        assert one.query_qualities is not None
        assert one.get_tag("np") == ccs[name].get_tag("np")
        assert one.get_tag("zm") == ccs[name].get_tag("zm")
        assert list(one.get_tag("sn")) == pytest.approx(list(ccs[name].get_tag("sn")))
        errors = 10.0 ** (-np.array(one.query_qualities, np.float64) / 10)
        assert one.get_tag("rq") == pytest.approx(1 - errors.mean(), abs=2e-3)
        assert 4 <= one.get_tag("ec") <= 8
    assert wrong / bases < 0.01
    assert wrong <= theirs + 15  # the simulated CCS reads were made with knowledge of the molecule


def test_the_read_group_is_named_as_that_of_ccs(simulated: Path, made: Path) -> None:
    (own,) = pysam.AlignmentFile(str(made), check_sq=False).header.to_dict()["RG"]
    (theirs,) = pysam.AlignmentFile(str(simulated / "ccs.bam"), check_sq=False).header.to_dict()["RG"]
    assert own["ID"] == theirs["ID"]
    assert {one.get_tag("RG") for one in records_of(made)} == {own["ID"]}
    assert own["DS"].startswith("READTYPE=CCS;")
    assert "Ipd:" not in own["DS"]
    assert own["PU"] == theirs["PU"]


def test_drafts_take_the_place_of_ccs_reads(simulated: Path, made: Path, tmp_path: Path) -> None:
    align_files(AlignRequest(simulated / "subreads_to_ccs.bam", made, tmp_path / "o.bam"))
    zmws = list(read_zmws(tmp_path / "o.bam", made, lambda one: pytest.fail(one.detail)))
    assert len(zmws) == 5
    assert all(len(zmw.subreads) >= 5 for zmw in zmws)
    assert not any(zmw.unused for zmw in zmws)


def test_bytes_depend_on_the_input_alone(simulated: Path, made: Path, tmp_path: Path) -> None:
    output = tmp_path / made.name
    draft_files(DraftRequest(simulated / "subreads_to_ccs.bam", output, threads=3), pytest.fail)
    assert output.read_bytes() == made.read_bytes()


def test_filters_and_shards(simulated: Path, made: Path, tmp_path: Path) -> None:
    subreads, rows = simulated / "subreads_to_ccs.bam", list[AlignRow]()
    passes = sorted(one.get_tag("np") for one in records_of(made))
    least = passes[2]
    few = draft_files(DraftRequest(subreads, tmp_path / "few.bam", min_passes=least), rows.append)
    assert few.drafts == sum(count >= least for count in passes)
    assert few.drafts + len(rows) == few.zmws == 5
    assert {row.outcome for row in rows} <= {DraftOutcome.TOO_FEW_PASSES}
    accuracies = sorted(one.get_tag("rq") for one in records_of(made))
    rows.clear()
    best = draft_files(DraftRequest(subreads, tmp_path / "best.bam", min_accuracy=accuracies[3]), rows.append)
    assert best.drafts == 2
    assert {row.outcome for row in rows} == {DraftOutcome.LOW_ACCURACY}
    names = []
    for index in (1, 2):
        part = tmp_path / f"{index}.bam"
        draft_files(DraftRequest(subreads, part, shard=Shard(index, 2)), pytest.fail)
        names += [one.query_name for one in records_of(part)]
    assert sorted(names) == sorted(one.query_name for one in records_of(made))


def test_without_any_draft_no_file_is_left(simulated: Path, tmp_path: Path) -> None:
    summary = DraftSummary()
    request = DraftRequest(simulated / "subreads_to_ccs.bam", tmp_path / "o.bam", min_passes=90)
    with pytest.raises(LexomeError, match="none of its 5 ZMWs gives a draft"):
        draft_files(request, lambda row: None, summary=summary)
    assert summary.zmws == 5
    assert list(tmp_path.iterdir()) == []


def test_rates_are_probabilities() -> None:
    rates = error_rates(bundled_subread_profile())
    assert isinstance(rates, ErrorRates)
    assert np.allclose(rates.read_as.sum(1), 1)
    assert (np.diag(rates.read_as) > 0.9).all()
    for table in (rates.run_deleted, rates.run_inserted, rates.single_deleted, rates.inserted):
        assert (table >= 0).all()
        assert (table < 0.5).all()


@pytest.mark.slow
def test_real_drafts_are_about_as_good_as_real_ccs_reads(shared: Path, tmp_path: Path) -> None:
    """The three ZMWs that the simulator was fitted on; the CCS reads have 25 errors."""
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    draft_files(
        DraftRequest(folder / "subreads_to_ccs.bam", tmp_path / "ccs.bam", threads=2), lambda row: None
    )
    drafts = {(one.query_name or "").split("/")[1]: one for one in records_of(tmp_path / "ccs.bam")}
    truths: dict[str, str] = {}
    for one in records_of(folder / "truth_to_ccs.bam"):
        if not one.is_unmapped:
            truths.setdefault((one.reference_name or "").split("/")[1], one.query_sequence or "")
    numbers = ("4194381", "4194383", "4194384")
    wrong = [edits(drafts[n].query_sequence or "", truths[n]) for n in numbers]
    assert sum(wrong) < 35
