"""Models by their name on the hub; no test goes there."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from lexome.checkpoint.hub import fetch_from_hub, is_hub_name
from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError, UsageError

NAME = "zhihan1996/DNABERT-2-117M"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for the client: the folder `hub` holds what there is to fetch."""
    client = ModuleType("huggingface_hub")
    there, here = tmp_path / "hub", tmp_path / "cache"
    there.mkdir()
    here.mkdir()

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        if name != NAME:
            raise OSError(f"404: no {name}\nand more lines")
        for path in there.iterdir():
            if path.name in allow_patterns:
                (here / path.name).write_bytes(path.read_bytes())
        return str(here)

    client.snapshot_download = snapshot_download  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    return there


def test_only_owner_and_name_are_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_name(NAME)
    for other in ("r9.4.1_fast", "./a/b", "../b", "/a/b", "a/b/c", "a/", "a b/c", "~/x", ""):
        assert not is_hub_name(other), other
    Path("models").mkdir()
    assert not is_hub_name("models/fats")  # a mistyped folder is no reason to go to the network


def test_weights_are_fetched_once_and_no_code(hub: Path) -> None:
    for file in ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin", "bert_layers.py"):
        (hub / file).write_text(file)
    found = fetch_from_hub(NAME)
    assert sorted(p.name for p in found.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_old_weights_are_taken_if_there_are_no_others(hub: Path) -> None:
    for file in ("config.json", "pytorch_model.bin", "bert_layers.py"):
        (hub / file).write_text(file)
    found = fetch_from_hub(NAME)
    assert sorted(p.name for p in found.iterdir()) == ["config.json", "pytorch_model.bin"]


def test_what_cannot_be_fetched_is_named(hub: Path) -> None:
    with pytest.raises(LexomeError, match="404: no some/thing") as raised:
        load("some/thing")
    assert "\n" not in str(raised.value)
    for file in ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin"):
        assert file in str(raised.value)


def test_without_the_client_the_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(LexomeError, match=r"not installed.*config\.json.*into a folder"):
        load(NAME)


def test_paths_are_never_looked_for_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load(tmp_path / "a")
    with pytest.raises(UsageError, match="no such folder"):
        load(Path(NAME))
