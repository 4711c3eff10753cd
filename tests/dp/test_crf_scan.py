"""The CRF's loss made for a GPU: what the tests of `crf_loss` over all its kernels do not reach."""

import numpy as np
import pytest
import torch

from lexome.dp import crf, crf_scan


def random_scores(steps: int, state_len: int, scale: float, batch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(steps)
    return scale * torch.randn((batch, steps, 5 * 4**state_len), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_edges_by_source_are_those_by_destination(state_len: int) -> None:
    source, target, leaving = crf_scan.edges_of_states(state_len)
    assert torch.equal(source, crf.source_states(state_len))
    for state in range(4**state_len):
        for column in range(5):
            entry = int(leaving[state, column])
            assert entry // 5 == target[state, column]
            assert source[entry // 5, entry % 5] == state
            assert (entry % 5 == 0) == (column == 0)
    assert sorted(leaving.flatten().tolist()) == list(range(5 * 4**state_len))


@pytest.mark.parametrize("spread", [1e-9, 3.0, 14.0, 19.9])
@pytest.mark.parametrize("state_len", [1, 3])
def test_posteriors_in_float32_at_every_spread_it_takes(spread: float, state_len: int) -> None:
    """However seldom the sums are scaled."""
    generator = torch.Generator().manual_seed(3)
    scores = spread * torch.rand(2, 120, 5 * 4**state_len, generator=generator, dtype=torch.float64)
    log_z, posteriors = crf_scan.partition(scores.float(), state_len, spread)
    torch.testing.assert_close(log_z, crf.log_partition(scores), rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(posteriors.double(), crf.edge_posteriors(scores), rtol=0, atol=2e-5)


def test_the_worst_scores_it_takes_leave_no_sum_at_zero() -> None:
    """One step favours one edge over all others by the whole spread, the next its opposite."""
    spread = 79.0 / 4
    scores = torch.zeros(1, 60, 320, dtype=torch.float64)
    scores[0, 0::2, 0] = spread
    scores[0, 1::2, 315] = spread
    log_z, posteriors = crf_scan.partition(scores.float(), 3, spread)
    torch.testing.assert_close(log_z, crf.log_partition(scores), rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(posteriors.double(), crf.edge_posteriors(scores), rtol=0, atol=2e-5)


def test_lattice_is_that_of_every_target() -> None:
    targets = torch.randint(1, 5, (4, 12), generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([12, 3, 7, 11])
    stay, move, last = crf_scan.lattice(targets, lengths, 3)
    assert last.tolist() == [9, 0, 4, 8]
    for n, length in enumerate(lengths.tolist()):
        expected = crf.target_entries(targets[n, :length].numpy().astype(np.int64) - 1, 3)
        assert stay[n, : length - 2].tolist() == expected[0].tolist()
        assert move[n, : length - 3].tolist() == expected[1].tolist()


def test_a_target_as_long_as_the_scores_has_one_path() -> None:
    scores = random_scores(5, 1, 1.0, 1)
    targets = torch.tensor([[1, 3, 4, 4, 2, 1]])
    leaf = scores.clone().requires_grad_()
    loss = crf_scan.scan_loss(leaf, targets, torch.tensor([6]), 1, 8.0)
    path = [5 * int(new - 1) + 1 + int(old - 1) for old, new in zip(targets[0], targets[0, 1:], strict=False)]
    on_path = scores[0, torch.arange(5), path].sum()
    torch.testing.assert_close(loss, crf.log_partition(scores) - on_path)
    loss.sum().backward()
    expected = crf.edge_posteriors(scores)
    expected[0, torch.arange(5), path] -= 1
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, expected)


def test_half_precision_is_added_up_in_single() -> None:
    scores = random_scores(40, 2, 2.0, 3).to(torch.bfloat16)
    targets = torch.randint(1, 5, (3, 20), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([20, 9, 15])
    results = []
    for leaf in (scores.clone().requires_grad_(), scores.float().requires_grad_()):
        loss = crf.crf_loss(leaf, targets, lengths, "scan")
        assert loss.dtype == torch.float32
        loss.mean().backward()
        assert leaf.grad is not None
        assert leaf.grad.dtype == leaf.dtype
        results.append((loss.detach(), leaf.grad.float()))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=0)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-2, atol=1e-6)


def test_scores_too_far_apart_are_refused_where_scan_is_asked_for() -> None:
    targets, lengths = torch.tensor([[1, 2, 3]]), torch.tensor([3])
    for spread, dtype, is_taken in [
        (26.0, torch.float32, True), (27.0, torch.float32, False),
        (199.0, torch.float64, True), (201.0, torch.float64, False), (float("nan"), torch.float64, False),
    ]:  # fmt: skip
        scores = torch.zeros(1, 3, 80, dtype=dtype)
        scores[0, 1, 7] = spread
        if is_taken:
            expected = crf.crf_loss(scores, targets, lengths, "torch")
            torch.testing.assert_close(crf.crf_loss(scores, targets, lengths, "scan"), expected)
        else:
            with pytest.raises(ValueError, match="too far apart for a scan"):
                crf.crf_loss(scores, targets, lengths, "scan")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("state_len", [1, 3, 4])
def test_a_gpu_gives_the_numbers_of_the_cpu(state_len: int) -> None:
    scores = 5 * torch.tanh(random_scores(300, state_len, 1.0, 4).float())
    targets = torch.randint(1, 5, (4, 150), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([150, 90, 120, 8])
    results = []
    for device in ("cpu", "cuda"):
        leaf = scores.to(device).requires_grad_()
        loss = crf.crf_loss(leaf, targets.to(device), lengths.to(device))
        assert loss.grad_fn is not None
        assert ("_ScanLoss" in loss.grad_fn.name()) == (device == "cuda")
        loss.sum().backward()
        assert leaf.grad is not None
        results.append((loss.detach().cpu(), leaf.grad.cpu()))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=0, atol=2e-4)
