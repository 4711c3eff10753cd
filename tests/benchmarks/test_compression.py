"""The script that puts ways of compressing beside one another: what its rows mean,
and figures of real reads."""

import argparse
import runpy
from pathlib import Path

import pytest

from lexome.checkpoint.store import load

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "compression.py"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


def test_a_row_names_a_method_and_two_models(script: dict) -> None:
    row = script["read_row"]("85% zeros=r9.4.1_hac:runs/sparse/model")
    assert (row.method, row.before, row.after) == ("85% zeros", "r9.4.1_hac", "runs/sparse/model")
    for wrong in ("int8", "int8=a", "=a:b", "int8=:b", "int8=a:"):
        with pytest.raises(ValueError, match="is not METHOD=BEFORE:AFTER"):
            script["read_row"](wrong)


def test_figures_of_real_reads(script: dict, shared: Path) -> None:
    nanopore = shared / "data/nanopore"
    arguments = argparse.Namespace(
        reads=nanopore / "kpneumoniae_deepnano", max_reads=4, rounds=1,
        reference=nanopore / "references/K_pneumoniae_MGH78578_GCF_000016305.1.fna.gz",
    )  # fmt: skip
    row = script["Row"]("narrower", "r9.4.1_fast", "r9.4.1_turbo")
    figures = script["measure"]([row], arguments)
    fast, turbo = (figures["models"][name] for name in (row.before, row.after))
    assert fast["parameters"] == load("r9.4.1_fast").num_parameters
    assert turbo["weight_bytes"] == sum(w.nbytes for w in load("r9.4.1_turbo").weights.values())
    (found,) = figures["rows"]
    for key in ("parameters", "macs_per_sample", "peak_activation_bytes", "compressed_bytes"):
        assert 0 < turbo[key] < fast[key]
        assert found["ratios"][key] == turbo[key] / fast[key]
    assert found["ratios"]["samples_per_cpu_s"] > 1
    assert 0 < found["loss"]["mean"] < 0.1
    assert found["loss"]["reads"] == fast["mapped"]
    assert fast["parameters_not_zero"] <= fast["parameters"]
    lines = script["table"](figures).splitlines()
    assert len(lines) == 5
    assert len({line.count("|") for line in lines}) == 1
    assert f"| {100 * found['loss']['mean']:.2f} (" in lines[3]
