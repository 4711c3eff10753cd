"""What the layers of a basecaller give along a stretch of a read, on their first principal components.

Source: figure 2.1 of Ordonez Cardenas 2024 (outputs of the third convolution, the LSTM and the CRF of a
Bonito network, by PCA). What the components are fitted on is not said there; here it is the whole read, or
several.

Legend: N items, S samples, T steps, D features, C components.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lexome import __version__
from lexome.core.errors import UsageError
from lexome.decode.heads import find_head
from lexome.evaluate.principal import Components, Moments
from lexome.tasks.compare.layer_steps import LayerAxes, by_step, layer_axes, passing
from lexome.tasks.compare.layers import chosen_layers
from lexome.tasks.compare.signal_network import ReadSignal, SignalNetwork

CONTEXT_SAMPLES = 2000  # run with the stretch, on each side, so that recurrent layers have a past
MOST_COMPONENTS = 4  # as many as there are colours
BASES = "ACGT"


@dataclass(frozen=True)
class StretchConfig:
    """What is looked at.

    Attributes:
        start: first sample of the stretch, counted from the start of the read; None: where calling begins.
        samples: of the stretch.
        components: of each layer.
        fit_reads: reads that the components are fitted on, the one looked at first.
        fit_samples: of each of them, at most.
    """

    start: int | None = None
    samples: int = 300
    components: int = 3
    fit_reads: int = 1
    fit_samples: int = 50_000

    def __post_init__(self) -> None:
        if min(self.samples, self.fit_reads, self.fit_samples) < 1 or (self.start or 0) < 0:
            raise ValueError("samples and reads must be at least 1, the start not negative")
        if not 1 <= self.components <= MOST_COMPONENTS:
            raise ValueError(f"there can be 1 to {MOST_COMPONENTS} components, not {self.components}")


@dataclass(frozen=True)
class LayerOutput:
    """A layer along the stretch.

    Attributes:
        name: of the module.
        features: D.
        samples_per_position: of its output.
        first_sample: of the read, at its first position.
        explained: part of the variance of all fitted positions along each component.
        values_TC: coordinates.
    """

    name: str
    features: int
    samples_per_position: float
    first_sample: float
    explained: tuple[float, ...]
    values_TC: np.ndarray


@dataclass(frozen=True)
class Stretch:
    """A stretch of a read, what was called there, and the layers."""

    model: SignalNetwork
    read: ReadSignal
    start: int
    signal_S: np.ndarray
    bases: tuple[tuple[str, int], ...]
    layers: tuple[LayerOutput, ...]
    fitted_reads: int
    fitted_samples: int

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values; `bases` are [base, sample of the read]."""
        return {
            "lexome_version": __version__,
            **self.model.to_json(),
            "read_id": self.read.read_id,
            "read_samples": len(self.read.signal),
            "start": self.start,
            "samples": len(self.signal_S),
            "fitted_reads": self.fitted_reads,
            "fitted_samples": self.fitted_samples,
            "signal": [round(value, 4) for value in self.signal_S.tolist()],
            "bases": [list(base) for base in self.bases],
            "layers": [
                {
                    "name": layer.name,
                    "features": layer.features,
                    "samples_per_position": layer.samples_per_position,
                    "first_sample": layer.first_sample,
                    "explained": list(layer.explained),
                    "components": [
                        [float(f"{v:.5g}") for v in column] for column in layer.values_TC.T.tolist()
                    ],
                }
                for layer in self.layers
            ],
        }


def layer_outputs(
    model: SignalNetwork,
    reads: Iterator[ReadSignal],
    config: StretchConfig = StretchConfig(),
    *,
    read_id: str = "",
    taps: Sequence[str] = (),
    on_samples: Callable[[int], None] = lambda samples: None,
) -> Stretch:
    """Runs a network over a stretch of a read and reduces what its layers give.

    Args:
        model: the network.
        reads: as of `signal_network.signals_of`.
        config: which stretch, how many components.
        read_id: of the read; empty: the first one.
        taps: patterns of module names instead of the layers (see `layers.chosen_layers`).
        on_samples: told how many samples the components were fitted on.

    Returns:
        The stretch.

    Raises:
        UsageError: for modules that do not exist, a read that is not there, or a stretch that is not in it.
    """
    names = chosen_layers(model.network, taps, model.source)
    axes = layer_axes(model.network, names)
    names = [name for name in names if name in axes and axes[name].out is not None]
    if not names:
        raise UsageError(f"none of these modules of {model.source} gives features of steps")
    read, others = _find(reads, read_id, config.fit_reads - 1)
    start = read.trimmed if config.start is None else config.start
    if start + config.samples > len(read.signal):
        raise UsageError(
            f"read {read.read_id} has {len(read.signal)} samples: --start {start} and --samples "
            f"{config.samples} reach beyond its end"
        )
    components, fitted = _fit(model, [read, *others], names, axes, config, on_samples)
    with_context, scores_TK, begin = _run_around(model, read, start, config.samples, names, axes)
    run = begin, len(scores_TK) * model.network.stride
    layers = tuple(
        _layer(name, with_context[name], components[name], run, start, config.samples) for name in names
    )
    return Stretch(
        model, read, start, read.signal[start : start + config.samples],
        _called(model, scores_TK, begin, start, config.samples), layers, 1 + len(others), fitted,
    )  # fmt: skip


def _find(reads: Iterator[ReadSignal], read_id: str, more: int) -> tuple[ReadSignal, list[ReadSignal]]:
    """The read that is meant, and the first `more` others."""
    found: ReadSignal | None = None
    others: list[ReadSignal] = []
    for read in reads:
        if found is None and read_id in ("", read.read_id):
            found = read
        elif len(others) < more:
            others.append(read)
        if found is not None and len(others) == more:
            break
    if found is None:
        raise UsageError(f"no read '{read_id}' in these files" if read_id else "no read that can be used")
    return found, others


def _fit(
    model: SignalNetwork, reads: Sequence[ReadSignal], names: Sequence[str], axes: dict[str, LayerAxes],
    config: StretchConfig, on_samples: Callable[[int], None],
) -> tuple[dict[str, Components], int]:  # fmt: skip
    """Components of every layer over the reads, piece by piece, and how many samples these have."""
    multiple = model.network.chunk_multiple
    size = max(1, model.signal.chunk_size // multiple) * multiple
    moments: dict[str, Moments] = {}
    done = 0
    for read in reads:
        signal = read.signal[read.trimmed : read.trimmed + config.fit_samples]
        for first in range(0, len(signal), size):
            piece = signal[first : first + size]
            piece = piece[: len(piece) // multiple * multiple]
            if not len(piece):
                continue
            for name, values_TD in _run(model, piece, names, axes)[0].items():
                moments.setdefault(name, Moments(values_TD.shape[1])).add(values_TD)
            done += len(piece)
            on_samples(done)
    if not moments:
        raise UsageError(f"read {reads[0].read_id} is too short for this network")
    return {name: sums.components(config.components) for name, sums in moments.items()}, done


def _run_around(
    model: SignalNetwork, read: ReadSignal, start: int, samples: int, names: Sequence[str],
    axes: dict[str, LayerAxes],
) -> tuple[dict[str, np.ndarray], np.ndarray, int]:  # fmt: skip
    """The network over a stretch and what is around it; also the scores, and where that begins."""
    multiple = model.network.chunk_multiple
    begin = max(0, start - CONTEXT_SAMPLES)
    end = min(len(read.signal), start + samples + CONTEXT_SAMPLES)
    length = (end - begin) // multiple * multiple
    if begin + length < start + samples:  # the last step is cut off by the end of the read: begin earlier
        begin, length = max(0, end - length - multiple), length + multiple
    outputs, scores_TK = _run(model, read.signal[begin : begin + length], names, axes)
    return outputs, scores_TK, begin


def _run(
    model: SignalNetwork, signal_S: np.ndarray, names: Sequence[str], axes: dict[str, LayerAxes]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What the layers give for a piece of signal, by position, and the scores."""
    device = next(model.network.parameters()).device
    with torch.no_grad(), passing(model.network, names) as passed:
        scores_NTK = model.network(torch.from_numpy(signal_S.copy())[None, None].to(device))
    outputs = {}
    for name in names:
        axis = axes[name].out
        assert axis is not None
        outputs[name] = by_step(passed.outputs[name], axis)[0].cpu().numpy()
    return outputs, scores_NTK[0].cpu().numpy()


def _layer(
    name: str, values_TD: np.ndarray, components: Components, run: tuple[int, int], start: int, samples: int
) -> LayerOutput:
    """A layer's output over the stretch; `run` is where what was run begins, and its length."""
    begin, length = run
    step = length / len(values_TD)
    first, last = int((start - begin) / step), int(np.ceil((start - begin + samples) / step))
    values_TC = components.project(values_TD[first:last].astype(np.float64))
    explained = tuple(float(part) for part in components.explained_C)
    return LayerOutput(name, values_TD.shape[1], step, begin + first * step, explained, values_TC)


def _called(
    model: SignalNetwork, scores_TK: np.ndarray, begin: int, start: int, samples: int
) -> tuple[tuple[str, int], ...]:
    """The bases called within the stretch, with the sample at which the step of each begins."""
    head = model.checkpoint.head
    decoded = find_head(head.name).decoder(head.config)(scores_TK)
    at = begin + np.flatnonzero(decoded.moves) * model.network.stride
    return tuple(
        (BASES[code], int(sample))
        for code, sample in zip(decoded.bases.tolist(), at.tolist(), strict=True)
        if start <= sample < start + samples
    )
