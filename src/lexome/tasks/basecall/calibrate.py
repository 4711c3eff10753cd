"""Fits the qualities of a basecaller to what they should say, on validation chunks.

Source: own; a straight line from raw to empirical Q is the form that ONT's models carry (qscore scale and
bias). Differs: the line levels off below a ceiling, since some errors (a stretch of poor signal, a base that
was sequenced wrongly) do not show in the scores, however sure they are.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import LexomeError
from lexome.decode.heads import find_head
from lexome.decode.quality import QualityScale
from lexome.dp.kernels.edit import matched_positions
from lexome.engine.engine import open_engine
from lexome.io.chunks import read_store

KEYS = ("qscore_scale", "qscore_bias", "qscore_ceiling")
CEILINGS = tuple(np.arange(10.0, 40.1, 0.25).tolist())
MIN_BASES = 200  # of a raw quality, to count in the fit
MAX_CHUNKS = 2000
EDGE_BP = 5  # not counted at either end of a chunk, where call and label may begin a base apart


@dataclass(frozen=True)
class Calibration:
    """How raw qualities become right ones, and what that was fitted to: raw quality, bases, empirical Q."""

    quality: QualityScale
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
    raw_config = {key: value for key, value in checkpoint.head.config.items() if key not in KEYS}
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
    quality = fit_quality(used.astype(float), empirical, total[used].astype(float))
    rows = tuple((int(q), int(total[q]), float(e)) for q, e in zip(used, empirical, strict=True))
    config = {**raw_config, "qscore_scale": quality.scale, "qscore_bias": quality.bias}
    if quality.ceiling is not None:
        config["qscore_ceiling"] = quality.ceiling
    calibrated = dataclasses.replace(checkpoint, head=Component(checkpoint.head.name, config))
    return calibrated, Calibration(quality, rows)


def fit_quality(
    raw_N: Float[np.ndarray, " N"], empirical_N: Float[np.ndarray, " N"], bases_N: Float[np.ndarray, " N"]
) -> QualityScale:
    """The scale that makes raw qualities most like the empirical ones, with a ceiling if that is better.

    Args:
        raw_N: raw qualities, three or more.
        empirical_N: what they turned out to be.
        bases_N: how many bases each stands for; the weights of the squared differences.

    Returns:
        The best of a straight line and of lines with ceilings from 10 to 40 in steps of a quarter; each of
        these lines is fitted to what the ceiling leaves unexplained.
    """

    def with_line(ceiling: float | None) -> QualityScale:
        floor = 0.0 if ceiling is None else 10 ** (-ceiling / 10)
        error_N = 10 ** (-empirical_N / 10) - floor
        below_N = error_N > 0.1 * floor  # close to the ceiling the line cannot be told
        if below_N.sum() < 2:
            return QualityScale(ceiling=ceiling)
        rest_N = -10 * np.log10(error_N[below_N])
        scale, bias = np.polyfit(raw_N[below_N], rest_N, 1, w=np.sqrt(bases_N[below_N] * error_N[below_N]))
        return QualityScale(round(float(scale), 4), round(float(bias), 4), ceiling)

    def difference(quality: QualityScale) -> float:
        return float(bases_N @ (quality.line(raw_N) - empirical_N) ** 2)

    return min((with_line(ceiling) for ceiling in (None, *CEILINGS)), key=difference)
