"""ENBED from a genome to predictions, as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.simulate.genome import random_genome

Run = Callable[..., str]
RECIPE = Path(__file__).parents[2] / "recipes" / "enbed" / "enbed_small.toml"
TINY = [
    part
    for setting in (
        *(
            "architecture.config.size=24",
            "architecture.config.num_layers=2",
            "architecture.config.num_heads=2",
        ),
        *(
            "architecture.config.head_size=12",
            "architecture.config.hidden=24",
            "architecture.config.num_global=4",
        ),
        *("head.config.num_layers=1", "head.config.num_heads=2", "head.config.head_size=12"),
        *("head.config.hidden=24", "task.validation_rows=8", "loop.batch_size=2"),
    )
    for part in ("--set", setting)
]


@pytest.fixture
def run(lexome: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def type_it(*arguments: object, code: int = 0) -> str:
        exit_code, out, err = lexome(*arguments)
        assert exit_code == code, err
        return out + err

    return type_it


def test_from_a_genome_to_predictions(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(f">a\n{random_genome(9000, 1)}NNN\n>b\n{random_genome(3000, 2)}\n")
    run("prepare", "lm", "g.fa", "-t", "byte", "--tokens", 129, "--validation", "b", "-o", "store")
    told = run("lm", "pretrain", "store", "--recipe", RECIPE, "-o", "run", "--steps", 2, *TINY)
    for figure in ("hidden_loss", "frequency_loss", "accuracy_A", "exact"):
        assert figure in told
    model = load("run/model")
    assert (model.architecture.name, model.head.name) == ("enbed", "text")
    assert model.features["span_corruption"]["sentinels"] == "ascending"
    card = Path("run/model/README.md").read_text()
    assert "to write spans that were taken out" in card
    run("lm", "pretrain", "store", "--from", "run/model", "-o", "further", "--steps", 1, "--mask", 0.3,
        "--set", "task.validation_rows=8")  # fmt: skip
    assert load("further/model").features["span_corruption"]["share"] == 0.3
    rows = "\n".join(f"{random_genome(40, n)},{n % 2}" for n in range(40))
    (tmp_path / "t.csv").write_text(f"sequence,label\n{rows}\n")
    told = run("lm", "finetune", "run/model", "--train", "t.csv", "-o", "tuned", "--epochs", 1, "--unfreeze",
        "gradual", "--threads", 1)  # fmt: skip
    assert "0 of the 3 parts of the encoder will learn; more epochs" in told
    assert load("tuned/model").provenance["unfreeze"] == "gradual"
    (tmp_path / "n.fa").write_text(f">n\n{random_genome(60, 5)}\n")
    run("lm", "predict", "tuned/model", "n.fa", "-o", "p.tsv")
    assert Path("p.tsv").read_text().splitlines()[1].startswith("n\t")
    run("lm", "embed", "run/model", "n.fa", "-o", "e.npz")
    assert all(array.shape[-1] == 24 for array in np.load("e.npz").values() if array.dtype.kind == "f")
    run("lm", "attention", "run/model", "n.fa", "--json", "a.json", "--report", "a.html")
    heads = json.loads(Path("a.json").read_text())["sequences"][0]["heads"]
    assert len(heads) == 4
    assert "what a row lacks to 1 goes to global tokens" in Path("a.html").read_text()
    (tmp_path / "v.vcf").write_text("#CHROM\tPOS\tID\tREF\tALT\nn\t5\t.\tA\tC\n")
    told = run("lm", "score", "run/model", "v.vcf", "n.fa", code=2)
    assert "pre-train one of the same encoder with the head 'masked_lm'" in told
    told = run("lm", "finetune", "run/model", "--train", "t.csv", "-o", "x", "--unfreeze", "gradual",
               "--method", "lora", code=2)  # fmt: skip
    assert "unfrozen gradually with method 'full'" in told
