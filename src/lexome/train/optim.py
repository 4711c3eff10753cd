"""Optimiser, learning-rate schedule and gradient clipping."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from lexome.train.lamb import Lamb

USUAL_EPS = 1e-8


@dataclass(frozen=True)
class OptimConfig:
    """AdamW or LAMB (`optimizer`) with linear warm-up and cosine (or linear) decay.

    `lr` is the peak, reached after `warmup_steps`; `final_lr` the fraction of it that is left at the end.
    `clip` bounds the gradient's norm; with `clip_mode` "median" the bound is `clip` times the median norm of
    the last 100 steps (bonito's habit) instead of a constant. `warmup_share`, if above 0, is the part of all
    steps that warm up, instead of `warmup_steps`. `eps` is what AdamW adds to the root of the mean square; 0:
    the usual 1e-8 (LAMB always adds 1e-6).
    """

    lr: float = 2e-3
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 500
    final_lr: float = 0.01
    clip: float = 2.0
    clip_mode: Literal["constant", "median"] = "median"
    optimizer: Literal["adamw", "lamb"] = "adamw"
    decay: Literal["cosine", "linear"] = "cosine"
    warmup_share: float = 0.0
    eps: float = 0.0

    def __post_init__(self) -> None:
        if not self.lr > 0 or not self.clip > 0:
            raise ValueError("lr and clip must be positive")
        if self.warmup_steps < 0 or not 0 <= self.final_lr <= 1:
            raise ValueError("warmup_steps must not be negative and final_lr must be from 0 to 1")
        if not 0 <= self.warmup_share < 1 or not 0 <= self.eps < float("inf"):
            raise ValueError("warmup_share must be at least 0 and below 1, eps finite and not negative")
        if self.eps and self.optimizer != "adamw":
            raise ValueError("eps is for optimizer 'adamw'")


def learning_rate(config: OptimConfig, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`: linear from a tenth, then `decay` to `final_lr`."""
    warmup = round(config.warmup_share * steps) if config.warmup_share else config.warmup_steps
    if step < warmup:
        return config.lr * (0.1 + 0.9 * step / warmup)
    fraction = min(1.0, (step - warmup) / max(1, steps - warmup))
    left = 1 - fraction if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * fraction))
    return config.lr * (config.final_lr + (1 - config.final_lr) * left)


def build_optimizer(parameters: Sequence[nn.Parameter], config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser; decay, and LAMB's scaling, for matrices and kernels only, not for biases and norms."""
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    if config.optimizer == "lamb":
        groups[1]["trust"] = False
        return Lamb(groups, lr=config.lr, betas=betas)
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas, eps=config.eps or USUAL_EPS)


class GradientClip:
    """Clips the gradient's norm to a constant or a multiple of its recent median (training state)."""

    WINDOW = 100

    def __init__(self, config: OptimConfig) -> None:
        self.config = config
        self.norms: list[float] = []

    def __call__(self, parameters: Sequence[nn.Parameter]) -> float:
        """Clips in place and returns the norm before."""
        bound = self.config.clip
        if self.config.clip_mode == "median" and self.norms:
            bound *= sorted(self.norms)[len(self.norms) // 2]
        norm = float(nn.utils.clip_grad_norm_(parameters, bound))
        if math.isfinite(norm):
            self.norms = [*self.norms[-(self.WINDOW - 1) :], norm]
        return norm
