"""What one store holds out no other may train on; and this project's test runs stay out of its stores."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.features.signal import SignalConfig
from lexome.io.chunks import LabelledChunk, read_store, write_store
from lexome.io.pod5 import iter_reads
from lexome.io.signal_files import find_signal_files, runs_of
from lexome.tasks.basecall.inputs import PrepareRequest
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.leakage import (
    EVENTS,
    check_disjoint,
    contig_digest,
    contig_records,
    in_brief,
    read_run_list,
)
from lexome.tasks.basecall.stores import prepare_store
from lexome.tasks.basecall.task import BasecallTask, BasecallTaskConfig

REPOSITORY = Path(__file__).resolve().parents[3]
HELD_OUT_RUNS = REPOSITORY / "recipes" / "faster_basecalling" / "held_out_runs.txt"
GENOME = {"g": "ACGT" * 250, "h": "AACCGGTT" * 100}


def chunk(contig: str, start_bp: int, end_bp: int, split: int = 0) -> LabelledChunk:
    return LabelledChunk(np.zeros(10), np.ones(3, np.uint8), "r", contig, start_bp, end_bp, split)


def store(path: Path, *chunks: LabelledChunk, **meta):
    """A store of these chunks; its contigs have the sequences of GENOME unless `meta` says otherwise."""
    contigs = contig_records(GENOME, {c.contig for c in chunks} & set(GENOME))
    write_store(path, chunks, {"contigs": contigs, **meta})
    return read_store(path)


def holding(path: Path, contig: str, start_bp: int, end_bp: int, key: str = "validation"):
    row = {"contig": contig, "start_bp": start_bp, "end_bp": end_bp}
    meta = {key: [row], "contigs": contig_records(GENOME, GENOME)}
    return store(path, chunk("h" if contig == "g" else "g", 0, 100), **meta)


@pytest.mark.parametrize("key", ["validation", "test"])
@pytest.mark.parametrize(
    ("start_bp", "end_bp", "fine"),
    [(0, 300, True), (0, 301, False), (399, 500, False), (400, 500, True), (320, 330, False)],
)
def test_training_chunks_keep_clear_of_what_another_store_holds_out(
    tmp_path: Path, key: str, start_bp: int, end_bp: int, fine: bool
) -> None:
    held = holding(tmp_path / "held", "g", 300, 400, key)
    other = store(tmp_path / "other", chunk("h", 0, 50), chunk("g", start_bp, end_bp))
    for stores in ([held, other], [other, held]):
        if fine:
            check_disjoint(stores)
            continue
        with pytest.raises(
            UsageError, match=r"other trains on g:300-400, at least in part, which .*held holds"
        ):
            check_disjoint(stores)


def test_chunks_that_are_not_trained_on_may_lie_there(tmp_path: Path) -> None:
    held = holding(tmp_path / "held", "g", 300, 400)
    check_disjoint([held, store(tmp_path / "other", chunk("g", 310, 390, 1), chunk("g", 310, 390, 2))])


def test_a_contig_is_known_by_its_sequence_not_its_name(tmp_path: Path) -> None:
    held = holding(tmp_path / "held", "g", 300, 400)
    renamed = contig_records({"chr1": GENOME["g"].lower()}, ["chr1"])
    with pytest.raises(UsageError, match="trains on g:300-400"):
        check_disjoint([held, store(tmp_path / "renamed", chunk("chr1", 350, 360), contigs=renamed)])
    changed = contig_records({"g": GENOME["g"][:-1]}, ["g"])
    check_disjoint([held, store(tmp_path / "another", chunk("g", 350, 360), contigs=changed)])
    assert contig_digest("acgt") == contig_digest("ACGT") != contig_digest("ACGA")
    assert contig_records({"a": "ACGT"}, ["a", "a"])["a"]["length_bp"] == 4


def test_a_store_that_breaks_its_own_promise_is_found(tmp_path: Path) -> None:
    meta = {"validation": [{"contig": "g", "start_bp": 0, "end_bp": 10}]}
    with pytest.raises(UsageError, match="trains on g:0-10"):
        check_disjoint([store(tmp_path / "bad", chunk("g", 5, 20), **meta)])


@pytest.mark.parametrize(
    ("without", "fine"),
    [
        ([], False),
        ([("g", 300, 400)], True),
        ([("g", 200, 350), ("g", 340, 500)], True),
        ([("g", 200, 350), ("g", 351, 500)], False),
        ([("h", 300, 400)], False),
    ],
)
def test_composed_stores_have_no_events_from_there(tmp_path: Path, without: list, fine: bool) -> None:
    rows = [{"contig": c, "start_bp": s, "end_bp": e} for c, s, e in without]
    events = {"contigs": contig_records(GENOME, GENOME), "without": rows}
    composed = store(tmp_path / "composed", chunk("composed", 0, 1000), **{EVENTS: events})
    held = holding(tmp_path / "held", "g", 300, 400)
    if fine:
        check_disjoint([held, composed])
    else:
        with pytest.raises(UsageError, match="composed trains on g:300-400"):
            check_disjoint([composed, held])


def test_runs_that_another_store_holds_out(tmp_path: Path) -> None:
    training = store(tmp_path / "training", chunk("g", 0, 9), runs={"one": 3, "two": 1})
    check_disjoint([training, store(tmp_path / "x", chunk("g", 0, 9), held_out_runs=["three"])])
    held = store(tmp_path / "held", chunk("g", 0, 9), held_out_runs=["three", "two"])
    with pytest.raises(UsageError, match=r"training holds reads of run two, which .*held holds out"):
        check_disjoint([training, held])


def test_stores_that_say_nothing_contradict_nothing(tmp_path: Path) -> None:
    write_store(tmp_path / "old", [chunk("g", 300, 400)], {})
    check_disjoint([read_store(tmp_path / "old"), holding(tmp_path / "held", "g", 300, 400)])


def test_a_list_of_runs(tmp_path: Path) -> None:
    path = tmp_path / "runs.txt"
    path.write_text("# the test runs\nabc  what it is\n\ndef# said\nabc again\n")
    assert read_run_list(path) == ("abc", "def")
    path.write_text("# nothing\n")
    with pytest.raises(BadInputError, match=r"runs\.txt: names no run"):
        read_run_list(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInputError, match="no text"):
        read_run_list(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_run_list(tmp_path / "missing")


# the stores that `lexome prepare` makes


@pytest.fixture(scope="module")
def prepared(request_: PrepareRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same reads with one stretch held out, with another, and with the same in another order."""
    made = {}
    for name, validation in (
        ("one", (Interval("g", 4000, 7000),)),
        ("other", (Interval("g", 0, 2500),)),
        ("same", (Interval("g", 4000, 7000),)),
    ):
        made[name] = tmp_path_factory.mktemp("prepared") / name
        prepare_store(dataclasses.replace(request_, validation=validation), made[name])
    return made


def task_of(*stores: Path) -> BasecallTask:
    convs = [{"size": 4, "kernel": 5, "stride": 5}]
    architecture = {"name": "bonito", "config": {"convs": convs, "lstms": [{"size": 4, "reverse": False}]}}
    head = {"name": "crf", "config": {"state_len": 1}}
    return BasecallTask(BasecallTaskConfig(tuple(map(str, stores))), architecture, head, SignalConfig())


def test_training_refuses_prepared_stores_that_contradict_each_other(prepared: dict[str, Path]) -> None:
    task_of(prepared["one"], prepared["same"])
    with pytest.raises(UsageError, match="trains on g:.*, at least in part, which .* holds out"):
        task_of(prepared["one"], prepared["other"])


def test_meta_says_what_is_held_out(prepared: dict[str, Path], folder: Path) -> None:
    meta = read_store(prepared["one"]).meta
    (run,) = {read.info.run.run_id for read in iter_reads(folder / "reads" / "a.pod5", pytest.fail)}
    assert meta["runs"] == {run: 12}
    sequence = (folder / "ref.fa").read_text().split("\n")[1]
    assert meta["contigs"] == {"g": {"length_bp": 12_000, "sha256": contig_digest(sequence)}}
    assert meta["validation"] == [{"contig": "g", "start_bp": 4000, "end_bp": 7000}]
    assert (meta["test"], meta["held_out_runs"]) == ([], [])


# the split of this project


def listed_runs() -> dict[str, str]:
    """The runs that this project only tests on, with the name of their data."""
    lines = [line for line in HELD_OUT_RUNS.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {run: name for run, name in (line.split() for line in lines)}


def test_every_test_run_is_listed(shared: Path) -> None:
    data = shared / "data" / "nanopore"
    found = {}
    for name in ("kpneumoniae_deepnano", "zymo_rrna", "lambda_marcpaga"):
        for run in runs_of(find_signal_files([data / name], False)):
            found[run.run_id] = name
    assert listed_runs() == found
    training = runs_of(
        find_signal_files([data / name for name in ("lambda_nanodj", "lambda_squigglefilter")], False)
    )
    assert len(training) == 2
    assert not {run.run_id for run in training} & set(listed_runs())


def test_no_store_can_be_made_of_a_test_run(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "nanopore"
    from lexome.tasks.basecall.cut import LabelConfig

    request = PrepareRequest(
        [data / "lambda_marcpaga"], data / "references" / "Lambda_phage.fna", None, None, (), LabelConfig(),
        False, 1, held_out_runs=read_run_list(HELD_OUT_RUNS), max_reads=5,
    )  # fmt: skip
    with pytest.raises(LexomeError, match=r"no chunk could be labelled: .*its run is held out: 5 \(100.0%\)"):
        prepare_store(request, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_every_recipe_that_says_how_its_data_is_made_leaves_the_test_runs_out() -> None:
    commands = []
    for path in sorted((REPOSITORY / "recipes").rglob("*.toml")):
        text = re.sub(r"\\\n#\s*", "", path.read_text("utf-8"))
        commands += re.findall(r"lexome prepare (?:basecall|composed) .*", text)
    assert len(commands) >= 2
    for command in commands:
        assert "--hold-out-runs recipes/faster_basecalling/held_out_runs.txt" in command, command


def test_a_models_record_names_few_stretches_and_counts_many() -> None:
    few = [{"contig": "c", "start_bp": 5, "end_bp": 9}]
    many = [{"contig": "c", "start_bp": 10 * n, "end_bp": 10 * n + 3} for n in range(21)]
    events = {"without": many, "contigs": {}}
    meta = {"validation": few, "events_from": events, "runs": {"a": 1}, "numbers": [1] * 30}
    brief = in_brief(meta)
    assert brief == {**meta, "events_from": {"without": {"stretches": 21, "bases": 63}, "contigs": {}}}
    assert events["without"] is many
