"""The published rule for a CRF's qualities, base by base."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from lexome.dp import crf


@pytest.fixture(scope="session")
def slow_qualities() -> Callable[..., list[int]]:
    """The mean over the steps of a base of p ** 0.4, p of the path's k-mer and of those one base away."""

    def qualities(
        scores_TK: np.ndarray, states_T: np.ndarray, moves_T: np.ndarray, scale: float, bias: float
    ) -> list[int]:
        batch = torch.from_numpy(scores_TK.astype(np.float64))[None]
        posterior_TS = crf.state_posteriors(batch)[0].tolist()
        state_len = crf.state_len_of(scores_TK.shape[1])
        kmers = [np.base_repr(s, 4).zfill(state_len) for s in range(4**state_len)]
        found = []
        begins = [t for t, move in enumerate(moves_T) if move]
        for begin, end in itertools.pairwise([*begins, len(states_T)]):
            right, total = 0.0, 0.0
            for t in range(begin, end):
                own = kmers[states_T[t]]
                near = {own} | {b + own[:-1] for b in "0123"} | {own[1:] + b for b in "0123"}
                p = min(1.0, sum(posterior_TS[t][kmers.index(kmer)] for kmer in near)) ** 0.4
                right += p
                total += p + 3 * (1 - p) / 3  # the three other bases share what is left
            error = max(1 - right / total, 1e-10)
            found.append(math.floor(min(max(-10 * math.log10(error) * scale + bias, 1), 50) + 0.5))
        return found

    return qualities
