"""CTC in torch and its loss: against all paths one by one and torch's own loss; torch == numba."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import ctc

KERNELS = ["torch", "numba"]
ALL_KERNELS = [*KERNELS, "native"]
SIZES = [(0, 3), (1, 5), (2, 5), (3, 5), (4, 5), (5, 3), (6, 3), (7, 2)]
sizes = st.sampled_from(SIZES)
seeds = st.integers(0, 10**6)
scales = st.sampled_from([0.0, 0.3, 2.0, 20.0])


def random_log_probs(
    seed: int, steps: int, symbols: int = 5, scale: float = 2.0, batch: int = 1, dtype=torch.float64
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scores = scale * torch.randn((batch, steps, symbols), generator=generator, dtype=dtype)
    return scores.log_softmax(dim=-1)


def random_targets(seed: int, lengths: list[int], labels: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed + 1)
    targets = torch.randint(1, labels + 1, (len(lengths), max(lengths)), generator=generator)
    return targets, torch.tensor(lengths)


def drawn_target(data, symbols: int) -> tuple[int, ...]:
    """Up to five labels, equal neighbours among them."""
    return tuple(data.draw(st.lists(st.integers(1, symbols - 1), max_size=5)))


def as_batch(target: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([target], dtype=torch.long).reshape(1, -1), torch.tensor([len(target)])


def value_and_gradient(log_probs, targets, lengths, kernel) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = log_probs.clone().requires_grad_()
    loss = ctc.ctc_loss(leaf, targets, lengths, kernel)
    (loss * torch.arange(1, len(loss) + 1)).sum().backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


@given(sizes, seeds, scales, st.data())
@settings(max_examples=60)
def test_loss_is_the_sum_over_all_paths_that_spell_the_target(
    all_labellings, size, seed, scale, data
) -> None:
    steps, symbols = size
    target = drawn_target(data, symbols)
    log_probs = random_log_probs(seed, steps, symbols, scale)
    expected = np.logaddexp.reduce(all_labellings(steps, symbols).path_scores(log_probs[0].numpy(), target))
    assert ctc.target_log_sum(log_probs, *as_batch(target)).item() == pytest.approx(expected, abs=1e-12)
    for kernel in ALL_KERNELS if steps else KERNELS:  # torch's own wants a step
        loss = ctc.ctc_loss(log_probs, *as_batch(target), kernel).item()
        assert loss == pytest.approx(-expected, abs=1e-12), kernel


@given(sizes, seeds, st.data())
@settings(max_examples=60)
def test_occupancy_is_the_share_of_the_targets_paths(all_labellings, size, seed, data) -> None:
    steps, symbols = size
    target = drawn_target(data, symbols)
    log_probs = random_log_probs(seed, steps, symbols)
    paths = all_labellings(steps, symbols)
    weights_P = np.exp(paths.path_scores(log_probs[0].numpy(), target))
    expected = np.zeros((steps, symbols))
    for t in range(steps):
        np.add.at(expected[t], paths.paths_PT[:, t], weights_P / (weights_P.sum() or 1.0))
    found = ctc.occupancy(log_probs, *as_batch(target))[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    _, gradient = value_and_gradient(log_probs, *as_batch(target), "numba")
    np.testing.assert_allclose(-gradient[0], expected, atol=1e-12)


@given(sizes, seeds, st.data())
@settings(max_examples=60)
def test_the_best_alignment_is_the_best_of_the_targets_paths(all_labellings, size, seed, data) -> None:
    steps, symbols = size
    target = drawn_target(data, symbols)
    log_probs = random_log_probs(seed, steps, symbols)[0]
    paths = all_labellings(steps, symbols)
    scores_P = paths.path_scores(log_probs.numpy(), target)
    score, positions_T = ctc.best_alignment(log_probs, torch.tensor(target, dtype=torch.long))
    assert score == pytest.approx(scores_P.max(initial=-np.inf), abs=1e-12)
    if score > -np.inf:
        symbol_P, _ = ctc.lattice(*as_batch(target))
        assert symbol_P[0, positions_T].tolist() == paths.paths_PT[scores_P.argmax()].tolist()


@given(sizes, seeds)
@settings(max_examples=40)
def test_the_best_path_is_the_best_of_all(all_labellings, size, seed) -> None:
    steps, symbols = size
    log_probs = random_log_probs(seed, steps, symbols, batch=2)
    paths = all_labellings(steps, symbols)
    for n, path_T in enumerate(ctc.best_path(log_probs)):
        winner = paths.path_scores(log_probs[n].numpy()).argmax()
        assert path_T.tolist() == paths.paths_PT[winner].tolist()
        assert winner in paths.paths_of[tuple(ctc.spelled(path_T).tolist())]


def torch_loss(scores: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.ctc_loss(
        scores.log_softmax(-1).transpose(0, 1),
        targets,
        torch.full_like(lengths, scores.shape[1]),
        lengths,
        reduction="none",
    )


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_value_and_gradient_by_the_scores_are_those_of_torchs_own_loss(kernel: str, scale: float) -> None:
    scores = random_log_probs(1, 90, scale=scale, batch=6)
    targets, lengths = random_targets(1, [30, 0, 1, 47, 60, 12])
    targets[5, :12] = 2  # needs a blank between each two
    results = []
    for loss_of in (torch_loss, lambda s, t, n: ctc.ctc_loss(s.log_softmax(-1), t, n, kernel)):
        leaf = scores.clone().requires_grad_()
        loss = loss_of(leaf, targets, lengths)
        (loss * torch.arange(1, 7)).sum().backward()
        results.append((loss.detach(), leaf.grad))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("steps", "lengths"), [(4, [3, 1]), (6, [0, 4]), (3, [2, 2])])
def test_gradcheck(kernel: str, steps: int, lengths: list[int]) -> None:
    weights = torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    targets, lengths_N = random_targets(7, lengths, labels=2)
    targets[0, :2] = torch.tensor([1, 2])
    if lengths[1] > 1:
        targets[1, :2] = 1
    weights.requires_grad_()  # any weights, not only such as sum to one
    assert torch.autograd.gradcheck(lambda w: ctc.ctc_loss(w, targets, lengths_N, kernel), (weights,))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-4)])
def test_numba_equals_torch(dtype: torch.dtype, tolerance: float) -> None:
    log_probs = random_log_probs(1, 80, scale=3.0, batch=5, dtype=dtype)
    targets, lengths = random_targets(1, [30, 1, 50, 0, 80])
    targets[4] = torch.arange(80) % 4 + 1  # no repeats: just fits
    values, gradients = zip(
        *(value_and_gradient(log_probs, targets, lengths, k) for k in KERNELS), strict=True
    )
    assert values[1].dtype == gradients[1].dtype == dtype
    torch.testing.assert_close(values[0], values[1], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=tolerance)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_an_item_does_not_depend_on_its_batch(kernel: str) -> None:
    log_probs = random_log_probs(2, 40, batch=5)
    targets, lengths = random_targets(2, [9, 0, 23, 17, 25])
    together = ctc.ctc_loss(log_probs, targets, lengths, kernel)
    for n in range(5):
        alone = ctc.ctc_loss(
            log_probs[n : n + 1], targets[n : n + 1, : lengths[n]], lengths[n : n + 1], kernel
        )
        expected = together[n].item()
        assert alone.item() == (expected if kernel == "numba" else pytest.approx(expected))


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("padding", [-1, 0, 1, 4, 200])
def test_padding_of_targets_changes_nothing(kernel: str, padding: int) -> None:
    log_probs = random_log_probs(4, 30, batch=2)
    targets, lengths = random_targets(4, [12, 7])
    padded = torch.nn.functional.pad(targets, (0, 5), value=padding)
    padded[1, 7:12] = padding
    expected = value_and_gradient(log_probs, targets, lengths, kernel)
    for left, right in zip(value_and_gradient(log_probs, padded, lengths, kernel), expected, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_a_target_too_long_is_infinite_and_spoils_no_gradient(kernel: str) -> None:
    scores = random_log_probs(6, 5, batch=5)
    targets = torch.tensor([[1, 2, 3, 4, 1, 2], [1, 1, 2, 2, 0, 0], [3, 3, 3, 0, 0, 0], [1, 2, 3, 4, 1, 0]])
    targets = torch.cat([targets, torch.zeros(1, 6, dtype=torch.long)])
    lengths = torch.tensor([6, 4, 3, 5, 0])  # in steps: 6, 6, 5, 5, 0
    leaf = scores.clone().requires_grad_()
    loss = ctc.ctc_loss(leaf.log_softmax(-1), targets, lengths, kernel)
    assert torch.isposinf(loss).tolist() == [True, True, False, False, False]
    loss.sum().backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert (leaf.grad[:2] == 0).all()
    assert (leaf.grad[2:] != 0).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_impossible_symbol_is_infinite_only_where_it_is_needed(kernel: str) -> None:
    scores = random_log_probs(7, 8, batch=2)
    scores[:, :, 2] = -torch.inf
    leaf = scores.clone().requires_grad_()
    loss = ctc.ctc_loss(
        leaf.log_softmax(-1), torch.tensor([[1, 2, 3], [1, 3, 4]]), torch.tensor([3, 3]), kernel
    )
    assert torch.isposinf(loss).tolist() == [True, False]
    loss[1].backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("target", [(), (1,), (1, 2, 2), (1, 2, 3, 4, 1, 2)])
def test_a_broken_network_is_no_infinite_loss(kernel: str, target: tuple[int, ...]) -> None:
    log_probs = random_log_probs(8, 6)
    log_probs[0, 3] = torch.nan
    assert torch.isnan(ctc.ctc_loss(log_probs, *as_batch(target), kernel)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_stay_finite(dtype: torch.dtype) -> None:
    scores = (1e4 * random_log_probs(7, 12, batch=2).add(1.6).sign()).to(dtype)
    targets, lengths = random_targets(7, [6, 5])
    (numba, a), (plain, b) = (
        value_and_gradient(scores.log_softmax(-1), targets, lengths, k) for k in ("numba", "torch")
    )
    assert torch.isfinite(numba).all()
    assert (numba >= 0).all()
    torch.testing.assert_close(numba, plain)
    torch.testing.assert_close(a, b, rtol=0, atol=2e-2 if dtype == torch.float32 else 1e-9)  # of sums of 1e5


def test_what_cannot_be_a_target_is_refused() -> None:
    log_probs = random_log_probs(0, 5)
    for targets, length, message in [
        ([1, 2, 3], 4, "beyond its row of 3"),
        ([1, 2, 3], -1, "below 0"),
        ([1, 0, 3], 3, "no label"),
        ([1, 2, 5], 3, r"no label \(1 to 4\)"),
        ([1, 2, -200], 3, "no label"),
    ]:
        with pytest.raises(ValueError, match=message):
            ctc.ctc_loss(log_probs, torch.tensor([targets]), torch.tensor([length]))
    ctc.ctc_loss(log_probs, torch.tensor([[1, 2, 200]]), torch.tensor([2]))


def test_the_kernel_is_taken_on_a_cpu_and_refuses_a_second_derivative() -> None:
    log_probs = random_log_probs(0, 5).requires_grad_()
    loss = ctc.ctc_loss(log_probs, torch.tensor([[1, 2]]), torch.tensor([2]))
    (gradient,) = torch.autograd.grad((loss**2).sum(), log_probs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_path_spells_its_runs_without_blanks() -> None:
    assert ctc.spelled(torch.tensor([0, 1, 1, 0, 1, 2, 2, 3, 0, 0, 3])).tolist() == [1, 1, 2, 3, 3]
    assert ctc.spelled(torch.tensor([2])).tolist() == [2]
    assert len(ctc.spelled(torch.tensor([0, 0]))) == len(ctc.spelled(torch.tensor([], dtype=torch.long))) == 0


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    scores = random_log_probs(9, 70, scale=3.0, batch=4)
    targets, lengths = random_targets(9, [30, 0, 71, 12])
    (loss, gradient), (expected, expected_gradient) = (
        value_and_gradient(scores.to(d).log_softmax(-1), targets.to(d), lengths.to(d), "auto")
        for d in ("cuda", "cpu")
    )
    torch.testing.assert_close(loss.cpu(), expected)
    torch.testing.assert_close(gradient.cpu(), expected_gradient, rtol=0, atol=1e-9)
