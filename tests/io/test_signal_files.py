import os
import shutil
import subprocess
import sys
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
            (
                "notes.txt",
                False,
                r"no signal file; this version reads files ending in \.blow5, \.fast5, \.pod5, \.slow5",
            ),
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

    @pytest.mark.parametrize("ending", [".pod5", ".fast5", ".slow5", ".blow5", ".BLOW5"])
    def test_every_format(self, folder, ending):
        path = folder / "none" / f"reads{ending}"
        path.touch()
        for given in (path, path.parent):
            assert find_signal_files([given], recursive=False) == [path]

    @pytest.mark.parametrize("name", ["reads.slow5.gz", "reads.SLOW5.GZ", "reads.fast5.zst"])
    def test_compressed_files_are_refused(self, folder, name):
        path = folder / "none" / name
        path.touch()
        for given in (path, path.parent):
            with pytest.raises(
                UsageError, match=f"{name}: compressed files are not read; decompress it first"
            ):
                find_signal_files([given], recursive=False)
        (folder / "none" / "x.txt.gz").touch()
        path.unlink()
        with pytest.raises(UsageError, match="no signal files in this folder"):
            find_signal_files([path.parent], recursive=False)

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
        bad = [tmp_path / "0.pod5", tmp_path / "cut.pod5", tmp_path / "old.fast5", tmp_path / "a.slow5.gz"]
        bad[0].touch()
        bad[1].write_bytes(files[0].read_bytes()[:2000])
        bad[2].write_bytes(b"no HDF5")
        bad[3].touch()
        skipped = []
        everything = [bad[0], files[0], *bad[1:], files[1]]
        assert len(list(iter_reads(everything, skipped.append))) == 3
        assert [skip.name for skip in skipped] == [str(path) for path in bad]
        assert "is empty" in skipped[0].reason
        assert "pod5 recover" in skipped[1].reason
        assert "not a readable FAST5 file" in skipped[2].reason
        assert "decompress" in skipped[3].reason
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
        again = [skip for skip in skipped if "again.pod5" in skip.reason]
        assert len(again) == summarise([tmp_path / "again.pod5"]).reads
        assert len(reads) + len(skipped) == summarise([*files, tmp_path / "again.pod5"]).reads
        assert {read.info.run.run_id for read in reads} <= {run.run_id for run in runs_of(files)}


class TestMixedFolder:
    @pytest.fixture
    def mixed(self, tmp_path, make_read, make_run, signal_writers) -> Path:
        """Eight reads of two runs, two in each format; the names decide the order."""
        runs = [make_run("run-a"), make_run("run-b")]
        reads = [make_read(n, run=runs[n % 2]) for n in range(8)]
        write_pod5(tmp_path / "2.pod5", reads[2:4])
        signal_writers.write_fast5(tmp_path / "1.fast5", reads[:2])
        (tmp_path / "3.slow5").write_bytes(signal_writers.slow5_bytes(reads[4:6]))
        (tmp_path / "4.blow5").write_bytes(signal_writers.blow5_bytes(reads[6:]))
        (tmp_path / "4.blow5.idx").touch()  # the index of other tools
        return tmp_path

    def test_all_formats_as_one_stream(self, mixed):
        files = find_signal_files([mixed], False)
        assert [file.name for file in files] == ["1.fast5", "2.pod5", "3.slow5", "4.blow5"]
        reads = list(iter_reads(files, never))
        assert [(read.read_id[-1], read.info.source[2:]) for read in reads] == [
            *(("0", "fast5"), ("1", "fast5"), ("2", "pod5"), ("3", "pod5")),
            *(("4", "slow5"), ("5", "slow5"), ("6", "blow5"), ("7", "blow5")),
        ]
        assert [run.run_id for run in runs_of(files)] == ["run-a", "run-b"]
        assert summarise(files) == SignalTotals(8, 24_000)
        assert {read.info.run.run_id for read in reads} == {"run-a", "run-b"}
        assert {read.info.run.sample_rate_hz for read in reads} == {5000}

    def test_wanted_in_all_formats(self, mixed):
        files = find_signal_files([mixed], False)
        found = list(iter_reads(files, never, lambda read_id: int(read_id[-1]) % 2 == 0))
        assert [read.read_id[-1] for read in found] == ["0", "2", "4", "6"]

    def test_the_same_reads_in_several_formats(self, mixed, make_read, signal_writers):
        """As after a conversion that left the old files in the folder."""
        reads = [make_read(n) for n in range(4)]
        signal_writers.write_fast5(mixed / "5.fast5", reads)
        (mixed / "6.blow5").write_bytes(signal_writers.blow5_bytes(reads[::-1]))
        skipped = []
        assert len(list(iter_reads(find_signal_files([mixed], False), skipped.append))) == 8
        names = [(skip.name[-1], skip.reason) for skip in skipped]
        assert [number for number, _ in names] == ["0", "1", "2", "3", "3", "2", "1", "0"]
        assert names[0][1] == "there again in 5.fast5; the first read of this id is kept"
        assert names[-1][1] == "there again in 6.blow5; the first read of this id is kept"

    def test_only_what_is_needed_is_loaded(self, mixed):
        code = (
            "import sys; from pathlib import Path; from lexome.io import signal_files\n"
            "print(sorted({'pod5', 'h5py', 'numba'} & set(sys.modules)))\n"
            "list(signal_files.iter_reads([Path(sys.argv[1])], print))\n"
            "print(sorted({'pod5', 'h5py', 'numba'} & set(sys.modules)))\n"
        )
        for name, loaded in (("1.fast5", "[]"), ("2.pod5", "['pod5']"), ("4.blow5", "['numba']")):
            run = subprocess.run(
                [sys.executable, "-c", code, str(mixed / name)], capture_output=True, text=True, check=True
            )
            assert run.stdout.splitlines() == ["[]", loaded]
