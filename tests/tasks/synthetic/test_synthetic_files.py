"""Oscillators on disk."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.simulate.oscillator import OscillatorConfig
from lexome.tasks.synthetic.files import write_oscillators


def test_what_is_written_is_the_truth_and_the_same_again(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.npz", "b.npz", "c.npz")]
    made = [
        write_oscillators(file, OscillatorConfig(), 3, 40, seed)
        for file, seed in zip(files, (1, 1, 2), strict=True)
    ]
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()
    with np.load(files[0], allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["signal"], made[0].signal_NS)
        np.testing.assert_allclose(arrays["position"], made[0].position_NS, rtol=1e-6)
        np.testing.assert_array_equal(arrays["height"], made[0].height_NS)
        np.testing.assert_array_equal(arrays["heights"], made[0].heights)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("name", "count", "seed", "said"),
    [
        ("a.npy", 1, 0, "end in .npz"), ("no/a.npz", 1, 0, "its folder does not exist"),
        ("a.npz", 1, -1, "not be negative"), ("a.npz", 10**8, 0, "too many"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(tmp_path: Path, name: str, count: int, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write_oscillators(tmp_path / name, OscillatorConfig(), count, 40, seed)
