"""Attentions that have fewer heads than share their features: what is left of them after pruning.

The features of a layer are shared by a number of heads, which says how wide each is; of these heads some may
be gone. A layer without a head would be no attention, so one is left at least.
"""

from collections.abc import Sequence


def shape_of_heads(size: int, num_heads: int, left: int | None) -> tuple[int, int]:
    """How many heads an attention has, and how wide each is.

    Args:
        size: features of the layer.
        num_heads: heads that share them evenly.
        left: heads that are there; None: all.

    Returns:
        (heads, features of a head).

    Raises:
        ValueError: if the features do not divide, or there are not so many heads.
    """
    if num_heads < 1 or size % num_heads:
        raise ValueError(f"the {size} features do not divide into {num_heads} heads")
    if left is not None and not 1 <= left <= num_heads:
        raise ValueError(f"of {num_heads} heads 1 to {num_heads} can be left, not {left}")
    return num_heads if left is None else left, size // num_heads


def check_heads(heads: Sequence[int] | None, num_layers: int, num_heads: int) -> None:
    """Refuses numbers of heads that do not belong to a stack of layers.

    Args:
        heads: that are left in each layer; None: all.
        num_layers: of the stack.
        num_heads: that share the features.

    Raises:
        ValueError: for another number of layers, or a number of heads that a layer cannot have.
    """
    if heads is None:
        return
    if len(heads) != num_layers:
        raise ValueError(f"heads has {len(heads)} numbers for {num_layers} layers")
    if not all(1 <= left <= num_heads for left in heads):
        raise ValueError(f"heads must be 1 to {num_heads} (num_heads) in every layer, not {list(heads)}")


def check_numbered_heads(heads: Sequence[Sequence[int]] | None, num_layers: int, num_heads: int) -> None:
    """The same where heads are no two alike, and their numbers from 0 say which are left.

    Raises:
        ValueError: for another number of layers, or heads that a layer cannot have.
    """
    for left in heads or ():
        if sorted(set(left)) != list(left) or not all(0 <= head < num_heads for head in left):
            raise ValueError(f"heads must be numbers from 0 to {num_heads - 1}, in order, not {list(left)}")
    check_heads(None if heads is None else [len(left) for left in heads], num_layers, num_heads)
