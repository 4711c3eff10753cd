"""The sublayers of ONT's models, in our terms."""

from typing import Any

import pytest

from lexome.checkpoint.ont_layers import read_sublayers, sublayers_of_flat


def conv(insize: int, size: int, winlen: int = 5, stride: int = 1, **more: Any) -> dict[str, Any]:
    shape = {"insize": insize, "size": size, "winlen": winlen, "stride": stride, "padding": winlen // 2}
    return {"type": "convolution", **shape, "bias": True, "activation": "swish", **more}


def lstm(size: int, reverse: int) -> dict[str, Any]:
    return {"type": "lstm", "size": size, "insize": size, "bias": True, "reverse": reverse}


CLAMP = {"type": "clamp", "min": -0.5, "max": 3.5}
PERMUTE = {"type": "permute", "dims": [2, 0, 1]}
SCORES = {"type": "linearcrfencoder", "n_base": 4, "state_len": 4, "bias": False, "blank_score": 2.0}

# The shape of hac v4.2: clamps among the convolutions, a linear layer before the scores.
WITH_CLAMPS = [
    conv(1, 16, norm="batchnorm"),
    CLAMP,
    conv(16, 16, norm="batchnorm"),
    CLAMP,
    conv(16, 24, 19, 6, norm="batchnorm"),
    CLAMP,
    PERMUTE,
    *(lstm(24, i % 2 == 0) for i in range(5)),
    {"type": "linear", "in_features": 24, "out_features": 8},
    {**SCORES, "insize": 8},
    {"type": "clamp", "min": -5.0, "max": 5.0},
]


def test_clamps_linear_layer_and_scores_are_read() -> None:
    layers = read_sublayers(WITH_CLAMPS, "bonito")
    assert [c["clamp"] for c in layers.convs] == [[-0.5, 3.5]] * 3
    assert [c["batch_norm"] for c in layers.convs] == [True] * 3
    assert [layer["reverse"] for layer in layers.lstms] == [True, False, True, False, True]
    assert layers.linears == [{"size": 8, "bias": True}]
    assert layers.scorer == {
        "state_len": 4,
        "blank_score": 2.0,
        "bias": False,
        "activation": "none",
        "scale": 1.0,
        "clamp": [-5.0, 5.0],
    }
    assert layers.stride == 6


def test_bonito_numbers_all_sublayers_and_keeps_the_norms() -> None:
    renames = read_sublayers(WITH_CLAMPS, "bonito").renames
    assert renames["4.conv.weight"] == "encoder.convs.2.conv.weight"
    assert renames["2.norm.bn.running_var"] == "encoder.convs.1.norm.running_var"
    assert renames["7.rnn.weight_ih_l0"] == "encoder.lstms.0.rnn.weight_ih_l0"
    assert renames["11.rnn.bias_hh_l0"] == "encoder.lstms.4.rnn.bias_hh_l0"
    assert renames["12.linear.bias"] == "encoder.linears.0.bias"
    assert renames["13.linear.weight"] == "scorer.linear.weight"
    assert len(renames) == 3 * 7 + 5 * 4 + 2 + 1


def test_dorado_leaves_out_clamps_and_norms() -> None:
    """The numbers are those of the published files: 0-2 convolutions, 4-8 LSTMs, 9 and 10 linear."""
    layers = read_sublayers(WITH_CLAMPS, "dorado")
    weights = {name.split(".")[0] + "." + name.split(".")[1] for name in layers.renames}
    expected = {"0.conv", "1.conv", "2.conv", *(f"{i}.rnn" for i in range(4, 9)), "9.linear", "10.linear"}
    assert weights == expected
    assert [c["batch_norm"] for c in layers.convs] == [False] * 3
    assert len(layers.renames) == 3 * 2 + 5 * 4 + 2 + 1


def test_a_folded_norm_leaves_a_bias_behind() -> None:
    sublayers = [{**WITH_CLAMPS[0], "bias": False}, *WITH_CLAMPS[1:]]
    assert "0.conv.bias" in read_sublayers(sublayers, "dorado").renames
    assert "0.conv.bias" not in read_sublayers(sublayers, "bonito").renames


def test_the_flat_style_is_spelt_out() -> None:
    flat = {"stride": 5, "winlen": 19, "scale": 5.0, "features": 384, "rnn_type": "lstm"}
    layers = read_sublayers(sublayers_of_flat({**flat, "blank_score": 2.0}, 4), "bonito")
    assert [(c["size"], c["kernel"], c["stride"]) for c in layers.convs] == [
        (4, 5, 1),
        (16, 5, 1),
        (384, 19, 5),
    ]
    assert [layer["reverse"] for layer in layers.lstms] == [True, False, True, False, True]
    assert layers.scorer["activation"] == "tanh"
    assert (layers.scorer["scale"], layers.scorer["state_len"], layers.scorer["bias"]) == (5.0, 4, True)
    wide = read_sublayers(
        sublayers_of_flat({"first_conv_size": 16, "num_layers": 4, "features": 8}, 3), "dorado"
    )
    assert [c["size"] for c in wide.convs] == [16, 16, 8]
    assert [layer["reverse"] for layer in wide.lstms] == [False, True, False, True]
    assert wide.scorer["blank_score"] is None


def test_grus_are_read_of_bonito_and_not_of_dorado() -> None:
    sublayers = sublayers_of_flat({"rnn_type": "gru", "num_layers": 2, "features": 8}, 3)
    layers = read_sublayers(sublayers, "bonito")
    assert [layer["kind"] for layer in layers.lstms] == ["gru", "gru"]
    assert [layer["reverse"] for layer in layers.lstms] == [False, True]
    assert layers.renames["4.rnn.weight_hh_l0"] == "encoder.lstms.0.rnn.weight_hh_l0"
    with pytest.raises(ValueError, match=r"sublayer 4 \(gru\): dorado has no such layer"):
        read_sublayers(sublayers, "dorado")


@pytest.mark.parametrize(
    ("sublayers", "complaint"),
    [
        ([{"type": "flstm", "inner_dim": 8}], r"sublayer 0 \(flstm\): this type is not supported"),
        ([*WITH_CLAMPS[:6], {"type": "upsample"}], r"sublayer 6 \(upsample\)"),
        ([conv(1, 4, groups=2)], "keys groups are not known"),
        ([conv(2, 4)], "insize must be 1"),
        ([conv(1, 4, activation="gelu")], "activation 'gelu' is not supported"),
        ([conv(1, 4, norm="layernorm")], "norm 'layernorm' is not supported"),
        ([{k: v for k, v in conv(1, 4).items() if k != "size"}], "key 'size' is missing"),
        ([CLAMP], "must|may only follow"),
        ([conv(1, 4), lstm(4, 0)], "must follow the permute"),
        ([conv(1, 4), {"type": "permute", "dims": [0, 2, 1]}], "only dims"),
        ([conv(1, 4), PERMUTE, lstm(4, 0), {**SCORES, "insize": 4, "n_base": 5}], "n_base must be 4"),
        ([conv(1, 4), PERMUTE, lstm(4, 0), {**SCORES, "insize": 5}], "insize must be 4"),
        ([conv(1, 4), PERMUTE, lstm(4, 0)], "without a linearcrfencoder"),
        ([conv(1, 4), PERMUTE, lstm(4, 0), conv(4, 4)], "stands too late"),
    ],
)
def test_what_is_not_understood_is_named(sublayers: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_sublayers(sublayers, "bonito")


@pytest.mark.parametrize(
    ("flat", "complaint"),
    [
        ({"rnn_type": "rnn"}, "rnn_type 'rnn'"),
        ({"rnn_type": "elman"}, "rnn_type 'elman'"),
        ({"attention": 3}, "keys attention are not known"),
        ({"num_layers": 10**9}, "num_layers"),
    ],
)
def test_a_flat_style_that_is_not_understood_is_named(flat: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sublayers_of_flat(flat, 3)
