import dataclasses
import itertools
import uuid
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels
from lexome.features.signal import ScalingConfig, TrimConfig, find_scaling, find_trim
from lexome.simulate.pore import PoreConfig, PoreSimulator, SimulatedRead, simulate_reads

QUIET = PoreConfig(noise=0.0, drift=0.0, gain_sd=0.0, offset_sd=0.0, adapter=False)


def same(one: SimulatedRead, other: SimulatedRead) -> bool:
    return (
        one.read.info == other.read.info
        and np.array_equal(one.read.raw, other.read.raw)
        and (one.read.scale, one.read.offset) == (other.read.scale, other.read.offset)
        and (one.contig, one.start, one.end, one.strand)
        == (other.contig, other.start, other.end, other.strand)
        and one.sequence == other.sequence
        and np.array_equal(one.base_starts, other.base_starts)
    )


def test_the_same_seed_gives_the_same_reads(reference: dict[str, str], levels: KmerLevels) -> None:
    one, again = (list(simulate_reads(reference, levels, PoreConfig(), 10, 3)) for _ in range(2))
    assert all(map(same, one, again))


def test_another_seed_gives_other_reads(reference: dict[str, str], levels: KmerLevels) -> None:
    for one, other in zip(
        simulate_reads(reference, levels, PoreConfig(), 5, 3),
        simulate_reads(reference, levels, PoreConfig(), 5, 4),
        strict=True,
    ):
        assert one.read.read_id != other.read.read_id
        assert one.read.info.run.run_id != other.read.info.run.run_id
        assert (one.start, one.end) != (other.start, other.end)
        assert not np.array_equal(one.read.raw[:500], other.read.raw[:500])


def test_a_read_depends_on_seed_and_index_alone(reference: dict[str, str], levels: KmerLevels) -> None:
    whole = list(simulate_reads(reference, levels, PoreConfig(), 8, 3))
    part = list(simulate_reads(reference, levels, PoreConfig(), 3, 3, first=5))
    simulator = PoreSimulator(reference, levels, PoreConfig(), 3)
    backwards = [simulator.read(index) for index in range(7, 4, -1)]
    assert all(map(same, whole[5:], part))
    assert all(map(same, whole[5:], backwards[::-1]))
    assert not any(same(a, b) for a, b in itertools.combinations(whole, 2))


def test_sequence_and_place_agree_on_both_strands(reference: dict[str, str], levels: KmerLevels) -> None:
    strands = {"+": 0, "-": 0}
    for simulated in simulate_reads(reference, levels, PoreConfig(mean_length_bp=800.0), 60, 8):
        forward = reference[simulated.contig][simulated.start : simulated.end]
        expected = forward if simulated.strand == "+" else reverse_complement(forward)
        assert simulated.sequence == expected
        assert len(simulated.base_starts) == len(expected)
        strands[simulated.strand] += 1
    assert min(strands.values()) > 15


def test_without_noise_the_signal_is_the_table(
    reference: dict[str, str], levels: KmerLevels, level_of: dict[str, float]
) -> None:
    """Every sample but a dwell's first, in whole steps of the converter, k-mers looked up as text."""
    for simulated in simulate_reads(reference, levels, QUIET, 4, 2):
        raw, read = simulated.read.raw, simulated.read
        ends = [*simulated.base_starts[1:].tolist(), len(raw)]
        assert simulated.base_starts[0] == 0
        checked = 0
        for i in range(2, len(simulated.sequence) - 3):
            expected = round(level_of[simulated.sequence[i - 2 : i + 4]] / read.scale - read.offset)
            inside = raw[simulated.base_starts[i] + 1 : ends[i]]
            assert (np.abs(inside - expected) <= 1).all()  # single precision may round the other way
            checked += len(inside)
        assert checked > 0.8 * len(raw)


def test_base_means_follow_the_table_under_noise(
    reference: dict[str, str], levels: KmerLevels, level_of: dict[str, float]
) -> None:
    correlations = []
    for simulated in simulate_reads(reference, levels, PoreConfig(), 20, 6):
        pa = simulated.read.signal_pa().astype(np.float64)
        means = np.add.reduceat(pa, simulated.base_starts) / np.diff(simulated.base_starts, append=len(pa))
        sequence = simulated.sequence
        expected = np.array([level_of[sequence[i - 2 : i + 4]] for i in range(2, len(sequence) - 3)])
        correlations.append(np.corrcoef(means[2:-3], expected)[0, 1])
        shift = np.median(means[2:-3] - expected)
        assert abs(shift) < 5 * PoreConfig().offset_sd * 13
    assert min(correlations) > 0.95


def test_gain_and_offset_vary_as_asked(reference: dict[str, str], levels: KmerLevels) -> None:
    unit_pa = 1.4826 * np.median(np.abs(levels.mean_pa - np.median(levels.mean_pa)))
    config = PoreConfig(gain_sd=0.05, offset_sd=0.3, drift=0.0, adapter=False, mean_length_bp=2000.0)
    medians, spreads = [], []
    for simulated in simulate_reads(reference, levels, config, 150, 1):
        pa = simulated.read.signal_pa()
        medians.append(np.median(pa))
        spreads.append(np.std(pa))
    assert 0.2 < np.std(medians) / unit_pa < 0.4
    assert 0.03 < np.std(spreads) / np.mean(spreads) < 0.08


@pytest.mark.parametrize("profile", ["dna-r9-min", "dna-r9-prom"])
def test_the_converter_never_saturates(reference: dict[str, str], levels: KmerLevels, profile: str) -> None:
    for simulated in simulate_reads(reference, levels, PoreConfig(profile=profile), 40, 1):
        raw, extra = simulated.read.raw, simulated.read.info.run.extra
        assert raw.dtype == np.int16
        assert extra["adc_min"] < raw.min()
        assert raw.max() < extra["adc_max"]
        assert 60 < np.median(simulated.read.signal_pa()) < 120


def test_read_lengths(levels: KmerLevels, reference: dict[str, str]) -> None:
    config = PoreConfig(mean_length_bp=1000.0, min_length_bp=300)
    lengths = [len(r.sequence) for r in simulate_reads(reference, levels, config, 400, 1)]
    assert min(lengths) >= 300
    assert abs(np.mean(lengths) - 1000) < 75  # three standard errors
    clipped = [r for r in simulate_reads({"s": reference["short"]}, levels, PoreConfig(), 60, 1)]
    assert max(len(r.sequence) for r in clipped) == 5000


def test_speed_follows_the_profile(reference: dict[str, str], levels: KmerLevels) -> None:
    def dwell(config: PoreConfig) -> float:
        reads = list(simulate_reads(reference, levels, config, 60, 1))
        samples = sum(len(r.read.raw) - r.base_starts[0] for r in reads)
        return samples / sum(len(r.sequence) for r in reads)

    assert abs(dwell(PoreConfig()) - 9) < 0.4
    assert abs(dwell(PoreConfig(dwell_mean_samples=11.1)) - 11.1) < 0.5


def test_the_start_is_found_by_the_trimming_heuristic(reference: dict[str, str], levels: KmerLevels) -> None:
    """The stall is cut off, the read itself is not."""
    trims, starts = [], []
    for simulated in simulate_reads(reference, levels, PoreConfig(), 100, 4):
        pa = simulated.read.signal_pa()
        shift, scale = find_scaling(pa, ScalingConfig())
        trims.append(find_trim((pa - shift) / scale, TrimConfig()))
        starts.append(int(simulated.base_starts[0]))
    found = np.array(trims) > TrimConfig().min_trim
    assert found.mean() > 0.9
    left = (np.array(starts) - np.array(trims))[found]
    assert np.quantile(left, 0.05) > 0  # before the first base
    assert np.median(left) < 350  # but behind the stall: little more than the adapter's 28 bases


def test_without_adapter_the_read_begins_with_its_first_base(
    reference: dict[str, str], levels: KmerLevels
) -> None:
    for simulated in simulate_reads(reference, levels, PoreConfig(adapter=False), 5, 4):
        assert simulated.base_starts[0] == 0


def test_metadata_fit_a_run(reference: dict[str, str], levels: KmerLevels) -> None:
    reads = list(simulate_reads(reference, levels, PoreConfig(mean_length_bp=300.0), 600, 4))
    infos = [r.read.info for r in reads]
    assert all(uuid.UUID(i.read_id).version == 4 for i in infos)
    assert len({i.read_id for i in infos}) == len({(i.channel, i.start_sample) for i in infos}) == 600
    assert all(i.num_samples == len(r.read.raw) for i, r in zip(infos, reads, strict=True))
    assert {i.run.run_id for i in infos} == {infos[0].run.run_id}
    assert infos[0].run.sample_rate_hz == 4000
    assert all(1 <= i.channel <= 512 for i in infos)
    assert all(1 <= i.mux <= 4 for i in infos)


def test_signal_looks_like_real_signal(shared: Path) -> None:
    """Steps from sample to sample, after normalisation, have the distribution of real R9.4.1 reads."""
    pod5 = pytest.importorskip("pod5")
    nanopore = shared / "data" / "nanopore"
    table = "ont_legacy_r9.4_180mv_450bps_6mer_template_median68pA.model"
    levels = read_kmer_levels(nanopore / "kmer_tables" / table)
    with pod5.Reader(nanopore / "lambda_marcpaga" / "lambda_r941_50reads.pod5") as reader:
        real = [read.signal_pa for read in reader.reads()][:20]
    genome = "".join((nanopore / "references" / "Lambda_phage.fna").read_text().split("\n")[1:])
    config = PoreConfig(dwell_mean_samples=10.6)
    simulated = [r.read.signal_pa() for r in simulate_reads({"lambda": genome}, levels, config, 40, 1)]

    def steps(signals: list[np.ndarray]) -> np.ndarray:
        parts = []
        for pa in signals:
            shift, scale = find_scaling(pa, ScalingConfig())
            parts.append(np.abs(np.diff((pa[3000:20000] - shift) / scale)))
        return np.quantile(np.concatenate(parts), [0.25, 0.5, 0.75, 0.9, 0.97])

    ratio = steps(simulated) / steps(real)
    assert (ratio > 0.6).all()
    assert (ratio < 1.1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "dna-r9-mini"}, "dna-r9-min"),
        ({"mean_length_bp": 100.0}, "mean length"),
        ({"mean_length_bp": 2e6}, "mean length"),
        ({"min_length_bp": 0}, "at least 1"),
        ({"noise": -1.0}, "noise"),
        ({"drift": float("nan")}, "drift"),
        ({"sample_ar": 0.99}, "sample_ar"),
        ({"event_degrees": 2.0}, "event_degrees"),
        ({"dwell_mean_samples": 0.0}, "dwell_mean_samples"),
        ({"length_shape": 0.0}, "length_shape"),
    ],
)
def test_config_that_makes_no_sense(change: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PoreConfig(**change)


def test_requests_that_make_no_sense(reference: dict[str, str], levels: KmerLevels) -> None:
    for count, seed, first in ((0, 1, 0), (1, -1, 0), (1, 1, -1)):
        with pytest.raises(UsageError):
            simulate_reads(reference, levels, PoreConfig(), count, seed, first)
    with pytest.raises(BadInputError, match="too short"):
        simulate_reads({"tiny": "ACGT" * 10}, levels, PoreConfig(), 1, 1)
    flat = dataclasses.replace(levels, mean_pa=np.full(4096, 90, np.float32))
    with pytest.raises(UsageError, match="same"):
        simulate_reads(reference, flat, PoreConfig(), 1, 1)
