"""A correction that is interrupted anywhere and resumed gives the bytes of one that was not."""

import contextlib
import dataclasses
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.features.pileup import PileupConfig
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.basecall.journal import write_journal
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.files import CorrectRequest, correct_files
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import CorrectSummary, Filters
from lexome.tasks.correct.outputs import Writing
from lexome.tasks.correct.run import Fate
from lexome.tasks.correct.simulate import simulate_to_folder

ZMWS = 90
FILTERS = Filters(13.2, 1300)


class RandomEngine:
    """Gives scores that depend on the window alone and compress badly; counts the windows.

    It holds back the results of some windows, as threads do.
    """

    broken = 0.003

    def __init__(self, config: PileupConfig, held_back: int = 0) -> None:
        self.num_rows = config.num_rows + 4
        self.windows = 0
        self._row, self._held_back = 4 * config.max_passes, held_back

    def run(self, items, post: Callable) -> Iterator:
        waiting = []
        for key, rows_RL in items:
            self.windows += 1
            symbols_L = rows_RL[self._row].astype(int)
            rng = np.random.default_rng(rows_RL.astype(np.int64).sum(1))
            surety_L1 = rng.uniform(2.5, 8.5, (len(symbols_L), 1))
            other_L = np.where(rng.random(len(symbols_L)) < 0.002, rng.integers(0, 5), symbols_L)
            scores_LK = (surety_L1 * np.eye(5)[other_L]).astype(np.float32)
            if rng.random() < self.broken:
                scores_LK[0] = np.nan
            waiting.append((key, post(scores_LK)))
            if len(waiting) > self._held_back:
                yield waiting.pop(0)
        yield from waiting


def corrector(held_back: int = 0, **changes) -> Corrector:
    config = PileupConfig()
    return Corrector("noise", RandomEngine(config, held_back), config, skip_above=0, **changes)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ZMWs of which some have no CCS read, some no subreads, and some a CCS read that is there twice."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "r.fa").write_text(f">one\n{random_genome(30_000, 1)}\n")
    config = SubreadConfig(1600.0, 300.0, 1100, 3, 3)
    simulate_to_folder(folder / "set", config, ZMWS, 3, reference=folder / "r.fa")
    with (
        pysam.AlignmentFile(str(folder / "set" / "ccs.bam"), check_sq=False) as old,
        pysam.AlignmentFile(str(folder / "c.bam"), "wb", template=old) as new,
    ):
        found = list(old)
        for number, record in enumerate(found):
            record.set_tag("MM", "C+m;", "Z")
            if number % 7 != 3:
                new.write(record)
        for number in (4, 20):
            found[number].query_name = f"lexome_simulated_3/{900 + number}/ccs"
            new.write(found[number])
        new.write(found[12])
    shutil.copy(folder / "set" / "subreads_to_ccs.bam", folder / "s.bam")
    return folder


Expected = dict[str, bytes]


def request(source: Path, folder: Path, ending: str, table: bool, failed: bool, **more) -> CorrectRequest:
    failed_output, lines = folder / f"bad{ending}", folder / "t.tsv"
    return CorrectRequest(
        source / "s.bam", source / "c.bam", folder / f"o{ending}", failed_output if failed else None,
        lines if table else None, FILTERS, **more,
    )  # fmt: skip


def contents(folder: Path) -> Expected:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(
    source: Path, folder: Path, ending: str, table: bool, failed: bool
) -> tuple[Expected, CorrectSummary]:
    folder.mkdir()
    summary = correct_files(request(source, folder, ending, table, failed), corrector())
    return contents(folder), summary


def resume(asked: CorrectRequest, held_back: int = 0) -> tuple[CorrectSummary, int]:
    """Resumes; the summary, and how many windows the network saw."""
    used = corrector(held_back)
    summary = correct_files(dataclasses.replace(asked, resume=True), used)
    return summary, used.engine.windows  # pyright: ignore[reportAttributeAccessIssue]


def left_behind(
    folder: Path, asked: CorrectRequest, expected: Expected, cuts: dict[str, int], tail: bytes
) -> None:
    """What a killed process leaves: files cut off somewhere, and the journals."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in expected.items():
        (folder / f"{name}.partial").write_bytes(content[: cuts[name]] + tail)
        if name != "t.tsv":
            write_journal(folder / f"{name}.partial.json", asked.settings(corrector()))


slow = pytest.mark.slow
FORMATS = [
    (".bam", True, True), (".bam", False, True), (".sam", True, True), (".fastq", False, True),
    (".fasta.gz", True, True), (".cram", True, True), *(
        pytest.param(*one, marks=slow)
        for one in (
            (".bam", True, False), (".sam", False, False), (".fastq.gz", True, True), (".fasta", False, True),
            (".cram", False, True),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "table", "failed"), FORMATS)
@pytest.mark.parametrize("cuts", [2, pytest.param(40, marks=slow)])
def test_cut_off_anywhere(
    source: Path, tmp_path: Path, ending: str, table: bool, failed: bool, cuts: int
) -> None:
    expected, summary = whole(source, tmp_path / "whole", ending, table, failed)
    for outcome in (
        "written",
        "low_quality",
        "too_short",
        "no_scores",
        "no_ccs",
        "no_subreads",
        "duplicate_ccs",
    ):
        assert summary.outcomes[outcome] > 0, outcome
    assert summary.dropped_tags["MM"] > 10
    folder = tmp_path / "cut"
    folder.mkdir()
    asked = request(source, folder, ending, table, failed)
    rng = random.Random(f"{ending} {table} {failed}")
    kept = []
    for number in range(cuts):
        part = rng.random()  # files are written side by side, each through a buffer of its own
        places = {
            name: len(content) if number == 0 else int(len(content) * min(1, part * rng.uniform(0.8, 1.2)))
            for name, content in expected.items()
        }
        tail = b"" if number == 0 else rng.choice([b"", bytes(300), rng.randbytes(300)])
        left_behind(folder, asked, expected, places, tail)
        again, windows = resume(asked, held_back=rng.choice([0, 30]))
        assert contents(folder) == expected, (places, tail)
        assert again.outcomes == summary.outcomes
        assert again.dropped_tags == summary.dropped_tags
        assert again.kept_uncounted == (0 if table else again.kept)
        if table:
            counted = dataclasses.replace(again, kept=0, partial=summary.partial)
            assert counted == dataclasses.replace(summary, examples=again.examples)
        kept.append(again.kept)
        assert windows < ZMWS * 20 - 10 * again.kept, "what was kept is not corrected again"
    assert kept[0] >= summary.num_written - 1, "of a whole file all but the last read are kept"
    assert min(kept) < kept[0] or ending == ".cram"


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """What a run leaves that is not interrupted."""
    return whole(source, tmp_path_factory.mktemp("finished") / "whole", ".fastq", True, True)[0]


@pytest.fixture
def interrupted(source: Path, finished: Expected, tmp_path: Path) -> CorrectRequest:
    """A request in a folder where a run of the same stopped in the middle."""
    expected, folder = finished, tmp_path / "here"
    folder.mkdir()
    asked = request(source, folder, ".fastq", True, True)
    cuts = {"o.fastq": 60_000, "bad.fastq": 60_000, "t.tsv": 4000}
    left_behind(folder, asked, expected, cuts, b"")
    return asked


def names(asked: CorrectRequest) -> set[str]:
    return {path.name for path in asked.output.parent.iterdir()}


LEFT = {
    "o.fastq.partial", "o.fastq.partial.json", "bad.fastq.partial", "bad.fastq.partial.json", "t.tsv.partial",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "corrector_changes", "words"),
    [
        ({"filters": Filters(13.0, 1300)}, {}, "lowest quality of a read 13.2 there, 13.0 here"),
        ({"shard": Shard(1, 2)}, {}, "shard none there, 1/2 here"),
        ({}, {"digest": "x"}, "the weights or the configuration of model noise have changed"),
        ({}, {"max_quality": 60}, "highest quality of a base 93 there, 60 here"),
        ({"version": "2"}, {}, "lexome unknown there, 2 here"),
    ],
)
def test_other_settings_are_refused_and_nothing_is_lost(
    interrupted: CorrectRequest, changes: dict, corrector_changes: dict, words: str
) -> None:
    before = contents(interrupted.output.parent)
    with pytest.raises(UsageError) as error:
        correct_files(
            dataclasses.replace(interrupted, resume=True, **changes), corrector(**corrector_changes)
        )
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="--resume goes on from there, --force begins anew"):
        correct_files(interrupted, corrector())
    assert contents(interrupted.output.parent) == before


def test_begun_anew_on_demand(interrupted: CorrectRequest, finished: Expected) -> None:
    summary = correct_files(dataclasses.replace(interrupted, force=True), corrector())
    assert summary.kept == 0
    assert contents(interrupted.output.parent) == finished


def test_stopped_again_and_again(interrupted: CorrectRequest, finished: Expected, monkeypatch) -> None:
    """While what is there is copied, and behind it: what the first run had done is never lost."""
    for method, at_call in (("keep", 1), ("keep", 20), ("write", 1), ("keep", 1), ("write", 12)):
        real, calls = getattr(Writing, method), 0

        def stop(self, *arguments, real=real, at_call=at_call) -> None:
            nonlocal calls
            calls += 1
            if calls == at_call:
                raise KeyboardInterrupt
            real(self, *arguments)

        monkeypatch.setattr(Writing, method, stop)
        with pytest.raises(KeyboardInterrupt):
            resume(interrupted)
        monkeypatch.undo()
        assert {"o.fastq.partial", "o.fastq.partial.json"} <= names(interrupted)
    summary, _ = resume(interrupted)
    assert summary.kept > 35
    assert contents(interrupted.output.parent) == finished


STEPS = 13


@pytest.mark.parametrize(
    "step", [0, 2, 4, 6, 8, 10, *(pytest.param(n, marks=slow) for n in (1, 3, 5, 7, 9, 11, 12, 13))]
)
def test_killed_while_files_get_their_names(
    interrupted: CorrectRequest, finished: Expected, monkeypatch, step: int
) -> None:
    """The process may end before any change of the folder."""
    steps = 0

    class Killed(BaseException):
        pass

    def watch(name: str) -> None:
        original = getattr(Path, name)

        def watched(*arguments, **options):
            nonlocal steps
            steps += 1
            if steps > step:
                raise Killed
            return original(*arguments, **options)

        monkeypatch.setattr(Path, name, watched)

    watch("unlink")
    watch("replace")
    with contextlib.suppress(Killed):
        resume(interrupted)
    monkeypatch.undo()
    expected = dict(finished)
    for name, content in expected.items():
        path = interrupted.output.with_name(name)
        assert not path.exists() or path.read_bytes() == content, "what has its name is whole"
    assert (steps > step) == (step < STEPS), "the process was killed, or there was no such step"
    unfinished = {"o.fastq.partial", "o.fastq.resumed"} & names(interrupted)
    if unfinished and not {"t.tsv.partial", "t.tsv.resumed"} & names(interrupted):
        with pytest.raises(UsageError, match="leave out --table"):  # it has its name, the reads do not
            resume(interrupted)
        resume(dataclasses.replace(interrupted, table=None))
    elif step < STEPS:
        resume(interrupted)
    assert contents(interrupted.output.parent) == expected


def test_a_table_that_is_missing_is_named(interrupted: CorrectRequest, finished: Expected) -> None:
    interrupted.output.with_name("t.tsv.partial").unlink()
    with pytest.raises(UsageError, match=r"left no t\.tsv\.partial to go on from; leave out --table, or"):
        resume(interrupted)
    assert names(interrupted) == LEFT - {"t.tsv.partial"}
    summary, _ = resume(dataclasses.replace(interrupted, table=None))
    assert summary.kept == summary.kept_uncounted > 20
    expected = dict(finished)
    del expected["t.tsv"]
    assert contents(interrupted.output.parent) == expected


def test_reads_that_did_not_pass_may_be_asked_for_later(
    interrupted: CorrectRequest, finished: Expected
) -> None:
    """Those of the interrupted run are not there: they are corrected again."""
    for name in ("bad.fastq.partial", "bad.fastq.partial.json"):
        interrupted.output.with_name(name).unlink()
    summary, _ = resume(interrupted)
    assert summary.outcomes["low_quality"] + summary.kept < ZMWS
    assert summary.kept > 10
    assert contents(interrupted.output.parent) == finished


def test_nothing_to_resume_is_a_beginning_and_a_whole_file_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    asked = request(source, tmp_path / "one", ".fastq", False, False)
    assert resume(asked)[0].kept == 0
    before = contents(tmp_path / "one")
    assert before == whole(source, tmp_path / "two", ".fastq", False, False)[0]
    with pytest.raises(UsageError, match="is complete, there is nothing to resume"):
        resume(asked)
    assert contents(tmp_path / "one") == before


def test_what_is_unlike_the_training_is_counted_for_the_whole_run(
    interrupted: CorrectRequest,
) -> None:
    far = {"pulse_width": (0.0, 1.0), "interpulse": (0.0, 255.0), "signal_to_noise": (0.0, 99.0)}
    used = corrector(input_range=far)
    summary = correct_files(dataclasses.replace(interrupted, resume=True), used)
    assert summary.kept > 20
    assert summary.measured == summary.unlike["pulse_width"] == ZMWS - summary.outcomes["no_ccs"]


def test_the_order_of_the_table_does_not_depend_on_how_far_is_read_ahead(
    source: Path, tmp_path: Path
) -> None:
    tables = []
    for held_back in (0, 3, 10_000):
        asked = request(source, tmp_path, ".fasta", True, False)
        correct_files(asked, corrector(held_back))
        tables.append((tmp_path / "t.tsv").read_bytes())
    assert tables[0].count(b"\n") == 1 + ZMWS + 3
    assert set(tables) == {tables[0]}


def test_files_of_other_runs_are_left_alone_by_a_mistake(interrupted: CorrectRequest) -> None:
    """A journal of the failed reads that is another run's: refused, and all stays."""
    journal = interrupted.output.with_name("bad.fastq.partial.json")
    other = dataclasses.replace(interrupted, filters=Filters(5.0))
    write_journal(journal, other.settings(corrector()))
    before = contents(interrupted.output.parent)
    with pytest.raises(UsageError, match=r"bad\.fastq\.partial: cannot be resumed with other settings"):
        resume(interrupted)
    assert contents(interrupted.output.parent) == before


def test_a_failure_in_opening_leaves_what_was_there(interrupted: CorrectRequest, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise LexomeError("the disk is full")

    before = contents(interrupted.output.parent)
    monkeypatch.setattr("lexome.tasks.correct.outputs.open_corrected", full)
    with pytest.raises(LexomeError, match="full"):
        resume(interrupted)
    monkeypatch.undo()
    after = contents(interrupted.output.parent)
    assert after["o.fastq.partial"] == before["o.fastq.partial"]
    assert after["bad.fastq.partial"] == before["bad.fastq.partial"]
    assert after["t.tsv.resumed"] == before["t.tsv.partial"]
    assert resume(interrupted)[0].kept > 20


def test_real_reads(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    (tmp_path / "here").mkdir()
    place = tmp_path / "here"
    asked = CorrectRequest(
        folder / "subreads_to_ccs.bam", folder / "ccs.bam", place / "o.bam", place / "bad.fastq.gz",
        place / "t.tsv", Filters(13.24),
    )  # fmt: skip
    monkeypatch.setattr(RandomEngine, "broken", 0.0)
    summary = correct_files(asked, corrector())
    assert min(summary.outcomes["written"], summary.outcomes["low_quality"]) > 1
    expected = contents(place)
    for part in (1.0, 0.7):
        cuts = {name: int(part * len(content)) for name, content in expected.items()}
        left_behind(place, asked, expected, cuts, b"")
        again, windows = resume(asked)
        assert contents(place) == expected
        assert again.outcomes == summary.outcomes
        assert part < 1 or (
            again.kept >= summary.num_corrected - 2 and windows < summary.windows[Fate.CORRECTED] / 2
        )
