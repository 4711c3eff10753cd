"""How far a trained network looks: gradients of its scores with respect to its inputs.

For step t of the scores and position t + k of an input, J is the matrix of the derivatives of all scores of
the step with respect to all features of the position. The profile of the input is

    mass(k) = mean over steps t, reads and directions v of | v J |

with v a random direction of unit length in the space of the scores, drawn for every step, and |.| the
Euclidean length; so its square is in the mean |J|^2 (Frobenius) over the number of scores. Every step lies in
the middle of a window of its own, cut from a read, `reach_samples` to either side, with nothing beyond: an
offset of 0 is the position in the middle of the window, where the step stands. Two profiles are taken for
each layer: that of the scores with respect to the layer's input, and that of the layer's own output with
respect to its own input, which says what the layer itself looks at.

Source: the "inverse gradient method" of Ordonez Cardenas 2024, section 5.1.2 (an LSTM of a basecaller was
seen to restrict itself to about 3 of its input vectors); how it was done is not said there.

Legend: R reads, N windows, S samples, T steps, D features, K positions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.receptive_field import Field, field_of
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network
from lexome.tasks.compare.gradients import SIGNAL, Looking, Windows
from lexome.tasks.compare.layer_steps import layer_axes
from lexome.tasks.compare.layers import chosen_layers
from lexome.tasks.compare.signal_network import ReadSignal, SignalNetwork

BOOTSTRAP = BootstrapConfig(resamples=200)
UNTRAINED_SEED = 0


@dataclass(frozen=True)
class FieldConfig:
    """What is measured.

    Attributes:
        reach_samples: of the window on each side of a step; rounded up to what the network takes.
        steps: of each read, evenly spaced.
        reads: at most; those shorter than a window are passed over.
        batch_size: windows at a time.
        seed: of the directions.
    """

    reach_samples: int = 2000
    steps: int = 16
    reads: int = 16
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.reach_samples, self.steps, self.reads, self.batch_size) < 1:
            raise ValueError("reach, steps, reads and batch size must be at least 1")


@dataclass(frozen=True)
class LayerField:
    """What is known of one input: of a layer, or the signal.

    Attributes:
        name: of the layer whose input it is, or "signal".
        samples_per_position: of the input.
        of_scores: of the scores with respect to it; None if there is no gradient.
        of_itself: of the layer's own output.
        untrained: `of_scores` of the network before training.
        untrained_own: `of_itself` of it.
        profiles: the mass by offset of these four, relative to the largest; None without gradient.
        first: offset of the profiles' first position.
    """

    name: str
    samples_per_position: int
    of_scores: Field | None
    of_itself: Field | None
    untrained: Field | None
    untrained_own: Field | None
    profiles: tuple[np.ndarray | None, ...]
    first: int

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "input_of": self.name,
            "samples_per_position": self.samples_per_position,
            "scores": _plain(self.of_scores),
            "own": _plain(self.of_itself),
            "untrained_scores": _plain(self.untrained),
            "untrained_own": _plain(self.untrained_own),
            "first_offset": self.first,
            "profile": _rounded(self.profiles[0]),
            "own_profile": _rounded(self.profiles[1]),
            "untrained_profile": _rounded(self.profiles[2]),
            "untrained_own_profile": _rounded(self.profiles[3]),
        }


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a network and of its layers."""

    model: SignalNetwork
    config: FieldConfig
    window_samples: int
    reads: int
    too_short: int
    windows: int
    layers: tuple[LayerField, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values; null where there is no gradient."""
        return {
            "lexome_version": __version__,
            **self.model.to_json(),
            "reads": self.reads,
            "reads_too_short": self.too_short,
            "windows": self.windows,
            "window_samples": self.window_samples,
            "seed": self.config.seed,
            "layers": [layer.to_json() for layer in self.layers],
            "left_out": list(self.left_out),
        }


def receptive_field(
    model: SignalNetwork,
    reads: Iterator[ReadSignal],
    config: FieldConfig = FieldConfig(),
    *,
    taps: Sequence[str] = (),
    on_windows: Callable[[int], None] = lambda windows: None,
) -> ReceptiveField:
    """Measures how far a network and each of its layers look.

    Args:
        model: the network.
        reads: as of `signal_network.signals_of`.
        config: what is measured.
        taps: patterns of module names instead of the layers (see `layers.chosen_layers`).
        on_windows: told how many windows are done.

    Returns:
        The figures, beside those of the same network with the weights that training would begin with.

    Raises:
        UsageError: for modules that do not exist, or if no read is long enough.
        LexomeError: if the network has no gradients.
    """
    network, names = model.network, chosen_layers(model.network, taps, model.source)
    axes = layer_axes(network, names)
    left_out = tuple(n for n in names if n not in axes or axes[n].into is None)
    names = [name for name in names if name not in left_out]
    half = -(-config.reach_samples // network.chunk_multiple) * network.chunk_multiple
    trained = Looking(network, names, axes, config.seed)
    untrained: Looking | None = None
    counts = {"reads": 0, "too_short": 0}
    device, done = next(network.parameters()).device, 0
    for windows in _windows(reads, config, half, counts):
        moved = Windows(windows.signal_NCS.to(device), windows.read_N)
        untrained = untrained or Looking(_untrained(model, moved.signal_NCS), names, axes, config.seed)
        trained.add(moved)
        untrained.add(moved)
        done += len(moved.read_N)
        on_windows(done)
    if untrained is None:
        raise UsageError(
            f"no read has {2 * half} samples behind its start ({counts['too_short']} are shorter); "
            "take a smaller --reach or other reads"
        )
    layers = tuple(_layer(name, trained, untrained) for name in (SIGNAL, *names) if name in trained.of_scores)
    missing = [name for name in names if name not in trained.of_scores]
    return ReceptiveField(
        model, config, 2 * half, counts["reads"], counts["too_short"], done, layers, (*left_out, *missing)
    )


def _windows(
    reads: Iterator[ReadSignal], config: FieldConfig, half: int, counts: dict[str, int]
) -> Iterator[Windows]:
    """Windows of reads, evenly spaced in what is called of each."""
    pieces: list[np.ndarray] = []
    numbers: list[int] = []
    for read in reads:
        room = len(read.signal) - read.trimmed - 2 * half
        if room < 0:
            counts["too_short"] += 1
            continue
        for start in np.unique(np.linspace(0, room, config.steps, dtype=np.int64)) + read.trimmed:
            pieces.append(read.signal[start : start + 2 * half])
            numbers.append(counts["reads"])
            if len(pieces) == config.batch_size:
                yield Windows(torch.from_numpy(np.stack(pieces))[:, None], np.array(numbers))
                pieces, numbers = [], []
        counts["reads"] += 1
        if counts["reads"] == config.reads:
            break
    if pieces:
        yield Windows(torch.from_numpy(np.stack(pieces))[:, None], np.array(numbers))


def _untrained(model: SignalNetwork, signal_NCS: Tensor) -> Network:
    """The network as training would begin with it: new weights, scaled to some windows."""
    architecture, head = to_dict(model.checkpoint.architecture), to_dict(model.checkpoint.head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        network = new_network(architecture, head)
    network.to(signal_NCS.device).eval()
    scale_to_data(network, signal_NCS)
    return network.requires_grad_(False)


def _layer(name: str, trained: Looking, untrained: Looking) -> LayerField:
    fields: list[Field | None] = []
    profiles: list[np.ndarray | None] = []
    of_scores = trained.of_scores[name]
    first = -(len(of_scores.rows[0]) // 2)
    for looking in (trained, untrained):
        for profile in (looking.of_scores.get(name), looking.of_itself.get(name)):
            if profile is None:
                fields.append(None)
                profiles.append(None)
                continue
            rows_RK = np.stack(profile.rows)
            fields.append(field_of(rows_RK, first, bootstrap=BOOTSTRAP if looking is trained else None))
            mean_K = rows_RK.mean(axis=0)
            profiles.append(mean_K / (mean_K.max() or 1.0))
    scores, own, untrained_scores, untrained_own = fields
    samples = of_scores.samples_per_position
    return LayerField(name, samples, scores, own, untrained_scores, untrained_own, tuple(profiles), first)


def _plain(field: Field | None) -> dict[str, Any] | None:
    if field is None:
        return None
    return {
        "spans": [
            {
                "share": share, "first": span.first, "last": span.last, "width": span.width,
                "width_interval": field.intervals[share],
            }
            for share, span in field.spans.items()
        ],
        "above": [
            {"level": level, "first": span.first, "last": span.last} for level, span in field.above.items()
        ],
        "at_edge": field.at_edge,
        "reached": [field.reached.first, field.reached.last],
        "before": field.before,
        "after": field.after,
        "distance": field.distance,
    }  # fmt: skip


def _rounded(profile_K: np.ndarray | None) -> list[float] | None:
    return None if profile_K is None else [float(f"{mass:.5g}") for mass in profile_K.tolist()]
