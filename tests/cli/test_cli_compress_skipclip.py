"""`lexome compress skipclip`: recipes and models, what is told, resuming, errors in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.tasks.shrink.skipclip import SkipClipRequest, skipclip_recipe
from lexome.train import loop

Run = Callable[..., tuple[int, str, str]]

RECIPE = """
task_kind = "basecall"
name = "tiny"
architecture.name = "quartznet"
architecture.config.blocks = [
    { size = 6, kernel = 5, stride = 5, separable = false },
    { size = 6, kernel = 3, residual = true }, { size = 6, kernel = 3, residual = true },
]
head = { name = "ctc", config = {} }
signal = { chunk_size = 200, overlap = 20 }
loop = { steps = 6, batch_size = 4, validate_every = 2, save_every = 2, log_every = 1, device = "cpu" }
"""


@pytest.fixture
def run(lexome: Run, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Where the command is typed there are a recipe with skip connections and a model of it."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text(RECIPE)
    set_stores = f"task.stores=[{str(tiny_store)!r}]"
    assert lexome("train", "recipe.toml", "-o", "wise", "--set", set_stores)[0] == 0
    return lambda *arguments: lexome("compress", "skipclip", *arguments)


def test_a_recipe_and_a_model(run: Run, tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ("--store", tiny_store)
    code, out, err = run("recipe.toml", "--teacher", "wise/model", *store, "-o", "a")
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == [
        "what", "parameters", "products_per_sample", "peak_activation_bytes_of_200_samples",
    ]  # fmt: skip
    assert all(int(without) < int(before) for _, before, without in rows[1:])
    assert build_network(load("a/model")).skips == ()
    assert load("a/model").num_parameters == int(rows[1][2])

    options = ("wise/model", *store, "--at-once", "2", "--steps", "5", "--set", "loop.validate_every=2")
    judge = loop.judge

    def stopped(task: object, model: object, average: object, position: object, *rest: object) -> object:
        if position.step == 4:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return judge(task, model, average, position, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "judge", stopped)
        assert run(*options, "--set", "loop.save_every=1", "-o", "b")[0] == 130
    code, _, err = run(*options, "--set", "loop.save_every=1", "-o", "b", "--resume")
    assert code == 0, err
    record = load("b/model").provenance["skipclip"]
    assert (record["teacher"], record["at_once"], len(record["removed"])) == ("tiny", 2, 2)
    assert load("b/model").name == "tiny_without_skips"


def test_options_and_defaults_of_a_model(run: Run, tiny_store: Path) -> None:
    recipe = skipclip_recipe(SkipClipRequest("wise/model", stores=[tiny_store], every=3))
    assert recipe.loop.steps == 2 * 3 * 2 * recipe.loop.validate_every
    whole = str(Path("wise/model").resolve())
    assert recipe.data["skipclip"] == {"teacher": whole, "every": 3}
    assert recipe.data["task"]["start_from"] == whole
    recipe = skipclip_recipe(
        SkipClipRequest("recipe.toml", "wise/model", [tiny_store], steps=9, overrides=["skipclip.alpha=0.5"])
    )
    assert recipe.data["skipclip"] == {"teacher": whole, "alpha": 0.5}
    assert recipe.loop.steps == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recipe.toml",), "recipe.toml: no teacher is named; add --teacher MODEL"),
        (("recipe.toml", "--teacher", "nobody", "--store", "STORE"), "no model 'nobody'"),
        (("recipe.toml", "--set", "skipclip=1"), "'skipclip' is not a table"),
        (("nothing.toml",), "no such file"),
        (("wise/model",), "name chunks to train on: --store"),
        (("wise/model", "--store", "STORE", "--steps", "3"), "1 validations are too few to remove 2"),
        (("r9.4.1_turbo", "--store", "STORE"), "the network 'bonito' has no skip connections to remove"),
        (("hifi_student", "--store", "STORE"), "for the task 'correct'; a basecaller is needed"),
        (("wise/model", "--store", "STORE", "--every", "0"), "--every"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    run: Run, tiny_store: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = run(*(str(tiny_store) if a == "STORE" else a for a in arguments), "-o", "x")
    assert (code, out) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert words in err
    assert not Path("x").exists()
