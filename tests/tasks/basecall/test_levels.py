"""Fitting a level table: from reads made of a known one it comes back, unseen k-mers by the model."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import encode, kmer_index
from lexome.core.errors import LexomeError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels
from lexome.features.alignment import SignalAlignment, align_signal, normalised_levels
from lexome.features.signal import NormalisedRead
from lexome.tasks.basecall.levels import EDGE_MIN_SAMPLES, MIN_EVENTS, FittedLevels, fit_levels, write_levels
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import PlacedRead

K, CENTRE = 4, 1
SHIFT_PA, SCALE_PA = 85.0, 14.0


@pytest.fixture(scope="module")
def levels() -> KmerLevels:
    """Levels that a linear model of bases and neighbours explains all but a small part of."""
    rng = np.random.default_rng(0)
    codes = (np.arange(4**K)[:, None] // 4 ** np.arange(K - 1, -1, -1)) % 4
    mean = sum(rng.normal(0, 6, 16)[codes[:, i] * 4 + codes[:, i + 1]] for i in range(K - 1))
    mean = mean + rng.normal(0, 0.3, 4**K)
    return KmerLevels("start", K, CENTRE, (85 + mean).astype(np.float32), np.full(4**K, 1.5, np.float32))


def placed_read(
    levels: KmerLevels, seed: int, length: int = 2000, bases: str = "ACGT", sd: float = 0.1
) -> PlacedRead:
    """A read with its true alignment; its first and last sample of every base lie between two levels."""
    rng = np.random.default_rng(seed)
    sequence = "".join(rng.choice(list(bases), length))
    gain, offset = rng.normal(1, 0.05), rng.normal(0, 0.05)
    level = normalised_levels(sequence, levels) * gain + offset
    dwell = rng.integers(EDGE_MIN_SAMPLES, 15, len(level))
    signal = np.repeat(level, dwell) + np.repeat(rng.normal(0, sd, len(level)), dwell)
    starts = np.concatenate([[0], np.cumsum(dwell)])
    signal[starts[1:-1]] = signal[starts[1:-1] - 1] = 3.0
    alignment = SignalAlignment(
        CENTRE,
        starts,
        np.full(len(level), 0.1, np.float32),
        level.astype(np.float32),
        float(gain),
        float(offset),
    )
    normalised = NormalisedRead(signal.astype(np.float32), 0, SHIFT_PA, SCALE_PA)
    return PlacedRead("r", normalised, sequence, Place("c", 0, length, False), alignment)


def expected_pa(levels: KmerLevels) -> np.ndarray:
    """The table as reads with this shift and scale show it: its own median and MAD taken to theirs."""
    mean = levels.mean_pa
    centre = np.median(mean)
    return (mean - centre) / (1.4826 * np.median(np.abs(mean - centre))) * SCALE_PA + SHIFT_PA


def test_the_table_comes_back(levels: KmerLevels) -> None:
    fitted = fit_levels([placed_read(levels, seed) for seed in range(20)], K, CENTRE, "fitted")
    assert (fitted.levels.name, fitted.levels.k, fitted.levels.centre) == ("fitted", K, CENTRE)
    assert (fitted.num_filled, fitted.num_reads) == (0, 20)
    assert fitted.events.sum() == 20 * (2000 - K + 1)
    expected = expected_pa(levels)
    assert np.corrcoef(fitted.levels.mean_pa, expected)[0, 1] > 0.998
    slope, intercept = np.polyfit(expected, fitted.levels.mean_pa, 1)
    assert slope == pytest.approx(1, abs=0.03)
    assert slope * SHIFT_PA + intercept == pytest.approx(SHIFT_PA, abs=1.0)
    assert np.median(fitted.levels.sd_pa) == pytest.approx(0.1 * SCALE_PA, rel=0.25)


def test_kmers_that_were_not_seen_get_the_models_level(levels: KmerLevels) -> None:
    reads = []
    for seed in range(10):  # no GGG, no TCA
        read = placed_read(levels, seed)
        missing = np.zeros(len(read.alignment.residuals), bool)
        index = kmer_index(encode(read.sequence), 3)
        for triple in ("GGG", "TCA"):
            number = kmer_index(encode(triple), 3)[0]
            for position in np.flatnonzero(index == number):
                missing[max(0, position - K + 3) : position + 1] = True
        read.alignment.residuals[missing[: len(read.alignment.residuals)]] = np.nan
        reads.append(read)
    fitted = fit_levels(reads, K, CENTRE, "x")
    unseen = fitted.events < MIN_EVENTS
    assert fitted.num_filled == unseen.sum() >= 8
    error = np.abs(fitted.levels.mean_pa - expected_pa(levels))
    assert error[unseen].max() < 4.0
    assert error[unseen].mean() < 0.25 * np.std(expected_pa(levels))
    assert len(set(fitted.levels.sd_pa[unseen])) == 1


def test_misplaced_bases_are_left_out(levels: KmerLevels) -> None:
    read = placed_read(levels, 0)
    assert fit_levels([read], K, CENTRE, "x").events.sum() == 1997
    read.alignment.residuals[:100] = np.nan
    assert fit_levels([read], K, CENTRE, "x").events.sum() == 1897
    read.alignment.levels[100:150] += 5.0
    assert fit_levels([read], K, CENTRE, "x").events.sum() == 1847
    read.alignment.starts[200] = read.alignment.starts[201]  # base 200 has no samples of its own any more
    assert fit_levels([read], K, CENTRE, "x").events.sum() <= 1846


def test_too_few_events_are_an_error(levels: KmerLevels) -> None:
    for reads in ([], [placed_read(levels, 0, length=60)], [placed_read(levels, 0, bases="AC")]):
        with pytest.raises(LexomeError, match="more reads are needed"):
            fit_levels(reads, K, CENTRE, "x")


def test_fitting_to_found_alignments_keeps_the_scale(levels: KmerLevels) -> None:
    reads = []
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        sequence = "".join(rng.choice(list("ACGT"), 2500))
        level = normalised_levels(sequence, levels)
        dwell = 4 + rng.poisson(6, len(level))
        signal = (np.repeat(level, dwell) + rng.normal(0, 0.15, dwell.sum())).astype(np.float32)
        alignment = align_signal(signal, sequence, levels)
        assert alignment is not None
        normalised = NormalisedRead(signal, 0, SHIFT_PA, SCALE_PA)
        reads.append(PlacedRead("r", normalised, sequence, Place("c", 0, 2500, False), alignment))
    fitted = fit_levels(reads, K, CENTRE, "x")
    slope, _ = np.polyfit(expected_pa(levels), fitted.levels.mean_pa, 1)
    assert slope == pytest.approx(1, abs=0.03)


def test_a_written_table_is_read_back(levels: KmerLevels, tmp_path: Path) -> None:
    fitted = FittedLevels(levels, np.arange(4**K), 3, 7)
    write_levels(tmp_path / "table.tsv", fitted, "first line\nsecond line")
    back = read_kmer_levels(tmp_path / "table.tsv", CENTRE)
    assert (back.name, back.k, back.centre) == ("table", K, CENTRE)
    np.testing.assert_allclose(back.mean_pa, levels.mean_pa, atol=6e-4)
    np.testing.assert_allclose(back.sd_pa, levels.sd_pa, atol=6e-4)
    lines = (tmp_path / "table.tsv").read_text().splitlines()
    assert lines[:3] == ["# first line", "# second line", "kmer\tlevel_mean\tlevel_stdv\tevents"]
    assert lines[4].split("\t")[0] == "AAAC"
    assert lines[4].split("\t")[3] == "1"
    assert {p.name for p in tmp_path.iterdir()} == {"table.tsv"}
