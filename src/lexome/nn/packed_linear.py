"""Linear layers for inference on a CPU, with weights laid out once for oneDNN.

Torch gives float32 products to MKL, which is slow on some CPUs (measured on an AMD EPYC with AVX-512: 105
GFLOP/s a core against 235 for these layers). Rows do not depend on the size of the batch here.

Shapes: I features in, O features out.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.onednn_linear import filled_up

TYPICAL_ROWS = 512  # the layout is chosen for so many rows; all other numbers work too


def can_pack() -> bool:
    """Whether this build of torch has what is needed."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


class PackedLinear(nn.Module):
    """The same as a linear layer, float32, for inference only: (..., I) -> (..., O).

    Args:
        linear: the layer; its weights are copied.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), TYPICAL_ROWS)
        self.bias = None if linear.bias is None else linear.bias.detach().clone()

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Applies the layer.

        Raises:
            RuntimeError: if gradients are asked for: there are none.
        """
        if torch.is_grad_enabled() and x.requires_grad:
            raise RuntimeError("packed layers are for inference and have no gradients")
        if not x.numel():
            return x.new_zeros(*x.shape[:-1], self.out_features)
        rows = x.reshape(-1, self.in_features)
        made = torch.ops.mkldnn._linear_pointwise(filled_up(rows), self.packed, self.bias, "none", [], "")
        return made[: len(rows)].view(*x.shape[:-1], self.out_features)


def pack_linears(module: nn.Module) -> int:
    """Replaces all linear layers inside a network, in place; it can then be neither trained nor saved.

    Args:
        module: the network; weights that are not float32 on the CPU are left as they are.

    Returns:
        How many layers were replaced; 0 where torch lacks oneDNN.
    """
    if not can_pack():
        return 0
    count = 0
    for name, child in list(module.named_children()):
        if (
            type(child) is nn.Linear
            and child.weight.device.type == "cpu"
            and child.weight.dtype == torch.float32
        ):
            setattr(module, name, PackedLinear(child))
            count += 1
        else:
            count += pack_linears(child)
    return count
