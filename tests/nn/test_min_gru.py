"""minGRU: the parallel scan is the loop of its equations."""

import numpy as np
import pytest
import torch

from lexome.nn.min_gru import MinGru


@pytest.mark.parametrize("bias", [True, False])
def test_forward_follows_the_equations(bias: bool) -> None:
    torch.manual_seed(0)
    layer = MinGru(3, 4, bias=bias)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape)
    x_NTC = np.random.default_rng(1).standard_normal((2, 21, 3)).astype(np.float32)
    w = {name: p.detach().numpy().astype(np.float64) for name, p in layer.named_parameters()}
    for x_TC, y_TH in zip(x_NTC, layer(torch.from_numpy(x_NTC))[0].detach().numpy(), strict=True):
        h = np.zeros(4)
        for x, y in zip(x_TC, y_TH, strict=True):
            candidate, negative_update = np.split(w["weight_ih_l0"] @ x + w.get("bias_ih_l0", 0), 2)
            update = 1 / (1 + np.exp(negative_update))  # the paper's z
            h = (1 - update) * h + update * candidate
            np.testing.assert_allclose(y, h, rtol=1e-4, atol=1e-5)
