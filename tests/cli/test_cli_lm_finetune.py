"""`lexome lm finetune`, as a user types it."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lexome.checkpoint.store import load

Run = Callable[..., str]


@pytest.fixture
def run(lexome: Callable[..., tuple[int, str, str]]) -> Run:
    def type_it(*arguments: object, code: int = 0) -> str:
        exit_code, out, err = lexome(*arguments)
        assert exit_code == code, err
        return out + err

    return type_it


@pytest.fixture(scope="module")
def toys(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    return load_file(Path(__file__).parents[1] / "tasks" / "language" / "toy_language.py")


@pytest.fixture
def files(toys: ModuleType, tmp_path: Path) -> dict[str, Path]:
    made = {"model": toys.saved_model(tmp_path / "toy")}
    for kind in ("classes", "labels", "value"):
        made[kind] = toys.write_table(tmp_path / f"{kind}.csv", toys.motif_set(60, kind))
    return made


@pytest.mark.parametrize(
    ("task", "kind", "told"),
    [("classes", "classes", "mcc"), ("multilabel", "labels", "exact"), ("regression", "value", "spearman")],
)
def test_every_kind_of_label(
    run: Run, files: dict[str, Path], tmp_path: Path, task: str, kind: str, told: str
) -> None:
    options = ["--task", task, "--epochs", 1, "--threads", 1]
    text = run(
        "lm", "finetune", files["model"], "--train", files[kind], "--test", files[kind], "-o",
        tmp_path / "out", *options,
    )  # fmt: skip
    assert f"{kind} (60 sequences): " in text
    assert told in text
    model = load(tmp_path / "out" / "model")
    assert model.features["target"]["kind"] == kind
    assert model.provenance["finetuned_from"] == "toy"


@pytest.mark.parametrize("method", ["lora", "probe"])
def test_less_than_everything_learns(run: Run, files: dict[str, Path], tmp_path: Path, method: str) -> None:
    run(
        "lm", "finetune", files["model"], "--train", files["classes"], "-o", tmp_path / "out", "--method",
        method,
        "--rank", 2, "--epochs", 1, "--threads", 1, "--class-weights",
    )  # fmt: skip
    assert (tmp_path / "out" / "adapters" / "adapter_config.json").exists() is (method == "lora")
    assert load(tmp_path / "out" / "model").provenance["method"] == method


def test_cross_validation(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    text = run(
        "lm", "finetune", files["model"], "--train", files["classes"], "-o", tmp_path / "out", "--cv", 2,
        "--epochs", 1, "--threads", 1,
    )  # fmt: skip
    assert "fold 2 of 2" in text
    assert "over all; folds" in text


def test_wrong_use(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    def wrong(*options: object, code: int = 2, train: str = "classes") -> str:
        return run(
            "lm",
            "finetune",
            files["model"],
            "--train",
            files[train],
            "-o",
            tmp_path / "out",
            *options,
            code=code,
        )

    assert "two folds at least" in wrong("--cv", 1)
    assert "leave out --validation" in wrong("--cv", 3, "--test", files["classes"])
    assert "only method 'full'" in wrong("--new-weights", "--method", "lora")
    assert "no column 'class'" in wrong("--labels", "class", code=1)
    assert "a finite number is needed" in wrong("--task", "regression", code=1)
    assert not (tmp_path / "out").exists()
    text = run("lm", "finetune", "r9.4.1_fast", "--train", files["classes"], "-o", tmp_path / "out", code=2)
    assert "not a language model" in text
