"""What one forward pass costs: multiply-accumulates and memory of activations, counted while it runs.

One multiply-accumulate (MAC) is a product that is added to a sum over an index: in products of matrices
(linear layers, gates of recurrent layers, experts that run), in convolutions (zeros of the padding included),
in attention (queries with keys, weights with values; pairs that are computed and then masked included), and
in the states of state spaces (one for every state and step, and one more where it is read out) and of other
linear recurrences, however they are computed. Not counted is what is done for every number by itself
(activations, gates, normalisations, sums, softmax), what is looked up or sorted, and what makes weights of
weights (the kernels of S4, which do not depend on the signal). A product of complex numbers is four.

Most of it is seen as torch does it, operation by operation. What torch does in one piece, or number by
number, is counted by a rule for its kind of module; a module of somebody else may have a method
`macs(inputs, output)` that tells its own number. Operations that contain products nobody knows of are named
instead of passed over.

Shapes: N batch, T steps, C features in, H features out, E inner features, S states.
"""

import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lexome.nn.dynamic_conv import DynamicConv
from lexome.nn.mamba import Mamba
from lexome.nn.mamba2 import CHUNK, Mamba2
from lexome.nn.min_gru import MinGru
from lexome.nn.onednn_linear import OnednnLinear
from lexome.nn.packed_linear import PackedLinear
from lexome.nn.s4 import S4Kernel

COMPLEX = 4  # products of real numbers in one of complex ones
# Parts of names of operations that hold products which are not in OPERATIONS.
SUSPECT = (
    "fft",
    "linalg_solve",
    "linalg_inv",
    "rnn",
    "lstm",
    "gru",
    "attention",
    "transformer_encoder",
    "bilinear",
    "cdist",
    "convolution",
)


@dataclass(frozen=True)
class Counted:
    """What a forward pass takes.

    Attributes:
        macs: multiply-accumulates.
        peak_bytes: the most bytes of activations that were alive at one time.
        uncounted: operations that hold products and were not counted, by name.
    """

    macs: int
    peak_bytes: int
    uncounted: tuple[str, ...]


def counted(module: nn.Module, *inputs: Tensor) -> Counted:
    """Runs a module once, in evaluation mode and without gradients, and counts.

    Args:
        module: any network; it is left as it was.
        inputs: what it takes, on its device (also torch's "meta" device, if nothing in the network looks at
            values).

    Returns:
        The products, and the memory: bytes of all tensors that operations made and that were alive at the
        same time, at the worst moment. Weights and `inputs` are not in it, nor what one operation needs
        inside; of a module that is counted by a rule in its place (recurrent layers), the output alone.
    """
    training = {part: part.training for part in module.modules()}
    fastpath = torch.backends.mha.get_fastpath_enabled()
    counter = _Counter([*module.parameters(), *module.buffers(), *inputs])
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # one operation for a whole transformer layer
        module.eval()
        with ExitStack() as stack:
            for part in module.modules():
                _watch(part, counter, stack)
            stack.enter_context(torch.no_grad())
            stack.enter_context(counter)
            module(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
        for part, mode in training.items():
            part.training = mode
    return Counted(counter.macs, counter.peak, tuple(sorted(counter.uncounted)))


class _Counter(TorchDispatchMode):
    """Adds up the products of all operations, and follows the memory that their results take."""

    def __init__(self, not_activations: Iterable[Tensor]) -> None:
        super().__init__()
        self.macs = 0
        self.live = 0
        self.peak = 0
        self.paused = 0
        self.uncounted: set[str] = set()
        self._kept = [tensor.untyped_storage() for tensor in not_activations]
        self._known = {storage._cdata for storage in self._kept}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.paused:
            self.add(func, args, result)
            self.follow(result)
        return result

    def add(self, func: Any, args: tuple[Any, ...], result: Any) -> None:
        """Counts the products of one operation."""
        namespace, name = str(func.overloadpacket).split(".", 1)
        if name in OPERATIONS:
            self.macs += OPERATIONS[name](args, result)
        elif namespace not in ("aten", "prim", "prims") or any(part in name for part in SUSPECT):
            self.uncounted.add(f"{namespace}.{name}")

    def follow(self, result: Any) -> None:
        """Adds the memory of new tensors, until they are gone."""
        if isinstance(result, Tensor):
            storage = result.untyped_storage()
            if storage._cdata not in self._known:
                self._known.add(storage._cdata)
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes()).atexit = False
        elif isinstance(result, (tuple, list)):
            for part in result:
                self.follow(part)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def _watch(part: nn.Module, counter: _Counter, stack: ExitStack) -> None:
    """Has a module counted by its rule, if it has one."""
    own = getattr(part, "macs", None)
    instead: Rule | None = _rule(INSTEAD, part)
    if own is not None and callable(own):
        instead = _asked
    beside = _rule(BESIDE, part)

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        counter.paused += 1

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        counter.paused -= 1
        if not counter.paused:
            assert instead is not None
            counter.macs += instead(module, inputs, output)
            counter.follow(output)

    def add(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not counter.paused:
            assert beside is not None
            counter.macs += beside(module, inputs, output)

    if instead is not None:
        stack.callback(part.register_forward_pre_hook(before).remove)
        stack.callback(part.register_forward_hook(after).remove)
    elif beside is not None:
        stack.callback(part.register_forward_hook(add).remove)


Rule = Callable[[Any, tuple[Any, ...], Any], int]


def _rule(table: dict[type[nn.Module], Rule], part: nn.Module) -> Rule | None:
    return next((rule for kind, rule in table.items() if isinstance(part, kind)), None)


def _asked(module: Any, inputs: tuple[Any, ...], output: Any) -> int:
    return int(module.macs(inputs, output))


def _recurrent(module: nn.RNNBase, inputs: tuple[Any, ...], output: Any) -> int:
    """All gates' products with input and state, of all steps, layers and directions."""
    weights = [w for name, w in module.named_parameters() if name.startswith("weight_")]
    steps = inputs[0].numel() // inputs[0].shape[-1]
    return steps * sum(w.numel() for w in weights)


def _linear(module: Any, inputs: tuple[Any, ...], output: Tensor) -> int:
    return output.numel() * int(module.in_features)


def _none(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> int:
    return 0


def _min_gru(module: MinGru, inputs: tuple[Any, ...], output: tuple[Tensor, None]) -> int:
    return output[0].numel()


def _mamba(module: Mamba, inputs: tuple[Any, ...], output: Tensor) -> int:
    """N T E S updates of the states, as many products to read them out."""
    return 2 * prod(output.shape[:2]) * module.log_a_ES.numel()


def _mamba2(module: Mamba2, inputs: tuple[Any, ...], output: Tensor) -> int:
    """The states from chunk to chunk; what happens inside of chunks are products of matrices."""
    return output.shape[0] * -(-output.shape[1] // CHUNK) * module.sizes[0] * module.states


def _dynamic_conv(module: DynamicConv, inputs: tuple[Any, ...], output: Tensor) -> int:
    return output.numel() * module.kernel


# Modules whose insides are not looked at, and modules that do products number by number beside others.
INSTEAD: dict[type[nn.Module], Rule] = {
    nn.RNNBase: _recurrent,
    OnednnLinear: _linear,  # rows are filled up there
    PackedLinear: _linear,
    S4Kernel: _none,
}
BESIDE: dict[type[nn.Module], Rule] = {
    MinGru: _min_gru,
    Mamba: _mamba,
    Mamba2: _mamba2,
    DynamicConv: _dynamic_conv,
}

Operation = Callable[[tuple[Any, ...], Any], int]


def _product(first: int) -> Operation:
    """A product of matrices; argument `first` is the left one, whose last axis is summed over."""

    def count(args: tuple[Any, ...], result: Tensor) -> int:
        return _of_type(result) * result.numel() * args[first].shape[-1]

    return count


def _convolution(args: tuple[Any, ...], result: Tensor) -> int:
    """Every output sums a kernel of (channels of its group, taps); transposed: every input makes one."""
    weight, transposed = args[1], args[6]
    return _of_type(result) * (args[0] if transposed else result).numel() * prod(weight.shape[1:])


def _attention(args: tuple[Any, ...], result: Any) -> int:
    query, key, value = args[:3]
    pairs = query.numel() // query.shape[-1] * key.shape[-2]
    return pairs * (query.shape[-1] + value.shape[-1])


def _of_type(tensor: Tensor) -> int:
    return COMPLEX if tensor.is_complex() else 1


OPERATIONS: dict[str, Operation] = {
    "mm": _product(0),
    "bmm": _product(0),
    "mv": _product(0),
    "dot": _product(0),
    "linear": _product(0),
    "addmm": _product(1),
    "addmv": _product(1),
    "baddbmm": _product(1),
    "_linear_pointwise": _product(0),
    "convolution": _convolution,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
}
