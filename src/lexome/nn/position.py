"""Rotary positions: attention that sees how far apart two steps are, not where they stand.

Shapes: N batch, T steps, H heads, E features of a head, F = E / 2 frequencies.
"""

import torch
from jaxtyping import Float
from torch import Tensor

THETA = 10_000.0


def rotation(
    num_steps: int | Tensor, head_size: int, theta: float, device: torch.device
) -> tuple[Float[Tensor, "T F"], Float[Tensor, "T F"]]:
    """Cosines and sines by which the features of every step are turned.

    Step t turns pair f by the angle t * theta ** (-f / F). Angles are computed in float64: in float32 those
    of long chunks would be off by more than the rounding of the rest.

    Args:
        num_steps: T (under tracing a tensor, so that the exported graph takes any length).
        head_size: E, even.
        theta: base of the frequencies.
        device: where the tables are wanted.

    Returns:
        cos and sin of the angles, float32.

    Source: RoFormer (Su 2021).
    """
    pairs = torch.arange(0, head_size, 2, dtype=torch.float64, device=device)
    frequencies_F = theta ** (-pairs / head_size)
    step_T = torch.arange(num_steps, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    angles_TF = step_T.double()[:, None] * frequencies_F
    return angles_TF.cos().float(), angles_TF.sin().float()


def rotate(
    x_NTHE: Float[Tensor, "N T H E"], cos_TF: Float[Tensor, "T F"], sin_TF: Float[Tensor, "T F"]
) -> Float[Tensor, "N T H E"]:
    """Turns the features of every step; a pair is feature f of the first half and f of the second."""
    first, second = x_NTHE.chunk(2, dim=-1)
    cos, sin = cos_TF[:, None], sin_TF[:, None]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
