"""What a network costs: weights, products, memory, and how far it looks. `nn.costs` says what is counted."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lexome.nn.costs import counted
from lexome.nn.network import Network
from lexome.nn.pileup_embedding import PileupRows
from lexome.nn.reach import reach_of


@dataclass(frozen=True)
class NetworkCosts:
    """The costs of calling one chunk.

    Attributes:
        parameters: numbers that are learned.
        samples: of the chunk that was run.
        macs: multiply-accumulates of the whole chunk (see `nn.costs`).
        stride: samples per step.
        peak_bytes: the most bytes of activations alive at one time (see `nn.costs.counted`).
        uncounted: operations with products that are not in `macs`; empty for all networks of this package.
    """

    parameters: int
    samples: int
    macs: int
    stride: int
    peak_bytes: int
    uncounted: tuple[str, ...]

    @property
    def macs_per_sample(self) -> float:
        """Multiply-accumulates for each sample of signal."""
        return self.macs / self.samples

    @property
    def bytes_per_sample(self) -> float:
        """Peak memory of activations for each sample of signal."""
        return self.peak_bytes / self.samples


@dataclass(frozen=True)
class NetworkReach:
    """What a step of the encoder depends on, in samples; None: as much as the longest chunk tried allows.

    Attributes:
        receptive_field: from the first sample to the last.
        looks_ahead: behind the last sample of the step itself.
        samples: of the longest chunk that was tried.
    """

    receptive_field: int | None
    looks_ahead: int | None
    samples: int


def network_costs(network: Network, samples: int) -> NetworkCosts:
    """Runs one chunk through a network and counts; the same numbers every time.

    Where a network looks at all pairs of steps, products and memory of a sample grow with the chunk.

    Args:
        network: encoder and scorer (also on torch's "meta" device, if nothing in it looks at values); it is
            left as it was.
        samples: of the chunk; rounded up to what the network takes.
    """
    whole = -(-samples // network.chunk_multiple) * network.chunk_multiple
    device = next(network.parameters()).device
    found = counted(network, example_chunks(network.encoder, 1, whole).to(device))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkCosts(parameters, whole, found.macs, network.stride, found.peak_bytes, found.uncounted)


def network_reach(network: Network, max_samples: int) -> NetworkReach:
    """The receptive field of a network's encoder, and how far it looks ahead.

    Measured (`nn.reach`), not taken from what the network says of itself.

    Args:
        network: on the CPU; it is left as it was.
        max_samples: of the longest chunk to try.
    """

    def example(batch: int, samples: int) -> Tensor:
        return example_chunks(network.encoder, batch, samples)

    found = reach_of(network.encoder, network.stride, network.chunk_multiple, example, max_samples)
    return NetworkReach(found.receptive_field, found.looks_ahead, found.samples)


def example_chunks(encoder: nn.Module, batch: int, samples: int, seed: int = 0) -> Tensor:
    """Chunks that an encoder takes: noise, or rows of a pile-up.

    Args:
        encoder: its `config` may have `in_channels` (one if not) or the rows of a `pileup`.
        batch: how many.
        samples: of each.
        seed: of the numbers.

    Returns:
        (batch, channels, samples), float32.
    """
    rng = np.random.default_rng(seed)
    config = getattr(encoder, "config", None)
    pileup = getattr(config, "pileup", None)
    if isinstance(pileup, PileupRows):
        low = [-group.shift for group in pileup.groups for _ in range(group.num_rows)]
        high = [g.num_values - g.shift for g in pileup.groups for _ in range(g.num_rows)]
        rows = [rng.integers(*bounds, (batch, samples)) for bounds in zip(low, high, strict=True)]
        return torch.from_numpy(np.stack(rows, axis=1).astype(np.float32))
    channels = int(getattr(config, "in_channels", 1))
    return torch.from_numpy(rng.standard_normal((batch, channels, samples), dtype=np.float32))
