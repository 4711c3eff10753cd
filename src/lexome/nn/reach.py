"""Which samples a step of a network depends on, found out by asking the network.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

import copy
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FIRST_STEPS = 32
FADED = 1e-200  # a gradient that may have been more than a number can hold further away
Example = Callable[[int, int], Tensor]  # a batch of so many chunks of so many samples


@dataclass(frozen=True)
class Reach:
    """What a step sees, at most.

    Attributes:
        receptive_field: samples from the first to the last one that a step depends on; None: as many as the
            longest chunk that was tried allows.
        looks_ahead: samples behind the last one of the step itself; None likewise.
        samples: of that chunk.
    """

    receptive_field: int | None
    looks_ahead: int | None
    samples: int


def reach_of(encoder: nn.Module, stride: int, multiple: int, example: Example, max_samples: int) -> Reach:
    """What the steps in the middle of ever longer chunks depend on.

    A copy in double precision with shaken weights (`shaken`) is asked for gradients of a step's features; the
    samples that have one count, however small it is. What a network chooses (the bucket of a hash, an expert)
    has none, so a dependence by choice alone is not seen. If the input is not continuous (rows of a
    pile-up), columns are replaced instead, and exact equality is asked for. A length is enough when the step
    does not see its ends, and a quarter more shows nothing more.

    Args:
        encoder: (N, C, S) -> (N, T, D); left as it is.
        stride: samples per step.
        multiple: what the length of a chunk is a multiple of, itself one of the stride.
        example: makes chunks.
        max_samples: chunks are not doubled beyond it.

    Raises:
        RuntimeError: if a step depends on nothing.
    """
    network = shaken(encoder).double()

    def look(multiples: int) -> _Seen:
        return _seen(network, stride, multiple, example(1, multiples * multiple))

    multiples = -(-FIRST_STEPS * stride // multiple)
    while True:
        seen = look(multiples)
        is_last = 2 * multiples * multiple > max_samples
        if is_last or not (seen.to_start and seen.to_end):
            again = look(multiples + -(-multiples // 4))
            before_known = not seen.to_start and seen.before == again.before
            ahead_known = not seen.to_end and seen.ahead == again.ahead
            if is_last or (before_known and ahead_known):
                return Reach(
                    seen.field if before_known and ahead_known else None,
                    max(0, seen.ahead) if ahead_known else None,
                    multiples * multiple,
                )
        multiples *= 2


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """A copy in evaluation mode whose biases, gates and statistics are random, so that what is ignored shows.

    Fresh networks have zeros where trained ones have numbers: gates that are closed, biases, whole layers.
    """
    made = copy.deepcopy(network).eval()
    generator = torch.Generator().manual_seed(seed)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like)

    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() < 2 or not parameter.any():
                parameter.add_(0.3 * noise(parameter))
        for name, buffer in made.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * noise(buffer))
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator).to(buffer))
    return made


@dataclass(frozen=True)
class _Seen:
    """What steps in the middle of a chunk see: samples before and behind their own, from first to last."""

    before: int
    ahead: int
    field: int
    to_start: bool
    to_end: bool


def _seen(network: nn.Module, stride: int, multiple: int, x_NCS: Tensor) -> _Seen:
    """The most that the steps of the middle multiple see; where a gradient fades away, it counts as more."""
    samples = x_NCS.shape[-1]
    first = samples // multiple // 2 * multiple // stride
    steps = range(first, first + multiple // stride)
    found: list[_Seen] = []
    for step, weight_S in zip(steps, _dependence(network, steps, x_NCS), strict=True):
        places = weight_S.nonzero()[:, 0].tolist()
        if not places:
            raise RuntimeError(f"step {step} of {samples // stride} depends on no sample")
        low, high = places[0], places[-1]
        faded = weight_S[low] < FADED, weight_S[high] < FADED
        found.append(
            _Seen(
                step * stride - low,
                high - (step + 1) * stride + 1,
                high - low + 1,
                low == 0 or bool(faded[0]),
                high == samples - 1 or bool(faded[1]),
            )
        )
    return _Seen(
        max(one.before for one in found),
        max(one.ahead for one in found),
        max(one.field for one in found),
        any(one.to_start for one in found),
        any(one.to_end for one in found),
    )


def _dependence(network: nn.Module, steps: range, x_NCS: Tensor) -> Iterator[Tensor]:
    """Of every step a number for each sample (S): zero if it does not depend on it."""
    x_NCS = x_NCS.double().requires_grad_()
    y_NTD = network(x_NCS)
    generator = torch.Generator().manual_seed(1)
    for step in steps:
        weight_ND = torch.randn(y_NTD[:, step].shape, generator=generator, dtype=y_NTD.dtype)
        (gradient,) = torch.autograd.grad(
            (y_NTD[:, step] * weight_ND).sum(), x_NCS, retain_graph=step + 1 < steps.stop, allow_unused=True
        )
        if gradient is None:
            yield from _by_replacing(network, steps, x_NCS.detach())
            return
        yield gradient.abs().amax((0, 1))


def _by_replacing(network: nn.Module, steps: range, x_NCS: Tensor) -> Iterator[Tensor]:
    """The first and the last sample of influence, by halving: all samples on one side get other values."""
    samples = x_NCS.shape[-1]
    other = x_NCS.flip(0).flip(2)

    @torch.no_grad()
    def differs(step: int, start: int, end: int) -> bool:
        changed = x_NCS.clone()
        changed[..., start:end] = other[..., start:end]
        return not torch.equal(network(changed)[:, step], network(x_NCS)[:, step])

    for step in steps:
        if not differs(step, 0, samples):
            yield x_NCS.new_zeros(samples)
            continue
        # the smallest end of a changed beginning, the greatest start of a changed end
        first = bisect_left(range(samples), True, key=lambda place: differs(step, 0, place + 1))
        last = (
            samples
            - 1
            - bisect_left(range(samples), True, key=lambda n: differs(step, samples - 1 - n, samples))
        )
        weight_S = x_NCS.new_zeros(samples)
        weight_S[first : last + 1] = 1
        yield weight_S
