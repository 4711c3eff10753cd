"""Loops stay loops in exported graphs: the graph of few steps is right for many."""

import numpy as np
import torch
from torch import nn

from lexome.engine.onnx import open_session, traced
from lexome.nn.loops import in_export, loop_over_steps
from lexome.nn.scan import linear_scan


class Summing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert in_export() == torch.jit.is_tracing()
        return linear_scan(torch.ones_like(x), x)


def test_an_exported_loop_runs_over_any_number_of_steps() -> None:
    free = {"signal": {0: "batch", 1: "steps"}, "scores": {0: "batch", 1: "steps"}}
    graph = traced(Summing().eval(), torch.zeros(2, 6, 3), free)
    assert "Loop" in {node.op_type for node in graph.graph.node}
    session = open_session(graph.SerializeToString())
    for batch, steps in ((2, 6), (1, 1), (3, 50)):
        x = torch.randn(batch, steps, 3, generator=torch.Generator().manual_seed(steps))
        y = np.asarray(session.run(None, {"signal": x.numpy()})[0])
        np.testing.assert_allclose(y, x.cumsum(1).numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(y, Summing()(x).numpy(), rtol=1e-5, atol=1e-5)


def test_outside_of_an_export_the_function_runs_as_it_is() -> None:
    seen = []

    @loop_over_steps
    def note(x: torch.Tensor) -> torch.Tensor:
        seen.append(type(x))  # nothing that a script could do
        return x + 1

    assert float(note(torch.zeros(()))) == 1
    assert seen == [torch.Tensor]
