"""Transformers in ONT's layouts: what their config.toml says, and bonito's own outputs."""

import copy
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.importing import import_model
from lexome.checkpoint.ont_transformer import read_transformer, without_constants
from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, UsageError
from lexome.dp.crf import edge_posteriors, log_partition

TEXT = """
[model]
type = "seqdistmodel"
package = "bonito.transformer"
[model.seqdist]
state_len = 3
alphabet = ["N", "A", "C", "G", "T"]
[model.encoder]
type = "namedserial"
[model.encoder.conv]
type = "serial"
[[model.encoder.conv.sublayers]]
type = "convolution"
insize = 1
size = 4
winlen = 5
padding = 2
activation = "swish"
norm = "batchnorm"
[[model.encoder.conv.sublayers]]
type = "convolution"
insize = 4
size = 16
winlen = 9
stride = 6
padding = 4
activation = "swish"
norm = "batchnorm"
[[model.encoder.conv.sublayers]]
type = "permute"
dims = [0, 2, 1]
[model.encoder.transformer_encoder]
type = "stack"
depth = 2
[model.encoder.transformer_encoder.layer]
type = "transformerencoderlayer"
d_model = 16
nhead = 2
dim_feedforward = 24
deepnorm_alpha = 1.5
deepnorm_beta = 0.5
attn_window = [7, 8]
[model.encoder.upsample]
type = "linearupsample"
d_model = 16
scale_factor = 2
[model.encoder.crf]
type = "linearcrfencoder"
insize = 16
n_base = 4
state_len = 3
bias = false
scale = 5.0
blank_score = 2.0
expand_blanks = true
permute = [1, 0, 2]
"""
MODEL: dict[str, Any] = tomllib.loads(TEXT)["model"]


def test_layers_are_read() -> None:
    layers = read_transformer(MODEL, "bonito")
    assert [conv["stride"] for conv in layers.encoder.pop("convs")] == [1, 6]
    assert layers.encoder == {
        "attention": {"num_heads": 2, "window": [7, 8]},
        "feed_forwards": [24, 24],
        "deepnorm_alpha": 1.5,
        "deepnorm_beta": 0.5,
        "upsample": 2,
        "in_channels": 1,
    }
    assert layers.scorer == {
        "state_len": 3,
        "blank_score": 2.0,
        "bias": False,
        "activation": "none",
        "scale": 5.0,
        "clamp": None,
    }


def test_strides() -> None:
    layers = read_transformer(MODEL, "bonito")
    assert (layers.stride, layers.chunk_multiple) == (3, 6)
    without = copy.deepcopy(MODEL)
    del without["encoder"]["upsample"]
    layers = read_transformer(without, "bonito")
    assert (layers.stride, layers.chunk_multiple) == (6, 6)
    assert not any("upsample" in name for name in layers.renames)


def test_names_of_the_weights() -> None:
    bonito, dorado = (read_transformer(MODEL, layout).renames for layout in ("bonito", "dorado"))  # pyright: ignore
    assert bonito["conv.1.norm.bn.running_var"] == "encoder.convs.1.norm.running_var"
    assert bonito["transformer_encoder.1.self_attn.Wqkv.weight"] == "encoder.layers.1.attention.qkv.weight"
    assert bonito["transformer_encoder.0.norm2.weight"] == "encoder.layers.0.feed_forward_norm.weight"
    assert bonito["upsample.linear.bias"] == "encoder.upsample.linear.bias"
    assert bonito["crf.linear.weight"] == "scorer.linear.weight"
    assert (len(bonito), len(dorado)) == (2 * 7 + 2 * 7 + 2 + 1, 2 * 2 + 2 * 7 + 2 + 1)
    assert dorado.keys() < bonito.keys()


def test_no_window() -> None:
    for none in ([-1, -1], None):
        model = copy.deepcopy(MODEL)
        model["encoder"]["transformer_encoder"]["layer"]["attn_window"] = none
        assert read_transformer(model, "bonito").encoder["attention"]["window"] is None


def at(*path: Any, **values: Any) -> Callable[[dict], None]:
    """Sets values in the table at a path of the section [model]."""

    def change(model: dict) -> None:
        for key in path:
            model = model[key]
        model.update(values)

    return change


LAYER = ("encoder", "transformer_encoder", "layer")
CONV = ("encoder", "conv", "sublayers")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (at(type="ctcmodel"), r"\[model\]: type 'ctcmodel'"),
        (at(head={}), r"\[model\]: the keys head are not known"),
        (at("seqdist", alphabet=list("NACGU")), r"\[model.seqdist\]: the alphabet must be"),
        (at("seqdist", n_pre=1), r"\[model.seqdist\]: the keys n_pre"),
        (at("seqdist", state_len=4), r"\[model.encoder.crf\]: state_len is 4 in \[model.seqdist\]"),
        (at("encoder", type="serial"), r"\[model.encoder\]: type 'serial'"),
        (at("encoder", downsample={}), r"\[model.encoder\]: the keys downsample"),
        (lambda m: m["encoder"].pop("crf"), r"parts must be .*crf, in this order, not"),
        (lambda m: m["encoder"].update(conv=m["encoder"].pop("conv")), "in this order, not transformer_enc"),
        (at("encoder", "conv", dims=3), r"\[model.encoder.conv\]: the keys dims"),
        (lambda m: m["encoder"]["conv"].update(sublayers=[]), r"\[model.encoder.conv\]"),
        (at(*CONV, 0, groups=2), r"sublayer 0 \(convolution\): the keys groups"),
        (at(*CONV, 1, insize=5), r"sublayer 1 \(convolution\): insize must be 4"),
        (at(*CONV, 1, stride=0), "stride 0 is not positive"),
        (at(*CONV, 1, type="clamp"), r"sublayer 1 \(clamp\): type 'clamp' is not supported here"),
        (at(*CONV, 2, dims=[2, 0, 1]), r"only dims \[0, 2, 1\]"),
        (lambda m: m["encoder"]["conv"]["sublayers"].pop(), r"only 'permute'"),
        (at("encoder", "transformer_encoder", type="serial"), r"only 'stack'"),
        (at("encoder", "transformer_encoder", depth=10**9), "depth 1000000000 is not from 1 to 100"),
        (at("encoder", "transformer_encoder", depth=0), "depth 0 is not from 1 to 100"),
        (at(*LAYER, type="flashlayer"), "only 'transformerencoderlayer'"),
        (at(*LAYER, rotary_dim=4), "keys rotary_dim are not known"),
        (at(*LAYER, d_model=32), "d_model must be 16"),
        (at(*LAYER, attn_window=[-1, 8]), r"attn_window \[-1, 8\] is not supported"),
        (at(*LAYER, attn_window=[8]), r"attn_window \[8\] is not supported"),
        (lambda m: m["encoder"]["transformer_encoder"]["layer"].pop("nhead"), "key 'nhead' is missing"),
        (at("encoder", "upsample", type="upsample"), "only 'linearupsample'"),
        (at("encoder", "upsample", d_model=8), r"\[model.encoder.upsample\]: d_model must be 16"),
        (at("encoder", "upsample", batch_first=False), "only batch_first"),
        (at("encoder", "upsample", mode="x"), "the keys mode"),
        (at("encoder", "crf", permute=[0, 1, 2]), "permute must be"),
        (at("encoder", "crf", insize=8), "insize must be 16"),
        (at("encoder", "crf", dropout=0.1), "the keys dropout"),
        (at("encoder", "crf", type="linear"), "only 'linearcrfencoder'"),
    ],
)
def test_what_is_not_understood_is_named(change: Callable[[dict], None], complaint: str) -> None:
    model = copy.deepcopy(MODEL)
    change(model)
    with pytest.raises(ValueError, match=complaint):
        read_transformer(model, "bonito")


def test_constants_among_the_weights_are_compared_and_dropped() -> None:
    encoder = read_transformer(MODEL, "bonito").encoder
    name, weight = "transformer_encoder.1.deepnorm_alpha", np.zeros(3)
    assert without_constants({name: np.array(1.5, np.float32), "a": weight}, encoder) == {"a": weight}
    for wrong in (np.array(1.501), np.array([1.5]), np.array(np.nan)):
        with pytest.raises(ValueError, match=r"deepnorm_alpha is .*, but 1\.5 in config\.toml"):
            without_constants({name: wrong}, encoder)
    with pytest.raises(ValueError, match="belongs to no layer"):
        without_constants({"transformer_encoder.2.deepnorm_alpha": np.array(1.5)}, encoder)


@pytest.mark.parametrize("layout", [".", "tensors"])
def test_outputs_are_those_of_bonito(shared: Path, layout: str) -> None:
    """Its eps of the normalisation is seen, too: that of older versions (1e-5) differs by 1.3e-5."""
    folder = shared / "golden" / "bonito" / "transformer_v5"
    golden = np.load(folder / "golden.npz")
    network = build_network(load(folder / layout))
    with torch.inference_mode():
        scores_NTK = network(torch.from_numpy(golden["signal"]))
    assert scores_NTK.std() > 0.1
    np.testing.assert_allclose(scores_NTK.numpy().transpose(1, 0, 2), golden["scores"], rtol=0, atol=8e-6)
    np.testing.assert_allclose(log_partition(scores_NTK.double()), golden["logZ"], rtol=2e-6)
    posteriors = edge_posteriors(scores_NTK[:1].clone().double())[0]
    np.testing.assert_allclose(posteriors, golden["edge_posteriors"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", [".", "tensors"])
def test_an_import_keeps_all_that_calling_needs(shared: Path, layout: str, tmp_path: Path) -> None:
    folder = shared / "golden" / "bonito" / "transformer_v5" / layout
    imported = import_model(folder, tmp_path / "model")
    found = load(tmp_path / "model")
    assert found.architecture.name == "transformer"
    assert (found.head.config["qscore_scale"], found.head.config["qscore_bias"]) == (1.05, 0.2)
    assert found.features["scaling"] == {"method": "pa", "mean": 0.0, "stdev": 1.0}
    assert (found.features["chunk_size"], found.features["overlap"]) == (12000, 600)
    network = build_network(found)
    assert (network.stride, network.chunk_multiple) == (6, 12)
    parameters = sum(p.numel() for p in network.parameters())
    assert imported.num_parameters == found.num_parameters == parameters


def altered(shared: Path, tmp_path: Path, old: str, new: str) -> Path:
    golden = shared / "golden" / "bonito" / "transformer_v5"
    shutil.copy(golden / "weights_1.tar", tmp_path)
    text = (golden / "config.toml").read_text()
    assert old in text
    (tmp_path / "config.toml").write_text(text.replace(old, new))
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("deepnorm_alpha = 1.5650846", "deepnorm_alpha = 1.6", r"weights_1\.tar: .*deepnorm_alpha is 1\.56"),
        ("depth = 3", "depth = 2", "deepnorm_alpha belongs to no layer"),
        ("depth = 3", "depth = 4", r"are missing: transformer_encoder\.3\.ff\.fc1"),
        ("dim_feedforward = 256", "dim_feedforward = 128", "have another shape than their layer"),
        ("nhead = 4", "nhead = 3", "64 features do not divide into 3 heads"),
        ("attn_window = [ 7, 8,]", "attn_window = [ 7, 1000000,]", "a window reaches from 0 to"),
        ("scale_factor = 2", "scale_factor = 5", "upsample 5 does not divide the stride 12"),
        ('[scaling]\nstrategy = "pa"', "", r"\[scaling\] is missing"),
        ("chunksize = 12000", "chunksize = 12", "do not fit together"),
        ('sample_type = "dna"', 'sample_type = "rna"', "model for rna"),
    ],
)
def test_a_model_that_does_not_fit_its_weights_or_itself(
    shared: Path, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    with pytest.raises((BadInputError, UsageError), match=complaint):
        import_model(altered(shared, tmp_path, old, new), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_chunks_are_rounded_to_the_stride_before_the_upsampling(shared: Path, tmp_path: Path) -> None:
    folder = altered(shared, tmp_path, "chunksize = 12000\noverlap = 600", "chunksize = 10002\noverlap = 516")
    features = load(folder).features
    assert (features["chunk_size"], features["overlap"]) == (9996, 504)


def test_another_kind_of_network_is_refused_by_name(shared: Path, tmp_path: Path) -> None:
    folder = altered(shared, tmp_path, '"bonito.transformer"', '"bonito.mixer"')
    with pytest.raises(BadInputError, match=r"'bonito\.mixer' are not supported .*bonito\.transformer"):
        load(folder)
