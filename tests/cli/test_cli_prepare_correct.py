"""`lexome prepare correct` on simulated subreads."""

from pathlib import Path

from typer.testing import CliRunner

from lexome.cli.prepare import app
from lexome.cli.prepare_correct import correct
from lexome.core.errors import LexomeError
from lexome.io.windows import read_windows
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.simulate import simulate_to_folder


def test_windows_are_cut_and_what_was_dropped_is_said(tmp_path: Path) -> None:
    assert any(command.callback is correct for command in app.registered_commands)
    simulate_to_folder(tmp_path / "sim", SubreadConfig(1500.0, 0.0, 1000, 3, 4), 4, 3, genome_bp=40_000)
    files = {
        "--ccs": "ccs.bam", "--truth": "truth_to_ccs.bam", "--bed": "truth.bed", "--split": "truth_split.tsv",
    }  # fmt: skip
    command = ["correct", str(tmp_path / "sim" / "subreads_to_ccs.bam"), "--as", "validation"]
    for option, name in files.items():
        command += [option, str(tmp_path / "sim" / name)]
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "store"), "--max-zmws", "3"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    store = read_windows(tmp_path / "store")
    assert set(store.split_N.tolist()) == {1}
    assert f"{len(store.split_N)}" in result.stderr
    missing = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "other"), "--ccs", "nowhere.bam"])
    assert isinstance(missing.exception, LexomeError)
    assert "nowhere.bam: no such file" in str(missing.exception)
    assert not (tmp_path / "other").exists()
