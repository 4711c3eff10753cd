"""The layers of a network as the config.toml of ONT's basecallers lists them: the way back of `ont_layers`.

Source: the layout of the published models (bonito, dorado): a list of sublayers from version 4 on, a few
numbers before, named parts for transformers.
"""

from typing import Any

from lexome.checkpoint.export_network import plain_convs
from lexome.models.bonito import BonitoConfig
from lexome.models.transformer import TransformerConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.scorer import CrfScorerConfig


def encoder_of_sublayers(encoder: BonitoConfig, scorer: CrfScorerConfig) -> dict[str, Any]:
    """The section [encoder] as a list of sublayers.

    Args:
        encoder: convolutions, recurrent and linear layers.
        scorer: what makes the scores.

    Returns:
        The section; `ont_layers.read_sublayers` reads the same network from it.
    """
    width = encoder.in_channels
    sublayers: list[dict[str, Any]] = []
    for conv in plain_convs(encoder):
        sublayers += _convolution(width, conv)
        width = conv.size
    sublayers.append({"type": "permute", "dims": [2, 0, 1]})
    for layer in encoder.lstms:
        sublayers.append(
            {
                "type": layer.kind,
                "size": layer.size,
                "insize": width,
                "bias": layer.bias,
                "reverse": int(layer.reverse),
            }
        )
        width = layer.size
    for linear in encoder.linears:
        sublayers.append(
            {"type": "linear", "in_features": width, "out_features": linear.size, "bias": linear.bias}
        )
        width = linear.size
    return {"type": "serial", "sublayers": [*sublayers, _scores(width, scorer), *_clamp(scorer.clamp)]}


def encoder_of_numbers(encoder: BonitoConfig, scorer: CrfScorerConfig) -> dict[str, Any]:
    """The section [encoder] in the flat style of models up to version 3.

    Args:
        encoder: the convolutions 4, 16 and any size wide, as `ont_layers.sublayers_of_flat` makes them.
        scorer: a tanh over the scores and a fixed score for staying.

    Returns:
        The section.
    """
    last = plain_convs(encoder)[-1]
    return {
        "stride": last.stride,
        "winlen": last.kernel,
        "scale": float(scorer.scale),
        "features": last.size,
        "rnn_type": "lstm",
        "activation": last.activation,
        "blank_score": scorer.blank_score,
    }


def model_of_transformer(encoder: TransformerConfig, scorer: CrfScorerConfig) -> dict[str, Any]:
    """The section [model] of a transformer.

    Args:
        encoder: one width of the feed-forward blocks, a window, no clamps.
        scorer: no clamp.

    Returns:
        The section; `ont_transformer.read_transformer` reads the same network from it.
    """
    width = encoder.in_channels
    sublayers: list[dict[str, Any]] = []
    for conv in plain_convs(encoder):
        sublayers += _convolution(width, conv)
        width = conv.size
    sublayers.append({"type": "permute", "dims": [0, 2, 1]})
    layer: dict[str, Any] = {
        "type": "transformerencoderlayer",
        "d_model": width,
        "nhead": encoder.attention.num_heads,
        "dim_feedforward": encoder.feed_forwards[0],
        "deepnorm_alpha": encoder.deepnorm_alpha,
        "deepnorm_beta": encoder.deepnorm_beta,
        "attn_window": encoder.attention.window,
    }
    parts: dict[str, Any] = {
        "type": "namedserial",
        "conv": {"type": "serial", "sublayers": sublayers},
        "transformer_encoder": {"type": "stack", "depth": len(encoder.feed_forwards), "layer": layer},
    }
    if encoder.upsample > 1:
        parts["upsample"] = {"type": "linearupsample", "d_model": width, "scale_factor": encoder.upsample}
    parts["crf"] = {
        **_scores(width, scorer),
        "scale": float(scorer.scale),
        "expand_blanks": True,
        "permute": [1, 0, 2],
    }
    return {
        "type": "seqdistmodel",
        "package": "bonito.transformer",
        "seqdist": {"state_len": scorer.state_len, "alphabet": list("NACGT")},
        "encoder": parts,
    }


def _convolution(insize: int, conv: ConvConfig) -> list[dict[str, Any]]:
    sublayer: dict[str, Any] = {
        "type": "convolution",
        "insize": insize,
        "size": conv.size,
        "bias": conv.bias,
        "winlen": conv.kernel,
        "stride": conv.stride,
        "padding": conv.kernel // 2 if conv.padding is None else conv.padding,
    }
    if conv.activation != "none":
        sublayer["activation"] = conv.activation
    if conv.batch_norm:
        sublayer["norm"] = "batchnorm"
    return [sublayer, *_clamp(conv.clamp)]


def _scores(insize: int, scorer: CrfScorerConfig) -> dict[str, Any]:
    sublayer: dict[str, Any] = {
        "type": "linearcrfencoder",
        "insize": insize,
        "n_base": 4,
        "state_len": scorer.state_len,
        "bias": scorer.bias,
    }
    if scorer.activation != "none":
        sublayer["activation"] = scorer.activation
    if scorer.scale != 1.0:
        sublayer["scale"] = float(scorer.scale)
    if scorer.blank_score is not None:
        sublayer["blank_score"] = float(scorer.blank_score)
    return sublayer


def _clamp(bounds: tuple[float, float] | None) -> list[dict[str, Any]]:
    return [] if bounds is None else [{"type": "clamp", "min": float(bounds[0]), "max": float(bounds[1])}]
