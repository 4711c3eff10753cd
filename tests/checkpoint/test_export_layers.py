"""What is written is what the importer reads, for any network that both can describe."""

import tomllib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.checkpoint.export_layers import encoder_of_numbers, encoder_of_sublayers, model_of_transformer
from lexome.checkpoint.export_network import PlainNetwork, agrees, padding_of, with_convs
from lexome.checkpoint.ont_layers import read_sublayers, sublayers_of_flat
from lexome.checkpoint.ont_transformer import read_transformer
from lexome.checkpoint.toml_text import to_toml
from lexome.core.config import from_dict
from lexome.models.bonito import BonitoConfig
from lexome.models.transformer import TransformerConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.recurrent import RecurrentConfig
from lexome.nn.scorer import CrfScorerConfig

SIZES = st.integers(1, 9)
CLAMPS = st.none() | st.sampled_from([[-5.0, 5.0], [-0.5, 3.5]])
# Plain values: the classes check shapes and types, for which they draw random numbers of their own.
CONVS = st.fixed_dictionaries(
    {
        "size": SIZES,
        "kernel": SIZES,
        "stride": SIZES,
        "padding": st.none() | st.just(1),  # never wider than the kernel
        "bias": st.booleans(),
        "activation": st.sampled_from(["swish", "tanh", "relu", "none"]),
        "batch_norm": st.booleans(),
        "clamp": CLAMPS,
    }
)
LSTMS = st.fixed_dictionaries(
    {
        "size": SIZES,
        "reverse": st.booleans(),
        "bias": st.booleans(),
        "kind": st.sampled_from(["lstm", "gru"]),
    }
)
LINEARS = st.fixed_dictionaries({"size": SIZES, "bias": st.booleans()})
ENCODERS = st.fixed_dictionaries(
    {
        "convs": st.lists(CONVS, min_size=1, max_size=3),
        "lstms": st.lists(LSTMS, min_size=1, max_size=4),
        "linears": st.lists(LINEARS, max_size=2),
    }
)
SCORERS = st.fixed_dictionaries(
    {
        "state_len": st.integers(1, 5),
        "blank_score": st.none() | st.floats(-3, 3),
        "bias": st.booleans(),
        "activation": st.sampled_from(["tanh", "none"]),
        "scale": st.floats(0.5, 8),
        "clamp": CLAMPS,
    }
)


def network(encoder: BonitoConfig | TransformerConfig, scorer: CrfScorerConfig) -> PlainNetwork:
    """The description without weights."""
    return PlainNetwork(with_convs(encoder, lambda c: replace(c, padding=padding_of(c))), scorer, {})


@given(ENCODERS, SCORERS)
def test_sublayers_are_read_back(layers: dict[str, Any], scores: dict[str, Any]) -> None:
    encoder, scorer = from_dict(BonitoConfig, layers, "layers"), from_dict(CrfScorerConfig, scores, "scores")
    written = encoder_of_sublayers(encoder, scorer)
    assert written["type"] == "serial"
    assert agrees(read_sublayers(written["sublayers"], "bonito"), network(encoder, scorer))


@given(
    st.lists(CONVS, min_size=1, max_size=3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.tuples(SIZES, SIZES),
    st.floats(0.1, 9),
    st.integers(1, 3),
    SCORERS,
)
def test_transformers_are_read_back(
    convs: list[dict[str, Any]],
    heads: int,
    depth: int,
    window: tuple[int, int],
    alpha: float,
    upsample: int,
    scores: dict[str, Any],
) -> None:
    convs = [{**conv, "clamp": None} for conv in convs]
    convs[-1] |= {"size": 4 * heads, "stride": 2 * upsample}
    layers = {
        "convs": convs,
        "attention": {"num_heads": heads, "window": list(window)},
        "feed_forwards": [5] * depth,
        "upsample": upsample,
        "deepnorm_alpha": alpha,
        "deepnorm_beta": 1 / alpha,
    }
    encoder = from_dict(TransformerConfig, layers, "layers")
    scorer = from_dict(CrfScorerConfig, {**scores, "clamp": None}, "scores")
    written = tomllib.loads(to_toml({"model": model_of_transformer(encoder, scorer)}))["model"]
    assert agrees(read_transformer(written, "bonito"), network(encoder, scorer))
    assert written["encoder"]["crf"]["scale"] == scorer.scale  # dorado fails without it


def test_a_transformer_says_its_scale_even_if_it_is_one() -> None:
    layers = {"convs": [{"size": 4, "kernel": 3}], "attention": {"num_heads": 1, "window": [1, 1]}}
    encoder = from_dict(TransformerConfig, {**layers, "feed_forwards": [5]}, "layers")
    crf = model_of_transformer(encoder, CrfScorerConfig(3, scale=1.0))["encoder"]["crf"]
    assert crf["scale"] == 1.0


@given(st.integers(2, 8), SIZES, st.floats(-3, 3), st.integers(1, 5))
def test_numbers_are_read_back(stride: int, size: int, blank_score: float, state_len: int) -> None:
    convs = (ConvConfig(4, 5), ConvConfig(16, 5), ConvConfig(size, 19, stride))
    lstms = tuple(RecurrentConfig(size, i % 2 == 0) for i in range(5))
    encoder, scorer = BonitoConfig(convs, lstms), CrfScorerConfig(state_len, blank_score)
    written = encoder_of_numbers(encoder, scorer)
    layers = read_sublayers(sublayers_of_flat(written, state_len), "dorado")
    assert agrees(layers, network(encoder, scorer))


@pytest.mark.parametrize(
    "change", [{"stride": 4}, {"scale": 4.0}, {"blank_score": 1.0}, {"winlen": 17}, {"activation": "tanh"}]
)
def test_other_numbers_are_another_network(change: dict[str, Any]) -> None:
    convs = (ConvConfig(4, 5), ConvConfig(16, 5), ConvConfig(8, 19, 5))
    encoder = BonitoConfig(convs, tuple(RecurrentConfig(8, i % 2 == 0) for i in range(5)))
    written = {**encoder_of_numbers(encoder, CrfScorerConfig(3)), **change}
    layers = read_sublayers(sublayers_of_flat(written, 3), "dorado")
    assert not agrees(layers, network(encoder, CrfScorerConfig(3)))
