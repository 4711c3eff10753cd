"""The kernel of Mamba's recurrence against the equation, in plain loops."""

import numpy as np

from lexome.dp.kernels.selective_scan import states


def test_states_follow_the_equation() -> None:
    rng = np.random.default_rng(0)
    steps, num_states, inner = 7, 3, 4
    decay = rng.random((steps, num_states, inner))
    added, b, c = rng.normal(size=(steps, inner)), *rng.normal(size=(2, steps, num_states))
    found_h, found_y = np.full((steps, num_states, inner), np.nan), np.full((steps, inner), np.nan)
    states(decay, added, b, c, found_h, found_y)
    h = np.zeros((num_states, inner))
    for t in range(steps):
        h = decay[t] * h + b[t][:, None] * added[t]
        np.testing.assert_allclose(found_h[t], h)
        np.testing.assert_allclose(found_y[t], c[t] @ h)
