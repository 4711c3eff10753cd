"""The demo as a whole, with the small model in place of the bundled one."""

import json
from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.io.calls import read_calls
from lexome.io.pod5 import count
from lexome.tasks.basecall.demo import FILES, DemoResult, run_demo


def run(folder: Path, model: object, said: list[str] | None = None, **changes) -> DemoResult:
    options = {"reads": 5, "mean_length_bp": 800.0, "genome_bp": 20_000, "seed": 1, "threads": 2} | changes
    say = [].append if said is None else said.append
    return run_demo(folder, model=str(model), version="1.2.3", say=say, **options)


def test_every_file_is_there_and_they_agree(small_model: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "new" / "demo"
    result = run(folder, small_model, said)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert count(folder / "reads.pod5").reads == result.simulated.reads == result.called.reads == 5
    calls = list(read_calls(folder / "calls.bam"))
    assert sum(len(call.sequence) for call in calls) == result.called.bases
    figures = json.loads((folder / "evaluation.json").read_text("utf-8"))
    assert figures["reads"] == 5
    assert figures == json.loads(json.dumps(result.evaluation.to_json()))
    assert "<html" in (folder / "report.html").read_text("utf-8")
    assert [line.split()[1] for line in said] == ["simulate", "basecall", "evaluate"]


def test_the_commands_it_names_are_real(small_model: Path, tmp_path: Path) -> None:
    """Whoever copies a line of the demo gets what the demo got."""
    import shlex

    from typer.testing import CliRunner

    from lexome.cli.main import app

    said: list[str] = []
    folder = tmp_path / "my demo"
    run(folder, small_model, said)
    calls = list(read_calls(folder / "calls.bam"))
    for name in FILES[1:]:
        (folder / name).unlink()
    for line in said:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == set(FILES)
    again = list(read_calls(folder / "calls.bam"))
    assert [call.sequence for call in again] == [call.sequence for call in calls]


def test_the_same_seed_gives_the_same_calls(small_model: Path, tmp_path: Path) -> None:
    def sequences(name: str, **changes) -> list[str]:
        run(tmp_path / name, small_model, **changes)
        return [call.sequence for call in read_calls(tmp_path / name / "calls.bam")]

    first = sequences("a")
    assert sequences("b", threads=1) == first
    assert sequences("a") == first, "into the folder of an earlier demo"
    assert sequences("c", seed=2) != first


def test_an_unknown_model_is_found_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'r9'"):
        run(tmp_path / "demo", "r9")
    assert not list(tmp_path.iterdir())


def test_other_files_in_the_folder_are_safe(small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "calls.bam").write_text("of somebody")
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(UsageError, match=r"holds other files \(notes\.txt\); choose a new folder"):
        run(tmp_path, small_model)
    assert (tmp_path / "calls.bam").read_text() == "of somebody"
    with pytest.raises(UsageError, match=r"notes\.txt is a file"):
        run(tmp_path / "notes.txt", small_model)
    with pytest.raises(UsageError, match=r"notes\.txt.below: cannot be used"):
        run(tmp_path / "notes.txt" / "below", small_model)


def test_indices_beside_the_demos_files_are_no_other_files(small_model: Path, tmp_path: Path) -> None:
    for name in ("reference.fa.fai", "calls.bam.bai", ".hidden", "calls.bam.partial"):
        (tmp_path / name).write_text("x")
    assert run(tmp_path, small_model, reads=2).called.reads == 2


def test_a_demo_that_fails_leaves_no_old_result(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, small_model, reads=2)

    def fail(*_: object, **__: object) -> None:
        raise UsageError("no memory")

    monkeypatch.setattr("lexome.tasks.basecall.demo.evaluate_file", fail)
    with pytest.raises(UsageError, match="no memory"):
        run(tmp_path, small_model, reads=2)
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "evaluation.json").exists()
