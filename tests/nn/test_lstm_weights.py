"""The weights of an LSTM under torch's names."""

import pytest
import torch

from lexome.nn.lstm_weights import LstmWeights


@pytest.mark.parametrize("bias", [True, False])
def test_names_and_shapes_are_torchs_and_the_input_part_is_its(bias: bool) -> None:
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, 4, bias=bias, batch_first=True)
    weights = LstmWeights(3, 4, 4, bias=bias)
    weights.load_state_dict(lstm.state_dict())
    x = torch.randn(2, 1, 3)
    i, _, g, o = weights.of_input(x).chunk(4, dim=2)  # of a first step nothing else is needed
    first = torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))
    torch.testing.assert_close(first, lstm(x)[0])
    assert LstmWeights(3, 4, 2, bias=bias).weight_hh_l0.shape == (16, 2)
