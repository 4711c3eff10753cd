"""Weights as torch saves them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint import torch_file
from lexome.checkpoint.torch_file import read_torch_state
from lexome.core.errors import BadInputError


def test_tensors_come_back_as_float32(tmp_path: Path) -> None:
    state = {
        "a": torch.randn(2, 3, dtype=torch.float64),
        "b": torch.tensor([1, 2]),
        "c": torch.ones(2).half(),
    }
    torch.save(state, tmp_path / "w.bin")
    back = read_torch_state(tmp_path / "w.bin")
    np.testing.assert_array_equal(back["a"], state["a"].float().numpy())
    assert {name: str(w.dtype) for name, w in back.items()} == {"a": "float32", "b": "int64", "c": "float32"}


class Trap:
    def __reduce__(self):
        return print, ("run",)


def test_nothing_in_the_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": Trap()}, tmp_path / "w.bin")
    with pytest.raises(BadInputError, match="not a file of plain weights"):
        read_torch_state(tmp_path / "w.bin")
    assert capsys.readouterr().out == ""


def test_files_that_are_too_large_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "w.bin")
    monkeypatch.setattr(torch_file, "MAX_WEIGHTS_BYTES", 100)
    with pytest.raises(BadInputError, match="too large"):
        read_torch_state(tmp_path / "w.bin")
