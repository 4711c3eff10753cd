"""Labelling: simulated reads whose truth is known, every reason to drop something, and three real reads."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import decode, encode, kmer_index, reverse_complement
from lexome.core.errors import BadInputError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels, RawRead, ReadInfo, RunInfo
from lexome.dp.kernels.edit import matches_and_edits
from lexome.io.chunks import read_store, write_store
from lexome.io.fastx import read_reference
from lexome.io.signal_files import iter_reads
from lexome.tasks.basecall.cut import LabelConfig, label_chunks
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.places import Place, read_places
from lexome.tasks.basecall.prepare import PlacedRead, Placing, place_reads
from lexome.tasks.basecall.yields import LabelReport

K, CENTRE = 5, 2
CHUNK = 500
CONFIG = LabelConfig(chunk_size=CHUNK, step=250)
HELD_OUT = Interval("c1", 1000, 1600)


@pytest.fixture(scope="module")
def levels() -> KmerLevels:
    mean_pa = np.random.default_rng(0).normal(90, 15, 4**K).astype(np.float32)
    return KmerLevels("random", K, CENTRE, mean_pa, np.ones(4**K, np.float32))


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    rng = np.random.default_rng(1)
    return {name: "".join(rng.choice(list("ACGT"), 3000)) for name in ("c1", "c2")}


def raw_read(read_id: str, current_pa: np.ndarray) -> RawRead:
    run = RunInfo("run", "FAB1", 4000, "MN1", "")
    info = ReadInfo(read_id, len(current_pa), 1, 1, 1, 0, "unknown", run, "a.pod5")
    return RawRead(info, np.round(current_pa / 0.125 + 20).astype(np.int16), 0.125, -20.0)


def simulated(
    read_id: str, place: Place, reference, levels: KmerLevels, seed: int
) -> tuple[RawRead, np.ndarray]:
    """A read, and the sample at which the dwell of each of its sequence's bases begins (-1: has none)."""
    rng = np.random.default_rng(seed)
    sequence = reference[place.contig][place.start_bp : place.end_bp]
    if place.is_reverse:
        sequence = reverse_complement(sequence)
    dwell = 4 + rng.poisson(6, len(sequence) - K + 1)
    core = np.repeat(levels.mean_pa[kmer_index(encode(sequence), K)], dwell) + rng.normal(0, 2.5, dwell.sum())
    lead = rng.normal(90, 15, 300)
    starts = np.full(len(sequence), -1)
    starts[CENTRE : CENTRE + len(dwell)] = 300 + np.concatenate([[0], np.cumsum(dwell)[:-1]])
    return raw_read(read_id, np.concatenate([lead, core, lead])), starts


PLACES = {
    "forward": Place("c1", 200, 2800, False),
    "reverse": Place("c1", 300, 2900, True),
    "elsewhere": Place("c2", 0, 2000, True),
}


@pytest.fixture(scope="module")
def truth(reference, levels) -> dict[str, tuple[RawRead, np.ndarray]]:
    return {
        name: simulated(name, place, reference, levels, seed)
        for seed, (name, place) in enumerate(PLACES.items())
    }


def new_report() -> LabelReport:
    return LabelReport()


def place(reads, reference, levels, report: LabelReport, places=None, threads: int = 2) -> list[PlacedRead]:
    where = PLACES if places is None else places
    placing = Placing(where, reference, (levels,), max_read_residual=0.22)
    return list(place_reads(reads, placing, report, threads))


@pytest.fixture(scope="module")
def placed(truth, reference, levels) -> list[PlacedRead]:
    return place([read for read, _ in truth.values()], reference, levels, new_report())


def test_reads_come_back_in_order_and_are_counted(truth, reference, levels) -> None:
    report = new_report()
    names = list(truth) * 7  # more than one batch of eight per thread
    found = place((truth[name][0] for name in names), reference, levels, report, threads=1)
    assert [read.read_id for read in found] == names
    assert report.reads == {"placed": 21}
    assert report.aligned_bp == sum(len(read.alignment.residuals) for read in found)
    assert report.aligned_bp > 21 * 1900


def test_what_cannot_be_placed_is_counted_by_reason(truth, reference, levels) -> None:
    read = truth["forward"][0]
    signal = np.random.default_rng(0).normal(90, 15, 30000)
    reads = [
        raw_read("unknown", signal), raw_read("constant", np.full(500, 80.0)), raw_read("empty", np.zeros(0)),
        raw_read("short", read.signal_pa()[:1000]), raw_read("noise", read.signal_pa()),
        raw_read("n", signal), read,
    ]  # fmt: skip
    places = dict.fromkeys(("constant", "empty", "short", "noise", "forward"), PLACES["forward"])
    places["n"] = Place("n", 0, 1000, False)
    places["noise"] = PLACES["elsewhere"]
    report = new_report()
    found = place(reads, {**reference, "n": "ACGT" * 200 + "N" + "ACGT" * 100}, levels, report, places)
    assert [read.read_id for read in found] == ["forward"]
    assert report.reads == {
        "no place in the reference known": 1, "the signal is constant": 1, "the signal is empty": 1,
        "signal and sequence do not align": 1, "signal fits its sequence badly": 1,
        "reference has N there": 1, "placed": 1,
    }  # fmt: skip
    lines = report.lines()
    assert lines[0] == "reads: 7"
    assert "  placed: 1 (14.3%)" in lines


def test_a_contig_that_is_not_there_is_an_error(truth, levels) -> None:
    with pytest.raises(BadInputError, match="contig c1 of read forward is not in the reference"):
        place([truth["forward"][0]], {}, levels, new_report())


@pytest.mark.parametrize("name", list(PLACES))
def test_targets_are_the_bases_of_the_chunk_on_either_strand(placed, truth, reference, name: str) -> None:
    (read,) = (read for read in placed if read.read_id == name)
    _, starts = truth[name]
    report = new_report()
    chunks = list(label_chunks(read, (), CONFIG, report))
    assert len(chunks) > 60
    assert report.labelled_samples == len(chunks) * CHUNK
    signal = read.normalised.signal
    where = PLACES[name]
    sequence = reference[where.contig][where.start_bp : where.end_bp]
    own = reverse_complement(sequence) if where.is_reverse else sequence
    wrong = []
    for chunk in chunks:
        assert (chunk.read_id, chunk.contig, chunk.split) == (name, where.contig, 0)
        assert chunk.target.dtype == np.uint8
        # the interval is where the target comes from
        bases = reference[chunk.contig][chunk.start_bp : chunk.end_bp]
        called = decode(chunk.target - 1)
        assert called == (reverse_complement(bases) if where.is_reverse else bases)
        # and the target is what the simulation put into these samples
        (at,) = (
            i for i in np.flatnonzero(signal == chunk.signal[0])
            if np.array_equal(signal[i : i + CHUNK], chunk.signal)
        )  # fmt: skip
        at += read.normalised.trimmed_samples
        inside = np.flatnonzero((starts >= at) & (starts < at + CHUNK))
        _, edits = matches_and_edits(encode(called), encode(own[inside[0] : inside[-1] + 1]))
        if edits > 4:
            wrong.append(at)
    # the first bases of a read may be drawn into what stands before it
    assert all(at < 4000 for at in wrong)
    assert len(wrong) <= 2


def test_splits_keep_clear_of_the_validation_interval(placed) -> None:
    report = new_report()
    intervals = (HELD_OUT, Interval("c2", 0, 100_000), Interval("nowhere", 0, 10))
    chunks = [chunk for read in placed for chunk in label_chunks(read, intervals, CONFIG, report)]
    counts = Counter()
    for chunk in chunks:
        touches = chunk.contig == "c2" or (
            chunk.contig == "c1" and chunk.start_bp < HELD_OUT.end_bp and HELD_OUT.start_bp < chunk.end_bp
        )
        within = chunk.contig == "c2" or (
            chunk.contig == "c1" and HELD_OUT.start_bp <= chunk.start_bp and chunk.end_bp <= HELD_OUT.end_bp
        )
        assert touches == within == bool(chunk.split)
        counts[chunk.contig, chunk.split] += 1
    assert set(counts) == {("c1", 0), ("c1", 1), ("c2", 1)}
    assert report.chunks["kept for training"] == counts["c1", 0]
    assert report.chunks["kept for validation"] == counts["c1", 1] + counts["c2", 1]
    assert report.chunks["crosses the border of a held-out interval"] >= 4


def test_real_reads_become_a_store(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "nanopore"
    table = data / "kmer_tables" / "ont_legacy_r9.4_180mv_450bps_6mer_template_median68pA.model"
    reference = read_reference(data / "references" / "Lambda_phage.fna")
    reads = list(
        islice(iter_reads([data / "lambda_nanodj" / "lambda_r941_4khz_rad004_1556reads.pod5"], print), 3)
    )
    contig = next(iter(reference))
    places = {
        name: Place(contig, p.start_bp, p.end_bp, p.is_reverse)
        for name, p in read_places(
            data / "lambda_nanodj" / "alignments.tsv", {"Lambda_NEB": reference[contig]}
        ).items()
    }
    report = new_report()
    found = list(place_reads(reads, Placing(places, reference, (read_kmer_levels(table),)), report, 1))
    assert report.reads["placed"] == len(found) >= 2
    chunks = [chunk for read in found for chunk in label_chunks(read, (), LabelConfig(), report)]
    assert len(chunks) >= 20
    write_store(tmp_path / "store", chunks, {"outcome": dict(report.chunks)})
    store = read_store(tmp_path / "store")
    assert store.signal_NS.shape == (len(chunks), 1500)
    samples_per_base = 1500 / store.lengths_N
    assert 8 < np.median(samples_per_base) < 14
    for chunk in chunks:
        bases = reference[contig][chunk.start_bp : chunk.end_bp]
        is_reverse = places[chunk.read_id].is_reverse
        assert decode(chunk.target - 1) == (reverse_complement(bases) if is_reverse else bases)
