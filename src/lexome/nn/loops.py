"""Loops over steps that an exported graph must keep as loops.

Tracing unrolls a Python loop to the number of steps of its example, which is wrong for any other length; a
scripted function stays a loop.
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def in_export() -> bool:
    """Whether a graph is being exported, so that loops have to be scripted and shapes stay free."""
    return torch.onnx.is_in_onnx_export()


def loop_over_steps(function: F) -> F:
    """Decorates a function of tensors, in the subset of Python that torch scripts: scripted during an export.

    Outside of an export it runs as it is.
    """

    @functools.wraps(function)
    def run(*tensors: torch.Tensor) -> Any:
        return scripted(function)(*tensors) if in_export() else function(*tensors)

    return run  # pyright: ignore[reportReturnType]


@functools.cache
def scripted(function: Callable[..., Any]) -> Any:
    """What torch's compiler of scripts makes of a function, decorated or not; compiled once."""
    with warnings.catch_warnings():
        # deprecated, but the exporter of LSTMs (`engine.onnx.traced`) understands nothing else
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(inspect.unwrap(function))
