"""Taylor and Fourier inputs against numpy."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.inputs import FourierConfig, TaylorConfig, WindowedInput


def show(config: Any, signal_S: np.ndarray) -> np.ndarray:
    """Features (F, S) of one signal."""
    return WindowedInput(config)(torch.from_numpy(signal_S).float()[None, None])[0].numpy()


def test_taylor_coefficients_are_repeated_central_differences() -> None:
    signal = np.random.default_rng(0).normal(size=60)
    features = show(TaylorConfig(), signal)
    assert features.shape == (9, 60)
    derivative = signal
    for k in range(9):
        np.testing.assert_allclose(
            features[k, k : 60 - k], derivative[k : 60 - k] / math.factorial(k), rtol=0, atol=1e-5
        )
        derivative = np.gradient(derivative)


def test_a_parabola_has_its_own_coefficients() -> None:
    s = np.arange(30.0)
    features = show(TaylorConfig(degree=3, window=7), 2 + 0.5 * s + 0.25 * s**2)[:, 5:25]
    np.testing.assert_allclose(features[1], 0.5 + 0.5 * s[5:25], rtol=1e-5)
    np.testing.assert_allclose(features[2], 0.25, rtol=1e-4)
    np.testing.assert_allclose(features[3], 0, atol=1e-4)


@pytest.mark.parametrize("window", [1, 5, 17])
def test_frequencies_are_those_of_numpy(window: int) -> None:
    signal = np.random.default_rng(0).normal(size=40)
    padded = np.pad(signal, window // 2)
    spectra = np.stack([np.fft.rfft(padded[s : s + window]) for s in range(40)], axis=1)
    parts = np.concatenate([spectra.real, spectra.imag[1:]])
    np.testing.assert_allclose(show(FourierConfig("complex", window), signal), parts, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        show(FourierConfig("magnitude", window), signal), np.abs(spectra), rtol=0, atol=1e-4
    )
    assert FourierConfig("complex", window).kinds == len(parts)
    assert FourierConfig("magnitude", window).kinds == len(spectra)


def test_nothing_is_learned() -> None:
    assert not list(WindowedInput(TaylorConfig()).parameters())


@pytest.mark.parametrize("wrong", [{"window": 4}, {"degree": 9}, {"degree": -1}])
def test_senseless_configs_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be odd"):
        TaylorConfig(**wrong)
    with pytest.raises(ValueError, match="must be odd"):
        FourierConfig("complex", window=4)
