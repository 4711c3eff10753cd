"""The mLSTM of xLSTM.

Shapes: N batch, T steps, S steps looked back to, C features in, H features out, K heads, D = H / K.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

LOWEST = -1e30  # a logarithm that exp makes zero of, without the inf - inf of a true one
FORGET_BIAS = (3.0, 6.0)  # from the first head to the last


class Mlstm(nn.Module):
    """A matrix of values by keys that forgets and takes up, read by queries: (N, T, C) -> (N, T, H).

        C = f C + i v k^T, n = f n + i k, h = o C q / max(|n^T q|, 1)

    where q, k (divided by the root of D), v and o~ are linear in the input, o = sigmoid(o~), and the gates
    of a head i = exp(i~), f = sigmoid(f~) are numbers. Nothing but C and n runs from step to step, so all
    steps are made at once, as attention whose weights decay; sums are kept divided by exp(m), m the largest
    logarithm of a weight so far. Time and memory grow with the square of T.

    Source: xLSTM (Beck 2024), equations 19 to 27 and appendix A.3 (the parallel form). Differs: the cell
    alone, without the paper's projections, convolution, group normalisation and residual around it. The
    thesis ("Towards faster sequence-to-sequence models for basecalling", 4.2.1) left it out as too slow.

    Args:
        input_size: C.
        hidden_size: H.
        bias: whether queries, keys, values and gates have biases.
        heads: K.
    """

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True, heads: int = 1) -> None:
        super().__init__()
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"{hidden_size} features do not divide into {heads} heads")
        self.heads = heads
        # rows: queries, keys, values, output gates
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size)) if bias else None
        # rows: input gates, forget gates, one per head
        self.weight_gates = nn.Parameter(torch.empty(2 * heads, input_size))
        self.bias_gates = nn.Parameter(torch.empty(2 * heads)) if bias else None
        self.adjust_start()

    @torch.no_grad()
    def adjust_start(self) -> None:
        """Draws weights of the gates; heads forget at different rates at first, as the paper's do."""
        nn.init.normal_(self.weight_gates, std=0.02)
        if self.bias_ih_l0 is not None and self.bias_gates is not None:
            nn.init.zeros_(self.bias_ih_l0)
            nn.init.zeros_(self.bias_gates[: self.heads])
            self.bias_gates[self.heads :] = torch.linspace(*FORGET_BIAS, self.heads)

    def _parts(self, x_NTC: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Queries, keys, values (N, K, T, D), output gates (N, T, H), logarithms of both gates (N, K, T)."""
        batch, steps, _ = x_NTC.shape
        query, key, value, output = nn.functional.linear(x_NTC, self.weight_ih_l0, self.bias_ih_l0).chunk(
            4, -1
        )
        size = query.shape[-1] // self.heads
        by_head = [part.view(batch, steps, self.heads, size).transpose(1, 2) for part in (query, key, value)]
        gates = nn.functional.linear(x_NTC, self.weight_gates, self.bias_gates).transpose(1, 2)
        log_i, log_f = gates[:, : self.heads], nn.functional.logsigmoid(gates[:, self.heads :])
        return by_head[0], by_head[1] * size**-0.5, by_head[2], torch.sigmoid(output), log_i, log_f

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All outputs, from an empty memory; the last memory is not given."""
        query, key, value, output_NTH, log_i, log_f = self._parts(x_NTC)
        steps = x_NTC.shape[1]
        kept = log_f.cumsum(-1)  # of step s there is left at t: exp(kept_t - kept_s)
        log_NKTS = kept[..., :, None] - kept[..., None, :] + log_i[..., None, :]
        past_TS = torch.ones(steps, steps, dtype=torch.bool, device=x_NTC.device).tril()
        log_NKTS = torch.where(past_TS, log_NKTS, LOWEST)
        # the outputs do not depend on m, so neither does the gradient
        m_NKT1 = log_NKTS.amax(-1, keepdim=True).detach()
        weight_NKTS = (query @ key.transpose(2, 3)) * torch.exp(log_NKTS - m_NKT1)
        size_NKT1 = torch.maximum(weight_NKTS.sum(-1, keepdim=True).abs(), torch.exp(-m_NKT1))
        read_NKTD = weight_NKTS @ value / size_NKT1
        return output_NTH * read_NKTD.transpose(1, 2).flatten(2), None

    def step_by_step(self, x_NTC: Float[Tensor, "N T C"]) -> Float[Tensor, "N T H"]:
        """The same by the recurrence: memory that does not grow with T, but one step after the other."""
        query, key, value, output_NTH, log_i, log_f = self._parts(x_NTC)
        memory = torch.zeros_like(value[:, :, 0, :, None] * key[:, :, 0, None, :])
        n = torch.zeros_like(key[:, :, 0])
        m = torch.full_like(log_i[..., 0], LOWEST)
        read: list[Tensor] = []
        for t in range(x_NTC.shape[1]):
            new_m = torch.maximum(log_f[..., t] + m, log_i[..., t]).detach()
            i, f = torch.exp(log_i[..., t] - new_m), torch.exp(log_f[..., t] + m - new_m)
            memory = (
                f[..., None, None] * memory
                + i[..., None, None] * value[:, :, t, :, None] * key[:, :, t, None, :]
            )
            n = f[..., None] * n + i[..., None] * key[:, :, t]
            size = torch.maximum((n * query[:, :, t]).sum(-1).abs(), torch.exp(-new_m))
            read.append((memory @ query[:, :, t, :, None])[..., 0] / size[..., None])
            m = new_m
        return output_NTH * torch.stack(read, 1).flatten(2)
