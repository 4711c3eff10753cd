"""docs/new-model.md: every command runs, in order, in an empty folder."""

import contextlib
import io
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from lexome.cli import main as cli
from lexome.models.named import NAMED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "new-model.md"
COMMANDS = [
    line for block in re.findall(r"^```bash\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    for line in block.splitlines()
]  # fmt: skip


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pip install -e` leaves behind, without its minutes: the path, and the package's entry points."""
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["lexome.models"].items()
    (info / "entry_points.txt").write_text(
        "[lexome.models]\n" + "".join(f"{name} = {value}\n" for name, value in points)
    )
    monkeypatch.syspath_prepend(folder)


def test_every_command_runs(
    graph_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    few = {name: NAMED[name] for name in ("dense_base_conv", "mamba2")}  # all of them take seconds
    monkeypatch.setattr("lexome.models.reference.NAMED", few)
    ran: list[str] = []

    def lexome(words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["lexome", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code, f"lexome {' '.join(words)}: {capsys.readouterr().err}"

    try:
        for command in COMMANDS:
            program, *words = shlex.split(command)
            ran.append(program)
            capsys.readouterr()
            if program == "lexome":
                lexome(words)
            elif program == "pip":
                assert words[:2] == ["install", "-e"]
                installed(tmp_path / words[2], monkeypatch)
            elif program == "python":
                assert words[0] == "-c"
                assert words[2] == ">"
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(words[1], {})
                Path(words[3]).write_text(printed.getvalue())
            else:
                assert [program, *words] == ["pytest", "my_net"]
                page_test = runpy.run_path("my_net/test_my_net.py")
                page_test["test_it_keeps_the_promise"]("output length", page_test["CONFIGS"][0])
            out = capsys.readouterr().out
            if "check" in words:
                assert re.search(r"^looks ahead +info +\d+ samples$", out, re.M)
                assert "FAIL" not in out
            if "--architectures" in words:
                assert re.search(r"^mamba2 +mamba .* 462,293 +[\d,]+ +5$", out, re.M)
            if "show" in words:
                assert re.search(r"^architecture +my_net$", out, re.M)
    finally:
        sys.modules.pop("my_net", None)
    assert set(ran) == {"lexome", "pip", "pytest", "python"}
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
