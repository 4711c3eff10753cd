"""LAMB: Adam whose step is scaled, tensor by tensor, to the size of the weights that it changes."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

EPS = 1e-6


class Lamb(torch.optim.Optimizer):
    """LAMB, for large batches: a layer moves by a share of its own norm, whatever the size of its gradient.

    Args:
        params: parameters, or groups of them. A group with `trust` False (biases, norms, gates) takes
            Adam's steps as they are.
        lr: learning rate.
        betas: decay of the means of the gradient and of its square.
        weight_decay: added to the step before it is scaled.

    Source: You 2020, with bias correction, and the norms unclipped, as in the optimiser that DeepConsensus
    uses; biases and norms are left out of decay and scaling there, too. What differs: it knows them by name,
    `train.optim` by having at most one dimension.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "trust": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on all parameters that have a gradient; the result of `closure`, if there is one."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, group)
        return result

    def _change(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        state["exp_avg"].lerp_(gradient, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        taken = float(state["step"])
        mean = state["exp_avg"] / (1 - beta1**taken)
        root = (state["exp_avg_sq"] / (1 - beta2**taken)).sqrt()
        change = (mean / root.add_(EPS)).add_(parameter, alpha=group["weight_decay"])
        rate = group["lr"]
        if group["trust"]:
            size, step = float(parameter.norm()), float(change.norm())
            if size > 0 and step > 0:  # new weights of zero would never move
                rate *= size / step
        parameter.add_(change, alpha=-rate)
