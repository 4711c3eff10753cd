"""The training loss of connectionist temporal classification as a head's `Loss`."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from lexome.core.errors import UsageError
from lexome.dp.ctc import ctc_loss

BONITO_SMOOTHING = (0.4, 0.025, 0.025, 0.025, 0.025)


def ctc_head_loss(
    scores_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    label_smoothing: Any = None,
) -> Float[Tensor, " N"]:
    """Negative log-probability of each target, nats, and a price for being too sure of any symbol.

    The price of an item is its length times the mean over steps and symbols of -weight * log-probability, so
    that loss / length, averaged over a batch, is bonito's training loss.

    Args:
        scores_NTK: logits, symbol 0 the blank.
        targets_NL: labels 1 to K - 1, padded with anything.
        lengths_N: labels in each target.
        label_smoothing: weight of every symbol, a sequence of K numbers from 0 on; None for no price.
            Bonito's are `BONITO_SMOOTHING`. It comes from a head's configuration as it is written there.

    Returns:
        Per item; infinite where a target does not fit (see `lexome.dp.ctc.ctc_loss`).

    Raises:
        UsageError: for weights that are none.
        ValueError: for targets that are none.

    Source: bonito's CTC models. Differs: per item and nats; bonito averages at once.
    """
    log_probs_NTK = scores_NTK.log_softmax(dim=-1)
    loss_N = ctc_loss(log_probs_NTK, targets_NL, lengths_N)
    if label_smoothing is None:
        return loss_N
    weights_K = log_probs_NTK.new_tensor(_weights(label_smoothing, scores_NTK.shape[2]))
    return loss_N - lengths_N.to(loss_N.device) * (log_probs_NTK * weights_K).mean(dim=(1, 2))


def _weights(given: Any, count: int) -> list[float]:
    weights = list(given) if isinstance(given, Sequence) else []
    if len(weights) != count or not all(isinstance(w, int | float) and w >= 0 for w in weights):
        raise UsageError(
            f"[head], ctc: label_smoothing needs {count} numbers, each at least 0, not {given!r}"
        )
    return [float(w) for w in weights]
