"""Layers as the products of two thin matrices: the best approximation of a trained network's of some rank.

W (O outputs, I inputs) becomes U V with r features between: r (O + I) weights and products instead of O I.
Three kinds of matrices can be replaced: the products of recurrent layers with their input, linear layers
behind them, and the linear layer of the scores. The recurrent product is left as it is: torch's and
onnxruntime's recurrent kernels take whole matrices, so that a factorised one would save bytes, not time.

Source: singular value decomposition; the product of the first r parts is the best approximation in the least
squares of the weights (Eckart and Young 1936). Recurrent layers between thin matrices: the vendor's models of
2026. What differs: the start is a trained network's decomposition, not new weights.

Legend: O outputs, I inputs, R rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError, nearest
from lexome.models.bonito import BonitoConfig, LinearConfig
from lexome.models.dense_base_conv import DenseBaseConvConfig
from lexome.nn.recurrent import CELLS

ENCODERS = {"bonito": BonitoConfig, "dense_base_conv": DenseBaseConvConfig}
SCORES = "scorer.linear"
INPUT_WEIGHT = "rnn.weight_ih_l0"


@dataclass(frozen=True)
class Factorised:
    """A matrix as the product of two.

    Attributes:
        layer: name of the layer.
        outputs: O.
        inputs: I.
        rank: R.
        energy: share of the squared weights that the product has, 0 to 1.
    """

    layer: str
    outputs: int
    inputs: int
    rank: int
    energy: float


def factors(weight_OI: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The two matrices whose product is the nearest to a matrix, both with the same singular values.

    Args:
        weight_OI: the matrix.
        rank: R, at most the smaller side.

    Returns:
        U (O, R) and V (R, I), in the type of the matrix.
    """
    left_OM, values_M, right_MI = np.linalg.svd(weight_OI.astype(np.float64), full_matrices=False)
    root_R = np.sqrt(values_M[:rank])
    up_OR, down_RI = left_OM[:, :rank] * root_R, root_R[:, None] * right_MI[:rank]
    return up_OR.astype(weight_OI.dtype), down_RI.astype(weight_OI.dtype)


def kept_energy(weight_OI: np.ndarray) -> np.ndarray:
    """For every rank from 1 on, the share of the squared weights that the best product has."""
    squares_M = np.linalg.svd(weight_OI.astype(np.float64), compute_uv=False) ** 2
    total = squares_M.sum()
    return np.cumsum(squares_M) / total if total > 0 else np.ones_like(squares_M)


def matrices(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The matrices of a model that can be replaced, by the names of their layers.

    Raises:
        UsageError: if there are none, or the weights are quantised.
    """
    if checkpoint.quantization is not None:
        raise UsageError(f"model {checkpoint.name} has quantised weights; begin with the one in float")
    if checkpoint.architecture.name not in ENCODERS:
        raise UsageError(
            f"model {checkpoint.name}: low rank knows the layers of {', '.join(ENCODERS)}, not of "
            f"'{checkpoint.architecture.name}'"
        )
    encoder, weights = _encoder(checkpoint), checkpoint.weights
    found = {
        f"encoder.lstms.{i}": weights[f"encoder.lstms.{i}.{INPUT_WEIGHT}"]
        for i, layer in enumerate(encoder.lstms)
        if layer.kind in CELLS and layer.rank is None
    }
    if isinstance(encoder, BonitoConfig):
        names = [*(f"encoder.linears.{i}" for i in range(len(encoder.linears))), SCORES]
        found |= {name: weights[f"{name}.weight"] for name in names if f"{name}.weight" in weights}
    if not found:
        raise UsageError(f"model {checkpoint.name} has no layer that a product of two can replace")
    return found


def ranks_of(
    checkpoint: Checkpoint, *, rank: int | None = None, energy: float | None = None
) -> dict[str, int]:
    """The rank of every layer that gets smaller.

    Args:
        checkpoint: the model.
        rank: the same for all, or
        energy: share of its squared weights, above 0 and at most 1, that every layer is to keep at least.

    Returns:
        Name of a layer -> R; layers whose two matrices would have no fewer weights are left out.

    Raises:
        UsageError: if not one of both is given, it is out of range, or no layer gets smaller.
    """
    if (rank is None) == (energy is None):
        raise UsageError("give either a rank or an energy")
    if (rank is not None and rank < 1) or (energy is not None and not 0 < energy <= 1):
        raise UsageError("a rank must be at least 1, an energy above 0 and at most 1")
    chosen = {}
    for name, weight_OI in matrices(checkpoint).items():
        wanted = rank
        if energy is not None:
            wanted = 1 + int(np.searchsorted(kept_energy(weight_OI), energy - 1e-12))
        assert wanted is not None
        if wanted * sum(weight_OI.shape) < weight_OI.size:
            chosen[name] = wanted
    if not chosen:
        raise UsageError(
            f"model {checkpoint.name}: no layer gets smaller by "
            f"{f'a rank of {rank}' if rank else f'keeping {energy:g} of its squared weights'}; ask for less"
        )
    return chosen


def low_rank(checkpoint: Checkpoint, ranks: Mapping[str, int]) -> tuple[Checkpoint, list[Factorised]]:
    """A model with some matrices replaced by products of two.

    Args:
        checkpoint: the model.
        ranks: name of a layer (see `matrices`) -> R, at most its smaller side.

    Returns:
        The model, whose configuration builds the thin layers, and what became of each matrix. At the full
        rank it computes what the given one does, up to rounding.

    Raises:
        UsageError: for a layer that is unknown (with the nearest names), or a rank that it cannot have.
    """
    known, encoder = matrices(checkpoint), _encoder(checkpoint)
    for name, rank in ranks.items():
        if name not in known:
            raise UsageError(
                f"model {checkpoint.name}: no layer '{name}' to factorise; {nearest(name, known)}"
            )
        if not 1 <= rank <= min(known[name].shape):
            raise UsageError(f"layer {name}: its rank is from 1 to {min(known[name].shape)}, not {rank}")
    pairs = {name: factors(known[name], rank) for name, rank in ranks.items()}
    weights = dict(checkpoint.weights)
    lstms = list(encoder.lstms)
    for i, layer in enumerate(lstms):
        if pair := pairs.get(name := f"encoder.lstms.{i}"):
            lstms[i] = replace(layer, rank=ranks[name])
            weights[f"{name}.{INPUT_WEIGHT}"], weights[f"{name}.down.weight"] = pair
    encoder = replace(encoder, lstms=tuple(lstms))
    if isinstance(encoder, BonitoConfig):
        encoder = _with_linears(encoder, weights, pairs)
    described = [
        Factorised(name, *_shape(known[name]), rank, float(kept_energy(known[name])[rank - 1]))
        for name, rank in ranks.items()
    ]
    made = {**checkpoint.provenance, "low_rank": {"from": checkpoint.name, "ranks": dict(ranks)}}
    architecture = replace(checkpoint.architecture, config=to_dict(encoder))
    return replace(checkpoint, architecture=architecture, provenance=made, weights=weights), described


def _encoder(checkpoint: Checkpoint) -> BonitoConfig | DenseBaseConvConfig:
    architecture = checkpoint.architecture
    where = f"model {checkpoint.name}, architecture"
    return from_dict(ENCODERS[architecture.name], architecture.config, where)


def _with_linears(
    encoder: BonitoConfig,
    weights: dict[str, np.ndarray],
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> BonitoConfig:
    """The encoder with thin linear layers before those that are factorised; `weights` are changed to fit."""
    linears: list[LinearConfig] = []
    named: dict[str, np.ndarray] = {}
    for i, linear in enumerate(encoder.linears):
        old = f"encoder.linears.{i}"
        weight, bias = weights.pop(f"{old}.weight"), weights.pop(f"{old}.bias", None)
        if old in pairs:
            weight, named[f"encoder.linears.{len(linears)}.weight"] = pairs[old]
            linears.append(LinearConfig(len(weight[0]), bias=False))
        named[f"encoder.linears.{len(linears)}.weight"] = weight
        if bias is not None:
            named[f"encoder.linears.{len(linears)}.bias"] = bias
        linears.append(linear)
    if SCORES in pairs:
        weights[f"{SCORES}.weight"], named[f"encoder.linears.{len(linears)}.weight"] = pairs[SCORES]
        linears.append(LinearConfig(pairs[SCORES][0].shape[1], bias=False))
    weights.update(named)
    return replace(encoder, linears=tuple(linears))


def _shape(weight_OI: np.ndarray) -> tuple[int, int]:
    outputs, inputs = weight_OI.shape
    return outputs, inputs
