"""Raw current -> signal -> chunks: formulas against numbers by hand, and every way a read can be unusable."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, ReadInfo, RunInfo
from lexome.features.signal import (
    MAX_SIGNAL,
    SIZES,
    ScalingConfig,
    SignalConfig,
    TrimConfig,
    chunk_spans,
    cut_chunks,
    fill_to,
    find_scaling,
    find_trim,
    fit_to_stride,
    normalise,
)


def raw_read(raw, scale: float = 0.5, offset: float = 10.0) -> RawRead:
    run = RunInfo("run", "FAB1", 4000, "MN1", "")
    info = ReadInfo("read", len(raw), 1, 1, 1, 0, "unknown", run, "a.pod5")
    return RawRead(info, np.asarray(raw, np.int16), scale, offset)


def pa(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, count).astype(np.float32)


def test_scaling_by_the_models_constants() -> None:
    config = ScalingConfig("pa", mean=91.88, stdev=22.65)
    assert find_scaling(pa(80, 90, 120), config) == (91.88, 22.65)


def test_scaling_by_quantiles() -> None:
    # 0, 1, ... 100: the 20% quantile is 20, the 90% quantile 90
    values = np.arange(101, dtype=np.float32)
    np.random.default_rng(0).shuffle(values)
    assert find_scaling(values, ScalingConfig("quantile")) == pytest.approx((0.51 * 110, 0.53 * 70))
    # bounds: a shift below 10 and a scale below 1 are raised
    assert find_scaling(values / 100, ScalingConfig("quantile")) == (10.0, 1.0)
    config = ScalingConfig("quantile", 0.0, 1.0, 0.1, 0.5, 1.0, 2.0)
    assert find_scaling(values, config) == pytest.approx((60.0, 80.0))


def test_scaling_by_median_and_mad() -> None:
    # median 4; distances 3 2 1 0 1 2 96: their median 2
    shift_pa, scale_pa = find_scaling(pa(1, 2, 3, 4, 5, 6, 100), ScalingConfig("med_mad"))
    assert (shift_pa, scale_pa) == pytest.approx((4.0, 1.4826 * 2))


@pytest.mark.parametrize("method", ["pa", "quantile", "med_mad"])
@pytest.mark.parametrize(
    ("signal_pa", "message"),
    [
        (pa(), "empty"),
        (pa(80), "constant"),
        (np.full(50, 80.0, np.float32), "constant"),
        (pa(80, np.nan, 90), "not finite"),
        (pa(80, np.inf, 90), "not finite"),
        (pa(80, -np.inf, 90), "not finite"),
    ],
)
def test_a_read_without_signal_is_refused(method, signal_pa: np.ndarray, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        find_scaling(signal_pa, ScalingConfig(method))


def test_a_signal_that_is_mostly_one_value_has_no_mad() -> None:
    with pytest.raises(BadInputError, match="one constant value"):
        find_scaling(pa(80, 80, 80, 80, 95), ScalingConfig("med_mad"))


@pytest.mark.parametrize("method", ["pa", "quantile", "med_mad"])
@pytest.mark.parametrize(
    ("scale", "offset", "message"),
    [
        (np.nan, 0.0, "calibration is broken"),
        (np.inf, 0.0, "calibration is broken"),
        (0.0, 10.0, "constant"),
        (0.5, np.nan, "calibration is broken"),
        (0.5, -np.inf, "calibration is broken"),
        (3e38, 0.0, "calibration is broken"),
    ],
)
def test_a_broken_calibration_is_refused(method, scale: float, offset: float, message: str) -> None:
    read = raw_read(np.random.default_rng(0).integers(200, 800, 300), scale, offset)
    with pytest.raises(BadInputError, match=message):
        normalise(read, SignalConfig(ScalingConfig(method)))


@pytest.mark.parametrize("method", ["pa", "quantile"])
def test_an_enormous_signal_is_refused(method) -> None:
    read = raw_read(np.random.default_rng(0).integers(200, 800, 300), 1e30, 0.0)
    if method == "pa":
        with pytest.raises(BadInputError, match="enormous"):
            normalise(read, SignalConfig(ScalingConfig("pa", 90.0, 20.0)))
    else:  # scaled by its own spread it is a signal like any other
        assert np.abs(normalise(read, SignalConfig(ScalingConfig(method))).signal).max() < MAX_SIGNAL


@pytest.mark.parametrize("length", [1, 2, 3, 9, 10, 11, 12, 33, 34, 100])
def test_a_short_read_is_never_trimmed_away(length: int) -> None:
    read = raw_read(np.arange(length) * 37 % 101)
    if length == 1:
        with pytest.raises(BadInputError, match="constant"):
            normalise(read, SignalConfig())
        return
    normalised = normalise(read, SignalConfig())
    assert len(normalised.signal) == length - normalised.trimmed_samples > 0
    assert normalised.trimmed_samples == min(10, int(0.3 * length))


def test_normalising_calibrates_scales_and_trims() -> None:
    raw = np.random.default_rng(1).integers(150, 260, 400)
    normalised = normalise(raw_read(raw, 0.25, -20.0), SignalConfig())
    current = 0.25 * (raw - 20.0)
    shift = np.median(current)
    scale = 1.4826 * np.median(np.abs(current - shift))
    assert (normalised.shift_pa, normalised.scale_pa) == pytest.approx((shift, scale), rel=1e-6)
    assert normalised.trimmed_samples == 10
    assert normalised.signal.dtype == np.float32
    np.testing.assert_allclose(normalised.signal, ((current - shift) / scale)[10:], rtol=1e-4, atol=1e-5)
    untrimmed = normalise(raw_read(raw, 0.25, -20.0), SignalConfig(trim=TrimConfig(enabled=False)))
    assert (untrimmed.trimmed_samples, len(untrimmed.signal)) == (0, 400)


def with_peak(length: int, begin: int, end: int, height: float = 4.0) -> np.ndarray:
    signal = noise(length)
    signal[begin:end] = height
    return signal


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (noise(4000), 10),  # no peak
        (with_peak(4000, 100, 103), 10),  # three samples are no peak
        (with_peak(4000, 100, 104), 10 + 3 * 40),  # four are; their window, 90 to 130, ends below
        (with_peak(4000, 100, 200), 10 + 5 * 40),  # 200 lies in the window that ends at 210
        (with_peak(4000, 100, 210), 10 + 6 * 40),  # the one that ends at 210 still ends above
        (with_peak(4000, 1100, 1140), 10 + 29 * 40),  # the end may lie 1200 samples (30%) into the read,
        (with_peak(4000, 1100, 1180), 10),  # not farther
        (with_peak(4000, 2100, 2200), 10),  # a peak in the second half is none
        (with_peak(40000, 8100, 8200), 10),  # nor one beyond the first 8000 samples
        (with_peak(40000, 7800, 7900), 10 + 198 * 40),
        (with_peak(200, 100, 200), 10),  # one without an end
        (with_peak(4000, 100, 200, 2.4), 10),  # the threshold itself is not above it
    ],
)
def test_the_adapters_peak_is_trimmed(signal: np.ndarray, expected: int) -> None:
    assert find_trim(signal, TrimConfig()) == expected


def test_trimming_obeys_its_configuration() -> None:
    signal = with_peak(4000, 100, 200)
    assert find_trim(signal, TrimConfig(enabled=False)) == 0
    assert find_trim(signal, TrimConfig(threshold=5.0, min_trim=25)) == 25
    assert find_trim(signal, TrimConfig(window=10, min_trim=0)) == 210
    assert find_trim(signal, TrimConfig(max_search=50)) == 10
    assert find_trim(signal, TrimConfig(min_peak_samples=200)) == 10


lengths = st.integers(1, 3000)
strides = st.integers(1, 8)


@given(lengths, strides, st.integers(2, 60), st.integers(0, 29))
def test_chunks_cover_every_sample(num_samples: int, stride: int, steps: int, overlap_pairs: int) -> None:
    chunk_size = steps * stride
    overlap = min(overlap_pairs, (steps - 1) // 2) * 2 * stride
    spans = chunk_spans(num_samples, chunk_size, overlap, stride)
    assert spans[0][0] == 0
    assert all(start % stride == size % stride == 0 < size <= chunk_size for start, size in spans)
    for (before, size), (after, _) in zip(spans, spans[1:], strict=False):
        assert 0 < after - before <= size - overlap
    assert all(size == chunk_size for _, size in spans[:-1])
    grain = max(1, chunk_size // (SIZES * stride)) * stride
    start, size = spans[-1]
    assert start + size >= num_samples
    if (
        num_samples > chunk_size
    ):  # the last chunk is real signal but for less than a stride, and no longer than
        # it need be
        assert start + size - num_samples < stride
        assert all(begin + size <= num_samples for begin, size in spans[:-1])
        assert spans[-2][0] + chunk_size - start < overlap + grain + stride
    else:
        assert spans == [(0, size)]
        assert size - num_samples < grain
    signal = np.random.default_rng(num_samples).normal(size=num_samples).astype(np.float32)
    chunks = cut_chunks(signal, spans, read_index=3)
    back = np.full(num_samples, np.nan, np.float32)
    for chunk, (_, length) in zip(chunks, spans, strict=True):
        assert (len(chunk.signal), chunk.read_index) == (length, 3)
        back[chunk.start_sample : chunk.start_sample + chunk.valid_samples] = chunk.signal[
            : chunk.valid_samples
        ]
    np.testing.assert_array_equal(back, signal)


@pytest.mark.parametrize(
    ("signal", "length", "expected"),
    [
        ([1, 2, 3], 8, [1, 2, 3, 2, 1, 2, 3, 2]),
        ([1, 2], 5, [1, 2, 1, 2, 1]),
        ([7], 3, [7, 7, 7]),
        ([1, 2, 3], 3, [1, 2, 3]),
        ([1, 2, 3], 2, [1, 2]),
    ],
)
def test_filling_mirrors(signal: list[float], length: int, expected: list[float]) -> None:
    filled = fill_to(np.array(signal, np.float32), length)
    assert filled.tolist() == expected
    assert filled.dtype == np.float32


def test_nothing_cannot_be_filled() -> None:
    with pytest.raises(ValueError, match="no signal"):
        fill_to(np.zeros(0, np.float32), 5)


@given(st.integers(1, 5000), st.integers(0, 4999), st.integers(1, 12))
def test_sizes_fit_the_stride(chunk_size: int, overlap: int, stride: int) -> None:
    overlap = min(overlap, chunk_size - 1)
    config = SignalConfig(
        chunk_size=chunk_size, overlap=overlap, sample_rate_hz=4000, chemistry="r10.4.1_e8.2"
    )
    fitted = fit_to_stride(config, stride)
    assert fitted.chunk_size % stride == fitted.overlap % stride == 0
    assert fitted.chunk_size == max(stride, chunk_size // stride * stride)
    assert 0 <= fitted.overlap < fitted.chunk_size
    assert config.overlap - fitted.overlap < 3 * stride
    assert dataclasses.replace(fitted, chunk_size=chunk_size, overlap=config.overlap) == config
    spans = chunk_spans(12345, fitted.chunk_size, fitted.overlap, stride)
    assert all(start % stride == size % stride == 0 for start, size in spans)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScalingConfig(stdev=0.0), "stdev must be positive"),
        (lambda: ScalingConfig(stdev=float("nan")), "stdev must be positive"),
        (lambda: ScalingConfig(quantile_a=0.9, quantile_b=0.2), "quantiles must rise"),
        (lambda: TrimConfig(window=0), "window must be at least 1"),
        (lambda: TrimConfig(min_trim=-1), "at least 0"),
        (lambda: TrimConfig(max_trim_fraction=1.0), "max_trim_fraction"),
        (lambda: SignalConfig(chunk_size=100, overlap=100), "overlap must be"),
        (lambda: SignalConfig(chunk_size=0, overlap=0), "overlap must be"),
        (lambda: SignalConfig(chunk_size=10**12), "chunk_size must be at most"),
        (lambda: SignalConfig(chemistry="r9.4"), "unknown chemistry 'r9.4'; did you mean 'r9.4.1'"),
    ],
)
def test_impossible_configurations_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
