"""One model to several sparsities."""

import json
from pathlib import Path

import pytest

from lexome.checkpoint.store import load, save
from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink.prune import PruneRequest
from lexome.tasks.shrink.prune_sweep import sweep


def test_a_curve_and_going_on_with_it(tiny_recipe: Path, tmp_path: Path) -> None:
    task = read_recipe(tiny_recipe).task()
    save(tmp_path / "tiny", task.checkpoint(task.build(), {"name": "tiny"}), "random")
    request, out = PruneRequest(str(tmp_path / "tiny")), tmp_path / "out"
    figures = sweep(request, (0.5, 0.25), out, "0")
    assert [point["sparsity"] for point in figures["points"]] == [0.5, 0.25]
    sizes = [point["stages"][-1]["compressed_bytes"] for point in figures["points"]]
    assert sizes[0] < sizes[1]
    assert json.loads((out / "curve.json").read_text()) == figures
    assert load(out / "sparsity_0.25/model").provenance["pruning"] == figures["points"][1]
    with pytest.raises(UsageError, match="exists already"):
        sweep(request, (0.5,), out, "0")
    done = (out / "sparsity_0.5/model/model.safetensors").stat().st_mtime_ns
    notes: list[str] = []
    more = sweep(request, (0.5, 0.25, 0.1), out, "0", resume=True, on_note=notes.append)
    assert more["points"][:2] == figures["points"]
    assert len(more["points"]) == 3
    assert "sparsity 0.1" in notes[0]
    assert (out / "sparsity_0.5/model/model.safetensors").stat().st_mtime_ns == done
    (out / "sparsity_0.5/prune.json").write_text("{")
    with pytest.raises(BadInputError, match=r"prune.json: damaged"):
        sweep(request, (0.5,), out, "0", resume=True)
