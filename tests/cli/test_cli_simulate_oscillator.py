"""`lexome simulate oscillator` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

Call = Callable[..., tuple[int, str, str]]


def test_oscillator(lexome: Call, tmp_path: Path) -> None:
    file = tmp_path / "o.npz"
    options = ["--count", 3, "--samples", 50, "--heights", 3, "--noise", 0, "--noise-factor", 0]
    code, out, err = lexome("simulate", "oscillator", "-o", file, *options)
    assert (code, out) == (0, "")
    assert "3 signals, 150 samples" in err
    with np.load(file, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["signal"], arrays["position"])
        assert arrays["height"].shape == (3, 50)
        assert arrays["heights"].tolist() == [-1.0, 0.0, 1.0]


def test_what_makes_no_oscillator(lexome: Call, tmp_path: Path) -> None:
    code, _, err = lexome("simulate", "oscillator", "-o", tmp_path / "o.npz", "--mass", 0)
    assert code == 2
    assert "must be more than 0" in err
    assert not list(tmp_path.iterdir())
