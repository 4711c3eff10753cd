"""Small configurations of every registered encoder, and what the contract has to know about it.

`test_registry_contract.py` runs over them; a new encoder adds its rows here.
"""

from typing import Any

CONVS = [{"size": 4, "kernel": 5}, {"size": 8, "kernel": 9, "stride": 5}]
TWO_STEPS = [{"size": 4, "kernel": 3, "stride": 2}, {"size": 8, "kernel": 3, "stride": 2, "batch_norm": True}]

# Per encoder, configurations that differ in what matters for the contract; all small.
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "bigbird": [
        {
            "convs": TWO_STEPS,
            "num_heads": 2,
            "window": [2, 3],
            "feed_forwards": [{"hidden": 8}],
            "num_global": n,
        }
        for n in (0, 2)
    ],
    "bonito": [
        {
            "convs": [{"size": 4, "kernel": 5, "batch_norm": True}, {"size": 8, "kernel": 9, "stride": 5}],
            "lstms": [{"size": 8, "reverse": True}, {"size": 6, "reverse": False}],
            "linears": [{"size": 5}],
        },
        {"convs": CONVS, "lstms": [{"size": 6, "reverse": True, "kind": "gru"}]},
        {"convs": CONVS, "lstms": [{"size": 6, "reverse": False, "kind": "elman"}]},
        {
            "convs": CONVS,
            "lstms": [
                {"size": 6, "reverse": True, "kind": "parallel_lstm", "iterations": 4},
                {"size": 6, "reverse": False, "splits": 3},
                {"size": 6, "reverse": True, "kind": "lstm_steps"},
                {"size": 6, "reverse": False, "kind": "lstm_scripted"},
            ],
        },
        {"convs": CONVS, "lstms": [{"size": 6, "reverse": True, "kind": "slstm", "heads": 2}]},
        {"convs": CONVS, "lstms": [{"size": 6, "reverse": False, "kind": "min_gru"}]},
        {"convs": CONVS, "lstms": [{"size": 6, "reverse": True, "kind": "mlstm", "heads": 2}]},
        {"convs": CONVS, "lstms": [{"size": 8, "reverse": True, "kind": "gru_ablation"}]},
        {
            "convs": CONVS,
            "lstms": [
                {
                    "size": 8,
                    "reverse": True,
                    "kind": "elman",
                    "residual": True,
                    "layer_norm": True,
                    "dropout": 0.1,
                }
            ],
        },  # fmt: skip
        # thin maps in front of the gates
        {
            "convs": CONVS,
            "lstms": [
                {"size": 6, "reverse": True, "rank": 3},
                {"size": 6, "reverse": False, "kind": "gru", "rank": 2, "splits": 2},
                {"size": 6, "reverse": True, "kind": "min_gru", "rank": 2, "residual": True},
            ],
        },
        # Kolmogorov-Arnold networks for convolutions
        {
            "convs": [
                {"size": 3, "kernel": 5, "basis": "spline", "hidden": 4},
                {"size": 4, "kernel": 5, "basis": "sine", "hidden": 4, "stride": 5},
            ],
            "lstms": [{"size": 6, "reverse": True}],
        },
        # a kernel that ends with its step and layers that run forwards: nothing looks ahead
        {
            "convs": [{"size": 4, "kernel": 5, "stride": 5, "padding": 0}],
            "lstms": [{"size": 6, "reverse": False}],
        },
    ],
    "catcaller": [
        {
            "convs": TWO_STEPS,
            "num_heads": 2,
            "kernels": [3, 7],
            "feed_forward": {"hidden": 12},
            "dropout": 0.0,
        }
    ],
    "causalcall": [
        {"size": 6, "dilations": [1, 2, 4], "linear": 5},
        {"size": 6, "dilations": [1, 2, 4], "linear": 5, "residuals": [False, True, False]},
    ],
    "deepconsensus": [
        {"pileup": {"passes": 2, "width": 4}, "size": 12, "num_heads": 2, "band": 3, "feed_forwards": [8]}
    ],
    "dense_base_conv": [
        {
            "convs": [
                {"size": 4, "kernel": 3, "batch_norm": True, "activation": "leaky_relu"},
                {
                    "size": 8,
                    "kernel": 4,
                    "stride": 3,
                    "padding": 1,
                    "batch_norm": True,
                    "activation": "leaky_relu",
                },
            ],
            "blocks": [{"size": 8, "kernel": 5}],
            "lstms": [{"size": 6, "reverse": True}],
        },  # fmt: skip
        {"convs": CONVS, "blocks": [{"size": 8, "kernel": 3}, {"size": 8}]},
    ],
    "mamba": [
        {"convs": CONVS, "layers": [{"size": 8, "states": 3}, {"size": 8, "states": 2, "reverse": True}]},
        {"convs": CONVS, "layers": [{"size": 8, "version": 2, "states": 3, "head_size": 4}]},
        {
            "convs": [{"size": 4, "kernel": 5, "stride": 5, "padding": 0}],
            "layers": [{"size": 4}, {"size": 4, "version": 2, "head_size": 4}],
        },
        {
            "convs": [{"size": 4, "kernel": 5, "stride": 5, "padding": 0}],
            "layers": [{"size": 4, "reverse": True}],
        },
        {"convs": CONVS, "layers": [{"size": 8}, {"size": 8, "reverse": True}], "thoughts_every": 3},
    ],
    "parallel_rnn": [
        {"convs": CONVS, "layers": [{"size": 8}, {"size": 8, "reverse": True, "norm_groups": 2}]},
        {"convs": CONVS, "layers": [{"size": 8, "mixer_groups": 8, "iterations": 2, "mixer": 3}]},
    ],
    "quartznet": [
        {
            "blocks": [
                {"size": 6, "kernel": 9, "stride": 3, "separable": False},
                {"size": 8, "kernel": 5, "repeat": 2, "residual": True},
                {"size": 4, "kernel": 3, "dilation": 2},
            ],
        },
        # groups of channels between depthwise and ordinary
        {
            "blocks": [
                {"size": 6, "kernel": 9, "stride": 3, "separable": False},
                {"size": 9, "kernel": 5, "repeat": 2, "residual": True, "groups_of": 3},
                {"size": 4, "kernel": 3, "groups_of": 9},
            ],
        },
    ],
    "reformer": [
        {
            "convs": TWO_STEPS,
            "num_heads": 2,
            "feed_forwards": [{"hidden": 12}, {"hidden": 8}],
            "lsh": {"group": 8, "num_buckets": 4, "num_rounds": 2},
        }
    ],
    "sacall": [
        {"convs": TWO_STEPS, "num_heads": 2, "feed_forwards": [{"hidden": 12}, {"hidden": 8}]},
        {
            "convs": TWO_STEPS,
            "num_heads": 2,
            "feed_forwards": [
                {"hidden": 6, "experts": 3},
                {"hidden": 6, "experts": 3, "grouped": True},
                {"leaf": 4, "depth": 2},
            ],
        },
        {
            "convs": TWO_STEPS,
            "num_heads": 2,
            "feed_forwards": [{"hidden": 8}],
            "thoughts": {
                "steps": 2,
                "iterations": 2,
                "separators": True,
                "learned_start": True,
                "residual": True,
                "context": True,
            },
        },
    ],
    "s4": [
        {"convs": CONVS, "blocks": [{"size": 8, "states": 3}, {"size": 8, "kernel": 9, "residual": True}]}
    ],
    "transformer": [
        {
            "convs": CONVS,
            "attention": {"num_heads": 2, "window": [3, 4]},
            "feed_forwards": [8, 12],
        },
        {
            "convs": [{"size": 4, "kernel": 5}, {"size": 8, "kernel": 9, "stride": 6}],
            "attention": {"num_heads": 2, "window": None},
            "feed_forwards": [8],
            "upsample": 2,
        },
    ],
    "with_inputs": [
        {
            "inputs": inputs,
            "architecture": {
                "name": "bonito",
                "config": {"convs": CONVS, "lstms": [{"size": 6, "reverse": True}]},
            },
        }
        for inputs in ({"degree": 3, "window": 7}, {"parts": "complex"}, {"parts": "magnitude", "window": 5})
    ],
}

# Encoders that onnxruntime cannot run (a part of them, by the number of its example), and why. The test
# expects the export or its parity to fail there, so that the list stays true.
NO_ONNX: dict[tuple[str, int], str] = {
    ("bonito", 7): "ablated GRUs are for experiments with the torch engine",
    ("deepconsensus", 0): "the engine takes one channel of signal; this network has an export of its own",
}
