"""Architectures of other packages, installed (a .dist-info folder on the path) and registered."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import lexome
from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.core.errors import LexomeError, UsageError
from lexome.models import plugins
from lexome.models.reference import reference, references
from lexome.models.registry import build_encoder, new_network

GOOD = """
from dataclasses import dataclass

import torch
from torch import nn

import lexome


@dataclass(frozen=True)
class MeanConfig:
    stride: int = 5


class Mean(nn.Module):
    causal = True
    skips = prunable = ()

    def __init__(self, config):
        super().__init__()
        self.config, self.stride, self.num_features = config, config.stride, 2
        self.linear = nn.Linear(1, 2)

    def forward(self, x):
        return self.linear(x.unflatten(2, (-1, self.stride)).mean(3).transpose(1, 2))


ARCHITECTURE = lexome.Architecture(MeanConfig, Mean, "means", {"stride": 4})
"""
CTC = {"name": "ctc", "config": {}}
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Does what `pip install` leaves behind: a module, and a folder that says what it offers."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(plugins, "_registered", {})
    modules: list[str] = []

    def put(package: str, name: str, value: str, source: str | None = None) -> Path:
        info = site / f"{package}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[lexome.models]\n{name} = {value}\n")
        if source is not None:
            module = value.split(":")[0]
            modules.append(module)
            (site / f"{module}.py").write_text(source)
        return info

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def test_an_installed_architecture_is_built_by_its_name(install: Install) -> None:
    install("their-package", "their_mean", "their_module:ARCHITECTURE", GOOD)
    assert plugins.foreign_names() == ["their_mean"]
    assert "their_module" not in sys.modules, "nothing is imported before it is asked for"
    encoder = build_encoder("their_mean", {"stride": 3})
    assert (encoder.stride, type(encoder).__name__) == (3, "Mean")
    with pytest.raises(UsageError, match=r"\[architecture\], their_mean: unknown key 'strid'"):
        build_encoder("their_mean", {"strid": 3})


def test_its_checkpoints_open_where_it_is_installed(install: Install, tmp_path: Path) -> None:
    info = install("their-package", "their_mean", "their_module:ARCHITECTURE", GOOD)
    network = new_network({"name": "their_mean", "config": {}}, CTC)
    parts = Component("their_mean", {"stride": 5}), Component("ctc", {})
    made = Checkpoint("basecall", *parts, {}, None, {"name": "x"}, weights_of(network))
    save(tmp_path / "model", made, "card")
    opened = build_network(load(tmp_path / "model"))
    assert np.array_equal(
        weights_of(opened)["encoder.linear.weight"], weights_of(network)["encoder.linear.weight"]
    )
    assert "their_module" not in (tmp_path / "model" / "config.json").read_text(), (
        "it never says where code is"
    )
    (info / "entry_points.txt").unlink()
    with pytest.raises(UsageError, match="unknown architecture 'their_mean'.*once that package is installed"):
        build_network(load(tmp_path / "model"))


@pytest.mark.parametrize(
    ("value", "source", "message"),
    [
        ("their_broken:A", "import no_such_module_anywhere\n", "ModuleNotFoundError: No module named"),
        ("their_broken:A", "A = 3\n", "is no lexome.Architecture but of the type int"),
        ("their_broken:B", "A = 3\n", "AttributeError"),
        ("their_broken:A", "raise SystemError('boom')\n", "SystemError: boom"),
    ],
)
def test_a_broken_package_fails_alone(install: Install, value: str, source: str, message: str) -> None:
    install("broken", "their_wreck", value, source)
    install("their-package", "their_mean", "their_module:ARCHITECTURE", GOOD)
    assert build_encoder("their_mean", {}) is not None
    assert build_encoder("causalcall", {"size": 2, "linear": 2}) is not None
    with pytest.raises(LexomeError, match=f"'their_wreck' of the package broken 1.5 .*{message}"):
        build_encoder("their_wreck", {})
    listed = {one.name: one for one in references()}
    assert "broken 1.5" in listed["their_wreck"].problem
    assert listed["their_mean"].problem == ""
    assert listed["their_mean"].architecture["config"] == {"stride": 4}
    with pytest.raises(LexomeError, match="broken 1.5"):
        reference("their_wreck")


def test_two_packages_with_one_name_are_both_named(install: Install) -> None:
    install("one", "their_mean", "their_module:ARCHITECTURE", GOOD)
    install("two", "their_mean", "their_other:ARCHITECTURE", GOOD)
    with pytest.raises(UsageError, match=r"offered by several packages \(one 1.5, two 1.5\)"):
        build_encoder("their_mean", {})


def test_a_package_does_not_stand_in_for_one_of_ours(install: Install) -> None:
    install("impostor", "causalcall", "their_module:ARCHITECTURE", GOOD)
    assert (
        type(build_encoder("causalcall", {"size": 2, "linear": 2})).__module__ == "lexome.models.causalcall"
    )
    assert "their_module" not in sys.modules


def test_registered_from_python(install: Install) -> None:
    class Config:
        pass

    class Encoder:
        pass

    lexome.register("their_net", Config, Encoder, what="theirs", reference={"a": 1})
    lexome.register("their_net", Config, Encoder)
    assert plugins.foreign("their_net") == lexome.Architecture(Config, Encoder)
    with pytest.raises(UsageError, match="'their_net' is registered already"):
        lexome.register("their_net", Config, Config)
    with pytest.raises(UsageError, match="'bonito' is one of lexome's own"):
        lexome.register("bonito", Config, Encoder)
    for wrong in ("Net", "my-net", "_net", "", "2nd", "nét"):
        with pytest.raises(UsageError, match="is no name of an architecture"):
            lexome.register(wrong, Config, Encoder)


def test_an_unknown_name_gets_the_nearest_ones(install: Install) -> None:
    install("their-package", "their_mean", "their_module:ARCHITECTURE", GOOD)
    with pytest.raises(UsageError, match="unknown architecture 'their_men'; did you mean 'their_mean'"):
        build_encoder("their_men", {})
