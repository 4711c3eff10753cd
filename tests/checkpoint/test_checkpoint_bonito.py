"""Models in bonito's layout, against bonito's own outputs."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.bonito import read_bonito
from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4"])
def test_scores_are_those_of_bonito(shared: Path, name: str) -> None:
    folder = shared / "golden" / "bonito" / name
    golden = np.load(folder / "golden.npz")
    network = build_network(load(folder))
    with torch.inference_mode():
        scores_NTK = network(torch.from_numpy(golden["signal"])).numpy()
    assert scores_NTK.std() > 0.1
    np.testing.assert_allclose(scores_NTK.transpose(1, 0, 2), golden["scores"], rtol=0, atol=1e-5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny flat model with random weights of epochs 2 and 10."""
    (tmp_path / "config.toml").write_text(
        "[global_norm]\nstate_len = 1\n[encoder]\nfeatures = 3\nnum_layers = 1\nblank_score = 2.0\n"
    )
    torch.manual_seed(0)
    shapes = {
        "0.conv.weight": (4, 1, 5),
        "0.conv.bias": (4,),
        "1.conv.weight": (16, 4, 5),
        "1.conv.bias": (16,),
        "2.conv.weight": (3, 16, 19),
        "2.conv.bias": (3,),
        "4.rnn.weight_ih_l0": (12, 3),
        "4.rnn.weight_hh_l0": (12, 3),
        "4.rnn.bias_ih_l0": (12,),
        "4.rnn.bias_hh_l0": (12,),
        "5.linear.weight": (16, 3),
        "5.linear.bias": (16,),
    }
    for epoch in (2, 10):
        state = {f"encoder.{name}": torch.randn(shape) for name, shape in shapes.items()}
        torch.save(state, tmp_path / f"weights_{epoch}.tar")
    return tmp_path


def test_the_latest_epoch_counts(model: Path) -> None:
    latest = torch.load(model / "weights_10.tar", weights_only=True)
    weights = read_bonito(model).weights
    assert np.array_equal(weights["scorer.linear.bias"], latest["encoder.5.linear.bias"].numpy())
    build_network(read_bonito(model))


def test_a_gru_is_that_of_torch(model: Path) -> None:
    """The same layer by torch itself, between our other layers."""
    config = (model / "config.toml").read_text() + 'rnn_type = "gru"\n'
    (model / "config.toml").write_text(config)
    state = torch.load(model / "weights_10.tar", weights_only=True)
    gru = torch.nn.GRU(3, 3)
    state = {name: tensor for name, tensor in state.items() if ".rnn." not in name}
    torch.save(
        state | {f"encoder.4.rnn.{name}": p for name, p in gru.state_dict().items()}, model / "weights_11.tar"
    )
    network = build_network(read_bonito(model))
    x = torch.randn(2, 1, 100)
    with torch.inference_mode():
        features = network.encoder.convs(x).permute(2, 0, 1).flip(0)  # pyright: ignore
        expected = network.scorer(gru(features)[0].flip(0).transpose(0, 1))
        torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-6)


def test_prefixes_of_wrappers_and_half_precision_are_taken(model: Path) -> None:
    state = torch.load(model / "weights_10.tar", weights_only=True)
    torch.save({f"module._orig_mod.{n}": t.half() for n, t in state.items()}, model / "weights_11.tar")
    weights = read_bonito(model).weights
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}
    halved = state["encoder.5.linear.bias"].half().float().numpy()
    assert np.array_equal(weights["scorer.linear.bias"], halved)


class Runs:
    """Something that, unpickled the ordinary way, would call a function."""

    def __reduce__(self) -> tuple:
        return (print, ("executed",))


def test_nothing_in_the_file_is_executed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"encoder.5.linear.bias": Runs()}, model / "weights_12.tar")
    with pytest.raises(BadInputError, match="not a file of plain weights"):
        read_bonito(model)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([torch.zeros(1)], "something else than named tensors"),
        ({"a": 3}, "something else than named tensors"),
    ],
)
def test_files_of_something_else_are_refused(model: Path, content: object, complaint: str) -> None:
    torch.save(content, model / "weights_12.tar")
    with pytest.raises(BadInputError, match=complaint):
        read_bonito(model)


def test_files_that_cannot_be_read_are_named(model: Path) -> None:
    (model / "weights_12.tar").write_bytes(b"not a zip file at all")
    with pytest.raises(BadInputError, match=r"weights_12\.tar"):
        read_bonito(model)
    for path in model.glob("*.tar"):
        path.unlink()
    shutil.copy(model / "config.toml", model / "weights_last.tar")
    with pytest.raises(BadInputError, match="with a number N"):
        load(model)
