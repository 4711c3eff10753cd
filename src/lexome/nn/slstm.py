"""The sLSTM of xLSTM. Shapes: N batch, T steps, C features in, H features out, G = 4 H gates, K heads."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.loops import loop_over_steps
from lexome.nn.lstm_weights import LstmWeights


class Slstm(LstmWeights):
    """An LSTM with an exponential input gate and a normaliser: (N, T, C) -> (N, T, H).

        i = exp(i~), f = sigmoid(f~), z = tanh(z~), o = sigmoid(o~)
        c = f c + i z, n = f n + i, h = o c / n

    where i~, f~, z~ and o~ are linear in the input and the state h. The sums are kept divided by exp(m) with
    the stabiliser m = max(log f + m, i~), which changes nothing but the range.

    Source: xLSTM (Beck 2024), equations 8 to 17; the names of the weights and the order of the gates are
    those of `torch.nn.LSTM`. The paper allows exp or sigmoid for the forget gate; sigmoid is what its
    authors' program takes. Differs: the cell alone, without the paper's convolution in front, group
    normalisation and feed-forward block behind.

    Args:
        input_size: C.
        hidden_size: H.
        bias: whether the gates have biases.
        heads: K; the state of a head reaches the gates of its own head only.
    """

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True, heads: int = 1) -> None:
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"{hidden_size} features do not divide into {heads} heads")
        # rows of the state's weights as in torch's LSTM, gate by gate; columns: features of the row's head
        super().__init__(input_size, hidden_size, hidden_size // heads, bias=bias)
        self.heads = heads

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All outputs, from a zero state; the last state is not given."""
        gates_NTG = self.of_input(x_NTC)
        size = self.weight_hh_l0.shape[1]
        # [K, features of a head, 4 gates of a head]
        by_head = self.weight_hh_l0.view(4, self.heads, size, size).permute(1, 3, 0, 2).flatten(2)
        return slstm_loop(gates_NTG, by_head), None


@loop_over_steps
def slstm_loop(gates_NTG: Tensor, by_head: Tensor) -> Tensor:
    """The recurrence; `by_head` (K, H/K, 4 H/K) leads from each head's state to its gates."""
    num_batch, num_steps, num_gates = gates_NTG.shape
    heads = by_head.shape[0]
    size = by_head.shape[1]
    gates = gates_NTG.view(num_batch, num_steps, 4, heads, size).permute(1, 2, 3, 0, 4)
    h = torch.zeros_like(gates[0, 0])  # (K, N, H/K), and so are all states
    c, n = torch.zeros_like(h), torch.zeros_like(h)
    m = torch.full_like(h, -1e30)  # before the first step: whatever comes is more
    outputs: list[Tensor] = []
    for t in range(num_steps):
        of_state = torch.bmm(h, by_head).view(heads, num_batch, 4, size).permute(2, 0, 1, 3)
        now = gates[t] + of_state
        log_i, log_f = now[0], nn.functional.logsigmoid(now[1])
        # h does not depend on m, so neither does the gradient
        new_m = torch.maximum(log_f + m, log_i).detach()
        i, f = torch.exp(log_i - new_m), torch.exp(log_f + m - new_m)
        c = f * c + i * torch.tanh(now[2])
        n = f * n + i
        h = torch.sigmoid(now[3]) * c / n
        m = new_m
        outputs.append(h)
    return torch.stack(outputs, 0).permute(2, 0, 1, 3).reshape(num_batch, num_steps, heads * size)
