"""A store of composed chunks: what is in it, and that nothing of it comes from what is held out."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import decode
from lexome.core.errors import LexomeError, UsageError
from lexome.io.chunks import ChunkStore, read_store
from lexome.io.fastx import read_reference
from lexome.simulate.genome import random_genome
from lexome.simulate.sequence import SequenceMix
from lexome.tasks.basecall import compose
from lexome.tasks.basecall.compose import ComposeConfig, Genomes, compose_store
from lexome.tasks.basecall.leakage import check_disjoint
from lexome.tasks.basecall.stores import prepare_store

SMALL = ComposeConfig(pieces=6, piece_bp=1200, seed=3)


@pytest.fixture
def plain_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fit of levels, which takes a second and has its own tests."""
    monkeypatch.setattr("lexome.simulate.context_levels.MIN_CONTEXTS", 10**9)


def labels(store: ChunkStore) -> list[str]:
    rows = zip(store.targets_NL, store.lengths_N, strict=True)
    return [decode(row[:length] - 1) for row, length in rows]


def test_a_store_is_composed_from_files(folder, request_, tmp_path) -> None:
    report = compose_store(request_, SMALL, tmp_path / "composed")
    store = read_store(tmp_path / "composed")
    assert report.chunks["kept for training"] == len(store.lengths_N) > 6
    assert report.reads["placed"] == 12
    assert any(line.startswith("bank of events: ") for line in report.lines())
    assert set(store.source_N["contig"]) == {b"composed"}
    assert not store.split_N.any()
    assert store.meta["without"] == [{"contig": "g", "start_bp": 4000, "end_bp": 7000}]
    assert store.meta["sequence_bp"].keys() <= {"random", "repeats"}
    assert np.isfinite(store.signal_NS).all()
    assert store.meta["levels_sd"].keys() > {"as given", "wider context"}


@pytest.mark.usefixtures("plain_levels")
def test_the_seed_decides(folder, request_, tmp_path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        compose_store(request_, ComposeConfig(3, 1200, seed=seed), tmp_path / name)
    one, again, other = (read_store(tmp_path / name) for name in ("one", "again", "other"))
    assert np.array_equal(one.signal_NS, again.signal_NS)
    assert np.array_equal(one.targets_NL, again.targets_NL)
    assert labels(one) != labels(other)


@pytest.mark.usefixtures("plain_levels")
def test_composed_signal_looks_as_the_real_chunks_do(folder, request_, tmp_path) -> None:
    """Spread, jumps and samples per base are those of the reads that it is composed of."""
    prepare_store(request_, tmp_path / "real")
    compose_store(request_, SMALL, tmp_path / "composed")
    real, composed = (read_store(tmp_path / name) for name in ("real", "composed"))
    measured = []
    for store in (real, composed):
        signal_NS = store.signal_NS.astype(np.float32)
        jumps = np.abs(np.diff(signal_NS, axis=1))
        measured.append(
            [np.median(signal_NS), signal_NS.std(), np.median(jumps), np.quantile(jumps, 0.95),
             store.signal_NS.shape[1] / store.lengths_N.mean()]
        )  # fmt: skip
    assert np.allclose(measured[0], measured[1], rtol=0.12, atol=0.1)


@pytest.mark.usefixtures("plain_levels")
def test_slices_of_genomes_are_composed_but_for_what_must_stay_unseen(folder, request_, tmp_path) -> None:
    genome, unseen = random_genome(9000, 21), random_genome(1500, 22)
    (tmp_path / "genome.fa").write_text(f">c\n{genome[:4000]}{unseen}{genome[4000:]}\n")
    (tmp_path / "unseen.fa").write_text(f">u\n{unseen}\n")
    config = ComposeConfig(pieces=30, piece_bp=1200, mix=SequenceMix(0.0, 1.0), seed=5)
    given = Genomes([tmp_path / "genome.fa"], [tmp_path / "unseen.fa"])
    report = compose_store(request_, config, tmp_path / "composed", genomes=given)
    store = read_store(tmp_path / "composed")
    both = genome + "N" + decode(3 - np.array(["ACGT".index(b) for b in reversed(genome)]))
    assert all(label in both for label in labels(store))
    assert store.meta["sequence_bp"].keys() == {"genome"}
    assert any("1 stretches" in line for line in report.lines())
    left_out = [i for i in store.meta[compose.EVENTS]["without"] if i["contig"] == "c"]
    assert left_out[0]["start_bp"] <= 4000
    assert left_out[0]["end_bp"] >= 5500


@pytest.mark.usefixtures("plain_levels")
def test_a_genome_counts_as_trained_on(folder, request_, tmp_path) -> None:
    """A real store that holds out a stretch of the genome does not go with slices of all of it."""
    prepare_store(request_, tmp_path / "real")
    config = ComposeConfig(pieces=3, piece_bp=1200, mix=SequenceMix(0.0, 1.0), seed=5)
    real = read_store(tmp_path / "real")
    compose_store(request_, config, tmp_path / "held", genomes=Genomes([folder / "ref.fa"]))
    check_disjoint([real, read_store(tmp_path / "held")])
    held_out = read_reference(folder / "ref.fa")["g"][4000:7000]
    assert not any(label[:40] in held_out for label in labels(read_store(tmp_path / "held")))
    other = dataclasses.replace(request_, validation=())
    compose_store(other, config, tmp_path / "all", genomes=Genomes([folder / "ref.fa"]))
    with pytest.raises(UsageError, match="trains on"):
        check_disjoint([real, read_store(tmp_path / "all")])


@pytest.mark.usefixtures("plain_levels")
def test_what_cannot_be_composed_is_said(folder, request_, tmp_path, monkeypatch) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        compose_store(request_, SMALL, tmp_path / "there")
    mix = ComposeConfig(mix=SequenceMix(0.0, 0.5))
    with pytest.raises(UsageError, match="none is given"):
        compose_store(request_, mix, tmp_path / "out")
    monkeypatch.setattr(compose, "event_read", lambda *arguments: None)
    with pytest.raises(LexomeError, match="no read gives events"):
        compose_store(request_, SMALL, tmp_path / "out")
    assert not Path(tmp_path / "out").exists()
