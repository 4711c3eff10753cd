"""What `lexome models list` lists, `lexome basecall` takes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.checkpoint.store import bundled_models, load

Run = Callable[..., tuple[int, str, str]]


def test_a_listed_name_can_be_called_with(
    lexome: Run, small_model: Path, mixed_pod5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexome.checkpoint.store.bundled_models", lambda: {"small": small_model})
    code, out, _ = lexome("models", "list")
    assert code == 0
    name = out.splitlines()[-1].split()[0]
    code, _, err = lexome("basecall", mixed_pod5, "-m", name, "-o", tmp_path / "calls.bam")
    assert code == 0
    assert "called 14 reads" in err


@pytest.mark.parametrize("name", [name for name in bundled_models() if load(name).task == "basecall"])
def test_every_bundled_model_calls(
    lexome: Run, graph_cache: Path, mixed_pod5: Path, tmp_path: Path, name: str
) -> None:
    code, _, err = lexome("basecall", mixed_pod5, "-m", name, "-o", tmp_path / "calls.bam", "--device", "cpu")
    assert code == 0
    assert "called 14 reads" in err
