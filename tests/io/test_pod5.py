import dataclasses
from pathlib import Path

import numpy as np
import pod5
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import RawRead
from lexome.io.pod5 import SignalTotals, count, iter_reads, read_runs, write_pod5
from lexome.io.pod5_records import pod5_read, pod5_run, read_info


def never(skipped):
    raise AssertionError(f"skipped: {skipped}")


def assert_same(found: list[RawRead], expected: list[RawRead]) -> None:
    assert [read.read_id for read in found] == [read.read_id for read in expected]
    for one, other in zip(found, expected, strict=True):
        assert dataclasses.replace(one.info, source="") == dataclasses.replace(other.info, source="")
        assert (one.scale, one.offset) == (other.scale, other.offset)
        assert one.raw.dtype == np.int16
        np.testing.assert_array_equal(one.raw, other.raw)


def compressed_piece(path: Path, row: int) -> bytes:
    """The bytes of one row of the signal table, as they lie in the file."""
    with pod5.Reader(path) as reader:
        return reader.signal_table.get_batch(0).column("signal")[row].as_buffer().to_pybytes()


def damage(path: Path, piece: bytes) -> None:
    data = path.read_bytes()
    assert data.count(piece) == 1
    path.write_bytes(data.replace(piece, b"\xff" * len(piece)))


class TestRoundTrip:
    def test_all_metadata_comes_back(self, tmp_path, make_read, make_run):
        runs = [make_run("run-a"), make_run("run-b", flow_cell="FAB43", sample_rate_hz=4000)]
        reads = [make_read(n, run=runs[n % 2], samples=1000 * n) for n in range(1, 6)]
        path = tmp_path / "reads.pod5"
        assert write_pod5(path, reads) == 5
        found = list(iter_reads(path, never))
        assert_same(found, reads)
        assert {read.info.source for read in found} == {"reads.pod5"}
        assert read_runs(path) == [runs[1], runs[0]]
        assert count(path) == SignalTotals(5, 15_000)
        assert [p.name for p in tmp_path.iterdir()] == ["reads.pod5"]

    def test_read_in_several_pieces(self, tmp_path, make_read):
        # POD5 cuts signals into pieces of 102,400 samples; three reads share and cross batches of 100 pieces
        reads = [make_read(n, samples=102_400 * 45 + n) for n in range(1, 4)]
        write_pod5(tmp_path / "long.pod5", reads)
        assert_same(list(iter_reads(tmp_path / "long.pod5", never)), reads)

    def test_what_is_not_known_stays_unknown(self, tmp_path, make_read, make_run):
        run = make_run(start_time_utc="", device="P2", extra={})
        read = make_read(1, run=run, extra={}, end_reason="unknown")
        write_pod5(tmp_path / "bare.pod5", [read])
        (found,) = iter_reads(tmp_path / "bare.pod5", never)
        assert found.info.run.start_time_utc == ""
        assert found.info.run.device == "P2"
        assert found.info.run.extra["protocol_start_time"] == ""
        assert "median_before" not in found.info.extra

    def test_uncompressed_signal(self, tmp_path, make_read):
        read = make_read(7, samples=150_000)
        write_pod5(tmp_path / "vbz.pod5", [read])
        with (
            pod5.Reader(tmp_path / "vbz.pod5") as reader,
            pod5.Writer(
                tmp_path / "plain.pod5", signal_compression_type=pod5.writer.SignalType.UncompressedSignal
            ) as writer,
        ):
            for record in reader.reads():
                with pytest.deprecated_call():
                    writer.add_read(record.to_read())
        (found,) = iter_reads(tmp_path / "plain.pod5", never)
        assert_same([found], [read])

    def test_no_reads(self, tmp_path):
        assert write_pod5(tmp_path / "none.pod5", []) == 0
        assert list(iter_reads(tmp_path / "none.pod5", never)) == []
        assert count(tmp_path / "none.pod5") == SignalTotals(0, 0)

    def test_wanted_reads_only(self, tmp_path, make_read):
        reads = [make_read(n) for n in range(1, 6)]
        write_pod5(tmp_path / "reads.pod5", reads)
        chosen = {reads[1].read_id, reads[4].read_id}
        found = list(iter_reads(tmp_path / "reads.pod5", never, wanted=chosen.__contains__))
        assert_same(found, [reads[1], reads[4]])


class TestRows:
    """A row of the read table in memory."""

    @pytest.fixture
    def row(self, make_read) -> dict:
        info = make_read(1).info
        row = {"read_id": info.read_id, "num_samples": 3000, "channel": 65535, "well": 2, "read_number": 7}
        row |= {"start": 8, "end_reason": "unknown", "run_info": info.run.run_id, "signal": [0]}
        row |= {"calibration_scale": 0.5, "calibration_offset": 1.0}
        return row | {"median_before": float("nan"), "pore_type": "x"}

    def test_wide_channel_numbers(self, row, make_run):
        runs = {"run-a": make_run("run-a")}
        assert read_info(row, runs, "f").channel == 65535
        assert read_info(row | {"channel_32bit": 100_000}, runs, "f").channel == 100_000
        assert read_info(row, runs, "f").extra == {"pore_type": "x"}

    def test_a_run_that_is_not_there(self, row):
        with pytest.raises(ValueError, match="its run run-a is not in the file"):
            read_info(row, {}, "f")

    def test_as_the_writer_takes_it(self, make_read):
        read = make_read(1)
        made = pod5_read(read, pod5_run(read.info.run))
        assert (str(made.read_id), made.pore.channel, made.end_reason.name) == (
            read.read_id, read.info.channel, "signal_positive",
        )  # fmt: skip


class TestBadReads:
    def test_bad_reads_are_reported_and_the_rest_goes_on(self, tmp_path, make_read, make_run):
        stopped = make_run("run-0", sample_rate_hz=0)
        reads = [
            make_read(1),
            make_read(2, scale=0.0),
            make_read(3, scale=float("nan")),
            make_read(4, offset=float("inf")),
            make_read(5, samples=0),
            make_read(6, run=stopped),
            make_read(7),
        ]
        write_pod5(tmp_path / "reads.pod5", reads)
        skipped = []
        found = list(iter_reads(tmp_path / "reads.pod5", skipped.append))
        assert_same(found, [reads[0], reads[6]])
        assert [s.name for s in skipped] == [read.read_id for read in reads[1:6]]
        for word, skip in zip(("scale 0.0", "nan", "inf", "no signal", "rate 0"), skipped, strict=True):
            assert word in skip.reason

    def test_damaged_signal(self, tmp_path, make_read):
        reads = [make_read(n) for n in range(1, 5)]
        path = tmp_path / "reads.pod5"
        write_pod5(path, reads)
        damage(path, compressed_piece(path, 2))
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), [reads[0], reads[1], reads[3]])
        assert [s.name for s in skipped] == [reads[2].read_id]
        assert skipped[0].reason.startswith("its signal is damaged (")
        assert "\n" not in skipped[0].reason

    def test_lengths_beyond_all_memory(self, tmp_path, make_read):
        """Every number of the read table that could be a length becomes 70 TB in turn."""
        path = tmp_path / "reads.pod5"
        write_pod5(path, [make_read(1, samples=100)])
        data = path.read_bytes()
        with pod5.Reader(path) as reader:
            table = reader.inner_file_reader.get_file_read_table_location()
        reasons = []
        for at in range(table.offset, table.offset + table.length - 8, 4):
            if 100 < int.from_bytes(data[at : at + 8], "little") < len(data):
                path.write_bytes(data[:at] + (2**46).to_bytes(8, "little") + data[at + 8 :])
                skipped = []
                try:
                    list(iter_reads(path, skipped.append))
                except BadInputError as error:
                    reasons.append(str(error))
                reasons += [skip.reason for skip in skipped]
        assert any("MemoryError" in reason for reason in reasons)

    def test_too_long(self, tmp_path, make_read, monkeypatch):
        write_pod5(tmp_path / "reads.pod5", [make_read(1, samples=101), make_read(2, samples=100)])
        monkeypatch.setattr("lexome.io.signal_checks.MAX_SAMPLES", 100)
        skipped = []
        (found,) = iter_reads(tmp_path / "reads.pod5", skipped.append)
        assert len(found.raw) == 100
        assert "101 samples" in skipped[0].reason

    def test_stopping_early_closes_the_file(self, tmp_path, make_read):
        write_pod5(tmp_path / "reads.pod5", [make_read(n) for n in range(1, 5)])
        reads = iter_reads(tmp_path / "reads.pod5", never)
        next(reads)
        reads.close()  # an open handle would be a ResourceWarning, an error here
        assert next(reads, None) is None


class TestBadFiles:
    def assert_refused(self, path: Path) -> None:
        for use in (lambda: list(iter_reads(path, never)), lambda: read_runs(path), lambda: count(path)):
            with pytest.raises(BadInputError) as error:
                use()
            assert str(error.value).startswith(f"{path}: ")
            assert "\n" not in str(error.value)

    @pytest.mark.parametrize("keep", [1, 7, 8, 100, 0.25, 0.5, 0.9, -100, -9, -8, -1])
    def test_truncated(self, tmp_path, make_read, keep):
        path = tmp_path / "reads.pod5"
        write_pod5(path, [make_read(n) for n in range(1, 4)])
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
        self.assert_refused(path)

    @pytest.mark.parametrize(
        "content", [b"", b"not a pod5 file", bytes(5000), b"\x8bPOD\r\n\x1a\n" + bytes(range(256)) * 20]
    )
    def test_garbage(self, tmp_path, content):
        path = tmp_path / "reads.pod5"
        path.write_bytes(content)
        self.assert_refused(path)

    def test_missing_or_folder(self, tmp_path):
        self.assert_refused(tmp_path / "none.pod5")
        self.assert_refused(tmp_path)

    def test_damage_anywhere_is_survived(self, tmp_path, make_read):
        """Whatever bytes are overwritten: reads come, are reported, or the file is refused; nothing else."""
        path = tmp_path / "reads.pod5"
        write_pod5(path, [make_read(n, samples=200) for n in range(1, 4)])
        data = path.read_bytes()
        refused = batches = 0
        for at in range(16, len(data) - 4, len(data) // 150):
            path.write_bytes(data[:at] + b"\xf3\x07\xff\x81" + data[at + 4 :])
            skipped = []
            try:
                found = list(iter_reads(path, skipped.append))
            except BadInputError:
                refused += 1
                continue
            if any("its reads cannot be read" in skip.reason for skip in skipped):
                batches += 1
            else:
                assert len(found) + len(skipped) == 3
        assert refused > 0
        assert batches > 0


class TestWriting:
    def test_bad_values(self, tmp_path, make_read):
        bad = [make_read(1, read_id="read-1"), make_read(1, end_reason="tired"), make_read(1, mux=300)]
        for read in bad:
            with pytest.raises(BadInputError, match=f"read {read.read_id}: cannot be written"):
                write_pod5(tmp_path / "reads.pod5", [read])
        assert not (tmp_path / "reads.pod5").exists()

    def test_an_error_leaves_no_file_of_that_name(self, tmp_path, make_read):
        def reads():
            yield make_read(1)
            raise RuntimeError("the simulator failed")

        path = tmp_path / "reads.pod5"
        write_pod5(path, [make_read(3)])
        with pytest.raises(RuntimeError, match="the simulator failed"):
            write_pod5(path, reads())
        assert [read.read_id[-1] for read in iter_reads(path, never)] == ["3"], "the old file was touched"
        assert write_pod5(path, [make_read(4)]) == 1, "what was left of the failure is in the way"

    def test_no_folder(self, tmp_path, make_read):
        with pytest.raises(UsageError, match="does not exist"):
            write_pod5(tmp_path / "no" / "reads.pod5", [make_read(1)])

    def test_not_writable(self, tmp_path, make_read):
        (tmp_path / "reads.pod5.partial").mkdir()
        with pytest.raises(LexomeError, match="cannot be written"):
            write_pod5(tmp_path / "reads.pod5", [make_read(1)])


class TestRealFiles:
    # numbers counted with pod5's own tools when the files were collected
    @pytest.mark.parametrize(
        ("name", "reads", "samples"),
        [
            ("kpneumoniae_deepnano/kpneumoniae_r94_48reads.pod5", 48, 9_033_454),
            ("lambda_marcpaga/lambda_r941_50reads.pod5", 50, 3_979_791),
            ("lambda_squigglefilter/lambda_r941_rad004_250reads.pod5", 250, 2_073_359),
            ("r10/can_reads.pod5", 14, 1_016_064),
            ("format_samples/single_channel_multi_read_pod5_filtered.pod5", 3, 1_874_486),
            ("format_samples/multi_fast5_zip_v3.pod5", 10, 1_548_931),
        ],
    )
    def test_totals(self, shared, name, reads, samples):
        path = shared / "data" / "nanopore" / name
        assert count(path) == SignalTotals(reads, samples)
        found = list(iter_reads(path, never))
        assert len(found) == reads
        assert sum(len(read.raw) for read in found) == samples
        assert all(len(read.raw) == read.info.num_samples for read in found)

    def test_all_versions_of_the_format_round_trip(self, shared, tmp_path):
        files = sorted((shared / "data/nanopore/format_samples").glob("*.pod5"))
        files.append(shared / "data/nanopore/r10/duplex_reads.pod5")
        assert len(files) == 7
        for path in files:
            reads = list(iter_reads(path, never))
            write_pod5(tmp_path / path.name, reads)
            assert_same(list(iter_reads(tmp_path / path.name, never)), reads)

    def test_as_pod5_itself_reads_it(self, shared):
        path = shared / "data/nanopore/format_samples/multi_read_pod5_filtered.pod5"
        found = list(iter_reads(path, never))
        with pod5.Reader(path) as reader:
            expected = list(reader.reads(preload={"samples"}))
            assert len(found) == len(expected)
            for ours, theirs in zip(found, expected, strict=True):
                info, run = ours.info, theirs.run_info
                np.testing.assert_array_equal(ours.raw, theirs.signal)
                np.testing.assert_array_equal(ours.signal_pa(), theirs.signal_pa)
                assert info.read_id == str(theirs.read_id)
                assert (info.channel, info.mux) == (theirs.pore.channel, theirs.pore.well)
                assert info.extra["pore_type"] == theirs.pore.pore_type
                assert (info.read_number, info.start_sample) == (theirs.read_number, theirs.start_sample)
                assert info.end_reason == theirs.end_reason.name
                assert info.extra["num_minknow_events"] == theirs.num_minknow_events
                assert info.extra["median_before"] == theirs.median_before
                assert (info.run.run_id, info.run.flow_cell) == (run.acquisition_id, run.flow_cell_id)
                assert info.run.sample_rate_hz == run.sample_rate
                start = run.acquisition_start_time.isoformat(timespec="microseconds")
                assert info.run.start_time_utc == start
                assert info.run.device == run.tracking_id["device_id"]
                assert info.run.extra["tracking_id"] == run.tracking_id
                assert info.run.extra["system_type"] == run.system_type
