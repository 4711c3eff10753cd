"""lexome from Python: the names of the package, calling reads and files, and the page that shows it."""

import inspect
import re
import subprocess
import sys
import typing
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lexome
from lexome import api
from lexome.io.calls import read_calls
from lexome.io.pod5 import write_pod5

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
STUB = Path(lexome.__file__).with_suffix(".pyi")


@pytest.fixture(scope="module")
def model(small_model: Path) -> "lexome.Basecaller":
    return lexome.load(small_model, device="cpu", threads=2, batch_size=4)


class TestNames:
    def test_every_name_is_found(self) -> None:
        assert set(lexome._API) == set(api.__all__)
        for name in api.__all__:
            assert getattr(lexome, name) is getattr(api, name)
            assert name in dir(lexome)
            assert inspect.getdoc(getattr(lexome, name))

    def test_type_checkers_see_the_same_names(self) -> None:
        named = re.findall(r"^from lexome\.api import (\w+) as \1$", STUB.read_text("utf-8"), re.M)
        assert sorted(named) == sorted(api.__all__)

    def test_what_is_not_there_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="module 'lexome' has no attribute 'lod'"):
            lexome.lod  # noqa: B018  # pyright: ignore

    def test_importing_loads_nothing_until_a_name_is_used(self) -> None:
        program = """
import sys
import lexome
print("numpy" in sys.modules, "lexome.api" in sys.modules)
lexome.load
print("numpy" in sys.modules, "torch" in sys.modules)
"""
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        assert done.stdout.split() == ["False", "False", "True", "False"]

    def test_signatures_are_typed(self) -> None:
        functions = [lexome.load, lexome.read_signal, lexome.evaluate_reads]
        functions += [getattr(lexome.Basecaller, name) for name in ("basecall", "basecall_to_file")]
        for function in functions:
            assert "return" in typing.get_type_hints(function)
            for parameter in inspect.signature(function).parameters.values():
                assert parameter.name == "self" or parameter.annotation is not parameter.empty


class TestBasecalling:
    def test_a_basecaller_says_what_it_is(self, model) -> None:
        assert (model.name, model.device, model.stride, model.sample_rate_hz) == ("small", "cpu", 5, 4000)
        assert repr(model) == "<Basecaller small on cpu, 2 threads>"

    def test_reads_files_and_folders_give_the_same_calls(
        self, model, mixed_pod5, mixed_reads, tmp_path
    ) -> None:
        skipped: list = []
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "reads.pod5").write_bytes(mixed_pod5.read_bytes())

        def sequences(reads, **options) -> list[tuple[str, str]]:
            return [(c.read_id, c.sequence) for c in model.basecall(reads, on_skip=skipped.append, **options)]

        expected = sequences(mixed_reads)
        assert len(expected) == 14
        assert len(skipped) == 4
        assert sequences(mixed_pod5) == sequences(str(mixed_pod5)) == expected
        assert sequences([mixed_pod5]) == sequences(iter([str(mixed_pod5)])) == expected
        assert sequences(tmp_path / "deep") == expected
        assert sequences(tmp_path, recursive=True) == expected
        assert sequences(read for read in mixed_reads) == expected
        assert sequences([]) == []

    def test_options_of_load_reach_the_model(self, small_model, mixed_reads) -> None:
        def sequences(**options) -> list[str]:
            model = lexome.load(str(small_model), device="cpu", **options)
            return [call.sequence for call in model.basecall(mixed_reads, on_skip=lambda skipped: None)]

        plain = sequences()
        assert sequences(threads=1, batch_size=3) == plain
        assert sequences(engine="torch") == plain
        assert sequences(chunk_size=500, overlap=50) != plain
        assert sequences(trim=False) != plain
        assert sequences(beam_width=8) != plain

    def test_what_is_skipped_is_a_warning_unless_it_is_collected(self, model, mixed_reads) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert len(list(model.basecall(mixed_reads))) == 14
        assert [warning.category for warning in caught] == [lexome.SkippedWarning] * 4
        assert "the signal is constant" in str(caught[0].message)

    def test_wrong_requests_are_found_at_once(self, model, raw_read) -> None:
        """When it is called, not when the first result is taken."""
        for reads, message in (
            ("missing.pod5", "no such file"),
            ([Path("missing.pod5")], "no such file"),
            (raw_read(1), r"put it into a list: basecall\(\[read\]\)"),
            (["a.pod5", raw_read(1)], "paths or raw reads, not a mixture"),
            ([1, 2], "paths or raw reads"),
        ):
            with pytest.raises(lexome.UsageError, match=message):
                model.basecall(reads)
        with pytest.raises(lexome.UsageError, match="no model 'nothing'"):
            lexome.load("nothing")


class TestFiles:
    def test_calls_into_a_file(self, model, mixed_pod5, tmp_path) -> None:
        told: list[int] = []
        summary = model.basecall_to_file(
            mixed_pod5, tmp_path / "calls.bam", emit_moves=True, on_progress=told.append
        )
        calls = list(read_calls(tmp_path / "calls.bam"))
        assert summary.reads == len(calls) == len(told) == 14
        assert len(summary.skipped) == 4
        assert all("mv" in call.tags for call in calls)
        direct = model.basecall(mixed_pod5, on_skip=lambda skipped: None)
        assert [call.sequence for call in calls] == [call.sequence for call in direct]
        with pytest.raises(lexome.UsageError, match="the ending decides the format"):
            model.basecall_to_file(mixed_pod5, tmp_path / "calls")

    def test_signal(self, mixed_pod5, mixed_reads, tmp_path) -> None:
        skipped: list[lexome.Skipped] = []
        reads = list(lexome.read_signal([mixed_pod5], on_skip=skipped.append))
        assert len(reads) == 17
        assert len(skipped) == 1
        assert np.array_equal(reads[0].raw, mixed_reads[0].raw)
        with pytest.warns(lexome.SkippedWarning, match="calibration"):
            list(lexome.read_signal(str(mixed_pod5)))
        with pytest.raises(lexome.UsageError, match="no signal files"):
            lexome.read_signal(tmp_path)


def test_the_page_shows_what_works(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples of docs/python.md for signal run, one after the other, on simulated reads with a small
    model."""
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(examples) == 4
    del examples[2:]  # PacBio and language models: test_api_correct, test_api_language
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lexome.checkpoint.store.bundled_models", lambda: {"r9.4.1_fast": small_model})
    names: dict = {}
    run: Callable = exec
    run(examples[0], names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [read.read_id for read in names["reads"]]
    write_pod5(tmp_path / "reads.pod5", names["reads"])
    (tmp_path / "reference.fa").write_text(f">genome\n{names['genome']['genome']}\n")
    run(examples[1], names)
    assert capsys.readouterr().out.splitlines()[0].startswith("5 reads, ")
    assert names["evaluation"].figures.reads == 5
