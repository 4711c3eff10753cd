"""Reads and their truth in files -> a training store or a level table, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import Skipped
from lexome.io.chunks import read_store
from lexome.io.fastx import read_reference
from lexome.io.pod5 import iter_reads
from lexome.simulate.levels import bundled_levels
from lexome.tasks.basecall.cut import LabelConfig
from lexome.tasks.basecall.inputs import PrepareRequest
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.stores import fit_table, prepare_store

VALIDATION = Interval("g", 4000, 7000)


def test_a_store_holds_what_it_says(folder: Path, request_: PrepareRequest, tmp_path: Path) -> None:
    progress: list[int] = []
    skipped: list[Skipped] = []
    report = prepare_store(request_, tmp_path / "new" / "store", progress.append, skipped.append)
    store = read_store(tmp_path / "new" / "store")
    reference = read_reference(folder / "ref.fa")["g"]
    strands = {
        row.split("\t")[0]: row.split("\t")[4] for row in (folder / "places.tsv").read_text().splitlines()
    }
    assert len(store.signal_NS) > 100
    for row, target in enumerate(store.targets_NL):
        source = store.source_N[row]
        expected = reference[source["start_bp"] : source["end_bp"]]
        if strands[source["read"].decode()] == "-":
            expected = reverse_complement(expected)
        assert "".join("-ACGT"[code] for code in target[: store.lengths_N[row]]) == expected
        inside = VALIDATION.start_bp <= source["start_bp"] and source["end_bp"] <= VALIDATION.end_bp
        outside = source["end_bp"] <= VALIDATION.start_bp or VALIDATION.end_bp <= source["start_bp"]
        assert (inside, outside) == (bool(store.split_N[row]), not store.split_N[row])
    assert 0 < store.split_N.sum() < len(store.split_N)
    assert report.chunks["kept for training"] + report.chunks["kept for validation"] == len(store.split_N)
    assert report.reads["placed"] == 12
    assert report.reads["no place in the reference known"] == 1
    assert report.reads["cannot be read"] == len(skipped) == 1
    assert skipped[0].name.endswith("2")
    assert progress == list(range(1, 14))
    assert (store.meta["task"], store.meta["levels"]) == ("basecall", bundled_levels().name)
    assert store.meta["validation"] == [{"contig": "g", "start_bp": 4000, "end_bp": 7000}]
    assert store.meta["outcome"]["reads"] == dict(report.reads)


def test_the_signal_is_the_reads_own(folder: Path, request_: PrepareRequest, tmp_path: Path) -> None:
    """Every chunk is found in the normalised signal of its read, nowhere changed but by half precision."""
    from lexome.features.signal import SignalConfig, normalise

    prepare_store(request_, tmp_path / "store")
    store = read_store(tmp_path / "store")
    reads = {read.read_id: read for read in iter_reads(folder / "reads" / "a.pod5", pytest.fail)}
    for row in range(0, len(store.signal_NS), 17):
        read = reads[store.source_N[row]["read"].decode()]
        signal = normalise(read, SignalConfig()).signal.astype(np.float16)
        windows = np.lib.stride_tricks.sliding_window_view(signal, 1000)
        assert (windows == store.signal_NS[row]).all(axis=1).any()


def test_the_same_input_gives_the_same_store(request_: PrepareRequest, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 3)):
        prepare_store(dataclasses.replace(request_, threads=threads), tmp_path / name)
    for file in ("signal", "targets", "lengths", "source", "split"):
        assert (tmp_path / "a" / f"{file}.npy").read_bytes() == (tmp_path / "b" / f"{file}.npy").read_bytes()


def test_calls_serve_as_places(folder: Path, request_: PrepareRequest, tmp_path: Path) -> None:
    with (
        pysam.AlignmentFile(str(folder / "truth.bam")) as file,
        (tmp_path / "calls.fastq").open("w") as out,
    ):
        for read in file:
            sequence = read.get_forward_sequence() or ""
            out.write(f"@{read.query_name}\n{sequence}\n+\n{'I' * len(sequence)}\n")
    report = prepare_store(dataclasses.replace(request_, places=tmp_path / "calls.fastq"), tmp_path / "store")
    assert report.reads["placed"] == 12


def test_a_fitted_table_is_the_one_the_reads_were_made_with(
    request_: PrepareRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve reads show few k-mers ten times; one event is let do."""
    monkeypatch.setattr("lexome.tasks.basecall.levels.MIN_EVENTS", 1)
    skipped: list[Skipped] = []
    lines = fit_table(request_, tmp_path / "fitted.tsv", on_skip=skipped.append)
    assert "12 reads" in lines[0]
    assert float(lines[1].split()[-1]) > 0.99
    assert len(skipped) == 1
    fitted, true = read_kmer_levels(tmp_path / "fitted.tsv"), bundled_levels()
    assert np.corrcoef(fitted.mean_pa, true.mean_pa)[0, 1] > 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["fitted.tsv"]


@pytest.mark.parametrize(
    ("changes", "output", "message"),
    [
        ({}, "taken", "exists already"),
        ({}, "file.txt/store", "its folder cannot be made"),
        ({"reads": [Path("missing.pod5")]}, "store", r"missing\.pod5: no such file"),
        ({"reference": Path("missing.fa")}, "store", r"missing\.fa"),
        ({"places": Path("missing.tsv")}, "store", r"missing\.tsv"),
        ({"levels": Path("missing.tsv")}, "store", r"missing\.tsv"),
        ({"validation": (Interval("h", 0, 10),)}, "store", "not within"),
        ({"validation": (Interval("g", 0, 12_001),)}, "store", "not within"),
        ({"labels": LabelConfig(chunk_size=900_000)}, "store", "no chunk could be labelled: .*12"),
    ],
)
def test_what_cannot_be(
    request_: PrepareRequest, tmp_path: Path, changes: dict, output: str, message: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(LexomeError, match=message) as error:
        prepare_store(dataclasses.replace(request_, **changes), tmp_path / output)
    assert "\n" not in str(error.value)
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "file.txt"}


@pytest.mark.parametrize(("output", "message"), [("no/table.tsv", "does not exist"), (".", "is a folder")])
def test_a_table_that_cannot_be_written_is_found_first(
    request_: PrepareRequest, tmp_path: Path, output: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fit_table(request_, tmp_path / output, on_progress=lambda _: pytest.fail("the work has begun"))
