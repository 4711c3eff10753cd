"""Paths through a super-network: what is drawn, what its gradient is on average, what stays as it was."""

from itertools import permutations

import pytest
import torch

from lexome.compress.paths import ArchitectureParameters
from lexome.compress.space import Slot

SLOTS = (Slot("a", ("1", "2", "3", "4")), Slot("fixed", ("1",)), Slot("b", ("1", "2")))


def parameters(seed: int = 0) -> ArchitectureParameters:
    torch.manual_seed(seed)
    made = ArchitectureParameters(SLOTS)
    with torch.no_grad():
        for alpha in made.alphas:
            alpha.normal_()
    return made


def draws(monkeypatch: pytest.MonkeyPatch, *answers: list[int]) -> None:
    """What `torch.multinomial` says from now on."""
    waiting = [torch.tensor(answer) for answer in answers]
    monkeypatch.setattr(torch, "multinomial", lambda p, number: waiting.pop(0))


@pytest.mark.parametrize("slot", ["a", "b"])
def test_the_mean_gradient_of_the_pairs_is_that_of_all_paths(
    slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parameters()
    n = made.names.index(slot)
    sizes = [len(alpha) for alpha in made.alphas]
    outputs = torch.randn(sizes[n])  # the loss is linear in the gates: d loss / d gate j
    costs = torch.rand(sizes[n])
    p = made.alphas[n].detach().softmax(0)
    wanted = torch.autograd.grad((made.probabilities()[slot] * (outputs + 2 * costs)).sum(), made.alphas[n])[
        0
    ]
    mean, whole = torch.zeros(sizes[n]), 0.0
    for pair in permutations(range(sizes[n]), 2):
        for active in (0, 1):
            answers: list[list[int]] = []
            for m in range(len(sizes)):
                answers += [list(pair), [active]] if m == n else [[0, 1], [0]]
            draws(monkeypatch, *answers)
            parts, probabilities = made.two_paths()
            assert [part.option for part in parts[slot]] == list(pair)
            gates = [part.gate for part in parts[slot]]
            assert [float(gate.detach()) for gate in gates if gate is not None] == [
                1.0 - active,
                float(active),
            ]
            torch.testing.assert_close(probabilities[slot].detach(), p)
            loss = sum(gate * outputs[o] for gate, o in zip(gates, pair, strict=True) if gate is not None)
            total = loss + 2 * (probabilities[slot] * costs).sum()
            (gradient,) = torch.autograd.grad(total, made.alphas[n])
            assert set(gradient.nonzero().flatten().tolist()) <= set(pair)
            a, b = pair
            drawn = float(p[a] * p[b] / (1 - p[a]) * p[pair[active]] / (p[a] + p[b]))
            mean, whole = mean + drawn * gradient, whole + drawn
    assert whole == pytest.approx(1)
    torch.testing.assert_close(mean, wanted)


def test_what_is_not_in_the_pair_keeps_its_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    made = parameters()
    before = {name: p.detach().clone() for name, p in made.probabilities().items()}
    draws(monkeypatch, [1, 3], [0], [0, 1], [1])
    made.two_paths()
    with torch.no_grad():  # an optimiser that scales the two by themselves
        made.alphas[0][1] += 0.3
        made.alphas[0][3] += 0.9
        made.alphas[1][0] -= 1.0
    shares = made.shares()
    torch.testing.assert_close(shares["a"][[0, 2]], before["a"][[0, 2]])
    assert shares["a"][3] > before["a"][3]
    assert shares["a"][1] < before["a"][1]
    assert float(made.alphas[0].detach().logsumexp(0)) == pytest.approx(
        float(parameters().alphas[0].detach().logsumexp(0))
    )
    torch.testing.assert_close(made.shares(), shares)  # settled once


def test_paths_are_drawn_by_their_probabilities() -> None:
    made = parameters()
    torch.manual_seed(5)
    counts = torch.zeros(4)
    for _ in range(2000):
        parts = made.one_path()
        assert [part.gate for part in parts["a"]] == [None]
        assert [part.option for part in parts["fixed"]] == [0]
        counts[parts["a"][0].option] += 1
    torch.testing.assert_close(counts / 2000, made.probabilities()["a"].detach(), atol=0.04, rtol=0)


def test_a_pair_can_be_drawn_from_certainty() -> None:
    made = parameters()
    with torch.no_grad():
        made.alphas[0].copy_(torch.tensor([200.0, 0.0, 0.0, 0.0]))
    for _ in range(5):
        options = [part.option for part in made.two_paths()[0]["a"]]
        assert len(set(options)) == 2
        assert 0 in options


def test_the_mixture_has_all_options_and_the_likeliest_is_one() -> None:
    made = parameters()
    parts, probabilities = made.mixture()
    assert [part.option for part in parts["a"]] == [0, 1, 2, 3]
    for part, p in zip(parts["a"], probabilities["a"], strict=True):
        assert part.gate is not None
        assert float(part.gate.detach()) == float(p.detach())
    assert made.likeliest() == {
        "fixed": 0,
        "a": int(made.alphas[0].argmax()),
        "b": int(made.alphas[1].argmax()),
    }
