"""Foreign models become checkpoints."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.importing import import_model
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.errors import BadInputError, UsageError


@pytest.mark.parametrize("source", ["lstm_v4", "lstm_v4/tensors"])
def test_an_imported_model_is_the_model(shared: Path, tmp_path: Path, source: str) -> None:
    folder = shared / "golden" / "bonito" / source
    written = import_model(folder, tmp_path / "mine")
    back, original = load(tmp_path / "mine"), load(folder)
    assert back.name == written.name == "mine"
    assert back.provenance["imported_from"]["name"] == original.name
    assert back.weights.keys() == original.weights.keys()
    assert all(np.array_equal(back.weights[n], w) for n, w in original.weights.items())
    assert (back.architecture, back.head, back.features) == (
        original.architecture,
        original.head,
        original.features,
    )
    assert original.name in (tmp_path / "mine" / "README.md").read_text()


def test_a_weight_of_a_wrong_shape_stops_the_import(shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(shared / "golden" / "bonito" / "lstm_v3" / "tensors", folder)
    folder.chmod(0o755)
    target = folder / "9.linear.bias.tensor"
    target.unlink()
    shutil.copy(folder / "0.conv.bias.tensor", target)
    with pytest.raises(BadInputError, match=r"another shape .*scorer\.linear\.bias \(4,\)"):
        import_model(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_foreign_models_are_imported(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(tmp_path / "ours", checkpoint, "card")
    for source in (tmp_path / "ours", tmp_path / "nothing"):
        with pytest.raises(UsageError, match="bonito or dorado"):
            import_model(source, tmp_path / "out")
