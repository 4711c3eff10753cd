"""Configurations of architectures from a width and a number of layers, as plain data; imports nothing heavy.

Each function gives {"name": a registered encoder, "config": its configuration}, or makes such a function;
what they are, and where they come from, is in `models.named`.
"""

from collections.abc import Callable
from typing import Any

Table = dict[str, Any]
Builder = Callable[[int, int], Table]  # from width and layers

# As in the published transformers for basecalling: SACall has 8 heads for 256 features.
HEAD_FEATURES = 32
CATCALLER_KERNELS = (3, 7, 15, 31, 31, 31)
QUARTZNET_KERNELS = (33, 39, 51, 63, 75)
BONITO_FIRST = 16  # channels of Bonito's first two convolutions, whatever its width


def heads(width: int) -> int:
    """Heads of about 32 features, of an even number each."""
    return max((n for n in range(1, width // HEAD_FEATURES + 1) if width % (2 * n) == 0), default=1)


def bonito_convs(width: int) -> list[Table]:
    """Bonito's three convolutions, a step every five samples."""
    return [
        {"size": BONITO_FIRST, "kernel": 5, "activation": "swish"},
        {"size": BONITO_FIRST, "kernel": 5, "activation": "swish"},
        {"size": width, "kernel": 19, "stride": 5, "activation": "swish"},
    ]


def bonito(**options: Any) -> Builder:
    """Bonito whose recurrent layers have these options; from the last step to the first and back in turn."""

    def build(width: int, layers: int) -> Table:
        recurrent = [{"size": width, "reverse": i % 2 == 0, **options} for i in range(layers)]
        return {"name": "bonito", "config": {"convs": bonito_convs(width), "lstms": recurrent}}

    return build


def bonito_kan(place: int, basis: str, hidden: int) -> Builder:
    """Bonito with a Kolmogorov-Arnold network for one of its first two convolutions."""

    def build(width: int, layers: int) -> Table:
        table = bonito()(width, layers)
        table["config"]["convs"][place] = {
            "size": BONITO_FIRST, "kernel": 5, "basis": basis, "hidden": hidden, "grid": 8,
        }  # fmt: skip
        return table

    return build


def with_inputs(**inputs: Any) -> Builder:
    """Bonito behind another representation of the signal."""

    def build(width: int, layers: int) -> Table:
        config = {"inputs": dict(inputs), "architecture": bonito()(width, layers)}
        return {"name": "with_inputs", "config": config}

    return build


def parallel_rnn(width: int, layers: int) -> Table:
    """Bonito's convolutions and parallel recurrences of alternating direction."""
    blocks = [{"size": width, "reverse": i % 2 == 0, "iterations": 3, "mixer": 5} for i in range(layers)]
    return {"name": "parallel_rnn", "config": {"convs": bonito_convs(width), "layers": blocks}}


def dense_base_conv(width: int, layers: int) -> Table:
    """Kernels of 3 and 4, a step every three samples, blocks and one LSTM."""
    norm = {"batch_norm": True, "activation": "leaky_relu"}
    config = {
        "convs": [
            {"size": BONITO_FIRST, "kernel": 3, **norm},
            {"size": width, "kernel": 4, "stride": 3, "padding": 1, **norm},
        ],
        "blocks": [{"size": width, "kernel": 5} for _ in range(layers)],
        "lstms": [{"size": width, "reverse": True}],
    }
    return {"name": "dense_base_conv", "config": config}


def s4(width: int, layers: int) -> Table:
    """Bonito's convolutions and blocks of state spaces."""
    blocks = [{"size": width, "states": 16, "kernel": 64, "dropout": 0.1} for _ in range(layers)]
    return {"name": "s4", "config": {"convs": bonito_convs(width), "blocks": blocks}}


def mamba(version: int, **options: Any) -> Builder:
    """Bonito's convolutions and layers of Mamba (1) or Mamba-2 (2) of alternating direction."""

    def build(width: int, layers: int) -> Table:
        blocks: list[Table] = [
            {"size": width, "version": version, "reverse": i % 2 == 0, "states": 16} for i in range(layers)
        ]
        return {"name": "mamba", "config": {"convs": bonito_convs(width), "layers": blocks, **options}}

    return build


def frame(width: int) -> Table:
    """SACall's: two convolutions that halve the samples, and its heads."""
    norm = {"bias": False, "batch_norm": True, "activation": "relu"}
    convs = [{"size": size, "kernel": 3, "stride": 2, **norm} for size in (max(1, width // 2), width)]
    return {"convs": convs, "num_heads": heads(width)}


def dense(width: int) -> Table:
    """SACall's block: four times as many features inside."""
    return {"hidden": 4 * width}


def experts(width: int) -> Table:
    """Eight blocks, of which two as wide as the dense one together are used."""
    return {"hidden": 2 * width, "experts": 8, "chosen": 2}


def grouped_experts(width: int) -> Table:
    """The same; each expert runs on its own steps only."""
    return {**experts(width), "grouped": True}


def tree(width: int) -> Table:
    """Sixteen small blocks, of which one is used."""
    return {"leaf": max(1, width // 2), "depth": 4}


def sacall(feed_forward: Callable[[int], Table] = dense, **options: Any) -> Builder:
    """SACall with another feed-forward block, or with a chain of thought."""

    def build(width: int, layers: int) -> Table:
        feed_forwards = [feed_forward(width) for _ in range(layers)]
        return {"name": "sacall", "config": {**frame(width), "feed_forwards": feed_forwards, **options}}

    return build


def two_step(thoughts: Table) -> Builder:
    """The thesis' SequenceNetCoTTwostep: one convolution and layers with a chain of thought."""

    def build(width: int, layers: int) -> Table:
        config = {
            "convs": [{"size": width, "kernel": 19, "stride": 5, "activation": "relu"}],
            "num_heads": heads(width),
            "feed_forwards": [dense(width) for _ in range(layers)],
            "thoughts": thoughts,
        }
        return {"name": "sacall", "config": config}

    return build


def bigbird(num_global: int) -> Builder:
    """SACall with attention to about 64 steps around, and global places."""

    def build(width: int, layers: int) -> Table:
        feed_forwards = [dense(width) for _ in range(layers)]
        config = {
            **frame(width),
            "window": [31, 32],
            "num_global": num_global,
            "feed_forwards": feed_forwards,
        }
        return {"name": "bigbird", "config": config}

    return build


def reformer(width: int, layers: int) -> Table:
    """SACall's frame with attention by hashes and reversible layers."""
    lsh = {"group": 32, "num_buckets": 16, "num_rounds": 2}
    feed_forwards = [dense(width) for _ in range(layers)]
    return {"name": "reformer", "config": {**frame(width), "lsh": lsh, "feed_forwards": feed_forwards}}


def catcaller(width: int, layers: int) -> Table:
    """SACall's frame with a dynamic convolution beside each attention."""
    kernels = [CATCALLER_KERNELS[min(i, len(CATCALLER_KERNELS) - 1)] for i in range(layers)]
    config = {
        **frame(width),
        "num_heads": heads(width // 2),
        "kernels": kernels,
        "feed_forward": {"hidden": width},
    }
    return {"name": "catcaller", "config": config}


def causalcall(width: int, layers: int) -> Table:
    """Causal blocks, the dilation doubling from one to the next."""
    config = {"size": width, "dilations": [2**i for i in range(layers)], "linear": max(1, width // 2)}
    return {"name": "causalcall", "config": config}


def quartznet(width: int, layers: int) -> Table:
    """Bonito-CTC of one width: a strided convolution, separable blocks with sums, two convolutions."""
    kernels = [QUARTZNET_KERNELS[min(i, len(QUARTZNET_KERNELS) - 1)] for i in range(layers)]
    blocks: list[Table] = [{"size": width, "kernel": 9, "stride": 3, "separable": False}]
    blocks += [{"size": width, "kernel": kernel, "repeat": 3, "residual": True} for kernel in kernels]
    blocks += [{"size": width, "kernel": 67}, {"size": max(1, width // 2), "kernel": 15, "separable": False}]
    return {"name": "quartznet", "config": {"blocks": blocks, "activation": "swish"}}


def transformer(width: int, layers: int) -> Table:
    """The convolutions and layers of ONT's sup v5, all widths in its proportions."""
    first, middle = max(1, width // 8), max(1, width // 4)
    shapes = ((first, 5, 1), (first, 5, 1), (middle, 9, 3), (middle, 9, 2), (width, 5, 2))
    config = {
        "convs": [
            {"size": size, "kernel": kernel, "stride": stride, "activation": "swish", "batch_norm": True}
            for size, kernel, stride in shapes
        ],
        "attention": {"num_heads": heads(width), "window": [127, 128]},
        "feed_forwards": [4 * width] * layers,
        "upsample": 2,
    }
    return {"name": "transformer", "config": config}


def deepconsensus(width: int, layers: int) -> Table:
    """DeepConsensus of 20 passes; its feed-forward blocks are about eight times as wide."""
    config = {"pileup": {"passes": 20}, "size": width, "num_heads": 2, "band": 12}
    return {"name": "deepconsensus", "config": {**config, "feed_forwards": [8 * width] * layers}}
