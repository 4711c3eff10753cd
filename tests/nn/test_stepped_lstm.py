"""The LSTM step by step, plain and scripted, is torch's: values and gradients."""

import pytest
import torch

from lexome.nn.stepped_lstm import SteppedLstm


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_it_is_torchs_lstm(script: bool, bias: bool) -> None:
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, 4, bias=bias, batch_first=True).double()
    layer = SteppedLstm(3, 4, bias=bias, script=script).double()
    layer.load_state_dict(lstm.state_dict())
    for steps in (9, 9, 14, 1):  # a script is compiled anew for what it has seen
        x = torch.randn(2, steps, 3, dtype=torch.float64)
        made, expected = layer(x)[0], lstm(x)[0]
        torch.testing.assert_close(made, expected)
        weights = torch.randn_like(made)
        grads = torch.autograd.grad((made * weights).sum(), list(layer.parameters()))
        wanted = torch.autograd.grad((expected * weights).sum(), list(lstm.parameters()))
        for grad, want in zip(grads, wanted, strict=True):
            torch.testing.assert_close(grad, want)


def test_a_scripted_loop_is_a_script() -> None:
    from lexome.nn.loops import scripted
    from lexome.nn.stepped_lstm import lstm_loop

    assert isinstance(scripted(lstm_loop), torch.jit.ScriptFunction)
    assert scripted(lstm_loop) is scripted(lstm_loop)
