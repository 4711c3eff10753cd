"""Fits the qualities of a basecaller to what they should say, on validation chunks.

Source: own; a straight line from raw to empirical Q is the form that ONT's models carry (qscore scale and
bias).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import LexomeError
from lexome.decode.heads import find_head
from lexome.dp.kernels.edit import matched_positions
from lexome.engine.engine import open_engine
from lexome.io.chunks import read_store

MIN_BASES = 200  # of a raw quality, to count in the fit
MAX_CHUNKS = 2000
EDGE_BP = 5  # not counted at either end of a chunk, where call and label may begin a base apart


@dataclass(frozen=True)
class Calibration:
    """The line Q = scale * raw + bias, and what it was fitted to: raw quality, bases, empirical Q."""

    scale: float
    bias: float
    rows: tuple[tuple[int, int, float], ...]


def calibrate(checkpoint: Checkpoint, stores: Sequence[Path]) -> tuple[Checkpoint, Calibration]:
    """Calibrates a model on the validation chunks of training stores.

    A called base counts as right if it stands under its equal in a global alignment of the chunk's call and
    label; the first and last few bases of a chunk are left out.

    Args:
        checkpoint: the model; its present scale and bias are replaced.
        stores: folders of `lexome prepare basecall`; only chunks of the validation split are used.

    Returns:
        The model with its new scale and bias, and the fit.

    Raises:
        LexomeError: if there are too few validation chunks to fit a line.
    """
    raw_config = {**checkpoint.head.config, "qscore_scale": 1.0, "qscore_bias": 0.0}
    decoder = find_head(checkpoint.head.name).decoder(raw_config)
    engine = open_engine(checkpoint, device="cpu")
    total, right = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for store in map(read_store, stores):
        picked = np.random.default_rng(0).permutation(store.indices("validation"))[:MAX_CHUNKS]
        items = ((int(i), store.signal_NS[i].astype(np.float32)) for i in np.sort(picked))
        for index, decoded in engine.run(items, decoder):
            target = store.targets_NL[index, : store.lengths_N[index]].astype(np.int64) - 1
            matched = matched_positions(decoded.bases.astype(np.int64), target)[EDGE_BP:-EDGE_BP]
            qualities = decoded.qualities[EDGE_BP:-EDGE_BP]
            total += np.bincount(qualities, minlength=256)
            right += np.bincount(qualities[matched], minlength=256)
    used = np.flatnonzero((total >= MIN_BASES) & (right < total))
    if len(used) < 3:
        raise LexomeError("too few validation chunks to calibrate on; prepare a store with --validation")
    empirical = -10 * np.log10(1 - right[used] / total[used])
    scale, bias = np.polyfit(used, empirical, 1, w=np.sqrt(total[used]))
    fit = Calibration(
        float(scale),
        float(bias),
        tuple((int(q), int(total[q]), float(e)) for q, e in zip(used, empirical, strict=True)),
    )
    config = {
        **checkpoint.head.config,
        "qscore_scale": round(fit.scale, 4),
        "qscore_bias": round(fit.bias, 4),
    }
    return dataclasses.replace(checkpoint, head=Component(checkpoint.head.name, config)), fit
