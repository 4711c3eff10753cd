"""What a call says about where its read lies: CIGARs walked by hand, and calls with known errors."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import encode, reverse_complement
from lexome.core.errors import BadInputError
from lexome.core.records import Basecall, ReadInfo, RunInfo
from lexome.tasks.basecall.guides import MARGIN_BP, CallMapper, guides_of, paired, track_of
from lexome.tasks.basecall.places import Place

STRIDE, TRIMMED = 5, 37


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    rng = np.random.default_rng(0)
    return {name: "".join(rng.choice(list("ACGT"), size)) for name, size in (("c1", 8000), ("c2", 3000))}


@pytest.fixture(scope="module")
def mapper(reference, tmp_path_factory: pytest.TempPathFactory) -> CallMapper:
    path = tmp_path_factory.mktemp("guides") / "ref.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in reference.items()))
    return CallMapper(path, reference)


def call_of(sequence: str, read_id: str = "r", seed: int = 0) -> Basecall:
    """A call with a base at every second or third step."""
    steps = np.cumsum(np.random.default_rng(seed).integers(2, 4, len(sequence)))
    moves = np.zeros(int(steps[-1]) + 3 if len(steps) else 3, np.uint8)
    moves[steps] = 1
    run = RunInfo("run", "F", 4000, "M", "")
    info = ReadInfo(read_id, len(moves) * STRIDE + TRIMMED, 1, 1, 1, 0, "unknown", run, "a")
    qualities = np.full(len(sequence), 10, np.uint8)
    return Basecall(info, sequence, qualities, moves, STRIDE, TRIMMED, 90.0, 15.0, "med_mad", "m")


def with_errors(sequence: str, seed: int, rate: float) -> tuple[str, np.ndarray]:
    """The sequence with errors of all kinds, and where each base comes from (-1: nowhere)."""
    rng = np.random.default_rng(seed)
    bases: list[str] = []
    origin: list[int] = []
    for index, base in enumerate(sequence):
        kind = rng.random() / rate
        if kind < 0.3:
            continue
        if kind < 0.6:
            bases.append(str(rng.choice([b for b in "ACGT" if b != base])))
            origin.append(-1)
            continue
        bases.append(base)
        origin.append(index)
        if kind < 1:
            bases.append(str(rng.choice(list("ACGT"))))
            origin.append(-1)
    return "".join(bases), np.array(origin)


def test_pairs_of_a_cigar() -> None:
    # 2S 3M 1I 2M 2D 1= 1X 1N 1M
    rows = [(3, 0), (1, 1), (2, 0), (2, 2), (1, 7), (1, 8), (1, 3), (1, 0)]
    queried, bases = paired(rows, 2, 10)
    assert queried.tolist() == [2, 3, 4, 6, 7, 8, 9, 10]
    assert bases.tolist() == [10, 11, 12, 13, 14, 17, 18, 20]
    assert [part.tolist() for part in paired([], 0, 0)] == [[], []]


def test_a_call_on_its_signal() -> None:
    call = call_of("ACGTA")
    track = track_of(call)
    assert track.codes.tolist() == [0, 1, 2, 3, 0]
    assert call.moves is not None
    assert track.begins.tolist() == [TRIMMED + STRIDE * i for i in np.flatnonzero(call.moves)]
    assert track.moved(-7).begins.tolist() == (track.begins - 7).tolist()


@pytest.mark.parametrize("is_reverse", [False, True])
def test_anchors_are_bases_that_were_called_right(mapper: CallMapper, reference, is_reverse: bool) -> None:
    piece = reference["c1"][2000:4000]
    read = reverse_complement(piece) if is_reverse else piece
    sequence, origin = with_errors(read, 1, 0.12)
    call = call_of(sequence)
    guide = mapper.guide(call)
    assert guide.place is not None
    assert guide.anchors is not None
    place = guide.place
    assert (place.contig, place.is_reverse) == ("c1", is_reverse)
    assert abs(place.start_bp - (2000 - MARGIN_BP)) <= 10
    assert abs(place.end_bp - (4000 + MARGIN_BP)) <= 10
    assert 0.8 < guide.identity < 0.95
    sequence_there = reference["c1"][place.start_bp : place.end_bp]
    there = encode(reverse_complement(sequence_there) if is_reverse else sequence_there)
    assert len(guide.anchors.base) > 1500
    assert (np.diff(guide.anchors.base) > 0).all()
    assert (np.diff(guide.anchors.sample) > 0).all()
    # the called base at an anchor's sample is the reference base of the anchor
    index = np.searchsorted(guide.track.begins, guide.anchors.sample)
    np.testing.assert_array_equal(guide.track.begins[index], guide.anchors.sample)
    np.testing.assert_array_equal(guide.track.codes[index], there[guide.anchors.base])
    # and all but a few come from exactly there (an aligner may slide a gap along a repeat)
    ahead = (4000 - place.end_bp) if is_reverse else (place.start_bp - 2000)
    assert (origin[index] == guide.anchors.base + ahead).mean() > 0.96


def test_a_place_ends_with_its_contig(mapper: CallMapper, reference) -> None:
    guide = mapper.guide(call_of(reference["c2"]))
    assert guide.place == Place("c2", 0, 3000, False)
    assert guide.identity == 1.0
    # the margin is cut off at one end only; anchors count from the other one
    piece = reference["c2"][:2000]
    for sequence, first in ((piece, 0), (reverse_complement(piece), MARGIN_BP)):
        guide = mapper.guide(call_of(sequence))
        assert guide.anchors is not None
        assert guide.place == Place("c2", 0, 2000 + MARGIN_BP, first > 0)
        np.testing.assert_array_equal(guide.anchors.base, first + np.arange(2000))


def test_short_calls_are_found_by_shorter_seeds(mapper: CallMapper, reference) -> None:
    sequence, _ = with_errors(reference["c1"][500:640], 5, 0.18)
    assert not [hit for hit in mapper._aligners[0].map(sequence) if hit.is_primary], "too easy"
    guide = mapper.guide(call_of(sequence))
    assert guide.place is not None
    assert abs(guide.place.start_bp - (500 - MARGIN_BP)) < 15


@pytest.mark.parametrize("sequence", ["", "ACGT", "CAT" * 100, None])
def test_what_maps_nowhere_has_no_place(mapper: CallMapper, sequence: str | None) -> None:
    rng = np.random.default_rng(9)
    guide = mapper.guide(call_of("".join(rng.choice(list("ACGT"), 900)) if sequence is None else sequence))
    assert guide.place is None
    assert guide.anchors is None
    assert np.isnan(guide.identity)


def test_guides_by_read(mapper: CallMapper, reference) -> None:
    told: list[int] = []
    calls = [call_of(reference["c1"][at : at + 1000], f"read{at}") for at in (0, 3000, 5000)]
    guides = guides_of(calls, mapper, told.append)
    assert list(guides) == ["read0", "read3000", "read5000"]
    assert told == [1, 2, 3]
    assert [g.place.start_bp for g in guides.values() if g.place is not None] == [0, 2988, 4988]


def test_a_reference_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"none\.fa: minimap2 cannot index"):
        CallMapper(tmp_path / "none.fa", {})
