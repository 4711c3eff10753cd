"""Prefix beam search for connectionist temporal classification (numba).

Legend: T time steps, K symbols (0 the blank), S places in the beam, L labels.

The beam holds prefixes of labellings, not paths. A prefix carries the probability of all its paths so far, in
two parts: those that end in a blank and those that end in its last label. The next step's label can repeat
the last one without adding to the prefix only in the second part, and add another of the same label only in
the first. A prefix is a node of a tree, so the two ways to it (it was in the beam and its last label goes on;
its parent was and is prolonged) meet in one place and their probabilities are added.

Source: Graves and Jaitly, 2014; Hannun et al., 2014 (prefix beam search without a language model); own code.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def beam_search(probs_TK: np.ndarray, width: int, cut: float) -> tuple[np.ndarray, float]:
    """Finds a likely labelling.

    Args:
        probs_TK: probabilities of the symbols, float64; rows sum to 1 and hold no number below 0.
        width: prefixes kept after each step; of equal ones those that were in the beam before, then those
            with the smaller new label.
        cut: prefixes less likely than `cut` times the likeliest are dropped; 0 keeps all that are possible.

    Returns:
        The labels of the likeliest prefix in the end (uint8[L]), and the logarithm of its probability; this
        lacks what it had while it was not in the beam.
    """
    num_steps, num_symbols = probs_TK.shape
    # each step adds at most `width` prefixes; memory that is not written to costs nothing
    room = num_steps * width + 1
    parent, label = np.empty(room, np.int32), np.empty(room, np.uint8)
    child = np.empty((room, num_symbols), np.int32)  # by label; column 0 is the place in the beam
    _add_node(parent, label, child, 0, -1, 0)
    child[0, 0] = 0
    num_nodes, num_places = 1, 1
    node_S, next_node_S = np.zeros(width, np.int32), np.zeros(width, np.int32)
    # columns: probability of the paths that end in a blank, in the last label
    ends_S2, next_ends_S2 = np.zeros((width, 2)), np.zeros((width, 2))
    ends_S2[0, 0] = 1.0
    # what may be in the beam after the step: column 0 the prefix as it is, column k prolonged by label k
    candidate_SK = np.zeros((width, num_symbols))
    log_scale = 0.0
    for t in range(num_steps):
        p = probs_TK[t]
        top = _weigh(p, node_S[:num_places], label, child, ends_S2, next_ends_S2, candidate_SK)
        # the beam is read off in the order of its candidates, so equal ones have a fixed order
        least, spare = _threshold(candidate_SK[:num_places].ravel(), width, cut * top)
        for i in range(num_places):
            child[node_S[i], 0] = -1
        count = 0
        for k in range(num_symbols):
            for i in range(num_places):
                weight = candidate_SK[i, k]
                if weight < least or weight == 0.0:
                    continue
                if weight == least:
                    if spare == 0:
                        continue
                    spare -= 1
                node = node_S[i] if k == 0 else child[node_S[i], k]
                if node < 0:
                    node = num_nodes
                    _add_node(parent, label, child, node, node_S[i], k)
                    child[node_S[i], k] = node
                    num_nodes += 1
                next_node_S[count] = node
                if k == 0:  # places only move forwards, so this one has been read
                    next_ends_S2[count, 0] = next_ends_S2[i, 0] / top
                    next_ends_S2[count, 1] = next_ends_S2[i, 1] / top
                else:
                    next_ends_S2[count, 0] = 0.0
                    next_ends_S2[count, 1] = weight / top
                child[node, 0] = count
                count += 1
        log_scale += np.log(top)
        num_places = count
        node_S, next_node_S = next_node_S, node_S
        ends_S2, next_ends_S2 = next_ends_S2, ends_S2
    best = 0
    for i in range(1, num_places):
        if ends_S2[i, 0] + ends_S2[i, 1] > ends_S2[best, 0] + ends_S2[best, 1]:
            best = i
    log_prob = log_scale + np.log(ends_S2[best, 0] + ends_S2[best, 1])
    return _spell(parent, label, node_S[best]), log_prob


@njit(cache=True, nogil=True)
def _weigh(
    p_K: np.ndarray,
    node_S: np.ndarray,
    label: np.ndarray,
    child: np.ndarray,
    ends_S2: np.ndarray,
    next_ends_S2: np.ndarray,
    candidate_SK: np.ndarray,
) -> float:
    """Fills next_ends_S2 and candidate_SK; returns the largest candidate.

    A prolonged prefix that is in the beam itself is added to its own place; its parent has no candidate then.
    """
    num_symbols = len(p_K)
    for i in range(len(node_S)):
        last = label[node_S[i]]
        next_ends_S2[i, 0] = (ends_S2[i, 0] + ends_S2[i, 1]) * p_K[0]
        next_ends_S2[i, 1] = ends_S2[i, 1] * p_K[last]  # the empty prefix never ends in a label
    for i in range(len(node_S)):
        last = label[node_S[i]]
        for k in range(1, num_symbols):
            before = ends_S2[i, 0] if k == last else ends_S2[i, 0] + ends_S2[i, 1]
            weight = before * p_K[k]
            longer = child[node_S[i], k]
            if longer >= 0 and child[longer, 0] >= 0:
                next_ends_S2[child[longer, 0], 1] += weight
                weight = 0.0
            candidate_SK[i, k] = weight
    top = 0.0
    for i in range(len(node_S)):
        candidate_SK[i, 0] = next_ends_S2[i, 0] + next_ends_S2[i, 1]
        for k in range(num_symbols):
            top = max(top, candidate_SK[i, k])
    return top


@njit(cache=True, nogil=True)
def _threshold(weights: np.ndarray, width: int, floor: float) -> tuple[float, int]:
    """The least weight that is kept, and how many that are equal to it are."""
    kept = weights[weights >= floor]
    if len(kept) <= width:
        return floor, len(kept)
    least = np.partition(kept, len(kept) - width)[len(kept) - width]
    return least, width - np.sum(kept > least)


@njit(cache=True, nogil=True)
def _add_node(
    parent: np.ndarray, label: np.ndarray, child: np.ndarray, node: int, above: int, added: int
) -> None:
    parent[node], label[node] = above, added
    child[node, :] = -1


@njit(cache=True, nogil=True)
def _spell(parent: np.ndarray, label: np.ndarray, node: int) -> np.ndarray:
    """Labels from the root to a node."""
    length, at = 0, node
    while parent[at] >= 0:
        length, at = length + 1, parent[at]
    labels_L = np.empty(length, np.uint8)
    at = node
    for i in range(length - 1, -1, -1):
        labels_L[i] = label[at]
        at = parent[at]
    return labels_L
