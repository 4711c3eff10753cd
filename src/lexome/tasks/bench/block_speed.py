"""What experts cost beside a dense block, and heads of an attention beside fewer of them."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from lexome.nn.encoder_layer import EncoderLayer
from lexome.nn.experts import ExpertsConfig, FastConfig
from lexome.nn.feed_forward import DenseConfig, FeedForwardConfig, feed_forward
from lexome.nn.global_attention import LocalGlobalAttention
from lexome.nn.multihead import MultiHeadAttention
from lexome.tasks.bench.layer_speed import Group, Series, SpeedRequest, Spot, Subject, batch_series
from lexome.tasks.bench.module_cases import module_case
from lexome.tasks.bench.timing import powers_of_two

STEPS, WIDTH = 100, 256
ACTIVE = 1024  # hidden features that a step uses
HEADS, HEAD_WIDTHS, HEAD_STEPS, WINDOW = (1, 2, 4, 8), (128, 256), 400, (16, 16)
HEAD_BATCH = 8
DENSE, FULL, LOCAL = "dense", "all steps", f"within {WINDOW[0]}"


def experts_subject(
    request: SpeedRequest, steps: int = STEPS, width: int = WIDTH, active: int = ACTIVE
) -> Subject:
    """Section 4.2.5: blocks of which every step uses a part, beside a dense one as large as that part."""
    half = active // 2
    blocks: dict[str, FeedForwardConfig] = {
        DENSE: DenseConfig(active),
        "experts, all run": ExpertsConfig(half, experts=8),
        "experts, gathered": ExpertsConfig(half, experts=8, grouped=True),
        "4 leaves": FastConfig(active, depth=2),
        "16 leaves": FastConfig(active, depth=4),
        "large dense": DenseConfig(8 * half),
    }
    sizes = powers_of_two(request.max_batch)
    series = tuple(
        batch_series(
            name,
            module_case(
                partial(feed_forward, width, config), (steps, width), request.device, samples_per_item=steps
            ),
            sizes,
        )
        for name, config in blocks.items()
    )
    return Subject(
        "Mixtures of experts and fast feed-forwards",
        f"Feed-forward blocks of {width} features on {steps} steps an item, in inference. Every step uses "
        f"{active} hidden features: all of a dense block, two experts of {half} (gathered by expert, or all "
        f"eight run everywhere), or one leaf of {active} of a tree of 4 or 16. The large dense block has as "
        "many hidden features as all experts together.",
        "section 4.2.5",
        (Group("Feed-forward blocks", "batch size", "steps", series, DENSE),),
    )


def heads_subject(
    request: SpeedRequest,
    steps: int = HEAD_STEPS,
    widths: Sequence[int] = HEAD_WIDTHS,
    batch: int = HEAD_BATCH,
) -> Subject:
    """Section 4.2.2: what heads cost, with attention to all steps and to near ones."""
    batch = min(batch, request.max_batch)
    groups = []
    for width in widths:
        series = []
        for name, window in ((FULL, None), (LOCAL, WINDOW)):
            spots = [
                Spot(
                    heads,
                    batch,
                    module_case(
                        partial(transformer_layer, width, heads, window),
                        (steps, width),
                        request.device,
                        samples_per_item=steps,
                    ),
                )
                for heads in HEADS
            ]
            series.append(Series(name, tuple(spots)))
        groups.append(Group(f"Width {width}", "heads", "steps", tuple(series), FULL, at_first=True))
    return Subject(
        "Heads of an attention",
        f"One pre-norm transformer layer (feed-forward of four times its width) on {steps} steps, {batch} "
        f"items at a time, in inference; its attention sees all steps, or those within {WINDOW[0]} to each "
        "side, computed in blocks. "
        "Ratios are to one head that sees all steps.",
        "section 4.2.2",
        tuple(groups),
    )


def transformer_layer(width: int, heads: int, window: tuple[int, int] | None) -> nn.Module:
    """A layer of SACall or of the local transformer: (N, T, width) -> (N, T, width)."""
    mixer = (
        MultiHeadAttention(width, heads) if window is None else LocalGlobalAttention(width, heads, window, 0)
    )
    return EncoderLayer(width, mixer, feed_forward(width, DenseConfig(4 * width)))
