"""A store of composed chunks, and that nothing of it comes from what is held out."""

import dataclasses

import numpy as np

from lexome.core.alphabet import decode, encode
from lexome.features.alignment import SignalAlignment
from lexome.features.signal import NormalisedRead
from lexome.io.chunks import read_store
from lexome.tasks.basecall.compose import ComposeConfig, compose_store, real_pieces
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import Interval, PlacedRead

DWELL = 10
GENOME = np.random.default_rng(0).integers(0, 4, 1000).astype(np.uint8)


def placed(is_reverse: bool, first_bp: int = 3) -> PlacedRead:
    """A read over 100..900 whose samples are their base's place in the reference."""
    place = Place("g", 100, 900, is_reverse)
    along = np.arange(100, 900)
    codes = GENOME[100:900]
    if is_reverse:
        along, codes = along[::-1], 3 - codes[::-1]
    count = len(along) - first_bp
    starts = np.arange(count + 1) * DWELL
    signal = along[first_bp:].repeat(DWELL).astype(np.float32)
    residuals = np.full(count, 0.1, np.float32)
    alignment = SignalAlignment(first_bp, starts, residuals, residuals, 1.0, 0.0)
    return PlacedRead("r", NormalisedRead(signal, 0, 0.0, 1.0), decode(codes), place, alignment)


def test_no_event_comes_from_a_held_out_interval() -> None:
    held_out = [Interval("g", 300, 400), Interval("g", 650, 655), Interval("other", 0, 1000)]
    for is_reverse in (False, True):
        seen = np.concatenate([p.signal for p in real_pieces(placed(is_reverse), held_out)])
        places = set(seen.astype(int).tolist())
        assert not places & {*range(300, 400), *range(650, 655)}
        assert len(places) == 800 - 3 - 105


def test_pieces_keep_bases_and_samples_together() -> None:
    for is_reverse in (False, True):
        for piece in real_pieces(placed(is_reverse), []):
            at = piece.signal[piece.starts[:-1]].astype(int)
            expected = 3 - GENOME[at] if is_reverse else GENOME[at]
            assert np.array_equal(piece.codes, expected)


def test_stalls_and_bad_fits_end_a_piece() -> None:
    read = placed(False)
    residuals = read.alignment.residuals.copy()
    residuals[200] = 0.9
    starts = read.alignment.starts.copy()
    starts[501:] += 200
    signal = np.insert(read.normalised.signal, 5000, np.zeros(200, np.float32))
    alignment = dataclasses.replace(read.alignment, residuals=residuals, starts=starts)
    changed = dataclasses.replace(read, alignment=alignment, normalised=NormalisedRead(signal, 0, 0.0, 1.0))
    assert [len(p.codes) for p in real_pieces(changed, [])] == [200, 299, 296]


def test_a_store_is_composed_from_files(folder, request_, tmp_path) -> None:
    report = compose_store(request_, ComposeConfig(pieces=4, piece_bp=600, seed=3), tmp_path / "composed")
    store = read_store(tmp_path / "composed")
    assert report.chunks["kept for training"] == len(store.lengths_N) > 4
    assert set(store.source_N["contig"]) == {b"composed"}
    assert not store.split_N.any()
    assert store.meta["without"] == [{"contig": "g", "start_bp": 4000, "end_bp": 7000}]
    assert np.isfinite(store.signal_NS).all()
    compose_store(request_, ComposeConfig(pieces=4, piece_bp=600, seed=3), tmp_path / "again")
    assert np.array_equal(store.signal_NS, read_store(tmp_path / "again").signal_NS)


def test_the_reference_is_read_as_codes() -> None:
    assert np.array_equal(encode(placed(False).sequence), GENOME[100:900])
