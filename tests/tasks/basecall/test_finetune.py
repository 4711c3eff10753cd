"""Fine-tuning: what it holds out, what it leaves behind, going on, and that it does improve a model."""

import dataclasses
import json
from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.io.chunks import read_store
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig
from lexome.tasks.basecall.finetune import (
    Finetuned,
    FinetuneRequest,
    finetune,
    held_out_halves,
    judging_reads,
)
from lexome.tasks.basecall.gain import Gain
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.simulate import simulate_to_files

HELD_OUT = (Interval("g", 1000, 5000),)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, graph_cache: Path) -> FinetuneRequest:
    """Simulated reads, which the bundled model has never seen, over a small genome."""
    path = tmp_path_factory.mktemp("finetune")
    (path / "ref.fa").write_text(f">g\n{random_genome(6000, 4)}\n>small\n{random_genome(500, 5)}\n")
    config = PoreConfig(mean_length_bp=900.0, min_length_bp=600, noise=1.0, adapter=False)
    simulate_to_files(path / "ref.fa", path / "reads.pod5", config, 24, 1, truth=path / "truth.bam")
    return FinetuneRequest("r9.4.1_fast", [path / "reads.pod5"], path / "ref.fa", HELD_OUT, steps=4, lr=1e-3)


@pytest.fixture(scope="module")
def done(
    request_: FinetuneRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finetuned, Path, list[str]]:
    """A fine-tuning of four steps, its folder, what it said."""
    folder = tmp_path_factory.mktemp("done") / "out"
    notes: list[str] = []
    return finetune(request_, folder, "0", on_note=notes.append), folder, notes


def test_what_it_leaves_behind(done: tuple[Finetuned, Path, list[str]], request_: FinetuneRequest) -> None:
    result, folder, notes = done
    assert {path.name for path in folder.iterdir()} == {
        "store", "training", "model", "finetune.json", "test_reads.txt",
    }  # fmt: skip
    assert notes[0] == "held out: g:1000-3000 to choose by, g:3000-5000 to judge by"
    assert "reads: 24" in notes
    model, base = load(folder / "model"), load("r9.4.1_fast")
    assert model.name == "r9.4.1_fast_finetuned"
    assert model.provenance["finetuned_from"] == "r9.4.1_fast"
    assert model.provenance["held_out"] == ["g:1000-3000", "g:3000-5000"]
    assert model.provenance["gain"]["gain"] == pytest.approx(result.gain.gain)
    assert (model.architecture, model.features) == (base.architecture, base.features)
    assert any((model.weights[name] != weight).any() for name, weight in base.weights.items())
    # calibrated anew, or it says why not
    scale = "qscore_scale"
    is_calibrated = model.head.config[scale] != base.head.config[scale]
    assert is_calibrated != any("not calibrated anew" in note for note in result.notes)
    card = (folder / "model" / "README.md").read_text()
    assert "## Gain over r9.4.1_fast" in card
    assert f"| this one | {result.gain.tuned_identity:.4f} |" in card


def test_what_judges_was_never_seen(done: tuple[Finetuned, Path, list[str]]) -> None:
    result, folder, _ = done
    store = read_store(folder / "store")
    for split, start_bp, end_bp in (("validation", 1000, 3000), ("test", 3000, 5000)):
        rows = store.source_N[store.indices(split)]
        assert len(rows)
        assert ((rows["start_bp"] >= start_bp) & (rows["end_bp"] <= end_bp)).all()
    rows = store.source_N[store.indices("training")]
    on_g = rows[rows["contig"] == b"g"]
    assert ((on_g["end_bp"] <= 1000) | (on_g["start_bp"] >= 5000)).all()
    assert result.gain.chunks == len(store.indices("test"))
    listed = (folder / "test_reads.txt").read_text().split()
    assert listed == judging_reads(store)
    assert listed
    for name in listed:
        mine = store.split_N[store.source_N["read"] == name.encode()]
        assert (mine == 2).all()


def test_it_goes_on_where_it_was_stopped(
    done: tuple[Finetuned, Path, list[str]], request_: FinetuneRequest, tmp_path: Path
) -> None:
    """Stopped while labelling and while training, it ends with the same bytes as if it had never been."""
    folder = tmp_path / "out"

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(request_, folder, "0", on_progress=stop)
    assert not (folder / "store").exists()
    with pytest.raises(UsageError, match="holds a fine-tuning that was stopped; add --resume"):
        finetune(request_, folder, "0")
    with pytest.raises(UsageError, match=r"other settings \(different: lr, steps\)"):
        finetune(dataclasses.replace(request_, lr=0.1, steps=9), folder, "0", resume=True)
    with pytest.raises(KeyboardInterrupt):
        finetune(request_, folder, "0", resume=True, on_log=stop)
    made = (folder / "store" / "meta.json").stat().st_mtime_ns
    finetune(dataclasses.replace(request_, threads=2), folder, "0", resume=True)
    assert (folder / "store" / "meta.json").stat().st_mtime_ns == made
    weights = [(path / "model" / "model.safetensors").read_bytes() for path in (done[1], folder)]
    assert weights[0] == weights[1]
    with pytest.raises(UsageError, match="this fine-tuning is done"):
        finetune(request_, folder, "0", resume=True)


@pytest.mark.slow
def test_it_improves_a_model(request_: FinetuneRequest, tmp_path: Path) -> None:
    result = finetune(dataclasses.replace(request_, steps=120), tmp_path / "out", "0")
    assert result.gain.low is not None
    assert result.gain.low > 0.005
    assert not [note for note in result.notes if "no gain" in note]


def test_a_model_without_gain_says_so(
    request_: FinetuneRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = Gain(0.9, 0.8, -0.1, -0.2, -0.05, 5, 2)
    monkeypatch.setattr("lexome.tasks.basecall.finetune.measure_gain", lambda *_: worse)
    result = finetune(dataclasses.replace(request_, steps=1), tmp_path / "out", "0")
    assert "no gain on what was held out: go on with r9.4.1_fast" in result.notes
    assert "Difference -10.00 points" in (tmp_path / "out" / "model" / "README.md").read_text()


def test_the_end_of_the_longest_contig_is_held_out(request_: FinetuneRequest, tmp_path: Path) -> None:
    for length, middle_bp, start_bp in ((50_000, 47_500, 45_000), (6000, 5000, 4000), (3000, 2250, 1500)):
        (tmp_path / "ref.fa").write_text(f">a\nACGT\n>g\n{'ACGT' * (length // 4)}\n")
        halves = held_out_halves(dataclasses.replace(request_, held_out=(), reference=tmp_path / "ref.fa"))
        assert halves == ((Interval("g", start_bp, middle_bp),), (Interval("g", middle_bp, length),))
    several = (Interval("g", 0, 100), Interval("small", 7, 10), Interval("g", 100, 200))
    assert held_out_halves(dataclasses.replace(request_, held_out=several)) == (
        (Interval("g", 0, 50), Interval("small", 7, 8), Interval("g", 100, 150)),
        (Interval("g", 50, 100), Interval("small", 8, 10), Interval("g", 150, 200)),
    )
    overlapping = (Interval("g", 0, 100), Interval("g", 99, 200))
    with pytest.raises(UsageError, match="g:0-100 and g:99-200, which are to be held out, overlap"):
        held_out_halves(dataclasses.replace(request_, held_out=overlapping))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "r9.4.1_fats"}, "did you mean 'r9.4.1_fast'"),
        ({"reads": [Path("missing.pod5")]}, r"missing\.pod5: no such file"),
        ({"reference": Path("missing.fa")}, r"missing\.fa"),
        ({"held_out": (Interval("h", 0, 10),)}, "held-out interval h:0-5 is not within it"),
        ({"held_out": (Interval("small", 0, 400),), "max_reads": 4}, "no labelled chunk lies in small:0-200"),
        ({"held_out": (Interval("g", 0, 5990),)}, "labelled chunks are left to train on"),
    ],
)
def test_what_cannot_be(request_: FinetuneRequest, tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(LexomeError, match=message) as error:
        finetune(dataclasses.replace(request_, **changes), tmp_path / "out", "0")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "model").exists()


def test_an_output_that_holds_something_else_is_left_alone(request_: FinetuneRequest, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("text")
    with pytest.raises(UsageError, match="exists already"):
        finetune(request_, tmp_path, "0")
    with pytest.raises(UsageError, match="exists already"):
        finetune(request_, tmp_path / "thesis.txt", "0")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_request_is_written_down(done: tuple[Finetuned, Path, list[str]]) -> None:
    record = json.loads((done[1] / "finetune.json").read_text())
    assert record["model"] == "r9.4.1_fast"
    assert record["threads"] == "1"


def test_a_damaged_record_is_found(request_: FinetuneRequest, tmp_path: Path) -> None:
    (tmp_path / "finetune.json").write_text("{")
    with pytest.raises(BadInputError, match=r"finetune\.json: damaged"):
        finetune(request_, tmp_path, "0", resume=True)
