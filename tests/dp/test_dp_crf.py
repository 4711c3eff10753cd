"""The CRF in torch and its loss: against all paths one by one and bonito's own numbers; torch == numba."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import crf

KERNELS = ["torch", "numba", "scan"]
SIZES = [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3)]
sizes = st.sampled_from(SIZES)
seeds = st.integers(0, 10**6)
scales = st.sampled_from([0.0, 0.3, 2.0, 20.0])


def random_scores(seed: int, steps: int, state_len: int, scale: float, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, steps, 5 * 4**state_len)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def random_targets(seed: int, lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed + 1)
    targets = torch.randint(1, 5, (len(lengths), max(lengths)), generator=generator)
    return targets, torch.tensor(lengths)


def value_and_gradient(scores, targets, lengths, kernel) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = scores.clone().requires_grad_()
    loss = crf.crf_loss(leaf, targets, lengths, kernel)
    (loss * torch.arange(1, len(loss) + 1)).sum().backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


@given(sizes, seeds, scales)
@settings(max_examples=40)
def test_partition_and_posteriors_are_sums_over_all_paths(all_paths, size, seed, scale) -> None:
    state_len, steps = size
    scores = random_scores(seed, steps, state_len, scale)
    paths, plain = all_paths(state_len, steps), scores[0].numpy()
    assert crf.log_partition(scores)[0].item() == pytest.approx(paths.log_sum(plain), rel=1e-12, abs=1e-12)
    expected = paths.posteriors(plain)
    if steps:
        np.testing.assert_allclose(crf.edge_posteriors(scores)[0], expected, atol=1e-12)
        np.testing.assert_allclose(
            crf.state_posteriors(scores)[0], expected.reshape(steps, -1, 5).sum(2), atol=1e-12
        )
        np.testing.assert_allclose(crf.edge_posteriors(scores).sum(2), np.ones((1, steps)), atol=1e-12)


@given(sizes, seeds)
@settings(max_examples=40)
def test_viterbi_finds_the_best_of_all_paths(all_paths, size, seed) -> None:
    state_len, steps = size
    scores = random_scores(seed, steps, state_len, 2.0, batch=2)
    best, path = crf.viterbi(scores)
    paths = all_paths(state_len, steps)
    for n in range(2):
        every = paths.scores(scores[n].numpy())
        winner = int(every.argmax())
        assert best[n].item() == pytest.approx(every[winner])
        assert path[n].tolist() == paths.entries_PT[winner].tolist()
        assert crf.path_bases(path)[n].tolist() == list(paths.bases[winner][state_len:])
        assert best[n] <= crf.log_partition(scores)[n]


@given(sizes, seeds, st.integers(0, 3))
@settings(max_examples=60)
def test_loss_is_the_share_of_the_paths_that_spell_the_target(all_paths, size, seed, extra) -> None:
    state_len, steps = size
    scores = random_scores(seed, steps, state_len, 2.0)
    targets, lengths = random_targets(seed, [state_len + extra])
    paths, plain = all_paths(state_len, steps), scores[0].numpy()
    target = tuple(int(base) - 1 for base in targets[0])
    log_sum = paths.log_sum(plain, target)
    assert crf.target_log_sum(scores, targets, lengths)[0].item() == pytest.approx(log_sum, abs=1e-12)
    for kernel in KERNELS:
        loss = crf.crf_loss(scores, targets, lengths, kernel)[0].item()
        assert loss == pytest.approx(paths.log_sum(plain) - log_sum, abs=1e-12), kernel


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("state_len", "steps"), [(1, 3), (2, 2)])
def test_the_probabilities_of_all_sequences_sum_to_one(kernel: str, state_len: int, steps: int) -> None:
    scores = random_scores(3, steps, state_len, 2.0)
    total = 0.0
    for length in range(state_len, state_len + steps + 1):
        targets = torch.tensor(list(itertools.product([1, 2, 3, 4], repeat=length)))
        lengths = torch.full((len(targets),), length)
        total += crf.crf_loss(scores.expand(len(targets), -1, -1), targets, lengths, kernel).neg().exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("state_len", "steps", "lengths"), [(1, 4, [3, 1]), (2, 5, [2, 5]), (2, 3, [5, 4])])
def test_gradcheck(kernel: str, state_len: int, steps: int, lengths: list[int]) -> None:
    scores = random_scores(5, steps, state_len, 1.0, batch=2).requires_grad_()
    targets, lengths_N = random_targets(5, lengths)
    assert torch.autograd.gradcheck(lambda s: crf.crf_loss(s, targets, lengths_N, kernel), (scores,))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-4)])
@pytest.mark.parametrize("state_len", [1, 3])
def test_numba_and_scan_equal_torch(dtype: torch.dtype, tolerance: float, state_len: int) -> None:
    scores = random_scores(1, 80, state_len, 2.5, batch=4).to(dtype)
    targets, lengths = random_targets(1, [30, state_len, 61, 80])
    values, gradients = zip(*(value_and_gradient(scores, targets, lengths, k) for k in KERNELS), strict=True)
    for value, gradient in zip(values[1:], gradients[1:], strict=True):
        assert value.dtype == gradient.dtype == dtype
        torch.testing.assert_close(value, values[0], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(gradient, gradients[0], rtol=0, atol=tolerance)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_item_does_not_depend_on_its_batch(kernel: str) -> None:
    scores = random_scores(2, 40, 2, 3.0, batch=5)
    targets, lengths = random_targets(2, [9, 2, 33, 17, 25])
    together = crf.crf_loss(scores, targets, lengths, kernel)
    for n in range(5):
        alone = crf.crf_loss(scores[n : n + 1], targets[n : n + 1, : lengths[n]], lengths[n : n + 1], kernel)
        expected = together[n].item()
        assert alone.item() == (expected if kernel == "numba" else pytest.approx(expected))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("padding", [-1, 0, 1, 4, 200])
def test_padding_of_targets_changes_nothing(kernel: str, padding: int) -> None:
    scores = random_scores(4, 30, 2, 3.0, batch=2)
    targets, lengths = random_targets(4, [12, 7])
    padded = torch.nn.functional.pad(targets, (0, 5), value=padding)
    padded[1, 7:12] = padding
    expected = value_and_gradient(scores, targets, lengths, kernel)
    # a scan adds up along the padding, with another order of the sums
    tolerance = 1e-14 if kernel == "scan" else 0
    for left, right in zip(value_and_gradient(scores, padded, lengths, kernel), expected, strict=True):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_target_too_long_is_infinite_and_spoils_no_gradient(kernel: str) -> None:
    scores = random_scores(6, 10, 2, 2.0, batch=3)
    targets, lengths = random_targets(6, [13, 12, 4])
    leaf = scores.clone().requires_grad_()
    loss = crf.crf_loss(leaf, targets, lengths, kernel)
    assert torch.isposinf(loss).tolist() == [True, False, False]
    torch.where(torch.isfinite(loss), loss, 0.0).sum().backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert (leaf.grad[0] == 0).all()
    assert (leaf.grad[1:] != 0).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_take_the_torch_path_and_stay_finite(dtype: torch.dtype) -> None:
    signs = random_scores(7, 12, 2, 1.0, batch=2).sign()
    targets, lengths = random_targets(7, [8, 5])
    scores = (1e4 * signs).to(dtype).requires_grad_()
    loss = crf.crf_loss(scores, targets, lengths)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert (loss >= 0).all()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    torch.testing.assert_close(loss, crf.crf_loss(scores, targets, lengths, "torch"))


@pytest.mark.parametrize(("spread", "is_kernel"), [(150.0, True), (250.0, False), (float("nan"), False)])
def test_auto_changes_to_torch_where_the_kernel_could_lose_its_range(spread: float, is_kernel: bool) -> None:
    scores = torch.zeros(1, 3, 80, dtype=torch.float64)
    scores[0, 1, 7] = spread
    loss = crf.crf_loss(scores.requires_grad_(), torch.tensor([[1, 2, 3]]), torch.tensor([3]))
    assert loss.grad_fn is not None
    assert ("_KernelLoss" in loss.grad_fn.name()) == is_kernel


def test_the_kernels_are_right_up_to_where_auto_leaves_it() -> None:
    generator = torch.Generator().manual_seed(8)
    scores = 198.0 * torch.rand(3, 50, 80, generator=generator, dtype=torch.float64)
    targets, lengths = random_targets(8, [20, 49, 3])
    values, gradients = zip(*(value_and_gradient(scores, targets, lengths, k) for k in KERNELS), strict=True)
    for value, gradient in zip(values[1:], gradients[1:], strict=True):
        torch.testing.assert_close(value, values[0], rtol=1e-10, atol=1e-8)
        torch.testing.assert_close(gradient, gradients[0], rtol=0, atol=1e-8)


def test_what_cannot_be_a_target_is_refused() -> None:
    scores = random_scores(0, 5, 2, 1.0)
    for targets, length, message in [
        ([1, 2, 3], 1, "fewer bases than the CRF's state"),
        ([1, 2, 3], 4, "beyond its row"),
        ([1, 0, 3], 3, "no base"),
        ([1, 2, 5], 3, "no base"),
        ([1, 2, 200], 3, "no base"),
    ]:
        with pytest.raises(ValueError, match=message):
            crf.crf_loss(scores, torch.tensor([targets]), torch.tensor([length]))
    crf.crf_loss(scores, torch.tensor([[1, 2, 200]]), torch.tensor([2]))


def test_the_kernel_refuses_a_second_derivative() -> None:
    scores = random_scores(0, 5, 1, 1.0).requires_grad_()
    loss = crf.crf_loss(scores, torch.tensor([[1, 2]]), torch.tensor([2]), "numba")
    (gradient,) = torch.autograd.grad((loss**2).sum(), scores, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_state_lengths() -> None:
    assert [crf.state_len_of(5 * 4**k) for k in range(1, 7)] == [1, 2, 3, 4, 5, 6]
    for wrong in (0, 5, 21, 4 * 64, 5 * 4**7):
        with pytest.raises(ValueError, match=f"{wrong} scores"):
            crf.state_len_of(wrong)


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4"])
def test_bonitos_own_numbers(shared, name: str) -> None:
    golden = np.load(shared / "golden" / "bonito" / name / "golden.npz")
    scores = torch.from_numpy(golden["scores"]).transpose(0, 1)
    for dtype in (torch.float32, torch.float64):
        np.testing.assert_allclose(crf.log_partition(scores.to(dtype)), golden["logZ"], atol=1e-3)
        first, expected = crf.edge_posteriors(scores[:1].to(dtype))[0], golden["edge_posteriors"]
        np.testing.assert_allclose(first, expected, atol=1e-4 * expected.max())
