"""The cost of reading a target out of a window's columns: a soft edit distance, and its gradient (numba).

Legend: T columns of a window, K symbols of a column (0 the gap), L labels of a target (each 1 to K - 1).

An alignment walks from (0, 0) to (L, T). A step to the next column spends that column's gap or, if it goes on
to the next label too, that label's symbol there: the price is minus its log-probability. A step to the next
label within a column (the window lacks that base) has the fixed price of a deletion. `cost[i, j]` is the soft
minimum over the walks to (i, j): -r log sum exp(-price / r), r the temperature; the least price at r = 0.

A band holds, for each column j of 0 to T, the labels `low[j]` to `high[j]` that a walk may have read by then.

The plain twin is in `lexome.dp.edit`.

Source: the alignment loss of DeepConsensus (Baid 2022), after differentiable dynamic programming (Mensch and
Blondel 2018). Differs: cells, not anti-diagonals; one pass forwards and one backwards; a band that is a set
of cells of the same problem.
"""

import numpy as np
from numba import njit

FORGOTTEN = 37.0  # a term exp(-37) times the largest is below the last digit of a float64


@njit(cache=True, nogil=True)
def soft_edit_cost(
    log_probs_TK: np.ndarray,
    target_L: np.ndarray,
    deletion_cost: float,
    temperature: float,
    low_J: np.ndarray,
    high_J: np.ndarray,
    gradient_TK: np.ndarray,
) -> float:
    """Soft-minimal price of reading the target, and its gradient.

    Args:
        log_probs_TK: log-probabilities, float64; -inf is allowed, not a number is not.
        target_L: labels.
        deletion_cost: price of a label that no column gives, nats; finite.
        temperature: r, nats; 0 for the least price (of equal steps the first of: both on, column, label).
        low_J: first label of the band, J = T + 1; 0 at the beginning, never falling.
        high_J: last label of the band, L at the end, never falling.
        gradient_TK: output: gradient of the cost by log_probs_TK; all 0 if the cost is infinite.

    Returns:
        The cost, nats; infinite if no walk has a finite price.
    """
    num_columns, num_labels = len(log_probs_TK), len(target_L)
    gradient_TK[:] = 0.0
    if low_J[0] > 0 or high_J[num_columns] < num_labels:
        return np.inf
    # costs of one column with a wall before it, and the shares of every cell's three ways
    before, after = np.full(num_labels + 2, np.inf), np.full(num_labels + 2, np.inf)
    share_both = np.zeros((num_columns + 1, num_labels + 1))
    share_column = np.zeros((num_columns + 1, num_labels + 1))
    share_label = np.zeros((num_columns + 1, num_labels + 1))
    before[1] = 0.0
    for i in range(1, min(high_J[0], num_labels) + 1):
        before[i + 1] = before[i] + deletion_cost
        share_label[0, i] = 1.0
    for j in range(1, num_columns + 1):
        low, high = max(low_J[j], 0), min(high_J[j], num_labels)
        after[:] = np.inf
        gap = -log_probs_TK[j - 1, 0]
        for i in range(low, high + 1):
            both = np.inf
            if i > 0:
                both = before[i] - log_probs_TK[j - 1, target_L[i - 1]]
            column = before[i + 1] + gap
            label = after[i] + deletion_cost
            least = min(both, min(column, label))
            if least == np.inf:
                continue
            if temperature > 0.0:
                cut = least + FORGOTTEN * temperature
                w_both = np.exp((least - both) / temperature) if both < cut else 0.0
                w_column = np.exp((least - column) / temperature) if column < cut else 0.0
                w_label = np.exp((least - label) / temperature) if label < cut else 0.0
                total = w_both + w_column + w_label
                after[i + 1] = least if total == 1.0 else least - temperature * np.log(total)
                share_both[j, i] = w_both / total
                share_column[j, i] = w_column / total
                share_label[j, i] = w_label / total
            else:
                after[i + 1] = least
                if both == least:
                    share_both[j, i] = 1.0
                elif column == least:
                    share_column[j, i] = 1.0
                else:
                    share_label[j, i] = 1.0
        before, after = after, before
    cost = before[num_labels + 1]
    if cost < np.inf:
        _walk_back(share_both, share_column, share_label, target_L, low_J, high_J, gradient_TK)
    return cost


@njit(cache=True, nogil=True)
def _walk_back(
    share_both: np.ndarray,
    share_column: np.ndarray,
    share_label: np.ndarray,
    target_L: np.ndarray,
    low_J: np.ndarray,
    high_J: np.ndarray,
    gradient_TK: np.ndarray,
) -> None:
    """Adds minus the probability that the walk spends each symbol, from the shares of every cell's ways."""
    num_columns, num_labels = len(gradient_TK), len(target_L)
    visits, previous = np.zeros(num_labels + 1), np.zeros(num_labels + 1)
    visits[num_labels] = 1.0
    for j in range(num_columns, 0, -1):
        low, high = max(low_J[j], 0), min(high_J[j], num_labels)
        previous[:] = 0.0
        for i in range(high, low - 1, -1):
            here = visits[i]
            if here == 0.0:
                continue
            if share_both[j, i] > 0.0:
                spent = here * share_both[j, i]
                previous[i - 1] += spent
                gradient_TK[j - 1, target_L[i - 1]] -= spent
            if share_column[j, i] > 0.0:
                spent = here * share_column[j, i]
                previous[i] += spent
                gradient_TK[j - 1, 0] -= spent
            if share_label[j, i] > 0.0:
                visits[i - 1] += here * share_label[j, i]
        visits, previous = previous, visits
