"""Raw current -> normalised, trimmed signal -> chunks (numpy only).

Shapes: S samples.

Source: the three normalisations, the trimming heuristic and chunks that overlap by a multiple of two strides
are those of ONT's basecallers (constants as published in their model configurations). Differs: a read shorter
than a chunk is filled by mirroring its own end, never by its neighbours in the batch, so that its bases do
not depend on what it is batched with; all chunks of a longer read are real signal (but for less than a
stride at the end of the last one), the last one ending at the read's end.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lexome.core.chemistry import CHEMISTRIES
from lexome.core.errors import BadInputError, nearest
from lexome.core.records import Chunk, RawRead

MAD_TO_SD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
SIZES = 4  # lengths that a read's last chunk can have: quarters of the chunk size
MIN_SCALE_PA = 1e-3  # a read whose spread is smaller has no signal
MAX_CHUNK_SIZE = 1_000_000  # samples; a batch of chunks must fit into memory
MAX_SIGNAL = 6e4  # normalised units: above all that 16 bits of raw signal can give, and within float16


@dataclass(frozen=True)
class ScalingConfig:
    """How a read's current is normalised: signal = (pA - shift) / scale.

    - `pa`: shift `mean`, scale `stdev` (constants of the model; mean 0, stdev 1 leaves pA).
    - `quantile`: shift = max(10, shift_multiplier * (qa + qb)), scale = max(1, scale_multiplier * (qb - qa)).
    - `med_mad`: shift = median, scale = 1.4826 * median absolute deviation.
    """

    method: Literal["pa", "quantile", "med_mad"] = "med_mad"
    mean: float = 0.0
    stdev: float = 1.0
    quantile_a: float = 0.2
    quantile_b: float = 0.9
    shift_multiplier: float = 0.51
    scale_multiplier: float = 0.53

    def __post_init__(self) -> None:
        if not self.stdev > 0:
            raise ValueError(f"stdev must be positive, is {self.stdev}")
        if not 0 <= self.quantile_a < self.quantile_b <= 1:
            raise ValueError(f"quantiles must rise within [0, 1], are {self.quantile_a}, {self.quantile_b}")


@dataclass(frozen=True)
class TrimConfig:
    """Where the adapter's peak at the start of a read is looked for; all lengths in samples.

    A window of `window` samples with more than `min_peak_samples` of them above `threshold` (normalised
    units) is a peak; the read begins after the first window from there on that ends below the threshold.
    """

    enabled: bool = True
    window: int = 40
    threshold: float = 2.4
    min_peak_samples: int = 3
    min_trim: int = 10
    max_search: int = 8000
    max_trim_fraction: float = 0.3

    def __post_init__(self) -> None:
        if self.window < 1 or min(self.min_peak_samples, self.min_trim, self.max_search) < 0:
            raise ValueError("window must be at least 1, the other lengths of the trimming at least 0")
        if not 0 <= self.max_trim_fraction < 1:
            raise ValueError(f"max_trim_fraction must be from 0 to below 1, is {self.max_trim_fraction}")


@dataclass(frozen=True)
class SignalConfig:
    """All that turns a read's current into a network's input; travels with the network.

    `sample_rate_hz` and `chemistry` (a name of `core.chemistry.CHEMISTRIES`) say which signal the network was
    trained on, None if that is not known; they change no number.
    """

    scaling: ScalingConfig = ScalingConfig()
    trim: TrimConfig = TrimConfig()
    sample_rate_hz: int | None = None
    chunk_size: int = 10000
    overlap: int = 500
    chemistry: str | None = None

    def __post_init__(self) -> None:
        if self.chemistry is not None and self.chemistry not in CHEMISTRIES:
            raise ValueError(f"unknown chemistry '{self.chemistry}'; {nearest(self.chemistry, CHEMISTRIES)}")
        if self.chunk_size > MAX_CHUNK_SIZE:
            raise ValueError(f"chunk_size must be at most {MAX_CHUNK_SIZE} samples, is {self.chunk_size}")
        if not 0 <= self.overlap < self.chunk_size:
            raise ValueError(
                f"overlap must be from 0 to below chunk_size, is {self.overlap} of {self.chunk_size}"
            )


def find_scaling(signal_pa: np.ndarray, config: ScalingConfig) -> tuple[float, float]:
    """Finds a read's normalisation.

    Args:
        signal_pa: calibrated current, float32[S], pA.
        config: the method and its constants.

    Returns:
        (shift_pa, scale_pa) with signal = (pA - shift_pa) / scale_pa.

    Raises:
        BadInputError: if the signal is empty, constant or not finite.
    """
    if signal_pa.size == 0:
        raise BadInputError("the signal is empty")
    if not np.isfinite(signal_pa).all():
        raise BadInputError("the calibrated signal is not finite: the calibration is broken")
    low, high = float(signal_pa.min()), float(signal_pa.max())
    if high - low < MIN_SCALE_PA:
        raise BadInputError("the signal is constant")
    if config.method == "pa":
        return config.mean, config.stdev
    if config.method == "quantile":
        qa, qb = np.quantile(signal_pa, [config.quantile_a, config.quantile_b])
        return (
            float(max(10.0, config.shift_multiplier * (qa + qb))),
            float(max(1.0, config.scale_multiplier * (qb - qa))),
        )
    shift = float(np.median(signal_pa))
    deviations = signal_pa - np.float32(shift)
    np.abs(deviations, out=deviations)  # in place, here and below: a read may have a hundred million samples
    scale = MAD_TO_SD * float(np.median(deviations, overwrite_input=True))
    if scale < MIN_SCALE_PA:
        raise BadInputError("more than half of the signal is one constant value")
    return shift, scale


def find_trim(signal: np.ndarray, config: TrimConfig) -> int:
    """Finds where the read proper begins, behind the adapter's peak.

    Args:
        signal: normalised signal, float32[S].
        config: the heuristic's constants.

    Returns:
        Number of samples to cut from the start; at most `max_trim_fraction` of the read.
    """
    if not config.enabled:
        return 0
    floor = min(config.min_trim, int(config.max_trim_fraction * len(signal)))
    searched = signal[config.min_trim : config.min_trim + min(config.max_search, len(signal) // 2)]
    count = len(searched) // config.window
    windows = searched[: count * config.window].reshape(count, config.window)
    is_peak = (windows > config.threshold).sum(axis=1) > config.min_peak_samples
    if not is_peak.any():
        return floor
    first = int(np.argmax(is_peak))
    has_ended = windows[first:, -1] <= config.threshold
    if not has_ended.any():
        return floor
    end = config.min_trim + (first + int(np.argmax(has_ended)) + 1) * config.window
    return end if end <= config.max_trim_fraction * len(signal) else floor


@dataclass(frozen=True)
class NormalisedRead:
    """A read ready for the network: `signal` is float32[S - trimmed_samples]."""

    signal: np.ndarray
    trimmed_samples: int
    shift_pa: float
    scale_pa: float


def normalise(read: RawRead, config: SignalConfig) -> NormalisedRead:
    """Calibrates, scales and trims one read.

    Raises:
        BadInputError: if the read has no usable signal.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # `find_scaling` says so in words
        signal_pa = read.signal_pa()
    shift_pa, scale_pa = find_scaling(signal_pa, config.scaling)
    signal = signal_pa
    signal -= np.float32(shift_pa)
    signal /= np.float32(scale_pa)
    if not max(abs(float(signal.min())), abs(float(signal.max()))) < MAX_SIGNAL:
        raise BadInputError("the normalised signal is enormous: the calibration is broken")
    trimmed = find_trim(signal, config.trim)
    return NormalisedRead(signal[trimmed:], trimmed, shift_pa, scale_pa)


def chunk_spans(num_samples: int, chunk_size: int, overlap: int, multiple: int) -> list[tuple[int, int]]:
    """Where the chunks of a read begin, and how long they are.

    Chunks step by chunk_size - overlap. The last one, or the only one of a short read, is as long as it needs
    to be, rounded up to one of `SIZES` lengths: so the network seldom computes what is thrown away, and
    batches, which hold chunks of one length, still fill. In a read longer than a chunk the last chunk begins
    earlier rather than being filled. All starts and sizes are multiples of `multiple`.

    Args:
        num_samples: length of the trimmed read.
        chunk_size: samples in a chunk, a multiple of `multiple`.
        overlap: samples shared by neighbours (the last two may share more), a multiple of 2 * multiple.
        multiple: what the network takes chunks in: its stride, or more if it makes several steps of one.

    Returns:
        (start, size) of each chunk, starts rising.
    """
    grain = max(1, chunk_size // (SIZES * multiple)) * multiple
    if num_samples <= chunk_size:
        return [(0, min(chunk_size, max(1, -(-num_samples // grain)) * grain))]
    step = chunk_size - overlap
    whole = -(-(num_samples - chunk_size) // step)  # chunks of full size before the last one
    size = min(chunk_size, -(-(num_samples - whole * step) // grain) * grain)
    end = -(-num_samples // multiple) * multiple  # rounded up: the last partial step is filled, not lost
    return [*((i * step, chunk_size) for i in range(whole)), (end - size, size)]


def cut_chunks(signal: np.ndarray, spans: list[tuple[int, int]], read_index: int = 0) -> list[Chunk]:
    """Cuts a trimmed read into chunks.

    Args:
        signal: normalised and trimmed, float32[S].
        spans: as from `chunk_spans`.
        read_index: goes into the chunks.

    Returns:
        One chunk per span; what is missing at the read's end is filled with the mirrored signal before it.
    """
    chunks = []
    for start, size in spans:
        piece = signal[start : start + size]
        chunks.append(Chunk(read_index, start, len(piece), fill_to(piece, size)))
    return chunks


def fill_to(signal: np.ndarray, length: int) -> np.ndarray:
    """Lengthens a signal by going back and forth over it (mirror without repeating the end sample).

    Raises:
        ValueError: if there is no signal.
    """
    size = len(signal)
    if size == 0:
        raise ValueError("there is no signal to lengthen")
    if size >= length:
        return np.array(signal[:length], np.float32)  # a copy: a view would keep the whole read in memory
    if size == 1:
        return np.full(length, signal[0], np.float32)
    position = np.arange(length) % (2 * size - 2)
    return signal[np.where(position < size, position, 2 * size - 2 - position)].astype(np.float32)


def fit_to_stride(config: SignalConfig, multiple: int) -> SignalConfig:
    """The same configuration with chunk_size and overlap rounded to what the network takes chunks in."""
    chunk_size = max(1, config.chunk_size // multiple) * multiple
    overlap = config.overlap // (2 * multiple) * 2 * multiple
    return replace(config, chunk_size=chunk_size, overlap=min(overlap, chunk_size - multiple))
