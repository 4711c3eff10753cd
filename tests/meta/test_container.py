"""The container recipe and the conda environment: what they name is there, and agrees with the project."""

import json
import re
import shlex
import shutil
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
INSTRUCTIONS = {"FROM", "RUN", "ARG", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, comments gone and continued lines joined."""
    lines = (REPOSITORY / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def copied() -> list[str]:
    """What is copied from the repository, not from another stage."""
    return [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from=" not in rest
        for source in shlex.split(rest)[:-1]
    ]


def environment() -> dict:
    return yaml.safe_load((REPOSITORY / "environment.yml").read_text("utf-8"))


class TestContainer:
    def test_only_known_instructions(self) -> None:
        assert instructions()[0][0] == "FROM"
        assert not {word for word, _ in instructions()} - INSTRUCTIONS

    def test_python_is_one_that_the_project_allows(self) -> None:
        images = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
        assert len(images) == 1, "compiled packages go from the one stage to the other"
        (image,) = images
        match = re.fullmatch(r"python:(\d+\.\d+)-slim", image)
        assert match is not None
        assert SpecifierSet(PROJECT["requires-python"]).contains(match[1])
        assert f"Programming Language :: Python :: {match[1]}" in PROJECT["classifiers"]

    def test_what_is_copied_is_there_and_not_kept_back(self) -> None:
        ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
        assert "*" in ignored, "nothing but what is named goes to the builder"
        for source in copied():
            assert (REPOSITORY / source).exists(), source
            assert f"!{source.removeprefix('./').rstrip('/')}" in ignored, source

    def test_what_is_copied_is_enough_to_build_the_whole_package(self, tmp_path: Path) -> None:
        for source in copied():
            target = tmp_path / "build" / source
            if (REPOSITORY / source).is_dir():
                shutil.copytree(REPOSITORY / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(REPOSITORY / source, target)
        builder = WheelBuilder(str(tmp_path / "build"))
        (wheel,) = builder.build(directory=str(tmp_path / "wheel"), versions=["standard"])
        names = zipfile.ZipFile(wheel).namelist()
        assert any(fnmatch(name, "lexome/zoo/*/model.safetensors") for name in names)
        assert any(name.endswith("licenses/LICENSE") for name in names)

    def test_the_pins_are_used(self) -> None:
        installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
        assert len(installs) == 1
        assert installs[0].endswith("pip install -c constraints.txt .")
        assert "PIP_BUILD_CONSTRAINT=constraints.txt" in installs[0]

    def test_it_runs_as_nobody_special(self) -> None:
        final = stages()[-1]
        words = [word for word, _ in final]
        (user,) = [rest for word, rest in final if word == "USER"]
        assert user not in ("root", "0")
        assert f" {user} " in next(rest for word, rest in final if word == "RUN") + " "
        assert "RUN" not in words[words.index("USER") :], "what is set up later would not be set up as root"

    def test_it_runs_the_command_without_spinning(self) -> None:
        final = dict(stages()[-1])
        (command,) = json.loads(final["ENTRYPOINT"])
        assert command in PROJECT["scripts"]
        assert json.loads(final["CMD"]) == ["--help"]
        settings = dict(item.split("=", 1) for item in shlex.split(final["ENV"]))
        assert settings["OMP_WAIT_POLICY"] == "PASSIVE"
        assert settings["PATH"].startswith("/opt/lexome/bin:")
        for name in ("LEXOME_CACHE", "NUMBA_CACHE_DIR"):
            assert settings[name] in final["RUN"].split(), "a folder that any user may write to"


class TestConda:
    def test_python_is_one_that_the_project_allows(self) -> None:
        (python,) = [d for d in environment()["dependencies"] if str(d).startswith("python=")]
        version = python.removeprefix("python=")
        assert SpecifierSet(PROJECT["requires-python"]).contains(version)
        assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]

    def test_the_rest_comes_from_pip_with_the_pins(self) -> None:
        found = environment()
        assert set(found) == {"name", "channels", "dependencies", "variables"}
        (pip,) = [d["pip"] for d in found["dependencies"] if isinstance(d, dict)]
        assert pip == ["-c constraints.txt", "."]
        assert "pip" in found["dependencies"], "conda warns if pip is used and not named"
        assert found["variables"]["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("name", ["Dockerfile", "environment.yml", "constraints.txt"])
def test_the_page_names_the_files(name: str) -> None:
    assert name in (REPOSITORY / "docs" / "install.md").read_text("utf-8")
    assert (REPOSITORY / name).is_file()


def test_the_settings_on_the_page_are_those_that_are_read() -> None:
    page = (REPOSITORY / "docs" / "install.md").read_text("utf-8")
    assert "`LEXOME_CACHE`" in page
    assert 'environ.get("LEXOME_CACHE")' in (REPOSITORY / "src/lexome/engine/onnx.py").read_text("utf-8")
