"""Files from Python: signal and calls, read and written, and the model that fits them."""

import inspect
import typing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lexome
from lexome import api_files


def in_run(read, run_id: str, rate_hz: int = 4000, **extra: str):
    run = replace(read.info.run, run_id=run_id, sample_rate_hz=rate_hz, extra=extra)
    return replace(read, info=replace(read.info, run=run))


@pytest.fixture
def two_runs(raw_read) -> list:
    return [
        in_run(raw_read(1), "one", flow_cell_product_code="FLO-MIN106", sequencing_kit="SQK-LSK109"),
        in_run(raw_read(2), "two", flow_cell_product_code="FLO-FLG001", sequencing_kit="SQK-LSK110"),
        in_run(raw_read(3), "one", flow_cell_product_code="FLO-MIN106", sequencing_kit="SQK-LSK109"),
    ]


@pytest.fixture(scope="module")
def model(small_model: Path) -> "lexome.Basecaller":
    return lexome.load(small_model, device="cpu", threads=1)


def test_functions_are_typed_and_explained() -> None:
    names = ("choose_model", "read_calls", "read_runs", "read_signal", "write_calls", "write_signal")
    for name in names:
        function = getattr(lexome, name)
        assert function is getattr(api_files, name)
        assert "return" in typing.get_type_hints(function)
        assert "Args:" in (inspect.getdoc(function) or "")
        for parameter in inspect.signature(function).parameters.values():
            assert parameter.annotation is not parameter.empty


class TestSignal:
    def test_what_is_written_comes_back(self, tmp_path: Path, two_runs: list) -> None:
        path = tmp_path / "reads.pod5"
        assert lexome.write_signal(str(path), (read for read in two_runs)) == 3
        back = list(lexome.read_signal(path))
        assert [read.read_id for read in back] == [read.read_id for read in two_runs]
        assert all(np.array_equal(a.raw, b.raw) for a, b in zip(back, two_runs, strict=True))

    def test_runs_and_their_chemistry(self, tmp_path: Path, two_runs: list) -> None:
        lexome.write_signal(tmp_path / "reads.pod5", two_runs)
        runs = lexome.read_runs(tmp_path)
        assert [(run.run_id, lexome.chemistry_of(run)) for run in runs] == [
            ("one", "r9.4.1"),
            ("two", "r9.4.1"),
        ]
        with pytest.raises(lexome.UsageError, match="no such file"):
            lexome.read_runs("missing.pod5")

    def test_the_model_that_fits(self, tmp_path: Path, two_runs: list) -> None:
        lexome.write_signal(tmp_path / "reads.pod5", two_runs)
        assert lexome.choose_model(tmp_path) == lexome.choose_model([tmp_path / "reads.pod5"]) == "r9.4.1_hac"
        slow = {"flow_cell_product_code": "FLO-MIN106", "sequencing_kit": "SQK-LSK109"}
        lexome.write_signal(tmp_path / "slow.pod5", [in_run(two_runs[0], "three", 3000, **slow)])
        with pytest.raises(lexome.UsageError, match=r"4000 Hz \(reads.pod5\) and .* 3000 Hz \(slow.pod5\)"):
            lexome.choose_model(tmp_path)


class TestCalls:
    @pytest.mark.parametrize("name", ["calls.bam", "calls.sam", "calls.fastq.gz", "calls.fasta"])
    def test_what_is_written_comes_back(self, model, tmp_path: Path, two_runs: list, name: str) -> None:
        calls = list(model.basecall(two_runs))
        path = tmp_path / name
        assert lexome.write_calls(path, (call for call in calls), emit_moves=True) == 3
        back = list(lexome.read_calls(str(path)))
        assert [read.sequence for read in back] == [call.sequence for call in calls]
        assert all(read.sequence for read in back)
        if not name.endswith(".fasta"):
            for read, call in zip(back, calls, strict=True):
                assert read.qualities is not None
                assert np.array_equal(read.qualities, call.qualities)
                assert read.tags["RG"] == f"{call.run.run_id}_small"
        if name.endswith("am"):
            moves = [np.asarray(read.tags["mv"])[1:] for read in back]
            assert all(np.array_equal(m, c.moves) for m, c in zip(moves, calls, strict=True))
        assert not (tmp_path / f"{name}.partial").exists()

    def test_what_cannot_be_written(self, model, tmp_path: Path, two_runs: list) -> None:
        calls = list(model.basecall(two_runs))
        path = tmp_path / "calls.bam"
        with pytest.raises(lexome.UsageError, match="there are none"):
            lexome.write_calls(path, [])
        with pytest.raises(lexome.UsageError, match=r"exactly one model are needed \(other, small\)"):
            lexome.write_calls(path, [calls[0], replace(calls[1], model_name="other")])
        with pytest.raises(lexome.UsageError, match="ending"):
            lexome.write_calls(tmp_path / "calls.txt", iter(calls))
        assert not path.exists()

    def test_reads_that_do_not_fit_the_model(self, model, tmp_path: Path, two_runs: list) -> None:
        """The same check as `lexome basecall` makes, where whole files are called."""
        lexome.write_signal(tmp_path / "five.pod5", [in_run(two_runs[0], "five", 5000)])
        with pytest.raises(lexome.UsageError, match="model small is for an unstated chemistry at 4000 Hz"):
            model.basecall_to_file(tmp_path / "five.pod5", tmp_path / "calls.bam")
        assert not (tmp_path / "calls.bam").exists()
        with pytest.warns(UserWarning, match="likely to be wrong"):
            summary = model.basecall_to_file(tmp_path / "five.pod5", tmp_path / "calls.bam", force=True)
        assert summary.reads == 1
