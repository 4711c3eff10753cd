"""Losses of a window: alignment to the truth, and likeness to a teacher (torch).

Legend: N windows, L columns, K = 5 symbols, the gap first, M labels.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lexome.dp.edit import band_along, soft_edit_cost

MIN_PROBABILITY = 1e-7


def targets_of(
    labels_NL: Int[Tensor, "N L"],
) -> tuple[Int[Tensor, "N L"], Int[Tensor, " N"]]:
    """Moves the bases of every label row to its beginning: targets padded with gaps, and their lengths."""
    order_NL = torch.argsort((labels_NL == 0).to(torch.uint8), dim=1, stable=True)
    return labels_NL.gather(1, order_NL), (labels_NL != 0).sum(dim=1)


def clipped_log_probs(scores_NLK: Float[Tensor, "N L K"]) -> Float[Tensor, "N L K"]:
    """Log-probabilities, of probabilities clipped to 1e-7 and 1 - 1e-7; where clipped, without gradient."""
    bounds = math.log(MIN_PROBABILITY), math.log1p(-MIN_PROBABILITY)
    return scores_NLK.log_softmax(dim=-1).clamp(*bounds)


def consensus_loss(
    scores_NLK: Float[Tensor, "N L K"],
    targets_NM: Int[Tensor, "N M"],
    lengths_N: Int[Tensor, " N"],
    *,
    deletion_cost: float = 10.0,
    temperature: float = 0.1,
    draft_NL: Int[Tensor, "N L"] | None = None,
    band_width: int | None = None,
    kernel: Literal["auto", "numba", "torch"] = "auto",
) -> Float[Tensor, " N"]:
    """Price of aligning each window's columns to its true bases (see `lexome.dp.edit`).

    Args:
        scores_NLK: logits. From probabilities: their logarithms.
        targets_NM: true bases without gaps, as from `targets_of`, padded with anything.
        lengths_N: bases in each target.
        deletion_cost: price of a true base that no column gives, nats.
        temperature: how soft the minimum over alignments is, nats; 0 for the best alignment alone.
        draft_NL: the draft's (CCS) symbol in every column; with `band_width` only.
        band_width: leave out alignments that stray from the draft's path by more than so many bases; None:
            leave out none.
        kernel: see `lexome.dp.edit.soft_edit_cost`.

    Returns:
        Per window, nats; not a number where a score is none.

    Raises:
        ValueError: for targets that are none, or a band without a draft.

    Source: DeepConsensus (Baid 2022). Differs: probabilities are clipped as logarithms; see also the band.
    """
    band = None
    if band_width is not None:
        if draft_NL is None:
            raise ValueError("a band follows the draft: draft_NL is needed with band_width")
        band = band_along(draft_NL.to(scores_NLK.device), lengths_N.to(scores_NLK.device), band_width)
    return soft_edit_cost(
        clipped_log_probs(scores_NLK), targets_NM, lengths_N,
        deletion_cost=deletion_cost, temperature=temperature, band=band, kernel=kernel,
    )  # fmt: skip


def distillation_loss(
    student_NLK: Float[Tensor, "N L K"],
    teacher_NLK: Float[Tensor, "N L K"],
    kind: Literal["mse", "kl"] = "mse",
    temperature: float = 1.0,
) -> Float[Tensor, " N"]:
    """How far a student's probabilities are from its teacher's, mean over the columns.

    Args:
        student_NLK: the student's logits.
        teacher_NLK: the teacher's logits; they get no gradient.
        kind: "mse", the mean square difference of the probabilities, or "kl", the divergence of the student's
            from the teacher's, nats.
        temperature: both logits are divided by it; above 0. No factor makes up for it.

    Returns:
        Per window.

    Raises:
        ValueError: for another kind or temperature.

    Source: Belyaeva 2022; weighed there with 1e5 beside the alignment's 1.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature must be above 0 and finite, not {temperature}")
    student = (student_NLK / temperature).log_softmax(dim=-1)
    teacher = (teacher_NLK.detach() / temperature).log_softmax(dim=-1)
    if kind == "mse":
        return (student.exp() - teacher.exp()).square().mean(dim=(1, 2))
    if kind == "kl":
        return (teacher.exp() * (teacher - student)).sum(dim=-1).mean(dim=1)
    raise ValueError(f"kind is 'mse' or 'kl', not '{kind}'")
