"""Windows for training: every base of the truth is in a label, and what is left out is counted."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.features.pileup import PileupConfig, decode_bases
from lexome.features.pileup_windows import windows_of
from lexome.io.fastx import read_reference
from lexome.io.subreads import read_zmws
from lexome.io.windows import WindowStore, read_windows
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.prepare import WindowRequest, prepare_windows
from lexome.tasks.correct.simulate import BED, CCS, SPLIT, SUBREADS, TRUTH, simulate_to_folder

CONFIG = PileupConfig(max_passes=8, width=60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six ZMWs of two contigs of two chromosomes."""
    folder = tmp_path_factory.mktemp("prepare")
    (folder / "r.fa").write_text(f">chr1\n{random_genome(5000, 1)}\n>chr21\n{random_genome(5000, 2)}\n")
    config = SubreadConfig(700.0, 100.0, 300, 4, 6)
    simulate_to_folder(folder / "set", config, 6, 3, reference=folder / "r.fa")
    return folder / "set"


def request(made: Path, output: Path, **changes) -> WindowRequest:
    subreads, ccs, truth, bed, chromosomes = (made / name for name in (SUBREADS, CCS, TRUTH, BED, SPLIT))
    plain = WindowRequest(subreads, ccs, truth, bed, chromosomes, output, CONFIG)
    return dataclasses.replace(plain, **changes)


def names_of(store: WindowStore) -> set[str]:
    return {name.decode() for name in store.source_N["ccs"]}


def test_windows_and_labels_are_those_of_the_zmws(made: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    report = prepare_windows(request(made, tmp_path / "s"), seen.append)
    store = read_windows(tmp_path / "s")
    truths = read_reference(made / "truth.fasta")
    start = 0
    for zmw in read_zmws(made / SUBREADS, made / CCS, print):
        windows = windows_of(zmw, CONFIG)
        own = slice(start, start + len(windows))
        np.testing.assert_array_equal(store.rows_NRL[own], np.stack([w.rows_RL for w in windows]))
        np.testing.assert_array_equal(store.snr_N4[own], np.stack([w.snr for w in windows]))
        assert {name.decode() for name in store.source_N["ccs"][own]} == {zmw.name}
        assert store.source_N["index"][own].tolist() == list(range(len(windows)))
        spelled = "".join(decode_bases(label) for label in store.labels_NL[own])
        assert spelled == truths[zmw.name.replace("/ccs", "/truth")]
        start += len(windows)
    assert start == len(store.rows_NRL) == report.windows.total()
    assert report.label_bp == sum(len(sequence) for sequence in truths.values()) == store.lengths_N.sum()
    assert dict(report.zmws) == {"used": 6}
    assert seen == [1, 2, 3, 4, 5, 6]
    assert store.meta["pileup"]["max_passes"] == 8
    assert (tmp_path / "s" / "yield.tsv").read_text() == report.table()


def test_the_chromosomes_say_what_is_for_training(made: Path, tmp_path: Path) -> None:
    report = prepare_windows(request(made, tmp_path / "s"))
    store = read_windows(tmp_path / "s")
    by_split = {
        split: {*store.source_N["contig"][store.indices(split)]} for split in ("training", "validation")
    }
    assert by_split == {"training": {b"chr1"}, "validation": {b"chr21"}}
    for split in by_split:
        assert report.windows[f"kept for {split}"] == len(store.indices(split)) > 0
    for number, split in enumerate(("training", "validation", "test")):
        prepare_windows(request(made, tmp_path / split, as_split=split))
        assert (read_windows(tmp_path / split).split_N == number).all()


def test_what_is_left_out_is_counted(made: Path, tmp_path: Path) -> None:
    names = [zmw.name for zmw in read_zmws(made / SUBREADS, made / CCS, print)]
    bed = (made / BED).read_text().splitlines(keepends=True)
    (tmp_path / "some.bed").write_text("".join(line for line in bed if f"{names[2]}\t" not in line))
    (tmp_path / "split.tsv").write_text("chr1\tchr1\n")
    held_out = frozenset({names[0], f"{names[1].rsplit('/', 1)[0]}/0_50"})
    report = prepare_windows(
        request(
            made, tmp_path / "s", places=tmp_path / "some.bed", held_out=held_out,
            chromosomes=tmp_path / "split.tsv",
        )
    )  # fmt: skip
    assert report.zmws["held_out"] == 2
    assert report.zmws["no_truth_range"] == 1
    assert report.zmws["no_split"] + report.zmws["used"] == 3
    assert report.zmws["no_split"] > 0
    assert len(names_of(read_windows(tmp_path / "s"))) == report.zmws["used"]
    assert not names_of(read_windows(tmp_path / "s")) & {*names[:3]}
    text = "\n".join(report.lines())
    assert "held_out: 2 (33.3%)" in text
    assert f"for example {names[2]}: no_truth_range" in text
    assert "zmw\theld_out\t2\t0.3333\n" in report.table()


def test_a_limit_and_the_least_accuracy(made: Path, tmp_path: Path) -> None:
    assert prepare_windows(request(made, tmp_path / "s", max_zmws=2)).zmws["used"] == 2
    with pytest.raises(
        LexomeError, match=r"nothing to write: 6 low_accuracy; .*ccs: its predicted accuracy is 0"
    ):
        prepare_windows(request(made, tmp_path / "t", min_accuracy=1.1))
    assert {p.name for p in tmp_path.iterdir()} == {"s"}


def test_wrong_requests_are_refused_before_any_work(made: Path, tmp_path: Path) -> None:
    good = request(made, tmp_path / "s")
    for changes, message in (
        ({"ccs": tmp_path / "no.bam"}, r"no\.bam: no such file"),
        ({"config": PileupConfig(like_deepconsensus=True)}, "not to learn from"),
        ({"max_zmws": 0}, "at least 1"),
        ({"output": made}, "exists already"),
    ):
        with pytest.raises(UsageError, match=message):
            prepare_windows(dataclasses.replace(good, **changes))
    (tmp_path / "bad.bed").write_text("chr1\tx\t3\tname\n")
    with pytest.raises(BadInputError, match="no place on a contig"):
        prepare_windows(dataclasses.replace(good, places=tmp_path / "bad.bed"))
    assert [p.name for p in tmp_path.iterdir()] == ["bad.bed"]


def test_qualities_are_a_row_of_their_own(made: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, with_qualities=True)
    prepare_windows(request(made, tmp_path / "s", config=config))
    rows_NRL = read_windows(tmp_path / "s").rows_NRL
    assert rows_NRL.shape[1] == 34
    np.testing.assert_array_equal(rows_NRL[:, 32] > 0, rows_NRL[:, 33] > 0)


def test_real_zmws(shared: Path, tmp_path: Path) -> None:
    real = shared / "data" / "pacbio" / "human_1m_dev"
    if not real.is_dir():
        pytest.skip("needs human_1m_dev of the real data")
    held_out = frozenset({"m54238_180901_011437/4194382", "m54238_180901_011437/4194375"})
    report = prepare_windows(request(real, tmp_path / "s", config=PileupConfig(), held_out=held_out))
    assert report.zmws["held_out"] == 2
    assert report.zmws["low_accuracy"] >= 3  # the rejects
    assert report.zmws["used"] == 3
    store = read_windows(tmp_path / "s")
    assert {int(name.split("/")[1]) for name in names_of(store)} == {4194381, 4194383, 4194384}
    assert (store.split_N == 0).all()
    assert report.windows["kept for training"] > 500
