"""Losses of a window: the published program's numbers, clipping, bands and distillation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.decode.consensus_loss import clipped_log_probs, consensus_loss, distillation_loss, targets_of

GOLDEN = "golden/deepconsensus/alignment_loss_metric_reference.npz"
VARIANTS = {"soft_d10_r0.1": (10.0, 0.1), "hard_d10": (10.0, 0.0), "soft_d1_r1": (1.0, 1.0)}


@pytest.mark.parametrize("kernel", ["numba", "torch"])
@pytest.mark.parametrize("which", ["rand", "ccs"])
def test_loss_and_gradient_are_the_published_programs(shared: Path, which: str, kernel) -> None:
    golden = np.load(shared / GOLDEN)
    targets, lengths = targets_of(torch.from_numpy(golden["y_true"]).long())
    for name, (deletion_cost, temperature) in VARIANTS.items():
        probs = torch.from_numpy(golden[f"p_{which}"]).requires_grad_()
        loss = consensus_loss(
            probs.log(), targets, lengths,
            deletion_cost=deletion_cost, temperature=temperature, kernel=kernel,
        )  # fmt: skip
        expected = torch.from_numpy(golden[f"loss_{name}_{which}"])
        torch.testing.assert_close(loss, expected, rtol=2e-6, atol=0)
        if name == "soft_d10_r0.1":
            loss.sum().backward()
            gradient = torch.from_numpy(golden[f"grad_{name}_{which}"])
            assert probs.grad is not None
            # the reference is float32 throughout: a cost of 130 / 0.1 leaves four digits in an exponent
            assert (probs.grad - gradient).norm() < 1e-4 * gradient.norm()
            torch.testing.assert_close(probs.grad, gradient, rtol=1e-3, atol=1e-3)


def test_a_band_along_the_draft_loses_nothing_on_real_windows(shared: Path) -> None:
    """The published band gives 157 where the loss is 11.8."""
    golden = np.load(shared / GOLDEN)
    targets, lengths = targets_of(torch.from_numpy(golden["y_true"]).long())
    draft = torch.from_numpy(golden["rows"][:, 80, :, 0]).long()
    log_probs = torch.from_numpy(golden["p_ccs"]).log()
    full = consensus_loss(log_probs, targets, lengths)
    banded = consensus_loss(log_probs, targets, lengths, draft_NL=draft, band_width=8)
    torch.testing.assert_close(banded, full, rtol=1e-6, atol=1e-6)


def test_bases_move_to_the_beginning_in_their_order() -> None:
    targets, lengths = targets_of(torch.tensor([[0, 3, 0, 1, 2], [0, 0, 0, 0, 0], [4, 4, 1, 1, 2]]))
    assert targets.tolist() == [[3, 1, 2, 0, 0], [0, 0, 0, 0, 0], [4, 4, 1, 1, 2]]
    assert lengths.tolist() == [3, 0, 5]
    window = torch.randint(0, 5, (100,), generator=torch.Generator().manual_seed(0))
    bases = [symbol for symbol in window.tolist() if symbol]
    assert targets_of(window[None])[0][0].tolist() == bases + [0] * (100 - len(bases))


def test_probabilities_are_clipped_on_both_sides() -> None:
    scores = torch.tensor([[[0.0, -40.0, -40.0, -40.0, -40.0]]], requires_grad=True)
    log_probs = clipped_log_probs(scores)
    assert log_probs[0, 0, 1].item() == pytest.approx(np.log(1e-7))
    assert log_probs[0, 0, 0].item() == pytest.approx(-1e-7, rel=0.2)
    log_probs.sum().backward()
    assert scores.grad is not None
    assert not scores.grad.any()


def test_a_band_needs_a_draft() -> None:
    scores, targets, lengths = torch.zeros(1, 4, 5), torch.ones(1, 2, dtype=torch.long), torch.tensor([2])
    with pytest.raises(ValueError, match="draft"):
        consensus_loss(scores, targets, lengths, band_width=3)


def test_a_score_that_is_no_number_shows() -> None:
    scores = torch.zeros(2, 4, 5)
    scores[1, 0, 0] = torch.nan
    loss = consensus_loss(scores, torch.ones(2, 2, dtype=torch.long), torch.tensor([2, 2]))
    assert loss.isnan().tolist() == [False, True]


def test_distillation_is_the_published_programs(shared: Path) -> None:
    golden = np.load(shared / "golden/deepconsensus/distill_loss_reference.npz")
    teacher, student = (torch.from_numpy(golden[f"{who}_logits"]) for who in ("teacher", "student"))
    for found, name in (
        (distillation_loss(student, teacher), "mse_T1"),
        (distillation_loss(student, teacher, "kl", 2.0), "kl_T2"),
    ):
        torch.testing.assert_close(found, torch.from_numpy(golden[name]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["mse", "kl"])
def test_distillation_by_hand_and_without_gradient_for_the_teacher(kind) -> None:
    student = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[[0.0, np.log(3)], [1.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    loss = distillation_loss(student, teacher, kind)
    expected = {"mse": 0.25**2 / 2, "kl": (0.25 * np.log(0.5) + 0.75 * np.log(1.5)) / 2}
    assert loss.item() == pytest.approx(expected[kind])
    loss.sum().backward()
    assert student.grad is not None
    assert student.grad.any()
    assert teacher.grad is None
    assert distillation_loss(teacher, teacher, kind).item() == 0


def test_wrong_requests_are_refused() -> None:
    scores = torch.zeros(1, 2, 5)
    with pytest.raises(ValueError, match="above 0"):
        distillation_loss(scores, scores, "mse", 0.0)
