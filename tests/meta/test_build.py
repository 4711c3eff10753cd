"""What a user installs and types: the wheel's content, the pins, the verbs of make, the check in CI."""

import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
VERBS = ["demo", "test", "check", "bench", "test-slow"]


def pins() -> dict[str, Requirement]:
    lines = (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def test_the_wheel_holds_the_package_with_its_models(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.getinfo(name).file_size for name in archive.namelist()}
    package = REPOSITORY / "src" / "lexome"
    wanted = [f for f in package.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    missing = [f for f in wanted if content.get(f.relative_to(package.parent).as_posix()) != f.stat().st_size]
    assert not missing
    assert any(name.endswith("licenses/LICENSE") for name in content)
    assert not [
        n for n in content if n.split("/")[0] not in ("lexome", f"lexome-{PROJECT['version']}.dist-info")
    ]


def test_the_package_has_the_version_of_the_project() -> None:
    text = (REPOSITORY / "src/lexome/__init__.py").read_text("utf-8")
    assert f'__version__ = "{PROJECT["version"]}"' in text
    assert f"version: {PROJECT['version']}\n" in (REPOSITORY / "CITATION.cff").read_text("utf-8")


@pytest.mark.parametrize("text", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]])
def test_every_dependency_is_pinned_within_what_the_project_allows(text: str) -> None:
    requirement = Requirement(text)
    (pin,) = pins()[canonicalize_name(requirement.name)].specifier
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version)


def test_pins_are_exact_and_without_local_versions() -> None:
    """A local version such as torch's +cpu is in no package index; an unpinned torch brings gigabytes."""
    for name, requirement in pins().items():
        assert re.fullmatch(r"==[\w.!]+", str(requirement.specifier)), name
        assert requirement.marker is None, name
    assert "torch" in pins()


def test_verbs_of_make_can_be_run() -> None:
    # A make above this one would hand down its own flags.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    for verb in VERBS:
        run = subprocess.run(
            ["make", "-n", verb], cwd=REPOSITORY, env=environment, capture_output=True, text=True
        )
        assert (run.returncode, run.stderr) == (0, ""), verb


def test_ci_runs_the_suite_through_make() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "make test" in script.read_text("utf-8")


def test_hooks_before_a_commit_are_local() -> None:
    text = (REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"^\s*- repo: *(.+)$", text, re.M) == ["local"]
    assert set(re.findall(r"^\s*language: *(.+)$", text, re.M)) == {"system"}
