"""`lexome evaluate similarity | agreement | attention` as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.cli.evaluate_models import HeldOut
from lexome.core.zmw import Truth, Window
from lexome.features.pileup import PileupConfig
from lexome.io.array_folder import SPLITS
from lexome.io.chunks import LabelledChunk, write_store
from lexome.io.windows import open_window_writer
from lexome.models.registry import new_network

PILEUP = PileupConfig(max_passes=3, width=30)
Call = Callable[..., tuple[int, str, str]]


def windows_of(read: int) -> tuple[list[Window], np.ndarray]:
    """Four windows of passes without errors, and the bases in them."""
    rng = np.random.default_rng(read)
    labels_NL = rng.integers(1, 5, (4, 30)).astype(np.uint8)
    windows = []
    for n, bases_L in enumerate(labels_NL):
        rows_RL = np.zeros((PILEUP.num_rows, 30), np.uint8)
        rows_RL[:3], rows_RL[12] = bases_L, bases_L
        rows_RL[3:9], rows_RL[9:12] = rng.integers(1, 200, (6, 30)), 1
        snr = rng.uniform(3, 12, 4).astype(np.float32)
        place = (30 * n, 30 * n + 30, 30 * n, 30 * n + 30, False)
        windows.append(Window(f"m/{read}/ccs", n, rows_RL, snr, 3, *place))
    return windows, labels_NL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of windows, two read correctors, and a folder that is no store."""
    path = tmp_path_factory.mktemp("compare")
    with open_window_writer(path / "store", PILEUP.num_rows, 30) as writer:
        for read in range(5):
            windows, labels_NL = windows_of(read)
            split = SPLITS[0] if read == 4 else SPLITS[1]
            cigar = np.array([[120, 0]])
            truth = Truth(f"m/{read}/ccs", "", 0, cigar, "chr", 120 * read, 120 * read + 120, "train")
            writer.add(windows, labels_NL, truth, split)
        writer.finish({"task": "correct", "pileup": {"max_passes": 3, "width": 30}})
    for seed, widths in ((1, [16, 16]), (2, [16])):
        torch.manual_seed(seed)
        config = {"pileup": {"passes": 3}, "size": 16, "band": 4, "feed_forwards": widths}
        network = new_network(
            {"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}}
        )
        checkpoint = Checkpoint(
            "correct", Component("deepconsensus", config), Component("consensus", {}), {"width": 30}, None,
            {"name": f"net{seed}"}, weights_of(network),
        )  # fmt: skip
        save(path / f"net{seed}", checkpoint, "Random weights.")
    (path / "empty").mkdir()
    return path


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


OUTPUTS = ("--json", "f.json", "--report", "f.html")


def check_files(folder: Path, command: str) -> dict:
    """What was written as JSON; the page says how it was made, and nothing else was left behind."""
    assert command in (folder / "f.html").read_text("utf-8")
    figures = json.loads((folder / "f.json").read_text("utf-8"))
    for name in ("f.json", "f.html"):
        (folder / name).unlink()
    assert sorted(file.name for file in folder.iterdir()) == ["empty", "net1", "net2", "store"]
    return figures


def test_similarity(lexome: Call, folder: Path) -> None:
    code, out, err = lexome("evaluate", "similarity", "net1", "net2", "--store", "store", *OUTPUTS)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Linear CKA of the layers of net1 (rows) and net2 (columns)"
    assert lines[1].split() == ["layer", "embedding", "layers.0", "norm", "scorer"]
    figures = check_files(folder, "evaluate similarity net1 net2 --store store")
    assert lines[2].split() == ["embedding", *(f"{value:.3f}" for value in figures["cka"][0])]
    assert (figures["windows"], figures["positions"][0][0]) == (16, 480)


def test_similarity_of_chosen_modules(lexome: Call) -> None:
    taps = ("--taps", "encoder.layers.*.attention.inner", "--taps", "scorer", "--items", "8")
    code, out, _ = lexome("evaluate", "similarity", "net1", "net2", "--store", "store", *taps)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:5]] == [
        "layers.0.attention.inner", "layers.1.attention.inner", "scorer",
    ]  # fmt: skip


def test_agreement(lexome: Call, folder: Path) -> None:
    code, out, err = lexome("evaluate", "agreement", "net1", "net2", "--store", "store", *OUTPUTS)
    assert (code, err) == (0, "")
    figures = check_files(folder, "evaluate agreement net1 net2 --store store")
    assert [caller["name"] for caller in figures["callers"]] == ["net1", "net2", "ccs", "majority vote"]
    assert [caller["exact"] for caller in figures["callers"][2:]] == [1.0, 1.0]
    assert "ccs            100.00%  100.00–100.00%  1.000000       0" in out
    assert (figures["windows"], figures["reads"], len(figures["pairs"])) == (16, 4, 6)


def test_agreement_of_basecallers(lexome: Call, tmp_path: Path, small_model: Path) -> None:
    rng = np.random.default_rng(0)
    chunks = [
        LabelledChunk(
            rng.normal(size=1000).astype(np.float32), rng.integers(1, 5, 90), f"r{i}", "g", 0, 90, 1
        )
        for i in range(4)
    ]
    write_store(tmp_path / "chunks", chunks, {"task": "basecall"})
    models = (str(small_model), "r9.4.1_fast")
    code, out, err = lexome("evaluate", "agreement", *models, "--store", str(tmp_path / "chunks"))
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][4:] == ["4", "chunks", "of", "4", "reads"]
    assert [line[0] for line in lines[2:4]] == ["small", "r9.4.1_fast"]
    assert lines[7][:2] == ["small", "r9.4.1_fast"]


def test_attention(lexome: Call, folder: Path) -> None:
    code, out, err = lexome("evaluate", "attention", "net1", "--store", "store", *OUTPUTS)
    assert (code, err) == (0, "")
    figures = check_files(folder, "evaluate attention net1 --store store")
    assert len(figures["layers"]) == 2
    assert [line.split()[:2] for line in out.splitlines()[2:5]] == [
        ["layers.0", "1"], ["layers.0", "2"], ["layers.0", "even"],
    ]  # fmt: skip
    assert figures["layers"][0]["even"]["edge"] == pytest.approx(2 / 9)


def test_the_same_input_gives_the_same_bytes(lexome: Call, folder: Path) -> None:
    for command in (("similarity", "net1", "net2"), ("agreement", "net1", "net2"), ("attention", "net2")):
        seen = set()
        for _ in range(2):
            _, out, _ = lexome("evaluate", *command, "--store", "store", *OUTPUTS)
            seen.add((out, (folder / "f.json").read_text("utf-8"), (folder / "f.html").read_text("utf-8")))
        assert len(seen) == 1, command


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("similarity", "net1", "nets", "--store", "store"), 2, "no model 'nets'"),
        (("similarity", "net1", "net2", "--store", "empty"), 1, "not a readable store of windows"),
        (("similarity", "net1", "net2", "--store", "store", "--split", "test"), 2, "no window for test"),
        (
            ("similarity", "net1", "net2", "--store", "store", "--taps", "encoder.x"),
            2,
            "no module 'encoder.x'",
        ),
        (("similarity", "net1", "net2", "--store", "store", "--report", "no/p.html"), 2, "does not exist"),
        (("agreement", "net1", "--store", "store"), 2, "two or more models"),
        (("agreement", "net1", "r9.4.1_fast", "--store", "store"), 2, "different tasks"),
        (("attention", "net1", "--store", "store", "--json", "."), 2, "is a folder"),
        (("attention", "net1", "--store", "store", "--device", "tpu"), 2, "unknown device 'tpu'"),
    ],
)
def test_errors_are_one_line(lexome: Call, arguments: tuple[str, ...], code: int, words: str) -> None:
    exit_code, out, err = lexome("evaluate", *arguments)
    assert (exit_code, out) == (code, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("lexome: ")
    assert words in err


def test_what_was_trained_on_cannot_be_asked_for(lexome: Call) -> None:
    assert [split.value for split in HeldOut] == ["validation", "test"]
    code, _, err = lexome("evaluate", "attention", "net1", "--store", "store", "--split", "training")
    assert code == 2
    assert "training" in err
