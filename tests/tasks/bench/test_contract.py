"""Encoders that break a promise are found out; the kept ones are tested over all encoders in tests/models."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from lexome.models import plugins
from lexome.tasks.bench.contract import PROMISES, BrokenPromiseError, Case, contract_lines


@dataclass(frozen=True)
class LiarConfig:
    lie: str = ""


class Liar(nn.Module):
    """A causal encoder that does one thing other than it says."""

    stride, num_features = 4, 3
    skips: tuple[str, ...] = ()

    def __init__(self, config: LiarConfig) -> None:
        super().__init__()
        self.lie = config.lie
        self.prunable = ("nothing",) if config.lie == "names" else ()
        self.causal = config.lie != "causality"
        self.conv = nn.Conv1d(1, 3, 4, 4)
        self.unused = nn.Linear(1, 1) if config.lie == "gradients" else None
        self.noise = torch.randn(3, device="cpu")  # not saved

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).transpose(1, 2)
        match self.lie:
            case "length":
                y = y[:, 1:]
            case "ahead":
                y = y + y.flip(1)
            case "batches":
                y = y + y.mean(0)
            case "saving":
                y = y + self.noise
            case "deaf":
                y = y * 0
            case "nan":
                y = y.log()
            case "error":
                raise KeyError("oh\nno")
        return y


@pytest.fixture(autouse=True)
def liars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_registered", {"liar": plugins.Architecture(LiarConfig, Liar)})


def case(lie: str) -> Case:
    return Case({"name": "liar", "config": {"lie": lie}}, {"name": "ctc", "config": {}})


def test_an_honest_encoder_keeps_all() -> None:
    lines = contract_lines(case(""))
    assert [line.check for line in lines] == list(PROMISES)
    assert {line.result for line in lines} == {"pass"}, lines


@pytest.mark.parametrize(
    ("lie", "promise", "finding"),
    [
        ("length", "output length", "give features"),
        ("names", "output length", "name no module: encoder.nothing"),
        ("gradients", "gradients", "unused.weight takes no part"),
        ("nan", "gradients", "not finite"),
        ("causality", "causality", "it looks ahead: False, but causal is False"),
        ("ahead", "causality", "it looks ahead: True, but causal is True"),
        ("batches", "batches", "scores differ"),
        ("deaf", "batches", "does not matter"),
        ("saving", "save and load", "gives other scores"),
    ],
)
def test_a_lie_is_found_out(lie: str, promise: str, finding: str) -> None:
    with pytest.raises(BrokenPromiseError, match=finding):
        PROMISES[promise](case(lie))


def test_whatever_happens_inside_is_a_finding() -> None:
    lines = contract_lines(case("error"))
    assert {line.result for line in lines} == {"FAIL"}
    assert lines[0].finding == "KeyError: 'oh\\nno'"
