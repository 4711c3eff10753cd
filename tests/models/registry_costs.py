"""Parameters and products of every registered encoder, worked out by hand from its configuration.

Nothing of the package is used here: `test_registry_contract.py` holds these numbers against what is counted.
An encoder's formula takes its configuration (a plain dict, as in `registry_examples.py`) and the samples of a
chunk, and gives (parameters, multiply-accumulates of the chunk). A new encoder adds its formula to `COSTS`.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

Config = dict[str, Any]
Costs = tuple[int, int]

# (encoder, number of example): why there is no formula. Empty: all have one.
NO_FORMULA: dict[tuple[str, int], str] = {}


def total(*parts: Costs) -> Costs:
    return sum(p for p, _ in parts), sum(m for _, m in parts)


def linear(steps: int, features: int, size: int, *, bias: bool = True) -> Costs:
    return features * size + bias * size, steps * features * size


def norm(size: int) -> Costs:
    """Layer, batch or group normalisation: a factor and an offset; not a product that is summed."""
    return 2 * size, 0


def conv(c: Config, channels: int, length: int) -> tuple[Costs, int]:
    """A convolution block or a KAN; its costs and the steps it gives."""
    kernel, stride = c["kernel"], c.get("stride", 1)
    padding = c.get("padding", kernel // 2)
    steps = (length + 2 * padding - kernel) // stride + 1
    if "basis" in c:
        copied = (0, steps * channels * kernel * kernel)  # windows are cut by a convolution that copies
        layers = [(channels * kernel, c["hidden"]), (c["hidden"], c["size"])]
        grid = c.get("grid", 8)
        if c["basis"] == "sine":
            made = [(i * o * grid + grid + o, steps * i * o * grid) for i, o in layers]
        else:
            splines = grid + c.get("degree", 3)
            made = [(i * o * (splines + 1), steps * i * o * (splines + 1)) for i, o in layers]
        return total(copied, *made), steps
    weights = channels * c["size"] * kernel
    parameters = weights + c.get("bias", True) * c["size"] + 2 * c.get("batch_norm", False) * c["size"]
    return (parameters, steps * weights), steps


def convs(config: Config, length: int) -> tuple[Costs, int, int]:
    """All convolutions in front: costs, steps, width."""
    costs: Costs = (0, 0)
    width = config.get("in_channels", 1)
    for one in config["convs"]:
        more, length = conv(one, width, length)
        costs, width = total(costs, more), one["size"]
    return costs, length, width


def recurrent(c: Config, steps: int, features: int) -> Costs:
    size, kind = c["size"], c.get("kind", "lstm")
    bias = c.get("bias", True)
    splits = c.get("splits", 1)
    filled = ceil(steps / splits) * splits  # every part is equally long
    thin: Costs = (0, 0)
    if "rank" in c:  # a map in front of the gates
        thin, features = linear(steps, features, c["rank"], bias=False), c["rank"]
    gates = {"lstm": 4, "gru": 3, "elman": 1, "min_gru": 2, "gru_ablation": 3}.get(kind, 4)
    of_input, of_state, biases = features * size * gates, size * size * gates, 2 * size * gates
    macs = filled * (of_input + of_state)
    if kind == "parallel_lstm":  # the first iteration has no state yet
        macs = filled * (of_input + (c.get("iterations", 3) - 1) * of_state)
    if kind == "slstm":  # a head's state reaches its own gates only
        of_state //= c.get("heads", 1)
        macs = filled * (of_input + of_state)
    if kind == "min_gru":  # no state in the gates; the mean that runs along is one product each
        of_state, biases = 0, size * gates
        macs = filled * (of_input + size)
    if kind == "mlstm":  # every step with every other: queries by keys, weights by values; gates per head
        of_gates = 2 * c.get("heads", 1)
        of_state, biases = of_gates * features, size * gates + of_gates
        macs = steps * (of_input + of_state) + 2 * steps * steps * size
    if kind == "gru_ablation":
        biases = size * gates
    parameters = of_input + of_state + bias * biases + 2 * c.get("layer_norm", False) * size
    return total(thin, (parameters, macs))


def stack(layers: list[Config], steps: int, width: int) -> tuple[Costs, int]:
    costs: Costs = (0, 0)
    for one in layers:
        costs, width = total(costs, recurrent(one, steps, width)), one["size"]
    return costs, width


def bonito(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs, width = stack(config["lstms"], steps, width)
    costs = total(front, costs)
    for one in config.get("linears", []):
        costs = total(costs, linear(steps, width, one["size"], bias=one.get("bias", True)))
        width = one["size"]
    return costs


def dense_base_conv(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs = front
    for block in config["blocks"]:
        inner, _ = conv({"size": width, "kernel": block.get("kernel", 5)}, width, steps)
        costs = total(costs, inner, linear(steps, width, width), norm(width))
    return total(costs, stack(config.get("lstms", []), steps, width)[0])


def parallel_rnn(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs = front
    for layer in config["layers"]:
        mixer = width * width * layer.get("mixer", 5) // layer.get("mixer_groups", 1)
        state = width * width
        costs = total(costs, linear(steps, width, width), norm(width), (width, 0))  # a learned first state
        costs = total(costs, (mixer + state, layer.get("iterations", 3) * steps * (mixer + state)))
    return costs


def s4(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs = front
    for block in config["blocks"]:
        states, kernel = block.get("states", 16), block.get("kernel", 64)
        system = width + width * states * (1 + 1 + 2 + 2 + 2)  # step; decay, frequency, low rank, b, c
        response = (0, steps * width * 2 * kernel)  # of both directions
        costs = total(costs, (2 * system + width, 0), norm(width), response, linear(steps, width, width))
    return costs


def mamba(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs = total(front, (width, 0))  # the last normalisation has factors only, as have those of the layers
    every = config.get("thoughts_every", 0)
    if every:  # every layer has a learned vector, which stands behind each so many steps
        costs = total(costs, (len(config["layers"]) * width, 0))
        steps = ceil(steps / every) * (every + 1)
    for layer in config["layers"]:
        inner, states = layer.get("expand", 2) * width, layer.get("states", 16)
        taps = layer.get("conv", 4)
        costs = total(costs, (width, 0), linear(steps, inner, width, bias=False))
        if layer.get("version", 1) == 1:
            rank = layer.get("rank") or ceil(width / 16)
            costs = total(
                costs,
                linear(steps, width, 2 * inner, bias=False),
                (inner * taps + inner, steps * inner * taps),
                linear(steps, inner, rank + 2 * states, bias=False),
                linear(steps, rank, inner),
                (inner * states + inner, 2 * steps * inner * states),
            )
            continue
        heads = inner // layer.get("head_size", 32)
        mixed = inner + 2 * states
        chunk = 32  # steps that are worked out together
        chunks = ceil(steps / chunk)
        inside = chunks * chunk * chunk * (states + inner)  # C B^T, then what it weights
        between = (
            chunks * (2 * chunk + 1) * inner * states
        )  # into the states, from chunk to chunk, out of them
        costs = total(
            costs,
            linear(steps, width, inner + mixed + heads, bias=False),
            (mixed * taps + mixed, steps * mixed * taps),
            (3 * heads + inner, inside + between),
        )
    return costs


def feed_forward(c: Config, steps: int, width: int) -> Costs:
    def block(hidden: int) -> int:
        return 2 * width * hidden

    if "leaf" in c:  # the questions, and one leaf of all
        nodes, leaves = 2 ** c["depth"] - 1, 2 ** c["depth"]
        parameters = leaves * (block(c["leaf"]) + c["leaf"] + width)
        return total(linear(steps, width, nodes), (parameters, steps * block(c["leaf"])))
    if "experts" in c:
        run = c.get("chosen", 2) if c.get("grouped", False) else c["experts"]
        parameters = c["experts"] * (block(c["hidden"]) + c["hidden"] + width)
        gate = linear(steps, width, c["experts"], bias=False)
        return total(gate, (parameters, steps * run * block(c["hidden"])))
    return total(linear(steps, width, c["hidden"]), linear(steps, c["hidden"], width))


def attention(queries: int, memories: int, width: int) -> Costs:
    """Queries see all memories; four layers without bias, two of them over the memories."""
    layers = [(queries, 2), (memories, 2)]
    products = sum(steps * count * width * width for steps, count in layers)
    return 4 * width * width, products + 2 * queries * memories * width


def encoder_layer(mixer: Costs, c: Config, steps: int, width: int) -> Costs:
    return total(norm(width), norm(width), mixer, feed_forward(c, steps, width))


def thought_layer(c: Config, thoughts: Config, steps: int, width: int) -> Costs:
    """Reasoning vectors that read the sequence in a decoder layer, then an encoder layer over both."""
    count, iterations = thoughts["steps"], thoughts.get("iterations", 1)
    separators = 2 * thoughts.get("separators", False)
    everything = steps + count + separators
    assert not thoughts.get("stepwise", False)
    parameters = (separators + thoughts.get("learned_start", False) * count) * width
    inner = encoder_layer(attention(everything, everything, width), c, everything, width)
    runs = 2 if thoughts.get("context", False) else 1
    costs: Costs = (parameters + inner[0], runs * inner[1])
    for i in range(iterations):
        memories = steps + (i > 0) * (count + separators // 2)
        reader = total(
            norm(width), attention(count, count, width), norm(width), attention(count, memories, width),
            norm(width), feed_forward(c, count, width),
        )  # fmt: skip
        costs = total(costs, (reader[0] if i == 0 else 0, reader[1]))
    return costs


def sacall(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    costs = total(front, norm(width))
    for one in config["feed_forwards"]:
        if config.get("thoughts"):
            costs = total(costs, thought_layer(one, config["thoughts"], steps, width))
        else:
            costs = total(costs, encoder_layer(attention(steps, steps, width), one, steps, width))
    return costs


def blocked(steps: int, window: tuple[int, int], shared: int = 0) -> int:
    """Pairs of queries and keys: blocks of a quarter window, each with the blocks around it."""
    left, right = window
    size = max(8, (left + right + 1) // 4)
    return ceil(steps / size) * size * ((1 + ceil(left / size) + ceil(right / size)) * size + shared)


def bigbird(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    places = config.get("num_global", 0)
    costs = total(front, norm(width), (places * width, 0))
    everything = steps + places
    for one in config["feed_forwards"]:
        pairs = blocked(steps, config["window"], places) + places * everything
        mixer = (4 * width * width, everything * 4 * width * width + 2 * pairs * width)
        costs = total(costs, encoder_layer(mixer, one, everything, width))
    return costs


def reformer(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    lsh = {"group": 32, "num_buckets": 8, "num_rounds": 2, **config.get("lsh", {})}
    costs = total(front, norm(width))
    filled = ceil(steps / lsh["group"]) * lsh["group"]
    hashing = steps * width * lsh["num_buckets"] // 2
    met = 2 * filled * 2 * lsh["group"] * width  # the own group and the one before, keys and values
    for one in config["feed_forwards"]:
        mixer = (3 * width * width, steps * 3 * width * width + lsh["num_rounds"] * (hashing + met))
        costs = total(costs, encoder_layer(mixer, one, steps, width))
    return costs


def catcaller(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    half, heads = width // 2, config["num_heads"]
    costs = total(front, norm(width))
    for kernel in config["kernels"]:
        dynamic = total(
            linear(steps, half, 2 * half), linear(steps, half, heads * kernel, bias=False),
            (0, steps * half * kernel), linear(steps, half, half),
        )  # fmt: skip
        mixer = total(attention(steps, steps, half), dynamic)
        costs = total(costs, encoder_layer(mixer, config["feed_forward"], steps, width))
    return costs


def causalcall(config: Config, samples: int) -> Costs:
    c = {"size": 256, "dilations": (1, 2, 4, 8, 16), "kernel": 3, "linear": 128, **config}
    size, width = c["size"], c.get("in_channels", 1)
    costs = linear(samples, size, c["linear"])
    for i in range(len(c["dilations"])):
        for channels in (width, size):
            weights = channels * 2 * size * c["kernel"]
            costs = total(costs, (weights + 2 * 2 * size, samples * weights))  # lengths and biases
        is_plain = width == size or not c.get("residuals", [True] * 9)[i]
        residual = (0, 0) if is_plain else linear(samples, width, size)
        costs, width = total(costs, residual, norm(size)), size
    return costs


def quartznet(config: Config, samples: int) -> Costs:
    costs: Costs = (0, 0)
    width, length = config.get("in_channels", 1), samples
    for block in config["blocks"]:
        size, came = block["size"], width
        for i in range(block.get("repeat", 1)):
            length = ceil(length / block.get("stride", 1)) if i == 0 else length
            if block.get("separable", True):
                weights = width * block["kernel"] * block.get("groups_of", 1) + width * size
            else:
                weights = width * size * block["kernel"]
            costs = total(costs, (weights, length * weights), norm(size))
            width = size
        if block.get("residual", False):
            costs = total(costs, linear(length, came, size, bias=False), norm(size))
    return costs


def transformer(config: Config, samples: int) -> Costs:
    front, steps, width = convs(config, samples)
    window = config["attention"]["window"]
    costs = front
    for hidden in config["feed_forwards"]:
        pairs = steps * steps if window is None else blocked(steps, window)
        costs = total(
            costs, linear(steps, width, 3 * width, bias=False), linear(steps, width, width),
            (0, 2 * pairs * width), linear(steps, width, 2 * hidden, bias=False),
            linear(steps, hidden, width, bias=False), (2 * width, 0),
        )  # fmt: skip
    factor = config.get("upsample", 1)
    return costs if factor == 1 else total(costs, linear(steps, width, factor * width))


def with_inputs(config: Config, samples: int) -> Costs:
    """The inputs are a convolution from one channel, with fixed taps."""
    inputs, inner = config["inputs"], config["architecture"]
    window = inputs.get("window", 17)
    if "parts" in inputs:
        computed = window
        channels = window if inputs["parts"] == "complex" else window // 2 + 1
    else:
        computed = channels = inputs.get("degree", 8) + 1
    behind = COSTS[inner["name"]]({**inner["config"], "in_channels": channels}, samples)
    return total(behind, (0, samples * computed * window))


def deepconsensus(config: Config, samples: int) -> Costs:
    rows = {"passes": 20, "ccs_qualities": False, "width": 8, "strand_width": 2, **config.get("pileup", {})}
    size, width = config.get("size", 280), rows["width"]
    assert not rows["ccs_qualities"]
    tables = (5 + 256 + 256 + 501) * width + 3 * rows["strand_width"]
    found = rows["passes"] * (3 * width + rows["strand_width"]) + (1 + 4) * width
    costs = total((tables, 0), linear(samples, found, size, bias=False), norm(size))
    for hidden in config.get("feed_forwards", (2048,) * 6):
        attending = (4 * size * size, samples * 4 * size * size + 2 * samples * samples * size)
        costs = total(costs, attending, (2, 0), linear(samples, size, hidden), linear(samples, hidden, size))
    return costs


def ctc_head(features: int, steps: int) -> Costs:
    """Five symbols; the consensus head has as many."""
    return linear(steps, features, 5)


COSTS: dict[str, Callable[[Config, int], Costs]] = {
    "bigbird": bigbird,
    "bonito": bonito,
    "catcaller": catcaller,
    "causalcall": causalcall,
    "deepconsensus": deepconsensus,
    "dense_base_conv": dense_base_conv,
    "mamba": mamba,
    "parallel_rnn": parallel_rnn,
    "quartznet": quartznet,
    "reformer": reformer,
    "s4": s4,
    "sacall": sacall,
    "transformer": transformer,
    "with_inputs": with_inputs,
}
