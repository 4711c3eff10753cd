"""Shapes and types of every numeric subpackage are checked while the tests run."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest
from jaxtyping import TypeCheckError

from lexome.core.alphabet import encode

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "lexome"

NOT_HOOKED = {
    "checkpoint": "names and files; the networks in it are checked in models",
    "cli": "typer reads the annotations of its commands",
    "compress": "wraps tasks, which are checked themselves",
    "core": "its checks of wrong types are what its tests try; only the alphabet computes",
    "dp.kernels": "the hook breaks @njit",
    "io": "files and records; only the training store holds arrays of its own",
    "report": "makes text of plain results",
    "tasks": "joins the stages, which are checked themselves",
    "zoo": "holds data, no code",
}
ALSO_HOOKED = {"lexome.core.alphabet", "lexome.io.chunks"}


def hooked_packages() -> set[str]:
    """The packages that pyproject.toml gives to the hook."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    options = settings["tool"]["pytest"]["ini_options"]["addopts"]
    (packages,) = [o.partition("=")[2] for o in options if o.startswith("--jaxtyping-packages=")]
    *names, checker = packages.split(",")
    assert checker == "beartype.beartype"
    return set(names)


def test_every_numeric_package_is_under_the_hook() -> None:
    packages = {f"lexome.{p.parent.name}" for p in SOURCE.glob("*/__init__.py")} - {"lexome.dp"}
    # A name covers all below it, so `dp`, which holds the kernels, is named module by module.
    modules = {f"lexome.dp.{m.stem}" for m in (SOURCE / "dp").glob("*.py") if m.stem != "__init__"}
    expected = (packages | modules | ALSO_HOOKED) - {f"lexome.{name}" for name in NOT_HOOKED}
    assert hooked_packages() == expected, "name it in pyproject.toml, or in NOT_HOOKED with the reason"


@pytest.mark.parametrize("folder", ["features", "decode", "evaluate", "simulate", "dp/kernels"])
def test_the_hook_is_where_it_should_be(folder: str) -> None:
    for file in sorted((SOURCE / folder).glob("*.py")):
        if file.stem != "__init__" and not file.stem.endswith("_loss"):
            name = ".".join(["lexome", *folder.split("/"), file.stem])
            loader = type(importlib.import_module(name).__loader__).__name__
            assert (loader == "_JaxtypingLoader") == (folder != "dp/kernels"), name


def test_the_hook_refuses_wrong_types() -> None:
    with pytest.raises(TypeCheckError):
        encode(3)  # pyright: ignore[reportArgumentType]


def test_a_name_covers_what_is_below_it_and_nothing_else() -> None:
    """What the list above relies on, asked of the hook itself."""
    (finder,) = [f for f in sys.meta_path if type(f).__name__ == "_JaxtypingFinder"]
    assert finder.should_instrument("lexome.decode.anything")  # pyright: ignore[reportAttributeAccessIssue]
    for name in ("lexome.dp.kernels.crf", "lexome.decoders", "lexome.dp.crf_other"):
        assert not finder.should_instrument(name)  # pyright: ignore[reportAttributeAccessIssue]
