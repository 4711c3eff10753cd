import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from lexome.core.chemistry import chemistry_of
from lexome.core.errors import BadInputError
from lexome.core.records import RawRead
from lexome.io import fast5, fast5_file, pod5
from lexome.io.fast5 import count, iter_reads, read_runs

# What POD5 has and FAST5 has not.
LEVELS = ("open_pore_level", "expected_open_pore_level", "selected_read_level")


def never(skipped):
    raise AssertionError(f"skipped: {skipped}")


def as_kept(read: RawRead) -> RawRead:
    """The read without what FAST5 has no place for."""
    run = read.info.run
    extra = {**run.extra, "software": "", "experiment_name": ""}
    tracking = {name: value for name, value in extra["tracking_id"].items() if name != "run_id"}
    run = dataclasses.replace(run, extra=extra | {"tracking_id": tracking})
    kept = {name: value for name, value in read.info.extra.items() if name not in LEVELS}
    return dataclasses.replace(read, info=dataclasses.replace(read.info, run=run, extra=kept, source=""))


def assert_same(found: list[RawRead], expected: list[RawRead]) -> None:
    assert [read.read_id for read in found] == [read.read_id for read in expected]
    for one, other in zip(map(as_kept, found), map(as_kept, expected), strict=True):
        assert one.info == other.info
        assert (one.scale, one.offset) == (other.scale, other.offset)
        assert one.raw.dtype == np.int16
        np.testing.assert_array_equal(one.raw, other.raw)


@pytest.fixture
def reads(make_read, make_run) -> list[RawRead]:
    """Reads of two runs, of which nothing is lost in FAST5."""
    runs = []
    for name in ("run-a", "run-b"):
        tracking = {
            "device_id": "MN1",
            "device_type": "minion",
            "exp_script_name": "a_script:FLO-MIN106:SQK-LSK109",
            "exp_start_time": "2025-02-05T23:08:58.101Z",
            "flow_cell_id": "FAB42",
            "flow_cell_product_code": "FLO-MIN106",
            "host_product_code": "GRD",
            "host_product_serial_number": "GXB1",
            "protocol_run_id": "protocol-1",
            "protocol_start_time": "2025-02-05T22:00:00.5Z",
            "sample_id": "sample one",
        }
        extra = {
            "adc_min": -4096,
            "adc_max": 4095,
            "context_tags": {"sequencing_kit": "sqk-lsk109", "sample_frequency": "4000"},
            "tracking_id": tracking,
            "protocol_start_time": "2025-02-05T22:00:00.500000+00:00",
            "flow_cell_product_code": "FLO-MIN106",
            "protocol_name": "a_script:FLO-MIN106:SQK-LSK109",
            "protocol_run_id": "protocol-1",
            "sample_id": "sample one",
            "sequencing_kit": "sqk-lsk109",
            "sequencer_position": "MN1",
            "sequencer_position_type": "minion",
            "system_name": "GXB1",
            "system_type": "GRD",
        }
        runs.append(make_run(name, device="MN1", sample_rate_hz=4000, extra=extra))
    return [make_read(n, run=runs[n % 2], samples=1500 * n) for n in range(1, 7)]


class TestRoundTrip:
    @pytest.mark.parametrize("text", ["bytes", "str"])
    @pytest.mark.parametrize("compression", ["vbz", "gzip", "none"])
    def test_multi_read(self, tmp_path, reads, signal_writers, compression, text):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads, compression, text)
        found = list(iter_reads(path, never))
        assert_same(found, reads)
        assert {read.info.source for read in found} == {"reads.fast5"}
        assert count(path) == pod5.SignalTotals(6, sum(len(read.raw) for read in reads))
        assert read_runs(path) == [found[0].info.run, found[1].info.run]
        assert chemistry_of(found[0].info.run) == "r9.4.1"

    @pytest.mark.parametrize("text", ["bytes", "str"])
    @pytest.mark.parametrize("compression", ["vbz", "gzip", "none"])
    def test_single_read(self, tmp_path, reads, signal_writers, compression, text):
        path = tmp_path / "read.fast5"
        # the old layout has no place for the kind of pore
        info = dataclasses.replace(reads[2].info, extra=reads[2].info.extra | {"pore_type": "not_set"})
        read = dataclasses.replace(reads[2], info=info)
        signal_writers.write_single_fast5(path, read, compression, text)
        (found,) = iter_reads(path, never)
        assert_same([found], [read])
        assert count(path) == pod5.SignalTotals(1, len(read.raw))
        assert read_runs(path) == [found.info.run]

    def test_wanted_reads_only(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads)
        chosen = {reads[1].read_id, reads[4].read_id}
        assert_same(list(iter_reads(path, never, chosen.__contains__)), [reads[1], reads[4]])

    def test_no_reads(self, tmp_path, signal_writers):
        path = tmp_path / "none.fast5"
        signal_writers.write_fast5(path, [])
        assert list(iter_reads(path, never)) == []
        assert count(path) == pod5.SignalTotals(0, 0)
        assert read_runs(path) == []

    @pytest.mark.parametrize(
        ("name", "samples"),
        [("multi_read_pod5_filtered.pod5", None), ("duplex.pod5", 5000), ("multi_fast5_zip_v3.pod5", 5000)],
    )
    def test_as_a_pod5_file_of_the_same_reads(self, shared, tmp_path, signal_writers, name, samples):
        reads = list(pod5.iter_reads(shared / "data/nanopore/format_samples" / name, never))
        reads = [cut(read, samples) for read in sorted(reads, key=lambda read: read.read_id)]
        signal_writers.write_fast5(tmp_path / "same.fast5", reads)
        expected = [as_of_fast5(read) for read in reads]
        assert_same(list(iter_reads(tmp_path / "same.fast5", never)), expected)

    @pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # of the converter
    def test_as_the_converter_of_pod5_writes_it(self, shared, tmp_path):
        """ONT's own writer of FAST5."""
        from pod5.tools.pod5_convert_to_fast5 import convert_pod5_to_fast5

        source = shared / "data/nanopore/format_samples/multi_read_pod5_filtered.pod5"
        expected = sorted(pod5.iter_reads(source, never), key=lambda read: read.read_id)
        convert_pod5_to_fast5(source, tmp_path / "same.fast5", [read.read_id for read in expected])
        assert_same(list(iter_reads(tmp_path / "same.fast5", never)), expected)


def cut(read: RawRead, samples: int | None) -> RawRead:
    raw = read.raw[:samples]
    return dataclasses.replace(read, raw=raw, info=dataclasses.replace(read.info, num_samples=len(raw)))


def as_of_fast5(read: RawRead) -> RawRead:
    """A read of a POD5 file as its FAST5 file would say it: the run's columns come from its two groups."""
    run, tracking = read.info.run, read.info.run.extra["tracking_id"]
    columns = {
        "system_name": tracking.get("host_product_serial_number", ""),
        "system_type": tracking.get("host_product_code", ""),
        "sequencer_position_type": tracking.get("device_type", ""),
    }
    return dataclasses.replace(
        read, info=dataclasses.replace(read.info, run=dataclasses.replace(run, extra=run.extra | columns))
    )


class TestVariants:
    @pytest.fixture
    def path(self, tmp_path, reads, signal_writers) -> Path:
        signal_writers.write_fast5(tmp_path / "reads.fast5", reads[:2])
        return tmp_path / "reads.fast5"

    def only(self, path: Path, change) -> RawRead:
        """The first read after a change to its groups."""
        with h5py.File(path, "r+") as file:
            change(file, file[min(file)])
        return next(iter_reads(path, never))

    def test_missing_attributes(self, path, reads):
        def change(file, group):
            for name in ("median_before", "start_time", "duration", "end_reason", "start_mux"):
                del group["Raw"].attrs[name]
            del group.attrs["run_id"], group.attrs["pore_type"], file.attrs["file_type"]
            del group["context_tags"]

        read = self.only(path, change)
        assert (read.info.start_sample, read.info.mux, read.info.end_reason) == (0, 0, "unknown")
        assert "median_before" not in read.info.extra
        assert read.info.extra["pore_type"] == "not_set"
        assert read.info.run.run_id == reads[0].info.run.run_id
        assert read.info.run.extra["context_tags"] == {}

    def test_no_tracking_id(self, path):
        def change(file, group):
            del group["tracking_id"], group.attrs["run_id"]

        run = self.only(path, change).info.run
        assert (run.run_id, run.flow_cell, run.sample_rate_hz) == ("", "", 4000)

    def test_id_in_the_name_of_the_group_only(self, path, reads):
        def change(file, group):
            del group["Raw"].attrs["read_id"]

        assert self.only(path, change).read_id == reads[0].read_id

    @pytest.mark.parametrize(
        ("value", "reason"),
        [(6, "signal_negative"), (1, "unknown"), (np.array([2], "u1"), "mux_change"), ("paused", "paused")],
    )
    def test_end_reason_without_labels(self, path, value, reason):
        def change(file, group):
            del group["Raw"].attrs["end_reason"]
            group["Raw"].attrs["end_reason"] = value

        assert self.only(path, change).info.end_reason == reason

    def test_end_reason_with_labels_of_its_own(self, path):
        def change(file, group):
            del group["Raw"].attrs["end_reason"]
            labels = h5py.enum_dtype({"unknown": 0, "signal_positive": 1}, "u1")
            group["Raw"].attrs.create("end_reason", 1, dtype=labels)

        assert self.only(path, change).info.end_reason == "signal_positive"

    def test_numbers_in_other_clothes(self, path):
        def change(file, group):
            channel, raw = group["channel_id"].attrs, group["Raw"].attrs
            channel["channel_number"] = np.int32(77)
            channel["sampling_rate"] = "4000"
            raw["start_mux"] = np.array([3.0])
            raw["some_table"] = np.zeros(5)
            raw["empty"] = h5py.Empty("f4")

        read = self.only(path, change)
        assert (read.info.channel, read.info.mux, read.info.run.sample_rate_hz) == (77, 3, 4000)
        assert not {"some_table", "empty"} & read.info.extra.keys()

    def test_shared_groups(self, path, reads):
        """Newer files keep the facts of a run once and link to them."""

        def change(file, group):
            other = file[max(file)]
            del other["context_tags"]
            other["context_tags"] = group["context_tags"]

        self.only(path, change)
        assert len(list(iter_reads(path, never))) == 2

    def test_old_read_number_in_the_name(self, tmp_path, reads, signal_writers):
        path = tmp_path / "read.fast5"
        signal_writers.write_single_fast5(path, reads[0])
        with h5py.File(path, "r+") as file:
            group = next(iter(file["Raw/Reads"].values()))
            del group.attrs["read_number"]
        assert next(iter_reads(path, never)).info.read_number == reads[0].info.read_number

    def test_big_endian(self, path, reads):
        def change(file, group):
            del group["Raw/Signal"]
            group["Raw"]["Signal"] = reads[0].raw.astype(">i2")

        np.testing.assert_array_equal(self.only(path, change).raw, reads[0].raw)


def set_signal(group: h5py.Group, **how) -> None:
    del group["Raw/Signal"]
    group["Raw"].create_dataset("Signal", **how)


def link_elsewhere(file: h5py.File, group: h5py.Group) -> None:
    del group["Raw/Signal"]
    group["Raw"]["Signal"] = h5py.ExternalLink("other.fast5", "/signal")


def keep_elsewhere(file: h5py.File, group: h5py.Group) -> None:
    set_signal(group, shape=(100,), dtype="i2", external=[("other.bin", 0, 200)])


def make_virtual(file: h5py.File, group: h5py.Group) -> None:
    del group["Raw/Signal"]
    layout = h5py.VirtualLayout((100,), "i2")
    layout[:] = h5py.VirtualSource("other.h5", "x", (100,))
    group["Raw"].create_virtual_dataset("Signal", layout)


def replace_with_a_link(file: h5py.File, group: h5py.Group) -> None:
    del group["Raw"]
    group["Raw"] = h5py.SoftLink("/somewhere")


def put_a_number(name: str, value) -> object:
    def change(file, group):
        group["channel_id"].attrs[name] = value

    return change


def remove(name: str) -> object:
    def change(file, group):
        del group[name]

    return change


DAMAGE = [
    (remove("Raw"), "group Raw is missing"),
    (remove("Raw/Signal"), "no raw signal"),
    (remove("channel_id"), "group channel_id is missing"),
    (put_a_number("digitisation", 0.0), "calibration makes no sense"),
    (put_a_number("range", float("nan")), "calibration makes no sense"),
    (put_a_number("sampling_rate", 0.0), "sampled at 0 Hz"),
    (put_a_number("sampling_rate", 5000.0), "its run at"),
    (put_a_number("offset", "low"), "does not say its offset"),
    (put_a_number("channel_number", "x"), "whole number"),
    (lambda file, group: group["Raw"].attrs.update(duration=1501), "1500 of the 1501 samples"),
    (lambda file, group: group["Raw"].attrs.update(read_id="x" * 2000), "cannot be the name of a read"),
    (lambda file, group: set_signal(group, shape=(0,), dtype="i2"), "no signal"),
    (lambda file, group: set_signal(group, shape=(1500,), dtype="f4"), "type float32"),
    (lambda file, group: set_signal(group, shape=(15, 100), dtype="i2"), "2 dimensions"),
    (lambda file, group: set_signal(group, shape=(1500,), dtype="i2"), "not complete"),
    (lambda file, group: set_signal(group, shape=(1500,), dtype="i2", chunks=(100,)), "not complete"),
    (
        lambda file, group: set_signal(group, shape=(1500,), dtype="i2", compression="lzf"),
        "HDF5 filter 32000",
    ),
    (lambda file, group: set_signal(group, shape=(10**8,), dtype="i2", chunks=(10**6,)), "100000000 samples"),
    (
        lambda file, group: set_signal(group, shape=(1500,), maxshape=(None,), dtype="i2", chunks=(10**8,)),
        "pieces of 100000000 samples",
    ),
    (link_elsewhere, "its Signal is a link to somewhere else"),
    (replace_with_a_link, "its Raw is a link to somewhere else"),
    (keep_elsewhere, "lies in another file"),
    (make_virtual, "lies in another file"),
]


class TestBadReads:
    @pytest.mark.parametrize(("change", "message"), DAMAGE, ids=[message for _, message in DAMAGE])
    def test_bad_reads_are_reported_and_the_rest_goes_on(
        self, tmp_path, reads, signal_writers, change, message
    ):
        path = tmp_path / "reads.fast5"
        # of three reads of one run the second is bad: the run is known by then
        reads = [cut(read, 1500) for read in reads[::2]]
        signal_writers.write_fast5(path, reads)
        with h5py.File(path, "r+") as file:
            change(file, file[f"read_{reads[1].read_id}"])
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), [reads[0], reads[2]])
        assert len(skipped) == 1
        assert message in skipped[0].reason
        assert reads[1].read_id in skipped[0].name

    def test_a_rate_that_makes_no_sense(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_single_fast5(path, reads[0])
        with h5py.File(path, "r+") as file:
            file["UniqueGlobalKey/channel_id"].attrs["sampling_rate"] = 0.0
        skipped = []
        assert list(iter_reads(path, skipped.append)) == []
        assert "sample rate is 0" in skipped[0].reason
        assert read_runs(path) == []

    def test_a_piece_that_was_never_written(self, tmp_path, reads, signal_writers):
        """HDF5 would fill the hole with zeros."""
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads[:1])
        with h5py.File(path, "r+") as file:
            group = next(iter(file.values()))
            set_signal(group, shape=(1500,), dtype="i2", chunks=(100,), maxshape=(None,))
            group["Raw/Signal"][:1400] = 5
        skipped = []
        assert list(iter_reads(path, skipped.append)) == []
        assert "not complete" in skipped[0].reason

    def test_a_name_that_is_no_text(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads[:2])
        with h5py.File(path, "r+") as file:
            file.move(f"read_{reads[0].read_id}", b"read_\xff\xfe")
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), reads[1:2])
        assert [skip.name for skip in skipped] == ["reads.fast5, read_\ufffd\ufffd"]

    def test_damaged_signal(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads[:3], "gzip")
        with h5py.File(path) as file:
            (place,) = [file[f"read_{reads[1].read_id}/Raw/Signal"].id.get_chunk_info(0)]
        data = bytearray(path.read_bytes())
        data[place.byte_offset + 20 : place.byte_offset + 40] = b"\xff" * 20
        path.write_bytes(data)
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), [reads[0], reads[2]])
        assert [skip.name for skip in skipped] == [reads[1].read_id]
        assert "\n" not in skipped[0].reason


class TestBadFiles:
    def assert_refused(self, path: Path, message: str) -> None:
        for use in (lambda: list(iter_reads(path, never)), lambda: read_runs(path), lambda: count(path)):
            with pytest.raises(BadInputError, match=message) as error:
                use()
            assert str(error.value).startswith(f"{path}: ")
            assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the file is empty"),
            (b"not a FAST5 file", "not a readable FAST5 file"),
            (bytes(5000), "not a readable FAST5 file"),
            (b"\x1f\x8b\x08\x00abc", "gunzip"),
            (b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 4, "not a readable FAST5 file"),
        ],
    )
    def test_garbage(self, tmp_path, content, message):
        path = tmp_path / "reads.fast5"
        path.write_bytes(content)
        self.assert_refused(path, message)

    def test_missing_or_folder(self, tmp_path):
        self.assert_refused(tmp_path / "none.fast5", "no such file")
        self.assert_refused(tmp_path, "no such file")

    @pytest.mark.parametrize("keep", [0.3, 0.7, -1])
    def test_cut_off(self, tmp_path, reads, signal_writers, keep):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads)
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
        self.assert_refused(path, "truncated.*still being written")

    def test_other_hdf5_files(self, tmp_path):
        path = tmp_path / "other.fast5"
        with h5py.File(path, "w") as file:
            file["x"] = 3
        self.assert_refused(path, "an HDF5 file, but not FAST5")
        with h5py.File(path, "w") as file:
            file["Raw/Channel_1/Signal"] = np.zeros(5, "i2")
        self.assert_refused(path, "bulk FAST5")

    def test_a_file_that_is_being_written(self, tmp_path, reads, signal_writers):
        """By another program, which holds it open."""
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads[:1])
        code = "import sys, h5py; file = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); input()"
        command = [sys.executable, "-c", code, str(path)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"HDF5_USE_FILE_LOCKING": "TRUE"},
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            self.assert_refused(path, "still being written; try again")
            writer.communicate(b"\n")
        assert len(list(iter_reads(path, never))) == 1


class TestProcesses:
    def test_our_process_loads_no_h5py(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads[:2])
        code = (
            "import sys; from pathlib import Path; from lexome.io import fast5\n"
            "reads = list(fast5.iter_reads(Path(sys.argv[1]), print))\n"
            "print(len(reads), 'h5py' in sys.modules, 'pod5' in sys.modules)\n"
        )
        run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["2", "False", "False"]

    def test_the_other_process_loads_little(self):
        code = "import sys, lexome.io.fast5_file, json; print(json.dumps(sorted(sys.modules)))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not {"torch", "numba", "pod5", "pyarrow", "pysam"} & set(json.loads(run.stdout))

    def test_both_ways_give_the_same(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.fast5"
        signal_writers.write_fast5(path, reads)
        assert_same(list(fast5.iter_reads(path, never)), list(fast5_file.iter_reads(path, never)))
        assert fast5.read_runs(path) == fast5_file.read_runs(path)
        assert fast5.count(path) == fast5_file.count(path)
