"""Mamba's recurrence and its gradient, one sequence at a time (numba).

    h[t] = decay[t] h[t-1] + added[t] b[t],    y[t] = c[t] . h[t]

for every inner feature and state, with decay[t] = exp(-step[t] rate). The features of a state lie side by
side, so that the inner loops run over them.

Legend: T steps, E inner features, S states of each.

Source: Mamba (Gu and Dao 2023), equation 2 with its discretisation; the gradient is own. The plain twin is
`lexome.nn.mamba.by_scans`.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def states(
    decay_TSE: np.ndarray,
    added_TE: np.ndarray,
    b_TS: np.ndarray,
    c_TS: np.ndarray,
    h_TSE: np.ndarray,
    y_TE: np.ndarray,
) -> None:
    """All states and outputs; `h_TSE` and `y_TE` are written."""
    num_steps, num_states, inner = decay_TSE.shape
    for t in range(num_steps):
        y_E = y_TE[t]
        y_E[:] = 0
        for s in range(num_states):
            b, c = b_TS[t, s], c_TS[t, s]
            decay_E, h_E, added_E = decay_TSE[t, s], h_TSE[t, s], added_TE[t]
            if t == 0:
                for e in range(inner):
                    h_E[e] = added_E[e] * b
                    y_E[e] += h_E[e] * c
            else:
                before_E = h_TSE[t - 1, s]
                for e in range(inner):
                    h_E[e] = decay_E[e] * before_E[e] + added_E[e] * b
                    y_E[e] += h_E[e] * c


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(one_E: np.ndarray, other_E: np.ndarray) -> float:
    """The sum of products, in an order that suits the processor."""
    total = one_E[0] * other_E[0]
    for e in range(1, len(one_E)):
        total += one_E[e] * other_E[e]
    return total


@njit(cache=True, nogil=True)
def gradients(
    decay_TSE: np.ndarray,
    h_TSE: np.ndarray,
    step_TE: np.ndarray,
    added_TE: np.ndarray,
    rate_SE: np.ndarray,
    b_TS: np.ndarray,
    c_TS: np.ndarray,
    of_y_TE: np.ndarray,
    of_step_TE: np.ndarray,
    of_added_TE: np.ndarray,
    of_rate_SE: np.ndarray,
    of_b_TS: np.ndarray,
    of_c_TS: np.ndarray,
) -> None:
    """The gradients of all that goes in, from that of `y`; they are written, that of the rates added to."""
    num_steps, num_states, inner = decay_TSE.shape
    of_h_SE = np.zeros((num_states, inner), decay_TSE.dtype)  # of each state, from all behind its step
    for t in range(num_steps - 1, -1, -1):
        of_y_E, step_E, added_E = of_y_TE[t], step_TE[t], added_TE[t]
        of_step_E, of_added_E = of_step_TE[t], of_added_TE[t]
        of_step_E[:] = 0
        of_added_E[:] = 0
        for s in range(num_states):
            b, c = b_TS[t, s], c_TS[t, s]
            of_h_E, decay_E, rate_E, of_rate_E = of_h_SE[s], decay_TSE[t, s], rate_SE[s], of_rate_SE[s]
            for e in range(inner):
                of_h_E[e] += of_y_E[e] * c
                of_added_E[e] += of_h_E[e] * b
            of_c_TS[t, s] = _dot(of_y_E, h_TSE[t, s])
            of_b_TS[t, s] = _dot(of_h_E, added_E)
            if t > 0:
                before_E = h_TSE[t - 1, s]
                for e in range(inner):
                    of_h_E[e] *= decay_E[e]
                    of_exponent = of_h_E[e] * before_E[e]
                    of_step_E[e] -= of_exponent * rate_E[e]
                    of_rate_E[e] -= of_exponent * step_E[e]
