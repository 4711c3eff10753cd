"""Nanopore reads with known truth: a reference's bases become the current of a pore.

Sequence -> levels of its k-mers -> dwell times -> noise, drift and the read's own gain and offset -> the
device's converter. Numbers without a unit are multiples of the table's spread (1.4826 * median absolute
deviation of its levels, about 13 pA for R9.4), because that is how a basecaller sees them. docs/simulate.md
says how the defaults were found. Every read depends on the seed and its own index alone.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from lexome.core.alphabet import decode, encode, kmer_index
from lexome.core.errors import UsageError
from lexome.core.records import KmerLevels, RawRead, ReadInfo, RunInfo
from lexome.simulate.current import Events, current_of, draw_dwells, draw_heavy_tailed, slow_drift
from lexome.simulate.places import Place, Places
from lexome.simulate.profiles import Profile, get_profile

ADAPTER = (
    "AATGTACTTCGTTCAGTTACGTATTGCT"  # the strand of ONT's ligation adapter that goes through the pore first
)
START_TIME_UTC = "2020-01-01T00:00:00.000000+00:00"
_MAX_MEAN_LENGTH_BP = 1_000_000


@dataclass(frozen=True)
class PoreConfig:
    """How to simulate reads; the defaults imitate R9.4.1 at 450 bases/s.

    - Lengths are `min_length_bp` plus a gamma variable of shape `length_shape`, `mean_length_bp` on average.
    - `dwell_mean_samples` None is the profile's; `dwell_sigma` is the sd of the dwell's logarithm, `speed_sd`
      that of a whole read's speed.
    - `noise` multiplies the two noises: `event_sd` is how far a whole event lies from its k-mer's level (the
      table's own sds say which k-mers vary more), with Student's t tails of `event_degrees`; `sample_sd` is
      the noise within an event, `sample_sd_spread` the sd of the logarithm of how much that differs between
      events, `sample_ar` its correlation from one sample to the next.
    - `drift`, `gain_sd` and `offset_sd` move the baseline and scale of a read.
    - `adapter` puts the stalled motor, the spacer's peak and the ligation adapter in front.
    """

    profile: str = "dna-r9-min"
    mean_length_bp: float = 4000.0
    min_length_bp: int = 200
    length_shape: float = 2.0
    adapter: bool = True
    dwell_mean_samples: float | None = None
    dwell_sigma: float = 0.66
    speed_sd: float = 0.1
    noise: float = 1.0
    event_sd: float = 0.05
    event_degrees: float = 4.0
    sample_sd: float = 0.10
    sample_sd_spread: float = 0.3
    sample_ar: float = 0.15
    drift: float = 0.05
    gain_sd: float = 0.05
    offset_sd: float = 0.3

    def __post_init__(self) -> None:
        get_profile(self.profile)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (np.isfinite(value) and value >= 0):
                raise UsageError(f"{field.name} must be a number of at least 0, got {value}")
        if self.min_length_bp < 1 or not self.min_length_bp <= self.mean_length_bp <= _MAX_MEAN_LENGTH_BP:
            raise UsageError(
                f"the mean length ({self.mean_length_bp:g}) must lie between the minimum length "
                f"({self.min_length_bp}, at least 1) and {_MAX_MEAN_LENGTH_BP}"
            )
        if self.sample_ar > 0.98:
            raise UsageError(f"sample_ar must be at most 0.98, got {self.sample_ar}")
        if self.event_degrees <= 2:
            raise UsageError(f"event_degrees must be more than 2, got {self.event_degrees}")
        if self.length_shape == 0 or self.dwell_mean_samples == 0:
            raise UsageError("length_shape and dwell_mean_samples must be more than 0")


@dataclass(frozen=True)
class SimulatedRead:
    """A read and its truth.

    `sequence` is what went through the pore after the adapter, 5' to 3' as read; it is the reference's
    [start, end) of `contig` or, for strand '-', the reverse complement of that. `base_starts` (int64[L]) has
    the sample of `read.raw` in which each base's dwell begins; the last base lasts to the end of the read.
    """

    read: RawRead
    contig: str
    start: int
    end: int
    strand: str
    sequence: str
    base_starts: np.ndarray


class PoreSimulator:
    """All that the reads of one simulated run share; `read(i)` makes the i-th."""

    def __init__(self, reference: Mapping[str, str], levels: KmerLevels, config: PoreConfig, seed: int):
        """Prepares a run.

        Args:
            reference: contig name -> sequence, where the reads come from.
            levels: current per k-mer; one that belongs to the profile's pore.
            config: how to simulate.
            seed: 0 or more.

        Raises:
            UsageError: if the seed is negative.
            BadInputError: if the reference has no stretch long enough for a read, or the table no spread.
        """
        if seed < 0:
            raise UsageError(f"the seed must not be negative, got {seed}")
        self._config, self._levels, self._seed = config, levels, seed
        self._profile = get_profile(config.profile)
        self._places = Places(reference, config.min_length_bp)
        self._centre_pa = float(np.median(levels.mean_pa))
        self._unit_pa = 1.4826 * float(np.median(np.abs(levels.mean_pa - self._centre_pa)))
        if not self._unit_pa > 0:
            raise UsageError(
                f"all levels of the k-mer table {levels.name} are the same: no signal to simulate"
            )
        rms_pa = float(np.sqrt((levels.sd_pa.astype(np.float64) ** 2).mean()))
        self._event_sd_pa = levels.sd_pa * np.float32(
            config.noise * config.event_sd * self._unit_pa / max(rms_pa, 1e-9)
        )
        self._adapter = encode(ADAPTER) if config.adapter else np.zeros(0, np.uint8)
        self._run = _run_info(config, self._profile, levels.name, seed)

    def read(self, index: int) -> SimulatedRead:
        """Makes the read with this index; the same index always gives the same read."""
        config = self._config
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(index,)))
        read_id = str(uuid.UUID(bytes=rng.bytes(16), version=4))
        mean_extra_bp = config.mean_length_bp - config.min_length_bp
        extra_bp = rng.gamma(config.length_shape, mean_extra_bp / config.length_shape)
        place = self._places.draw(config.min_length_bp + round(extra_bp), rng)
        insert = self._places.codes(place)

        events = self._base_events(np.concatenate([self._adapter, insert]), rng)
        if config.adapter:
            events = self._start_events(rng) + events
        current_pa = current_of(events, config.sample_ar, rng)
        if config.adapter:
            current_pa[0] += rng.exponential(1.5) * self._unit_pa  # the strand has just closed the open pore
        raw, offset = self._convert(self._distort(current_pa, rng), rng)
        ends = np.cumsum(events.dwell)
        base_starts = (ends - events.dwell)[len(ends) - len(insert) :]
        return self._assemble(index, read_id, place, decode(insert), base_starts, raw, offset, rng)

    def _base_events(self, codes: np.ndarray, rng: np.random.Generator) -> Events:
        """One event per base; the k-mers at both ends are filled with random bases that have no event."""
        config, levels = self._config, self._levels
        before = rng.integers(0, 4, levels.centre, dtype=np.uint8)
        after = rng.integers(0, 4, levels.k - 1 - levels.centre, dtype=np.uint8)
        kmers = kmer_index(np.concatenate([before, codes, after]), levels.k)
        deviation_pa = draw_heavy_tailed(len(codes), config.event_degrees, rng) * self._event_sd_pa[kmers]
        spread = config.sample_sd_spread
        # mean of the square is 1, so that sample_sd is the root mean square over events
        differs = np.exp(spread * rng.standard_normal(len(codes), dtype=np.float32) - np.float32(spread**2))
        noise_sd_pa = np.float32(config.noise * config.sample_sd * self._unit_pa) * differs
        mean_samples = config.dwell_mean_samples or self._profile.dwell_mean_samples
        mean_samples *= float(np.exp(config.speed_sd * rng.standard_normal()))
        dwell = draw_dwells(len(codes), mean_samples, config.dwell_sigma, rng)
        return Events(levels.mean_pa[kmers] + deviation_pa, noise_sd_pa, dwell)

    def _start_events(self, rng: np.random.Generator) -> Events:
        """The motor stalls on the adapter (flat, near the median), then the spacer passes (a peak)."""
        level = np.array([rng.normal(0, 0.12), rng.normal(3.2, 0.2)], np.float32)
        noise = np.array([0.13, 0.3], np.float32) * np.float32(self._config.noise)
        dwell = np.array([300 * np.exp(0.85 * rng.normal()), 32 * np.exp(0.3 * rng.normal())])
        return Events(
            level * np.float32(self._unit_pa) + np.float32(self._centre_pa),
            noise * np.float32(self._unit_pa),
            np.clip(np.rint(dwell), 15, 8000).astype(np.int64),
        )

    def _distort(self, current_pa: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Gives the read its own gain, offset and drift."""
        config = self._config
        gain = max(0.5, rng.normal(1, config.gain_sd))
        offset_pa = rng.normal(0, config.offset_sd) * self._unit_pa
        current_pa = (current_pa - np.float32(self._centre_pa)) * np.float32(gain)
        current_pa += slow_drift(len(current_pa), rng) * np.float32(config.drift * self._unit_pa)
        current_pa += np.float32(self._centre_pa + offset_pa)
        return current_pa

    def _convert(self, current_pa: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """What the converter makes of it: whole steps within its range; and the channel's offset."""
        profile = self._profile
        offset = float(round(rng.normal(profile.offset_mean, profile.offset_sd)))
        steps = np.rint(current_pa / np.float32(profile.scale) - np.float32(offset))
        half = profile.digitisation // 2
        return np.clip(steps, -half, half - 1).astype(np.int16), offset

    def _assemble(
        self,
        index: int,
        read_id: str,
        place: Place,
        sequence: str,
        base_starts: np.ndarray,
        raw: np.ndarray,
        offset: float,
        rng: np.random.Generator,
    ) -> SimulatedRead:
        profile = self._profile
        info = ReadInfo(
            read_id=read_id,
            num_samples=len(raw),
            channel=index % profile.channels + 1,
            mux=index // profile.channels % 4 + 1,
            read_number=index,
            # channels start one second apart, so reads of less than `channels` seconds never overlap in one
            start_sample=index * profile.sample_rate_hz,
            end_reason="signal_positive",
            run=self._run,
            source="simulated",
            extra={
                "median_before": round(float(rng.normal(profile.open_pore_pa, profile.open_pore_sd_pa)), 3)
            },
        )
        read = RawRead(
            info, raw, float(np.float32(profile.scale)), offset
        )  # single precision, as POD5 keeps it
        return SimulatedRead(read, place.contig, place.start, place.end, place.strand, sequence, base_starts)


def simulate_reads(
    reference: Mapping[str, str],
    levels: KmerLevels,
    config: PoreConfig,
    count: int,
    seed: int,
    first: int = 0,
) -> Iterator[SimulatedRead]:
    """Simulates nanopore reads, one at a time.

    Args:
        reference: contig name -> sequence; stretches of anything but A, C, G and T are avoided.
        levels: current per k-mer (`bundled_levels` or `core.kmer_levels.read_kmer_levels`).
        config: how to simulate.
        count: number of reads.
        seed: 0 or more; a read depends on it and on its own index alone.
        first: index of the first read, to make a part of a run.

    Returns:
        An iterator over the reads `first` to `first + count - 1`.

    Raises:
        UsageError: for a count below 1 or a negative `first` or `seed`.
        BadInputError: if the reference is too short.
    """
    if count < 1:
        raise UsageError(f"the number of reads must be at least 1, got {count}")
    if first < 0:
        raise UsageError(f"the first read's index must not be negative, got {first}")
    simulator = PoreSimulator(reference, levels, config, seed)
    return (simulator.read(index) for index in range(first, first + count))


def _run_info(config: PoreConfig, profile: Profile, levels_name: str, seed: int) -> RunInfo:
    digest = hashlib.sha256(repr((config, levels_name, seed)).encode()).digest()
    run_id = digest.hex()[:40]
    half = profile.digitisation // 2
    extra = {
        "adc_min": -half,
        "adc_max": half - 1,
        "experiment_name": "simulated",
        "flow_cell_product_code": profile.flow_cell_product_code,
        "sample_id": f"seed_{seed}",
        "protocol_run_id": str(uuid.UUID(bytes=digest[:16], version=4)),
        "protocol_start_time": START_TIME_UTC,
        "sequencing_kit": "simulated",
        "software": "lexome simulate reads",
        "tracking_id": {"device_id": profile.name, "run_id": run_id, "exp_start_time": START_TIME_UTC},
        "context_tags": {"sample_frequency": str(profile.sample_rate_hz), "experiment_type": "genomic_dna"},
    }
    return RunInfo(run_id, "SIMULATED", profile.sample_rate_hz, profile.name, START_TIME_UTC, extra)
