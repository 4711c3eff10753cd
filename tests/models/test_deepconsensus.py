"""The network of DeepConsensus: the published sizes and outputs, its reach, and export."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.deepconsensus import read_deepconsensus
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.deepconsensus import DeepConsensus, DeepConsensusConfig
from lexome.models.registry import new_network
from lexome.nn.banded_attention import BandedSelfAttention, FeedForward
from lexome.nn.network import Network

GOLDEN = "golden/deepconsensus/forward_2layer_reference.npz"
TINY: dict[str, Any] = {
    "pileup": {"passes": 2, "width": 4},
    "size": 12,
    "num_heads": 2,
    "band": 3,
    "feed_forwards": [16, 8],
}


def network(**changes: Any) -> Network:
    torch.manual_seed(0)
    architecture = {"name": "deepconsensus", "config": TINY | changes}
    made = new_network(architecture, {"name": "consensus", "config": {}}).eval()
    for name, parameter in made.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.constant_(parameter, 0.4)
    return made


def some_rows(windows: int = 3, columns: int = 20) -> torch.Tensor:
    """Rows of two passes, as floats: those of `Network` are."""
    rng = np.random.default_rng(0)
    high = [5] * 2 + [256] * 4 + [3] * 2 + [5] + [501] * 4
    rows = [rng.integers(0, h, (windows, columns)) for h in high]
    return torch.from_numpy(np.stack(rows, axis=1)).float()


@pytest.mark.parametrize(("layers", "count"), [(6, 8943775), (5, 7480965), (4, 6018155), (3, 4555345)])
def test_the_published_sizes(layers: int, count: int) -> None:
    with torch.device("meta"):
        made = new_network(
            {"name": "deepconsensus", "config": {"feed_forwards": [2048] * layers}},
            {"name": "consensus", "config": {}},
        )
    assert sum(p.numel() for p in made.parameters()) == count
    assert not list(made.buffers())


def test_every_layers_output_is_the_published_programs(shared: Path) -> None:
    golden = np.load(shared / GOLDEN)
    made = build_network(read_deepconsensus(shared / GOLDEN))
    found: dict[str, torch.Tensor] = {}
    names = {f"encoder.layers.{i}.attention": f"out/self_attention_layer_{i}" for i in range(2)}
    names |= {f"encoder.layers.{i}.feed_forward": f"out/ffn_layer_{i}" for i in range(2)}
    names |= {"encoder.norm": "out/final_output", "scorer": "out/logits"}
    for name, key in names.items():
        made.get_submodule(name).register_forward_hook(
            lambda _module, inputs, output, key=key: found.update({key: output, key + " in": inputs})
        )
    with torch.no_grad():
        scores = made(torch.from_numpy(golden["rows"][..., 0]))
        x, visible = found["out/self_attention_layer_0 in"]
        attention = made.get_submodule("encoder.layers.0.attention.inner")
        assert isinstance(attention, BandedSelfAttention)
        found["out/attention_scores_0"] = attention.weights(x, visible)
    found["softmax"] = scores.softmax(-1)
    for key in (*names.values(), "out/attention_scores_0", "softmax"):
        np.testing.assert_allclose(found[key].numpy(), golden[key], rtol=0, atol=2e-5, err_msg=key)


def test_real_windows_with_draft_qualities_run(shared: Path) -> None:
    rows = np.load(shared / "golden/deepconsensus/human_1m_rows86_bq_eval.npz")["rows"]
    made = network(pileup={"ccs_qualities": True, "width": 4})
    with torch.no_grad():
        scores = made(torch.from_numpy(rows[:5]))
    assert scores.shape == (5, 100, 5)
    assert torch.isfinite(scores).all()


def test_a_new_network_is_linear_in_its_features_and_knows_positions() -> None:
    torch.manual_seed(0)
    made = DeepConsensus(from_dict(DeepConsensusConfig, TINY, "test"))
    rows = some_rows()[:, :, :1].repeat(1, 1, 20)  # all columns alike
    out = made(rows)
    assert not torch.allclose(out[:, 3], out[:, 4])
    before = {name: p.clone() for name, p in made.layers.named_parameters() if "inner" in name}
    made.zero_grad()
    out.square().mul(torch.arange(12.0)).sum().backward()
    gates = [p for name, p in made.named_parameters() if name.endswith("gate")]
    assert len(gates) == 4
    assert all(g.grad is not None and g.grad != 0 for g in gates)
    assert all(not made.layers.get_parameter(name).grad.any() for name in before)  # type: ignore[union-attr]


def test_a_column_sees_the_bands_of_all_layers() -> None:
    made, rows = network(), some_rows(1)
    with torch.no_grad():
        scores = made(rows)
        rows[0, 0, 10] = (rows[0, 0, 10] + 1) % 4 + 1
        changed = (made(rows) - scores).abs().sum(-1)[0] > 0
    assert changed.nonzero().flatten().tolist() == list(range(4, 17))  # 2 layers x 3 columns


def test_without_a_band_every_column_is_seen() -> None:
    made, rows = network(band=None), some_rows(1)
    with torch.no_grad():
        scores = made(rows)
        rows[0, 0, 0] = (rows[0, 0, 0] + 1) % 4 + 1
        assert ((made(rows) - scores).abs().sum(-1) > 0).all()


def test_windows_do_not_see_each_other() -> None:
    made, rows = network(), some_rows(4)
    with torch.no_grad():
        torch.testing.assert_close(made(rows)[2:3], made(rows[2:3]))


def test_the_names_lead_to_layers() -> None:
    made = network()
    assert (made.stride, made.num_outputs, made.skips) == (1, 5, ())
    assert made.prunable == ("encoder.layers.0.feed_forward.inner", "encoder.layers.1.feed_forward.inner")
    blocks = [made.get_submodule(name) for name in made.prunable]
    assert [b.into.out_features for b in blocks if isinstance(b, FeedForward)] == [16, 8]


def test_values_outside_their_tables_are_refused() -> None:
    rows = some_rows()
    rows[0, 7, 0] = 3
    with pytest.raises(ValueError, match="strands are 0 to 2, not 3"):
        network()(rows)


def test_the_exported_graph_gives_the_same_scores_for_every_batch() -> None:
    made, rows, file = network(), some_rows(5), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter calls itself deprecated
        torch.onnx.export(
            made, (rows[:2],), file,  # pyright: ignore[reportArgumentType]
            dynamo=False, opset_version=17, input_names=["rows"], dynamic_axes={"rows": {0: "windows"}},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        for count in (1, 5):
            (scores,) = session.run(None, {"rows": rows[:count].numpy()})
            np.testing.assert_allclose(np.asarray(scores), made(rows[:count]).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"feed_forwards": []}, "at least one width"),
        ({"size": 13}, "must be even and divide"),
        ({"num_heads": 5}, "must be even and divide"),
        ({"band": -1}, "not be negative"),
        ({"attention_dropout": 1.0}, "below 1"),
        ({"pileup": {"pases": 3}}, "did you mean 'passes'"),
    ],
)
def test_impossible_configurations_are_refused(changes, complaint) -> None:
    with pytest.raises(UsageError, match=complaint):
        network(**changes)
