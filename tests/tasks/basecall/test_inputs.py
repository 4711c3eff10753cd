"""Reads that are called to find where they lie, rounds of labelling, and what may not be used."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.features.signal import ScalingConfig
from lexome.io.chunks import read_store
from lexome.io.pod5 import iter_reads
from lexome.simulate.levels import bundled_levels
from lexome.tasks.basecall.inputs import (
    PrepareRequest,
    label_inputs,
    open_inputs,
    placed_reads,
    round_note,
)
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.levels import FittedLevels, write_levels
from lexome.tasks.basecall.prepare import BY_MOVES, BY_PLACE
from lexome.tasks.basecall.stores import prepare_store
from lexome.tasks.basecall.yields import LabelReport


@pytest.fixture
def called(request_: PrepareRequest, graph_cache: Path) -> PrepareRequest:
    """The request without places: the bundled model is to find them (it can read simulated reads)."""
    return dataclasses.replace(request_, places=None, model="r9.4.1_fast")


def test_who_calls(request_: PrepareRequest) -> None:
    assert request_.caller is None
    assert dataclasses.replace(request_, places=None).caller == "auto"
    assert dataclasses.replace(request_, places=None, model="m").caller == "m"
    assert dataclasses.replace(request_, model="m").caller == "m"


def test_without_places_the_reads_are_called(called: PrepareRequest, request_: PrepareRequest) -> None:
    report = LabelReport()
    inputs = label_inputs(called, open_inputs(called), report)
    assert inputs.model_name == "r9.4.1_fast"
    assert report.notes[-1].startswith("called by r9.4.1_fast: 13 reads; 12 map, identity median 0.9")
    reads = list(placed_reads(called, inputs, report))
    assert report.reads == {"placed": 12, "its call does not map": 1, "cannot be read": 1}
    # the bases lie where the true places put them
    true = {read.read_id: read for read in placed_reads(request_, open_inputs(request_), LabelReport())}
    offsets = []
    for read in reads:
        other = true[read.read_id]
        assert (read.place.contig, read.place.is_reverse) == (other.place.contig, other.place.is_reverse)
        assert read.track is not None
        ends = [
            (r.place.end_bp if r.place.is_reverse else -r.place.start_bp) - r.alignment.first_bp
            for r in (read, other)
        ]
        shift = ends[0] - ends[1]  # base i + shift of the one is base i of the other
        both = np.arange(
            max(0, shift), min(len(read.alignment.residuals), len(other.alignment.residuals)) - 50
        )
        offsets.append(read.alignment.starts[both] - other.alignment.starts[both - shift])
    assert (np.abs(np.concatenate(offsets)) <= 3).mean() > 0.99


def test_the_model_that_fits_is_found(called: PrepareRequest, folder: Path) -> None:
    request = dataclasses.replace(called, model=None, reads=[folder / "reads" / "a.pod5"], max_reads=2)
    report = LabelReport()
    assert label_inputs(request, open_inputs(request), report).model_name == "r9.4.1_hac"
    assert report.notes[0].startswith("-m auto: model r9.4.1_hac")


def test_calls_are_brought_in_step_with_the_placement(called: PrepareRequest) -> None:
    inputs = label_inputs(called, open_inputs(called), LabelReport())
    for read in placed_reads(called, inputs, LabelReport()):
        guide = inputs.guides[read.read_id]
        assert read.track is not None
        assert guide.anchors is not None
        assert guide.place is not None
        moved = read.track.begins[0] - guide.track.begins[0]  # by as much, all bases
        index = guide.anchors.base - read.alignment.first_bp
        ahead = guide.place.start_bp - read.place.start_bp
        ahead = read.place.end_bp - guide.place.end_bp if read.place.is_reverse else ahead
        inside = (index + ahead >= 0) & (index + ahead < len(read.alignment.residuals))
        late = guide.anchors.sample[inside] + moved - read.alignment.starts[(index + ahead)[inside]]
        assert abs(np.median(late)) <= 1


def test_a_read_over_sequence_that_it_lacks_comes_in_pieces(
    called: PrepareRequest, folder: Path, tmp_path: Path
) -> None:
    """400 bases and a stretch of N are put into the reference: labels end before and begin behind them."""
    true = (folder / "ref.fa").read_text().split("\n")[1]
    rng = np.random.default_rng(0)
    inserts = {
        3000: "".join(rng.choice(list("ACGT"), 400)),
        4800: "N" * 150,
        9000: "".join(rng.choice(list("ACGT"), 30)),
    }
    changed, edges, last = "", [], 0
    for at, insert in inserts.items():
        changed += true[last:at] + insert
        edges.append((len(changed) - len(insert), len(changed)))
        last = at
    (tmp_path / "ref.fa").write_text(f">g\n{changed}{true[last:]}\n")
    request = dataclasses.replace(called, reference=tmp_path / "ref.fa", validation=())
    report = LabelReport()
    inputs = label_inputs(request, open_inputs(request), report)
    pieces = list(placed_reads(request, inputs, report))
    whole = {
        read.read_id: read
        for read in placed_reads(
            called, label_inputs(called, open_inputs(called), LabelReport()), LabelReport()
        )
    }
    assert report.reads["placed"] == report.methods[BY_MOVES] == 12
    assert len(pieces) > 12
    spans = []
    for piece in pieces:
        place, first, count = piece.place, piece.alignment.first_bp, len(piece.alignment.residuals)
        if place.is_reverse:
            spans.append((place.end_bp - first - count, place.end_bp - first))
        else:
            spans.append((place.start_bp + first, place.start_bp + first + count))
    for begin, end in edges[:2]:  # the third one is short enough to be walked over
        assert not [span for span in spans if span[0] < begin - 12 and span[1] > end + 12]
        assert any(abs(span[1] - begin) <= 12 for span in spans)
    assert any(span[0] < edges[2][0] - 50 and span[1] > edges[2][1] + 50 for span in spans)
    # what is left of a read is nearly all of it, and lies on the same samples
    placed_bp = sum(len(piece.alignment.residuals) for piece in pieces)
    assert placed_bp > 0.98 * sum(len(read.alignment.residuals) for read in whole.values())
    assert {piece.read_id for piece in pieces} == set(whole)
    starts = {name: set((read.alignment.starts // 3).tolist()) for name, read in whole.items()}
    shared = [
        np.mean([start // 3 in starts[piece.read_id] for start in piece.alignment.starts]) for piece in pieces
    ]
    assert np.mean(shared) > 0.9


def test_a_model_and_places_keep_what_scores_better(request_: PrepareRequest, graph_cache: Path) -> None:
    both = dataclasses.replace(request_, model="r9.4.1_fast")
    scores: dict[str, dict[str, float]] = {}
    methods = {}
    for name, request in (
        ("place", request_),
        ("moves", dataclasses.replace(both, places=None)),
        ("both", both),
    ):
        scores[name] = {}
        report = LabelReport()
        inputs = label_inputs(request, open_inputs(request), report)
        list(placed_reads(request, inputs, report, scores=scores[name]))
        methods[name] = dict(report.methods)
    assert methods["place"] == {BY_PLACE: 12}
    assert methods["moves"] == {BY_MOVES: 12}
    for read, score in scores["both"].items():
        assert score == max(scores["place"][read], scores["moves"][read])
    won = sum(scores["moves"][read] > scores["place"][read] for read in scores["both"])
    assert methods["both"].get(BY_MOVES, 0) == won


def test_no_rounds_use_calls_for_places_only(called: PrepareRequest) -> None:
    request = dataclasses.replace(called, rounds=0)
    report = LabelReport()
    inputs = label_inputs(request, open_inputs(request), report)
    assert len(list(placed_reads(request, inputs, report))) == 12
    assert report.methods == {BY_PLACE: 12}


def test_rounds_fit_the_levels_and_improve_reads(
    called: PrepareRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels that are off by a good part of their spread are mended."""
    monkeypatch.setattr("lexome.tasks.basecall.levels.MIN_EVENTS", 3)
    true = bundled_levels()
    off = np.random.default_rng(0).normal(0, 3.0, len(true.mean_pa)).astype(np.float32)
    bad = dataclasses.replace(true, mean_pa=true.mean_pa + off)
    write_levels(tmp_path / "bad.tsv", FittedLevels(bad, np.zeros(4**6, np.int64), 0, 0), "off")
    request = dataclasses.replace(called, levels=tmp_path / "bad.tsv", rounds=2)
    report = LabelReport()
    inputs = label_inputs(request, open_inputs(request), report)
    assert [table.name for table in inputs.tables] == ["bad", "bad, fitted in round 2"]
    scores: dict[str, float] = {}
    list(placed_reads(request, inputs, LabelReport(), scores=scores))
    assert set(scores) >= set(inputs.scores)
    assert all(scores[read] >= score for read, score in inputs.scores.items())
    assert sum(scores.values()) > 1.1 * sum(inputs.scores.values())
    seen = np.abs(off) > 5
    start, fitted = (np.abs(t.mean_pa - true.mean_pa)[seen] for t in inputs.tables)
    assert np.median(fitted) < np.median(start)
    assert report.notes[-1] == round_note(1, inputs.scores, {})


def test_rounds_without_enough_reads_say_so(called: PrepareRequest, tmp_path: Path) -> None:
    request = dataclasses.replace(called, rounds=3, max_reads=1)
    report = LabelReport()
    inputs = label_inputs(request, open_inputs(request), report)
    assert len(inputs.tables) == 1
    assert "round 2 was left out: the levels cannot be fitted anew (only" in report.notes[-1]


def test_what_a_round_did() -> None:
    assert round_note(1, {"a": 1.4, "b": 2.0}, {}) == "round 1: 2 reads placed, score 3"
    note = round_note(2, {"a": 1.4, "b": 3.0, "c": 1.0}, {"a": 1.4, "b": 2.0})
    assert note == "round 2: 3 reads placed, score 5; 2 reads improved on the round before"


def test_reads_of_held_out_runs_are_not_used(called: PrepareRequest, folder: Path) -> None:
    runs = {read.info.run.run_id for read in iter_reads(folder / "reads" / "a.pod5", pytest.fail)}
    (run,) = runs
    request = dataclasses.replace(called, held_out_runs=(run,))
    report = LabelReport()
    inputs = label_inputs(request, open_inputs(request), report)
    assert len(inputs.guides) == 1  # the read of the other file's run; held-out ones are not even called
    assert list(placed_reads(request, inputs, report)) == []
    assert report.reads["its run is held out"] == 12
    assert report.runs == {}


def test_the_first_reads_are_enough(request_: PrepareRequest) -> None:
    request = dataclasses.replace(request_, max_reads=5)
    report = LabelReport()
    assert len(list(placed_reads(request, open_inputs(request), report))) == 5
    assert sum(report.reads.values()) == 5


def test_a_store_for_a_network_of_another_scaling(
    request_: PrepareRequest, folder: Path, tmp_path: Path
) -> None:
    scaling = ScalingConfig(method="pa", mean=95.0, stdev=20.0)
    prepare_store(dataclasses.replace(request_, scaling=scaling), tmp_path / "store")
    store = read_store(tmp_path / "store")
    assert store.meta["scaling"]["method"] == "pa"
    reads = {read.read_id: read for read in iter_reads(folder / "reads" / "a.pod5", pytest.fail)}
    for row in range(0, len(store.signal_NS), 29):
        read = reads[store.source_N[row]["read"].decode()]
        whole = (read.signal_pa() - 95.0) / 20.0
        windows = np.lib.stride_tricks.sliding_window_view(whole, 1000)
        distance = np.abs(windows - store.signal_NS[row].astype(np.float32)).max(axis=1)
        assert distance.min() < 0.005


def test_a_model_in_memory_calls(called: PrepareRequest) -> None:
    request = dataclasses.replace(called, model=load("r9.4.1_fast"))
    inputs = label_inputs(request, open_inputs(request), LabelReport())
    assert inputs.model_name == "r9.4.1_fast"
    assert sum(guide.place is not None for guide in inputs.guides.values()) == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": (Interval("g", 11_000, 12_001),)}, "held-out interval g:11000-12001 is not within it"),
        ({"validation": (Interval("h", 0, 10),)}, "held-out interval h:0-10 is not within it"),
        ({"levels": Path("missing.tsv")}, r"missing\.tsv"),
    ],
)
def test_what_cannot_be_is_found_before_any_work(called: PrepareRequest, changes: dict, message: str) -> None:
    with pytest.raises(LexomeError, match=message):
        open_inputs(dataclasses.replace(called, **changes))


def test_an_unknown_model_is_named(called: PrepareRequest) -> None:
    request = dataclasses.replace(called, model="r9.4.1_fats")
    with pytest.raises(UsageError, match="did you mean 'r9.4.1_fast'"):
        label_inputs(request, open_inputs(request), LabelReport())


def test_a_written_table_is_read_back(tmp_path: Path) -> None:
    true = bundled_levels()
    write_levels(tmp_path / "same.tsv", FittedLevels(true, np.zeros(4**6, np.int64), 0, 0), "same")
    np.testing.assert_allclose(read_kmer_levels(tmp_path / "same.tsv").mean_pa, true.mean_pa, atol=1e-3)
