"""Reads called and judged: against calls whose place is known, and kept in the folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.alphabet import decode
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import RawRead
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.bench import basecallers_identity as module
from lexome.tasks.bench.accuracy import ReadsSource, find_reads
from lexome.tasks.bench.basecallers_identity import check_folder, judge, kept_file, settings_of

BOOTSTRAP = BootstrapConfig(resamples=20, seed=3)
WRONG = 7  # bases of the first read's place in the reference that are others


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=1)


@pytest.fixture(scope="module")
def called(raw_read: Any, model: BasecallModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reads, a reference that is made of what the model calls of the first three, and these calls."""
    folder = tmp_path_factory.mktemp("identity")
    reads: list[RawRead] = [raw_read(number, 9000) for number in range(1, 5)]
    write_pod5(folder / "reads.pod5", [*reads, raw_read(9, 900, raw=np.full(900, 77, np.int16))])
    calls = [call.sequence for call in basecall_reads(reads, model, lambda skipped: None)]
    first = list(calls[0])
    for place in np.linspace(100, len(first) - 100, WRONG).astype(int):
        first[place] = "ACGT"[("ACGT".index(first[place]) + 1) % 4]
    apart = decode(np.random.default_rng(0).integers(0, 4, 500).astype(np.uint8))
    reference = apart.join(["", "".join(first), *calls[1:3], ""])
    (folder / "ref.fa").write_text(f">g\n{reference}\n")
    return folder, calls


def source_of(folder: Path, max_reads: int | None = None) -> ReadsSource:
    return find_reads([folder], folder / "ref.fa", recursive=False, max_reads=max_reads)


def test_figures_are_those_of_calls_whose_place_is_known(
    called: Any, model: BasecallModel, tmp_path: Path
) -> None:
    folder, calls = called
    source, told = source_of(folder), list[int]()
    found = judge(model, source, ReadAligner(source.reference), tmp_path / "out", BOOTSTRAP, told.append)
    lengths = [len(call) for call in calls]
    assert min(lengths) > 400
    assert (found["reads"], found["mapped"], found["skipped"]) == (4, 3, 1)
    assert found["mapped_bases"] == pytest.approx(sum(lengths[:3]), rel=0.02)
    assert found["bases"] == sum(lengths)
    assert (found["mismatches"], found["identity_median"]) == (WRONG, 1.0)
    identities = [1 - WRONG / lengths[0], 1.0, 1.0, 0.0]
    assert found["identity_mean_all_reads"] == pytest.approx(np.mean(identities), abs=1e-3)
    assert told[-1] == 4 * 9000
    (kept,) = (tmp_path / "out").iterdir()  # the calls are gone
    assert json.loads(kept.read_text())["figures"] == json.loads(json.dumps(found))
    few = source_of(folder, 2)
    assert judge(model, few, ReadAligner(few.reference), tmp_path / "out", BOOTSTRAP)["reads"] == 2


def test_figures_are_kept_by_all_that_decides_them(
    called: Any, model: BasecallModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(called[0], 1)
    aligner = ReadAligner(source.reference)
    found = judge(model, source, aligner, tmp_path, BOOTSTRAP)

    def never(*arguments: Any) -> None:
        raise LexomeError("called anew")

    monkeypatch.setattr(module, "call_files", never)
    assert judge(model, source, aligner, tmp_path, BOOTSTRAP) == json.loads(json.dumps(found))
    for changed in (
        (replace(model, digest="other"), source, BOOTSTRAP),
        (model, source_of(called[0], 2), BOOTSTRAP),
        (model, source, replace(BOOTSTRAP, seed=4)),
    ):
        with pytest.raises(LexomeError, match="called anew"):
            judge(changed[0], changed[1], aligner, tmp_path, changed[2])
    assert len(list(tmp_path.iterdir())) == 1  # nothing half-written


def test_kept_figures_that_are_damaged(called: Any, model: BasecallModel, tmp_path: Path) -> None:
    source = source_of(called[0], 1)
    settings = settings_of(model, source, BOOTSTRAP)
    path = kept_file(tmp_path, settings)
    figures = judge(model, source, ReadAligner(source.reference), tmp_path, BOOTSTRAP)
    wrong = (
        {"settings": settings, "figures": {"reads": 1}},
        {"settings": {**settings, "digest": "of another"}, "figures": figures},
        [],
    )
    for text in ("{", *map(json.dumps, wrong)):
        path.write_text(text)
        with pytest.raises(BadInputError, match="remove it to call again"):
            judge(model, source, ReadAligner(source.reference), tmp_path, BOOTSTRAP)


def test_folders_that_hold_results(tmp_path: Path) -> None:
    for name in ("results.json", "reads-0123.json"):
        (tmp_path / name).write_text("{}")
        with pytest.raises(UsageError, match=f"{name}: holds results; --resume keeps"):
            check_folder(tmp_path, "results.json", resume=False)
        check_folder(tmp_path, "results.json", resume=True)
        (tmp_path / name).unlink()
    check_folder(tmp_path, "results.json", resume=False)
    check_folder(tmp_path / "none", "results.json", resume=False)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is no folder"):
        check_folder(tmp_path / "file", "results.json", resume=True)
