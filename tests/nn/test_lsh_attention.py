"""LSH attention against loops over all pairs of steps."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize, scaled_dot_product_attention

from lexome.nn.lsh_attention import LshAttention, LshConfig, buckets_of, lsh_round


def slow_round(
    q_TE: np.ndarray, k_TE: np.ndarray, v_TE: np.ndarray, bucket_T: np.ndarray, group: int
) -> tuple[np.ndarray, np.ndarray]:
    """One head and round: who sees whom is decided pair by pair."""
    steps, size = q_TE.shape
    rank_T = np.empty(steps, int)
    rank_T[sorted(range(steps), key=lambda t: (bucket_T[t], t))] = np.arange(steps)
    seen, total = np.empty_like(v_TE), np.empty(steps)
    for t in range(steps):
        candidates = [
            s
            for s in range(steps)
            if bucket_T[s] == bucket_T[t] and rank_T[t] // group - rank_T[s] // group in (0, 1)
        ]
        logits = np.array([-1e5 if s == t else q_TE[t] @ k_TE[s] / np.sqrt(size) for s in candidates])
        top = logits.max()
        total[t] = top + np.log(np.exp(logits - top).sum())
        seen[t] = np.exp(logits - total[t]) @ v_TE[candidates]
    return seen, total


@pytest.mark.parametrize(
    ("steps", "group", "num_buckets"), [(1, 4, 2), (16, 4, 2), (23, 4, 4), (23, 64, 6), (40, 3, 4)]
)
def test_a_round_is_the_loop_over_pairs(steps: int, group: int, num_buckets: int) -> None:
    torch.manual_seed(steps + group)
    q, v = torch.randn(2, 2, 3, steps, 4, dtype=torch.float64)
    k = normalize(q, dim=-1)
    config = LshConfig(group, num_buckets, 1)
    bucket = torch.randint(0, num_buckets, (2, 3, steps))
    seen, total = lsh_round(q, k, v, bucket, config)
    for n, h in np.ndindex(2, 3):
        heads = q[n, h].numpy(), k[n, h].numpy(), v[n, h].numpy()
        expected_seen, expected_total = slow_round(*heads, bucket[n, h].numpy(), group)
        np.testing.assert_allclose(seen[n, h].numpy(), expected_seen, rtol=0, atol=1e-9)
        np.testing.assert_allclose(total[n, h].numpy(), expected_total, rtol=1e-12, atol=1e-9)


def test_the_bucket_is_the_nearest_of_all_directions_and_their_opposites() -> None:
    torch.manual_seed(0)
    x, directions = torch.randn(1, 2, 30, 4), torch.randn(3, 2, 4, 5)
    buckets = buckets_of(x, directions)
    assert buckets.shape == (3, 1, 2, 30)
    for r, h, t in np.ndindex(3, 2, 30):
        both = np.concatenate([directions[r, h].numpy(), -directions[r, h].numpy()], axis=1)
        assert int(buckets[r, 0, h, t]) == int((x[0, h, t].numpy() @ both).argmax())
    assert set(buckets.flatten().tolist()) == set(range(10))


def test_with_one_bucket_and_group_it_is_attention_to_all_others() -> None:
    torch.manual_seed(0)
    attention = LshAttention(8, 2, LshConfig(group=32, num_buckets=2, num_rounds=2))
    attention.directions_RHEF.zero_()
    x = torch.randn(2, 20, 8)
    q, v = (
        (x @ layer.weight.T).reshape(2, 20, 2, 4).transpose(1, 2)
        for layer in (attention.queries, attention.values)
    )
    others = ~torch.eye(20, dtype=torch.bool)
    seen = scaled_dot_product_attention(q, normalize(q, dim=-1), v, others)
    torch.testing.assert_close(attention(x), seen.transpose(1, 2).flatten(2) @ attention.out.weight.T)


def test_rounds_are_weighted_by_what_they_found() -> None:
    """The whole module as one softmax per round, joined by the sums of their exponentials."""
    torch.manual_seed(0)
    attention = LshAttention(8, 2, LshConfig(group=4, num_buckets=4, num_rounds=3)).double()
    x = torch.randn(1, 19, 8, dtype=torch.float64)
    q, v = ((x @ layer.weight.T).reshape(19, 2, 4) for layer in (attention.queries, attention.values))
    buckets = buckets_of(q.transpose(0, 1)[None], attention.directions_RHEF)
    joined = np.empty((19, 2, 4))
    for h in range(2):
        heads = (
            q[:, h].detach().numpy(),
            normalize(q, dim=-1)[:, h].detach().numpy(),
            v[:, h].detach().numpy(),
        )
        rounds = [slow_round(*heads, buckets[r, 0, h].numpy(), 4) for r in range(3)]
        top = np.max([total for _, total in rounds], axis=0)
        share = np.exp([total - top for _, total in rounds])
        joined[:, h] = sum(
            s[:, None] * seen for s, (seen, _) in zip(share / share.sum(0), rounds, strict=True)
        )
    expected = joined.reshape(19, 8) @ attention.out.weight.detach().numpy().T
    np.testing.assert_allclose(attention(x)[0].detach().numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("wrong", [{"group": 0}, {"num_buckets": 3}, {"num_rounds": 0}])
def test_senseless_configs_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive, num_buckets even"):
        LshConfig(**wrong)


def test_heads_have_to_fit() -> None:
    with pytest.raises(ValueError, match="8 features do not divide into 3 heads"):
        LshAttention(8, 3, LshConfig())
