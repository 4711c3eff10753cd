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


@pytest.fixture
def deepconsensus(shared: Path, tmp_path: Path) -> Path:
    golden = shared / "golden" / "deepconsensus" / "forward_2layer_reference.npz"
    (tmp_path / "theirs").mkdir()
    return Path(shutil.copy(golden, tmp_path / "theirs" / "weights.npz"))


def test_weights_of_deepconsensus_become_a_corrector(deepconsensus: Path, tmp_path: Path) -> None:
    written = import_model(deepconsensus, tmp_path / "mine")
    back = load(tmp_path / "mine")
    assert (back.task, back.name, written.name) == ("correct", "mine", "mine")
    assert back.provenance["imported_from"] == {"name": "weights", "layout": "deepconsensus"}
    assert "calibration" not in back.head.config
    assert "deepconsensus model `weights`" in (tmp_path / "mine" / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"dc_calibration": "0,1.2,-0.99"}', "0,1.2,-0.99"), ('{"dc_calibration": "skip"}', None)],
)
def test_the_calibration_lies_beside_the_weights(
    deepconsensus: Path, tmp_path: Path, text: str, expected: str | None
) -> None:
    deepconsensus.with_name("params.json").write_text(text)
    import_model(deepconsensus, tmp_path / "mine")
    assert load(tmp_path / "mine").head.config.get("calibration") == expected


@pytest.mark.parametrize(
    "text", ["no json", '{"dc_calibration": "1,2"}', '{"dc_calibration": 3}', "[" * 9999]
)
def test_parameters_that_make_no_sense_are_refused(deepconsensus: Path, tmp_path: Path, text: str) -> None:
    deepconsensus.with_name("params.json").write_text(text)
    with pytest.raises(BadInputError, match=r"params\.json"):
        import_model(deepconsensus, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_only_foreign_models_are_imported(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(tmp_path / "ours", checkpoint, "card")
    for source in (tmp_path / "ours", tmp_path / "nothing"):
        with pytest.raises(UsageError, match="bonito or dorado"):
            import_model(source, tmp_path / "out")
