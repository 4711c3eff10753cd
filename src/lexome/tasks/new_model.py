"""The files of a small package with one new architecture; docs/new-model.md walks through them."""

from pathlib import Path
from string import Template

from lexome.core.errors import UsageError
from lexome.models.plugins import GROUP, check_name
from lexome.models.reference import known_names

MODULE = Template('''"""The architecture `$name`: what it is, in one line.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import lexome
import torch
from torch import nn


@dataclass(frozen=True)
class ${camel}Config:
    """What can be chosen; these are the keys of [architecture.config] in a recipe.

    Attributes:
        size: features of every step.
        layers: blocks behind the first convolution.
        kernel: steps that a block looks at, odd.
        stride: samples per step.
        in_channels: channels of the signal.
    """

    size: int = 64
    layers: int = 3
    kernel: int = 9
    stride: int = 5
    in_channels: int = 1

    def __post_init__(self) -> None:
        if min(self.size, self.layers, self.kernel, self.stride, self.in_channels) < 1:
            raise ValueError("all sizes must be positive")
        if self.kernel % 2 == 0:
            raise ValueError("the kernel must be odd")


class Block(nn.Module):
    """x + linear(SiLU(convolution(x))): (N, D, T) -> (N, D, T)."""

    def __init__(self, size: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size)
        self.linear = nn.Conv1d(size, size, 1)
        self.norm = nn.BatchNorm1d(size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Applies the block."""
        return self.norm(x + self.linear(nn.functional.silu(self.conv(x))))


class $camel(nn.Module):
    """A strided convolution and blocks: signal (N, C, S) -> features (N, T, D), T = S / stride.

    What lexome asks of an encoder: `stride` and `num_features`; `causal`, whether no step looks at samples
    behind its own; `skips` and `prunable`, names of modules that compression may take out or make narrower.
    """

    causal = False
    skips: tuple[str, ...] = ()
    prunable: tuple[str, ...] = ()

    def __init__(self, config: ${camel}Config) -> None:
        super().__init__()
        self.config = config
        self.stride = config.stride
        self.num_features = config.size
        taps = 3 * config.stride  # the samples of a step and of those around it
        self.first = nn.Conv1d(config.in_channels, config.size, taps, config.stride, padding=config.stride)
        self.blocks = nn.Sequential(*(Block(config.size, config.kernel) for _ in range(config.layers)))

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Features of every step."""
        return self.blocks(nn.functional.silu(self.first(signal))).transpose(1, 2)


ARCHITECTURE = lexome.Architecture(
    ${camel}Config, $camel, what="a strided convolution and separable blocks", reference={"size": 64}
)
''')

PROJECT = Template("""[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "$dashed"
version = "0.1.0"
dependencies = ["lexome"]

[project.entry-points."$group"]
$name = "$name:ARCHITECTURE"

[tool.setuptools]
py-modules = ["$name"]
""")

RECIPE = Template("""# A basecaller of the architecture $name, for R9.4.1, 4 kHz.
# STORE is a folder of `lexome prepare basecall`.
#
#   lexome train $name.toml -o runs/$name --set 'task.stores=["STORE"]'
task_kind = "basecall"
name = "$name"

[architecture]
name = "$name"

[architecture.config]
size = 64
layers = 3

[head]
name = "crf"
config = { state_len = 3, blank_score = 2.0, bias = true, activation = "tanh", scale = 5.0 }

[signal]
sample_rate_hz = 4000
chemistry = "r9.4.1"
chunk_size = 1500   # as long as the chunks of the store
overlap = 200
scaling = { method = "med_mad" }

[task]
stores = []

[task.optim]
lr = 2e-3
warmup_steps = 300
weight_decay = 0.01
clip = 2.0
clip_mode = "median"

[loop]
steps = 10000
batch_size = 16
seed = 25
average_decay = 0.999
validate_every = 500
save_every = 500
""")

TEST = Template('''"""$name keeps what all encoders of lexome promise; add what only yours does."""

import lexome
import pytest
from lexome.tasks.bench.contract import PROMISES, Case

from $name import ARCHITECTURE, $camel, ${camel}Config

CONFIGS = [{"size": 8, "layers": 1}, {"size": 6, "layers": 2, "kernel": 3, "stride": 4}]

lexome.register("$name", ${camel}Config, $camel)  # also where the package is not installed


@pytest.mark.parametrize("config", [dict(ARCHITECTURE.reference), *CONFIGS])
@pytest.mark.parametrize("promise", PROMISES)
def test_it_keeps_the_promise(promise: str, config: dict) -> None:
    case = Case({"name": "$name", "config": config}, {"name": "ctc", "config": {}})
    PROMISES[promise](case)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"kernel": 4}])
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        ${camel}Config(**wrong)
''')


def write_new_model(name: str, folder: Path) -> list[Path]:
    """Writes a package of one module with a working network, its recipe and its test.

    Args:
        name: of the architecture and its module.
        folder: where to; may exist.

    Returns:
        The files, in the order in which to read them.

    Raises:
        UsageError: for a name that is none or is taken, or if one of the files is there already; nothing is
            written then.
    """
    check_name(name)
    if name in known_names():
        raise UsageError(f"there is an architecture '{name}' already; choose another name")
    words = {
        "name": name,
        "camel": "".join(word.capitalize() for word in name.split("_")),
        "dashed": name.replace("_", "-"),
        "group": GROUP,
    }
    files = {
        folder / f"{name}.py": MODULE,
        folder / f"{name}.toml": RECIPE,
        folder / f"test_{name}.py": TEST,
        folder / "pyproject.toml": PROJECT,
    }
    there = [path.name for path in files if path.exists()]
    if there:
        raise UsageError(f"{folder} has {', '.join(there)} already; nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    for path, template in files.items():
        with path.open("x", encoding="utf-8") as file:  # never over a file that has come in between
            file.write(template.substitute(words))
    return list(files)
