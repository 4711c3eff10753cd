"""Measuring and fitting base qualities of corrected reads."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.decode.consensus import Calibration
from lexome.evaluate.quality_calibration import calibration_error
from lexome.tasks.correct.calibrate import (
    CalibrateRequest,
    Fitted,
    Measured,
    calibrated,
    fit,
    half_of,
    measure,
    table_rows,
)
from lexome.tasks.correct.model import open_corrector
from lexome.tasks.correct.regions import Region


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty molecules: qualities q from 5 to 30 are right as often as 0.7 q + 1 promises (mismatches)."""
    rng = np.random.default_rng(11)
    path = tmp_path_factory.mktemp("calibrate")
    truths, reads, places = [], [], []
    for hole in range(60):
        truth = rng.integers(0, 4, 2000)
        quality = rng.integers(5, 31, 2000)
        wrong = rng.random(2000) < 10 ** (-(0.7 * quality + 1) / 10)
        read = np.where(wrong, (truth + 2) % 4, truth)
        bases = ["".join("ACGT"[code] for code in codes) for codes in (truth, read)]
        letters = "".join(chr(q + 33) for q in quality)
        truths.append(f">m/{hole}/truth\n{bases[0]}\n")
        reads.append(f"@m/{hole}/ccs\n{bases[1]}\n+\n{letters}\n")
        places.append(f"chr{hole % 3}\t{1000 * hole}\t{1000 * hole + 2000}\tm/{hole}/ccs\n")
    reads.append("@m/99/ccs\n" + "A" * 50 + "\n+\n" + "I" * 50 + "\n")
    (path / "t.fasta").write_text("".join(truths))
    (path / "c.fastq").write_text("".join(reads))
    (path / "t.bed").write_text("".join(places))
    return path


def request_of(folder: Path) -> CalibrateRequest:
    return CalibrateRequest(folder / "c.fastq", folder / "t.fasta")


def test_every_base_with_a_truth_counts_once(folder: Path) -> None:
    measured = measure(request_of(folder))
    assert (measured.molecules, measured.without_truth, measured.outside, measured.too_unlike) == (
        60,
        1,
        0,
        0,
    )
    assert measured.counts.sum() == 60 * 2000
    assert measured.counts[40].sum() == 0  # the quality of the read without truth
    assert measured.fitted_Q3.sum() == 2000 * (60 - measured.molecules_held_out)
    assert 15 < measured.molecules_held_out < 45
    again = measure(dataclasses.replace(request_of(folder), threads=3))
    assert (again.fitted_Q3 == measured.fitted_Q3).all()


def test_the_table_is_of_all_molecules(folder: Path) -> None:
    measured = measure(request_of(folder))
    rows = table_rows(measured)
    assert [row[0] for row in rows] == list(range(5, 31))
    assert sum(matches + mismatches for _, matches, mismatches, _ in rows) == 60 * 2000
    assert [row[2] for row in rows] == measured.counts[5:31, 1].tolist()
    assert [row[3] for row in rows] == measured.counts[5:31, 2].tolist()
    assert rows[0][2] > rows[-1][2]


def test_the_fit_finds_the_line_and_helps_where_it_was_not_made(folder: Path) -> None:
    measured = measure(request_of(folder))
    fitted = fit(measured)
    quality = np.array([8.0, 15.0, 25.0])
    assert fitted.calibration(quality) == pytest.approx(0.7 * quality + 1, abs=0.6)
    assert fitted.helps
    assert fitted.error_before > 3 * fitted.error_after
    assert fitted.error_before == calibration_error(measured.held_out_Q3, None)
    assert fitted.error_after == calibration_error(measured.held_out_Q3, fitted.calibration)
    assert fitted.text.count(",") == 2
    worse = Measured(measured.fitted_Q3, np.zeros_like(measured.fitted_Q3), 60, 0, 0, 0, 0)
    with pytest.raises(LexomeError, match="no molecule is held out"):
        fit(worse)


def test_halves_are_of_molecules_not_of_strands() -> None:
    halves = [half_of(f"m/{hole}/ccs") for hole in range(400)]
    assert [half_of(f"m/{hole}/ccs/fwd") for hole in range(400)] == halves
    assert 150 < sum(halves) < 250


def test_regions_choose_molecules(folder: Path) -> None:
    request = dataclasses.replace(
        request_of(folder),
        places=folder / "t.bed",
        regions=(Region.parse("chr1:1-12000"), Region.parse("chr9")),
    )
    measured = measure(request)
    # of chr1 those at 1000, 4000, 7000, 10000: the last ends at 12000
    assert (measured.molecules, measured.outside, measured.without_truth) == (4, 56, 1)
    with pytest.raises(UsageError, match="--regions needs --bed"):
        dataclasses.replace(request, places=None).check()
    with pytest.raises(BadInputError, match="60 lie outside"):
        measure(dataclasses.replace(request, regions=(Region("chr9"),)))


def test_reads_must_have_qualities(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "c.fasta").write_text(">m/1/ccs\nACGT\n")
    with pytest.raises(BadInputError, match="has no qualities"):
        measure(dataclasses.replace(request_of(folder), corrected=tmp_path / "c.fasta"))


def test_the_calibrated_model_uses_it(
    random_corrector_model: Checkpoint, folder: Path, tmp_path: Path
) -> None:
    measured = measure(request_of(folder))
    fitted = fit(measured)
    changed = calibrated(random_corrector_model, fitted, measured)
    save(tmp_path / "m", changed, "x")
    assert random_corrector_model.head.config == {}
    loaded = load(tmp_path / "m")
    assert loaded.head.config["calibration"] == fitted.text
    assert loaded.provenance["calibrated"]["held_out"] == measured.molecules_held_out
    assert open_corrector(loaded).calibration == fitted.calibration
    assert open_corrector(random_corrector_model).calibration is None


def test_only_correctors_are_calibrated() -> None:
    basecaller = Checkpoint("basecall", Component("a", {}), Component("b", {}), {})
    zero = np.zeros((94, 3), np.int64)
    fitted = Fitted(Calibration(0.0, 1.0, 0.0), 0.0, 0.0)
    with pytest.raises(UsageError, match="not for read correction"):
        calibrated(basecaller, fitted, Measured(zero, zero, 0, 0, 0, 0, 0))
