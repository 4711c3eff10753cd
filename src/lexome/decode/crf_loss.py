"""The CRF's training loss as a head's `Loss`."""

from jaxtyping import Float, Int
from torch import Tensor

from lexome.dp.crf import crf_loss


def crf_head_loss(
    scores_NTK: Float[Tensor, "N T K"], targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """Negative log-probability of each target, nats (see `lexome.dp.crf.crf_loss`)."""
    return crf_loss(scores_NTK, targets_NL, lengths_N)
