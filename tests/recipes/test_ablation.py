"""The script that compares ways to train students of a read corrector."""

import json
import runpy
from pathlib import Path

import pytest

from lexome.checkpoint.store import save
from lexome.features.pileup import PileupConfig
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.prepare import Split, WindowRequest, prepare_windows
from lexome.tasks.correct.simulate import simulate_to_folder
from lexome.tasks.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes" / "distilled_deepconsensus"


@pytest.fixture(scope="module")
def ablation() -> dict:
    return runpy.run_path(str(RECIPES / "ablation.py"))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store of each kind, of eight molecules, each of sequence of its own."""
    folder = tmp_path_factory.mktemp("ablation")
    splits: list[Split] = ["training", "validation", "test"]
    for seed, split in enumerate(splits, 1):
        one = folder / f"{split}_files"
        (folder / f"{split}.fa").write_text(f">{split}\n{random_genome(9000, seed)}\n")
        config = SubreadConfig(600.0, 100.0, 300, 3, 5)
        simulate_to_folder(one, config, 8, seed, reference=folder / f"{split}.fa")
        prepare_windows(
            WindowRequest(
                one / "subreads_to_ccs.bam", one / "ccs.bam", one / "truth_to_ccs.bam", one / "truth.bed",
                one / "truth_split.tsv", folder / split, PileupConfig(with_qualities=True), split,
            )
        )  # fmt: skip
    return {split: folder / split for split in splits}


@pytest.fixture(scope="module")
def teacher(stores: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network of the teacher's recipe, with new weights."""
    task = read_recipe(
        RECIPES / "hifi_teacher.toml", [f"task.stores={json.dumps([str(stores['training'])])}"]
    ).task()
    folder = tmp_path_factory.mktemp("teacher") / "model"
    save(folder, task.checkpoint(task.build(), {"name": "teacher"}), "# teacher")
    return folder


def test_every_way_is_trained_once_and_told(
    ablation: dict, stores: dict[str, Path], teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = [
        "--teacher", str(teacher), "--store", str(stores["training"]), "--store", str(stores["validation"]),
        "--test", str(stores["test"]), "--steps", "1", "--seeds", "1", "--validation", "8", "--windows", "16",
        "--only", "layers", "--trials", "1", "-o", str(tmp_path),
    ]  # fmt: skip
    ablation["main"](words)
    said = capsys.readouterr().out
    assert said.count("of CCS\n") == 6
    assert said.count("errors in the validation windows") == 1
    results = json.loads((tmp_path / "results.json").read_text())
    assert [s["layers"] for s in results["students"]] == [5, 5, 4, 4, 3, 3]
    for one in [results["teacher"], *results["students"]]:
        assert one["ccs_errors"] == results["teacher"]["ccs_errors"] > 0
        assert one["of_ccs"] == one["errors"] / one["ccs_errors"]
        low, high = one["intervals"]["of_ccs"]
        assert low <= one["of_ccs"] <= high
    assert (tmp_path / "students.svg").read_text().startswith("<svg")
    assert (tmp_path / "table.md").read_text().count("\n| layers: ") == 6

    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}
    ablation["main"](words)
    assert "of CCS\n" not in capsys.readouterr().out.split("| what")[0]
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}


def test_ways_differ(ablation: dict) -> None:
    variants = ablation["variants"](2)
    assert len({(v.group, v.name, v.seed) for v in variants}) == len(variants)
    ways = [(v.layers, v.seed, json.dumps(v.distil)) for v in variants if v.group != "layers"]
    assert len(set(ways)) == len(ways)
    assert all(v.layers == 4 for v in variants if v.group != "layers")
