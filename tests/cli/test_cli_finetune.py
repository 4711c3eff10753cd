"""`lexome finetune`: options reach the work, what it says, being stopped and going on, errors in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig
from lexome.tasks.basecall.simulate import simulate_to_files

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated reads in a folder below, and the reference."""
    path = tmp_path_factory.mktemp("finetune")
    (path / "ref.fa").write_text(f">g\n{random_genome(4000, 4)}\n")
    (path / "deep" / "reads").mkdir(parents=True)
    config = PoreConfig(mean_length_bp=800.0, min_length_bp=600, adapter=False)
    simulate_to_files(path / "ref.fa", path / "deep" / "reads" / "a.pod5", config, 32, 1)
    return path


@pytest.fixture
def run(lexome: Run, data: Path, graph_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    truth = ("--reads", data / "deep", "-r", "--reference", data / "ref.fa", "--threads", "1")
    return lambda model, *arguments: lexome("finetune", model, *truth, *arguments)


def test_a_model_for_these_reads(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("-o", "mine", "--validation", "g:1,000-3000", "--steps", "2", "--lr", "1e-4", "--seed", "3")
    prepared = "lexome.tasks.basecall.finetune.prepare_store"
    with monkeypatch.context() as patch:
        patch.setattr(prepared, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        code, out, err = run("r9.4.1_fast", *options)
    assert (code, out) == (130, "")
    assert (
        err.splitlines()[-1] == "lexome: interrupted: mine holds what was done; --resume goes on from there"
    )
    code, out, err = run("r9.4.1_fast", *options)
    assert (code, out) == (2, "")
    assert "add --resume" in err
    code, out, err = run("r9.4.1_fast", *options, "--resume")
    assert (code, out) == (0, ""), err
    lines = [line for line in err.splitlines() if "labelling: " not in line]
    assert all(line.startswith("lexome: ") for line in lines)
    assert lines[0] == "lexome: held out: g:1000-2000 to choose by, g:2000-3000 to judge by"
    assert "lexome: reads: 32" in lines
    assert "lexome: step 2: label identity 0." in err
    assert lines[-1].startswith("lexome: mine/model: label identity 0.")
    assert "r9.4.1_fast: 0." in lines[-1]
    assert "points (95% " in lines[-1]
    model = load("mine/model")
    assert model.provenance["seed"] == 3
    assert model.provenance["step"] == 2
    assert '"lr": 0.0001' in (tmp_path / "mine" / "training" / "training.json").read_text()
    # the model can be used at once
    code, out, err = run("mine/model", "-o", "again", "--steps", "1", "--max-reads", "14", "--lr", "1e-4")
    assert code == 0, err
    assert load("again/model").name == "r9.4.1_fast_finetuned_finetuned"
    assert (
        "held out: g:2000-3000 to choose by, g:3000-4000 to judge by (the end of the longest contig;" in err
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("r9.4.1_fats", "-o", "x"), 2, "did you mean 'r9.4.1_fast'"),
        (("r9.4.1_fast", "-o", "x", "--validation", "g:5"), 2, "CONTIG:START-END"),
        (("r9.4.1_fast", "-o", "x", "--validation", "h:1-5"), 2, "not within it"),
        (("r9.4.1_fast", "-o", "x", "--minutes", "0"), 2, "--minutes"),
        (("r9.4.1_fast",), 2, "--output"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    result, out, err = run(*arguments)
    assert (result, out) == (code, "")
    lines = [line for line in err.splitlines() if "held out: " not in line or "is not within" in line]
    assert len(lines) == 1, err
    assert words in lines[0]


def test_a_corrector(lexome: Run, tmp_path: Path, graph_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lexome.checkpoint.store import save
    from lexome.simulate.hifi import SubreadConfig
    from lexome.tasks.correct.simulate import BED, CCS, SUBREADS, TRUTH, simulate_to_folder
    from lexome.tasks.recipe import resolve_recipe

    monkeypatch.chdir(tmp_path)
    simulate_to_folder(tmp_path / "set", SubreadConfig(900.0, 50.0, 500, 4, 6), 14, 5, genome_bp=90_000)
    truth = []
    for option, name in {"--subreads": SUBREADS, "--ccs": CCS, "--truth": TRUTH, "--bed": BED}.items():
        truth += [option, f"set/{name}"]
    small = {"pileup": {"passes": 6}, "size": 16, "feed_forwards": [16]}
    store = ("prepare", "correct", f"set/{SUBREADS}", *truth[2:], "--max-passes", "6", "-o", "store")
    assert "name the chromosomes (--split)" in lexome(*store)[2]
    assert lexome(*store, "--as", "training")[0] == 0
    recipe = {
        "task_kind": "correct", "name": "tiny", "architecture": {"name": "deepconsensus", "config": small},
        "head": {"name": "consensus", "config": {}}, "task": {"stores": ["store"]}, "loop": {"steps": 1},
    }  # fmt: skip
    task = resolve_recipe(recipe, "test").task()
    save(tmp_path / "tiny", task.checkpoint(task.build(), {"name": "tiny"}), "# tiny")

    code, out, err = lexome(
        "finetune", "tiny", *truth, "--steps", "2", "--lr", "1e-2", "--threads", "1", "-o", "mine"
    )
    assert (code, out) == (0, ""), err
    assert "errors where it chooses (best)" in err
    last = err.splitlines()[-1]
    assert last.startswith("lexome: mine/model: ")
    assert "CCS reads: " in last
    assert load("mine/model").name == "tiny_finetuned"

    for words, arguments in {
        "--bed missing": truth[:-2],
        "not both": [*truth, "--reads", "set"],
        "name --reads and --reference": ["--seed", "3"],
    }.items():
        code, out, err = lexome("finetune", "tiny", *arguments, "-o", "other")
        assert (code, out) == (2, ""), err
        assert words in err.splitlines()[-1]
    assert not (tmp_path / "other").exists()
