"""Weights of DeepConsensus: exported arrays become a checkpoint, damaged ones an error."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.deepconsensus import read_deepconsensus
from lexome.checkpoint.store import load, save
from lexome.core.errors import BadInputError

SIZE, HEADS, HIDDEN, PASSES, WIDTH, STRAND = 12, 3, (7, 9), 2, 4, 2


def variables(qualities: bool = False) -> dict[str, np.ndarray]:
    """Random weights under the names of a model that is not the first of its process."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {}
    for i, hidden in enumerate(HIDDEN):
        layer = f"encode/encoder_stack/layer_{i}"
        first = f"{layer}/self_attention/pre_post_processing_wrapper_{2 * i + 12}"
        for kind in ("query", "key", "value"):
            shapes[f"{first}/self_attention_{i + 6}/{kind}/kernel"] = (SIZE, HEADS, SIZE // HEADS)
        shapes[f"{first}/self_attention_{i + 6}/output_transform/kernel"] = (HEADS, SIZE // HEADS, SIZE)
        shapes[f"{first}/Variable"] = ()
        second = f"{layer}/ffn/pre_post_processing_wrapper_{2 * i + 13}"
        block = f"{second}/feed_forward_network_{i + 6}"
        shapes |= {f"{block}/filter_layer/kernel": (SIZE, hidden), f"{block}/filter_layer/bias": (hidden,)}
        shapes |= {f"{block}/output_layer/kernel": (hidden, SIZE), f"{block}/output_layer/bias": (SIZE,)}
        shapes[f"{second}/Variable"] = ()
    for kind in ("gamma", "beta"):
        shapes[f"encode/encoder_stack/layer_normalization_1/{kind}"] = (SIZE,)
    shapes |= {"encode/dense_2/kernel": (SIZE, 5), "encode/dense_2/bias": (5,)}
    for name, values in {"bases": 5, "pw": 256, "ip": 256, "sn": 501}.items():
        shapes[f"{name}_embedding/embeddings"] = (values, WIDTH)
    shapes["strand_embedding/embeddings"] = (3, STRAND)
    features = PASSES * (3 * WIDTH + STRAND) + 5 * WIDTH
    if qualities:
        shapes["ccs_base_quality_scores_embedding/embeddings"] = (95, WIDTH)
        features += WIDTH
    shapes["dense_3/kernel"] = (features, SIZE)
    return {f"w/Transformer/{n}:0": rng.standard_normal(s, np.float32) for n, s in shapes.items()}


def written(path: Path, arrays: dict[str, Any]) -> Path:
    file = path / "weights.npz"
    np.savez(file, **arrays)
    return file


def test_the_golden_becomes_a_checkpoint_that_can_be_saved(shared: Path, tmp_path: Path) -> None:
    golden = shared / "golden/deepconsensus/forward_2layer_reference.npz"
    checkpoint = read_deepconsensus(golden, {"columns": 100})
    assert checkpoint.architecture.config == {
        "pileup": {"passes": 20, "ccs_qualities": False, "width": 8, "strand_width": 2},
        "size": 280,
        "num_heads": 2,
        "feed_forwards": [2048, 2048],
    }
    assert checkpoint.num_parameters == 8943775 - 4 * 1462810
    save(tmp_path / "model", checkpoint, "A test.")
    again = load(tmp_path / "model")
    assert again.features == {"columns": 100}
    assert again.weights.keys() == checkpoint.weights.keys()
    rows = torch.from_numpy(np.load(golden)["rows"][..., 0])
    with torch.no_grad():
        assert torch.equal(build_network(again)(rows), build_network(checkpoint)(rows))


@pytest.mark.parametrize("qualities", [False, True])
def test_sizes_are_those_of_the_weights(tmp_path: Path, qualities: bool) -> None:
    arrays = variables(qualities)
    checkpoint = read_deepconsensus(written(tmp_path, arrays | {"rows": np.array(["not read"])}))
    config = checkpoint.architecture.config
    assert config["pileup"]["ccs_qualities"] is qualities
    assert (config["num_heads"], config["feed_forwards"]) == (3, [7, 9])
    network = build_network(checkpoint)
    assert sum(p.numel() for p in network.parameters()) == sum(a.size for a in arrays.values())
    gate = arrays["w/Transformer/encode/encoder_stack/layer_1/ffn/pre_post_processing_wrapper_15/Variable:0"]
    assert network.get_parameter("encoder.layers.1.feed_forward.gate").item() == gate


def test_products_are_those_of_the_original_weights(tmp_path: Path) -> None:
    """Every matrix is square or not in its own way; here it is multiplied as the original program does."""
    arrays = variables()
    network = build_network(read_deepconsensus(written(tmp_path, arrays)))
    by_name = {name.replace("w/Transformer/", "").removesuffix(":0"): a for name, a in arrays.items()}
    stack = "encode/encoder_stack/layer_1"
    attention = f"{stack}/self_attention/pre_post_processing_wrapper_14/self_attention_7"
    block = f"{stack}/ffn/pre_post_processing_wrapper_15/feed_forward_network_7"
    x = np.random.default_rng(1).standard_normal(SIZE).astype(np.float32)
    heads = [np.einsum("d,dhe->he", x, by_name[f"{attention}/{k}/kernel"]) for k in ("query", "key", "value")]
    joined = np.einsum("he,hed->d", heads[0], by_name[f"{attention}/output_transform/kernel"])
    hidden = x @ by_name[f"{block}/filter_layer/kernel"] + by_name[f"{block}/filter_layer/bias"]
    back = hidden @ by_name[f"{block}/output_layer/kernel"] + by_name[f"{block}/output_layer/bias"]
    scores = x @ by_name["encode/dense_2/kernel"] + by_name["encode/dense_2/bias"]
    layer = "encoder.layers.1"
    for name, given, expected in (
        (f"{layer}.attention.inner.qkv", x, np.stack(heads).ravel()),
        (f"{layer}.attention.inner.out", heads[0].ravel(), joined),
        (f"{layer}.feed_forward.inner.into", x, hidden),
        (f"{layer}.feed_forward.inner.out", hidden, back),
        ("scorer.linear", x, scores),
    ):
        with torch.no_grad():
            found = network.get_submodule(name)(torch.from_numpy(given)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"dense_3/kernel": None}, "no weight 'dense/kernel'"),
        ({"encode/dense_2/bias": np.zeros(6, np.float32)}, r"'encode/dense/bias' is float32\(6,\), expected"),
        ({"encode/dense_2/bias": np.zeros(5, np.int32)}, r"is int32\(5,\), expected floats"),
        ({"encode/dense_2/bias": np.full(5, np.nan, np.float32)}, "not finite"),
        ({"encode/extra/bias": np.zeros(5, np.float32)}, r"'encode/extra/bias' \(1 in all\) belongs to no"),
        ({"encode/dense_7/bias": np.zeros(5, np.float32)}, "two weights are called 'encode/dense/bias'"),
        ({"dense_3/kernel": np.zeros((49, 12), np.float32)}, "49 features fits no number of passes"),
        ({"encode/dense_2/bias": np.array(["text"])}, "no numbers"),
    ],
)
def test_other_weights_are_refused(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    arrays: dict[str, Any] = dict(variables())
    for name, array in change.items():
        arrays.pop(f"w/Transformer/{name}:0", None)
        if array is not None:
            arrays[f"w/Transformer/{name}:0"] = array
    with pytest.raises(BadInputError, match=complaint):
        read_deepconsensus(written(tmp_path, arrays))


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_deepconsensus(tmp_path / "missing.npz")
    text = tmp_path / "text.npz"
    text.write_text("not an archive")
    with pytest.raises(BadInputError, match="not an .npz file"):
        read_deepconsensus(text)
    with pytest.raises(BadInputError, match="0 layers"):
        read_deepconsensus(written(tmp_path, {"other": np.zeros(3)}))
    whole = written(tmp_path, variables()).read_bytes()
    damaged = tmp_path / "damaged.npz"
    for kept in (len(whole) // 2, len(whole) - 30):
        damaged.write_bytes(whole[:kept])
        with pytest.raises(BadInputError, match="damaged"):
            read_deepconsensus(damaged)
    flipped = bytearray(whole)
    flipped[5000] ^= 0xFF
    damaged.write_bytes(flipped)
    with pytest.raises(BadInputError, match="damaged"):
        read_deepconsensus(damaged)


def test_an_array_that_claims_more_than_it_has_gets_no_memory(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    entry = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w/Transformer/dense/kernel:0.npy", entry)
    path = tmp_path / "claims.npz"
    path.write_bytes(file.getvalue())
    with pytest.raises(BadInputError, match="damaged"):
        read_deepconsensus(path)


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    path = written(tmp_path, {"w/Transformer/dense/kernel:0": np.array([{}], object)})
    with pytest.raises(BadInputError, match="no numbers"):
        read_deepconsensus(path)
