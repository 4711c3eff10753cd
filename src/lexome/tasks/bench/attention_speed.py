"""Attention within a window and to global tokens beside dense attention, as sequences grow."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.t5_weights import draw_t5_weights
from lexome.nn.window_attention import BiasesOfTokens, WindowAttention
from lexome.tasks.bench.growth import MODES
from lexome.tasks.bench.layer_speed import Group, Series, SpeedRequest, Spot, Subject
from lexome.tasks.bench.module_cases import module_case

LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)
SIZE, HEADS, GLOBAL = 256, 8, 32
BUCKETS, FARTHEST = 32, 128
FUSED = "dense, fused"


class WithBiases(nn.Module):
    """ENBED's attention with biases of its own: (N, T, D) -> (N, T, D)."""

    def __init__(self, radius: int | None, num_global: int, size: int = SIZE, heads: int = HEADS) -> None:
        super().__init__()
        self.attention = WindowAttention(size, heads, size // heads, radius, num_global)
        self.biases = BiasesOfTokens(heads, BUCKETS, FARTHEST, has_global=num_global > 0)
        draw_t5_weights(self, size)

    def forward(self, x_NTD: Tensor) -> Tensor:
        """Applies it."""
        return self.attention(x_NTD, self.biases)


ATTENTIONS: Mapping[str, Callable[[], nn.Module]] = {
    FUSED: partial(MultiHeadAttention, SIZE, HEADS),
    "dense, all pairs kept": partial(WithBiases, None, 0),
    "within 64": partial(WithBiases, 64, GLOBAL),
    "within 128": partial(WithBiases, 128, GLOBAL),
}


def attention_subject(
    request: SpeedRequest,
    lengths: tuple[int, ...] = LENGTHS,
    attentions: Mapping[str, Callable[[], nn.Module]] = ATTENTIONS,
    size: int = SIZE,
) -> Subject:
    """Time and memory of ENBED's attention (sections 2.3 and 4.2)."""
    groups = []
    for mode in MODES:
        series = []
        for name, build in attentions.items():
            spots = []
            for length in lengths:
                case = module_case(
                    build,
                    (length, size),
                    request.device,
                    samples_per_item=length,
                    mode=mode,
                    with_memory=True,
                )
                spots.append(Spot(length, 1, case, float(length)))
            series.append(Series(name, tuple(spots)))
        groups.append(Group(mode.capitalize(), "length", "tokens", tuple(series), FUSED))
    return Subject(
        "Attention of ENBED and dense attention",
        f"One attention by itself with its four linear layers, {size} features, {HEADS} heads, one "
        f"sequence at "
        "a time, in inference and in training (forwards and backwards). The windows have a radius of 64 and "
        f"128 tokens and {GLOBAL} global tokens, and biases by distance. Dense attention: torch's fused "
        "kernel, which has no biases here and keeps no matrix of weights, so it is the one to beat in time; "
        "and all pairs kept, with biases, the one to beat in memory. Memory is that of tensors alive at the "
        "same time, weights and input not included; what the fused kernel needs inside is not seen.",
        "ENBED, sections 2.3 and 4.2, table 7",
        tuple(groups),
    )
