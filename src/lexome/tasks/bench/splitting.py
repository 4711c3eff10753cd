"""LSTMs on sequences that are cut, the parts side by side in the batch.

Legend: N batch, T steps, P parts, D features.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from lexome.core.errors import UsageError
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer
from lexome.tasks.bench.layer_speed import Group, Series, SpeedRequest, Spot, Subject, batch_series
from lexome.tasks.bench.module_cases import module_case
from lexome.tasks.bench.timing import powers_of_two

STEPS, LAYERS = 512, 5
WIDTHS = (96, 384)  # bonito-fast, and the "high-accuracy" model of the thesis
BATCHES = (1, 16)  # of figure 5.1, which does not tell its own
PLAIN, SPLIT = "LSTM", "LSTM split in two"


def lstm_flop(inputs: int, hidden: int, steps: int, layers: int) -> int:
    """What the thesis calls the FLOP of an LSTM: (d + h) * 4 h * steps * layers.

    These are multiply-accumulates, of the gates' products alone; with a multiplication and an addition each
    there are twice as many floating-point operations. Every layer is given d inputs, so the formula is exact
    if d = h.

    Source: section 5.1.1 of the thesis.
    """
    return (inputs + hidden) * 4 * hidden * steps * layers


def side_by_side(x_NTD: Float[Tensor, "N T D"], parts: int) -> Float[Tensor, "Q S D"]:
    """Cuts sequences into equal parts that become items of the batch: (N, T, D) -> (N * P, T / P, D).

    The parts of one sequence stand one after the other. A layer that looks at one step only gives the same
    numbers in another arrangement; an LSTM gives what it gives for each part by itself, from a zero state.
    """
    if x_NTD.shape[1] % parts:
        raise UsageError(f"{x_NTD.shape[1]} steps cannot be cut into {parts} equal parts")
    return x_NTD.reshape(x_NTD.shape[0] * parts, x_NTD.shape[1] // parts, x_NTD.shape[2])


def lstm_stack(width: int, splits: int = 1, layers: int = LAYERS) -> nn.Module:
    """Bonito's recurrent layers, all forwards: (N, T, width) -> (N, T, width)."""
    config = RecurrentConfig(width, reverse=False, splits=splits)
    return nn.Sequential(*(RecurrentLayer(width, config) for _ in range(layers)))


def splitting_subject(
    request: SpeedRequest, widths: Sequence[int] = WIDTHS, steps: int = STEPS, layers: int = LAYERS
) -> Subject:
    """Figures 5.1 and 5.2."""
    groups = []
    for width in widths:
        build = partial(lstm_stack, width, layers=layers)
        case = partial(module_case, shape=(steps, width), device=request.device, samples_per_item=steps)
        by_parts = []
        for batch in (size for size in BATCHES if size <= request.max_batch):
            spots = [
                Spot(parts, batch, case(build, rearrange=partial(side_by_side, parts=parts)))
                for parts in powers_of_two(steps)
            ]
            by_parts.append(Series(f"batch of {batch}", tuple(spots)))
        groups.append(
            Group(f"Parts, width {width}", "parts of the sequence", "steps", tuple(by_parts), at_first=True)
        )
        sizes = powers_of_two(request.max_batch)
        pair = tuple(
            batch_series(name, case(partial(build, splits=splits)), sizes)
            for name, splits in ((PLAIN, 1), (SPLIT, 2))
        )
        groups.append(Group(f"Batch sizes, width {width}", "batch size", "steps", pair, PLAIN))
    formula = {str(width): lstm_flop(width, width, steps, layers) for width in widths}
    return Subject(
        "LSTMs on cut sequences",
        f"{layers} LSTM layers on {steps} steps, all forwards, in inference. First the sequence is cut into "
        "more and more parts that stand side by side in the batch (the work stays, the steps that wait for "
        "each other become fewer); then an LSTM whose layers cut every sequence in two is compared with a "
        "plain one over batch sizes. The thesis' FLOP count, (d + h) * 4h * steps * layers, counts "
        "multiply-accumulates; GFLOP/s here are two for each. Cutting changes the numbers: every part begins "
        "with a zero state.",
        "figures 5.1 and 5.2, section 5.1.1",
        tuple(groups),
        partial(_derive, formula=formula),
    )


def _derive(groups: Sequence[dict[str, Any]], formula: dict[str, int]) -> dict[str, Any]:
    return {"formula_macs_per_sequence": formula}
