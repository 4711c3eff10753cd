import os
import shutil
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.io.pod5 import SignalTotals, write_pod5
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of, summarise


def never(skipped):
    raise AssertionError(f"skipped: {skipped}")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Empty files are enough for finding; b before a, capitals, hidden ones and other kinds among them."""
    for name in (
        "b.pod5",
        "a.POD5",
        "notes.txt",
        ".hidden.pod5",
        "sub/c.pod5",
        "sub/deep/d.pod5",
        "none/x.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(files: list[Path], folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in files]


class TestFinding:
    def test_folder(self, folder):
        assert names(find_signal_files([folder], recursive=False), folder) == ["a.POD5", "b.pod5"]

    def test_recursive(self, folder):
        expected = ["a.POD5", "b.pod5", "sub/c.pod5", "sub/deep/d.pod5"]
        assert names(find_signal_files([folder], recursive=True), folder) == expected

    def test_order_of_inputs_and_repetition_do_not_matter(self, folder):
        inputs = [folder / "sub" / "c.pod5", folder, folder / "b.pod5", folder / "a.POD5"]
        files = find_signal_files(inputs, recursive=False)
        assert names(files, folder) == ["a.POD5", "b.pod5", "sub/c.pod5"]
        assert find_signal_files(inputs[::-1], recursive=False) == files

    def test_two_names_of_one_file(self, folder):
        files = find_signal_files([folder / "sub" / ".." / "a.POD5", folder], recursive=False)
        assert [file.name for file in files] == ["b.pod5", "a.POD5"]

    def test_links_are_followed_but_not_in_circles(self, folder):
        for name in ("up", "again"):  # two ways round: a walk without an eye on circles would not end
            os.symlink(folder, folder / "sub" / name)
        outside = folder / "none" / "more"
        outside.mkdir()
        (outside / "e.pod5").touch()
        os.symlink(outside, folder / "sub" / "link")
        found = find_signal_files([folder / "sub"], recursive=True)
        assert sorted(file.name for file in found) == ["a.POD5", "b.pod5", "c.pod5", "d.pod5", "e.pod5"]

    @pytest.mark.parametrize(
        ("name", "recursive", "message"),
        [
            ("missing", False, "no such file or folder"),
            ("notes.txt", False, r"no signal file; this version reads files ending in \.pod5"),
            ("none", False, r"no signal files in this folder; .*\.pod5"),
            ("none", True, r"no signal files in this folder and its subfolders"),
        ],
    )
    def test_refusals(self, folder, name, recursive, message):
        with pytest.raises(UsageError, match=message) as error:
            find_signal_files([folder / name], recursive)
        assert str(folder / name) in str(error.value)

    def test_says_when_subfolders_hold_some(self, folder):
        (folder / "sub" / "c.pod5").unlink()
        with pytest.raises(UsageError, match="--recursive"):
            find_signal_files([folder / "sub"], recursive=False)

    @pytest.mark.parametrize(
        ("ending", "advice"),
        [
            (".fast5", "pod5 convert fast5"),
            (".slow5", "blue-crab"),
            (".blow5", "blue-crab"),
            (".BLOW5", "blue-crab"),
        ],
    )
    def test_other_formats_are_recognised(self, folder, ending, advice):
        path = folder / "none" / f"reads{ending}"
        path.touch()
        for given in (path, path.parent):
            with pytest.raises(UsageError, match=f"not yet read by this version.*{advice}"):
                find_signal_files([given], recursive=False)

    def test_nothing_given(self):
        with pytest.raises(UsageError):
            find_signal_files([], recursive=False)


class TestReading:
    @pytest.fixture
    def files(self, tmp_path, make_read, make_run) -> list[Path]:
        runs = [make_run("run-a"), make_run("run-b")]
        write_pod5(tmp_path / "1.pod5", [make_read(1, run=runs[0]), make_read(2, run=runs[1])])
        write_pod5(tmp_path / "2.pod5", [make_read(3, run=runs[1], samples=500)])
        return [tmp_path / "1.pod5", tmp_path / "2.pod5"]

    def test_all_files_in_order(self, files):
        reads = list(iter_reads(files, never))
        assert [(read.read_id[-1], read.info.source) for read in reads] == [
            ("1", "1.pod5"),
            ("2", "1.pod5"),
            ("3", "2.pod5"),
        ]
        assert [run.run_id for run in runs_of(files)] == ["run-a", "run-b"]
        assert summarise(files) == SignalTotals(3, 6500)

    def test_every_run_of_a_read_is_announced(self, files):
        announced = {run.run_id for run in runs_of(files)}
        assert {read.info.run.run_id for read in iter_reads(files, never)} <= announced

    def test_duplicates(self, files, tmp_path, make_read):
        write_pod5(tmp_path / "3.pod5", [make_read(2), make_read(4)])
        skipped = []
        reads = list(iter_reads([*files, tmp_path / "3.pod5"], skipped.append))
        assert [read.read_id[-1] for read in reads] == ["1", "2", "3", "4"]
        assert [skip.name for skip in skipped] == [reads[1].read_id]
        assert "3.pod5" in skipped[0].reason

    def test_wanted(self, files):
        reads = list(iter_reads(files, never, wanted=lambda read_id: read_id.endswith("3")))
        assert [read.read_id[-1] for read in reads] == ["3"]

    def test_a_bad_file_among_good_ones_is_reported(self, files, tmp_path):
        bad = [tmp_path / "0.pod5", tmp_path / "cut.pod5", tmp_path / "old.fast5"]
        bad[0].touch()
        bad[1].write_bytes(files[0].read_bytes()[:2000])
        bad[2].touch()
        skipped = []
        everything = [bad[0], files[0], bad[1], bad[2], files[1]]
        assert len(list(iter_reads(everything, skipped.append))) == 3
        assert [skip.name for skip in skipped] == [str(path) for path in bad]
        assert "is empty" in skipped[0].reason
        assert "pod5 recover" in skipped[1].reason
        assert "not yet read" in skipped[2].reason
        assert not any(str(tmp_path) in skip.reason for skip in skipped), "the file is named twice"
        assert len(runs_of(everything)) == 2
        assert summarise(everything) == SignalTotals(3, 6500)

    def test_the_only_file_is_bad(self, tmp_path):
        (tmp_path / "0.pod5").touch()
        with pytest.raises(BadInputError, match="empty"):
            list(iter_reads([tmp_path / "0.pod5"], never))

    def test_all_files_are_bad(self, tmp_path):
        files = [tmp_path / "0.pod5", tmp_path / "1.pod5"]
        for file in files:
            file.touch()
        skipped = []
        with pytest.raises(BadInputError, match="none of the 2 files can be read.*0.pod5.*empty"):
            list(iter_reads(files, skipped.append))
        assert len(skipped) == 2

    def test_real_folder(self, shared, tmp_path):
        files = find_signal_files(
            [shared / "data/nanopore/r10", shared / "data/nanopore/format_samples"], False
        )
        kinds = [file.suffix for file in files]
        assert (kinds.count(".pod5"), kinds.count(".blow5")) == (9, 4)
        shutil.copy(files[kinds.index(".pod5")], tmp_path / "again.pod5")
        skipped = []
        reads = list(iter_reads([*files, tmp_path / "again.pod5"], skipped.append))
        assert sum(skip.name.endswith(".blow5") for skip in skipped) == 4
        again = [skip for skip in skipped if "again.pod5" in skip.reason]
        assert len(again) == summarise([tmp_path / "again.pod5"]).reads
        assert len(reads) + len(skipped) - 4 == summarise([*files, tmp_path / "again.pod5"]).reads
        assert {read.info.run.run_id for read in reads} <= {run.run_id for run in runs_of(files)}
