r"""Weights of DeepConsensus 1.2 as a checkpoint.

The published weights are a TensorFlow checkpoint, which only its own program can open. Where that program is
installed (Python 3.9), this writes them to a file that `read_deepconsensus` takes:

    python -c "import sys, numpy; \
    from deepconsensus.models.convert_to_saved_model import initialize_model; \
    variables = initialize_model(sys.argv[1]).variables; \
    numpy.savez(sys.argv[2], **{'w/' + v.name: v.numpy() for v in variables})" model/checkpoint weights.npz

Only keys that begin with `w/` are read.
"""

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import BadInputError

MAX_ENTRIES = 10_000
MAX_ENTRY_BYTES = 256 << 20
TABLES = {
    "bases": "bases_embedding",
    "pulse_widths": "pw_embedding",
    "interpulse": "ip_embedding",
    "strands": "strand_embedding",
    "ccs_qualities": "ccs_base_quality_scores_embedding",
    "signal_to_noise": "sn_embedding",
}
LAYER = re.compile(r"/encoder_stack/layer_(\d+)/(self_attention|ffn)/")
COUNTER = re.compile(r"_\d+(?=/)")  # of layers of one kind, in the order they were made


def read_deepconsensus(path: Path, features: Mapping[str, Any] | None = None) -> Checkpoint:
    """Reads exported weights.

    Args:
        path: the .npz file that the program in this module's description writes.
        features: how the input is made; goes into the checkpoint as it is.

    Returns:
        A checkpoint of the task "correct". Its widths and its depth are those of the weights; heads and band
        of the attention, which no weight shows, are the published ones unless the weights say otherwise.

    Raises:
        BadInputError: if the file cannot be read or holds other weights.
    """
    variables = _read(path)
    taken: set[str] = set()

    def take(name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        if name not in variables:
            raise BadInputError(f"{path}: no weight '{name}'; not the exported weights of DeepConsensus")
        weight = variables[name]
        if weight.dtype.kind != "f" or (shape is not None and weight.shape != shape):
            raise BadInputError(
                f"{path}: weight '{name}' is {weight.dtype}{weight.shape}, expected floats"
                + (f" {shape}" if shape is not None else "")
            )
        if not np.isfinite(weight).all():
            raise BadInputError(f"{path}: weight '{name}' holds values that are not finite")
        taken.add(name)
        return np.asarray(weight, np.float32)

    depth = 1 + max((int(m[1]) for name in variables if (m := LAYER.search(name))), default=-1)
    if not 1 <= depth <= 1000:
        raise BadInputError(f"{path}: {depth} layers; not the exported weights of DeepConsensus")
    has_qualities = f"{TABLES['ccs_qualities']}/embeddings" in variables
    weights = {
        f"encoder.embedding.tables.{ours}.weight": take(f"{theirs}/embeddings")
        for ours, theirs in TABLES.items()
        if ours != "ccs_qualities" or has_qualities
    }
    weights["encoder.embedding.condenser.weight"] = take("dense/kernel").T
    size = len(weights["encoder.embedding.condenser.weight"])
    hidden, num_heads = [], 0
    for i in range(depth):
        num_heads = _attention(weights, i, size, take)
        hidden.append(_feed_forward(weights, i, size, take))
    weights["encoder.norm.weight"] = take("encode/encoder_stack/layer_normalization/gamma", (size,))
    weights["encoder.norm.bias"] = take("encode/encoder_stack/layer_normalization/beta", (size,))
    weights["scorer.linear.weight"] = take("encode/dense/kernel", (size, 5)).T
    weights["scorer.linear.bias"] = take("encode/dense/bias", (5,))
    if unused := sorted(variables.keys() - taken):
        raise BadInputError(f"{path}: weight '{unused[0]}' ({len(unused)} in all) belongs to no layer")
    tables = {ours: weights.get(f"encoder.embedding.tables.{ours}.weight") for ours in TABLES}
    pileup = _pileup(path, tables, weights["encoder.embedding.condenser.weight"].shape[1])
    architecture = {"pileup": pileup, "size": size, "num_heads": num_heads, "feed_forwards": hidden}
    return Checkpoint(
        "correct",
        Component("deepconsensus", architecture),
        Component("consensus", {}),
        dict(features or {}),
        None,
        {"name": path.stem, "imported_from": {"name": path.name, "layout": "deepconsensus"}},
        {name: np.asarray(weight, order="C") for name, weight in weights.items()},
    )


def _attention(weights: dict[str, np.ndarray], i: int, size: int, take: Callable[..., np.ndarray]) -> int:
    """Adds the weights of a layer's attention; the number of its heads."""
    theirs = f"encode/encoder_stack/layer_{i}/self_attention/pre_post_processing_wrapper"
    ours = f"encoder.layers.{i}.attention"
    query_DHE = take(f"{theirs}/self_attention/query/kernel")
    heads = query_DHE.shape[1] if query_DHE.ndim == 3 else 0
    if heads < 1 or size % heads:
        raise BadInputError(f"layer {i}: queries of the shape {query_DHE.shape} for {size} features")
    by_head = (size, heads, size // heads)
    parts = [take(f"{theirs}/self_attention/{kind}/kernel", by_head) for kind in ("query", "key", "value")]
    weights[f"{ours}.inner.qkv.weight"] = np.concatenate([part.reshape(size, size).T for part in parts])
    out_HED = take(f"{theirs}/self_attention/output_transform/kernel", (*by_head[1:], size))
    weights[f"{ours}.inner.out.weight"] = out_HED.reshape(size, size).T
    weights[f"{ours}.gate"] = take(f"{theirs}/Variable", ())
    return heads


def _feed_forward(weights: dict[str, np.ndarray], i: int, size: int, take: Callable[..., np.ndarray]) -> int:
    """Adds the weights of a layer's feed-forward block; its width."""
    theirs = f"encode/encoder_stack/layer_{i}/ffn/pre_post_processing_wrapper"
    ours = f"encoder.layers.{i}.feed_forward"
    bias = take(f"{theirs}/feed_forward_network/filter_layer/bias")
    hidden = bias.size
    weights[f"{ours}.inner.into.bias"] = bias
    into = take(f"{theirs}/feed_forward_network/filter_layer/kernel", (size, hidden))
    weights[f"{ours}.inner.into.weight"] = into.T
    out = take(f"{theirs}/feed_forward_network/output_layer/kernel", (hidden, size))
    weights[f"{ours}.inner.out.weight"] = out.T
    weights[f"{ours}.inner.out.bias"] = take(f"{theirs}/feed_forward_network/output_layer/bias", (size,))
    weights[f"{ours}.gate"] = take(f"{theirs}/Variable", ())
    return hidden


def _pileup(path: Path, tables: Mapping[str, np.ndarray | None], num_features: int) -> dict[str, Any]:
    """The rows that the tables and the condenser are made for."""
    width, strand_width = (tables[name].shape[-1] for name in ("bases", "strands"))  # type: ignore[union-attr]
    with_qualities = tables["ccs_qualities"] is not None
    # every pass has a base, two times and a strand; the draft a base and perhaps a quality, and four ratios
    outside = width * (1 + with_qualities + 4)
    passes, rest = divmod(num_features - outside, 3 * width + strand_width)
    if rest or passes < 1:
        raise BadInputError(
            f"{path}: a condenser of {num_features} features fits no number of passes (tables of {width} and "
            f"{strand_width} features)"
        )
    return {"passes": passes, "ccs_qualities": with_qualities, "width": width, "strand_width": strand_width}


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays below `w/`, by their name without the model's, counters and number of the output."""
    variables: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise BadInputError(f"{path}: {len(entries)} entries are too many for a model")
            for entry in entries:
                if not entry.filename.startswith("w/"):
                    continue
                name = _plain(entry.filename.removesuffix(".npy"))
                if name in variables:
                    raise BadInputError(f"{path}: two weights are called '{name}'")
                variables[name] = _array(path, archive, entry)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise BadInputError(f"{path}: not an .npz file of weights, or a damaged one ({error})") from error
    return variables


def _plain(name: str) -> str:
    """`w/Transformer/encode/a/b_3/kernel:0` -> `encode/a/b/kernel`; layers keep their numbers.

    How the network was called first decides whether its own name stands before `Transformer`.
    """
    before, _, inner = name.rpartition("/Transformer/")
    inner = (inner if before else name.split("/", 2)[-1]).removesuffix(":0")
    return "/".join(
        part if part.startswith("layer_") and part[6:].isdigit() else COUNTER.sub("", part + "/")[:-1]
        for part in inner.split("/")
    )


def _array(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """One array; memory is given out for bytes that are there, not for what a header claims."""
    if entry.file_size > MAX_ENTRY_BYTES:
        raise BadInputError(f"{path}: {entry.filename} has {entry.file_size} bytes, too many for a weight")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{entry.filename} has the unknown array format {version}")
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, in_fortran_order, dtype = read(file)
        if dtype.kind not in "fiu":
            raise ValueError(f"{entry.filename} holds {dtype}, no numbers")
        flat = np.frombuffer(file.read(), dtype)  # a size that does not fit the shape is refused below
    return flat.reshape(shape, order="F" if in_fortran_order else "C")
