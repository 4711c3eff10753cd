import dataclasses
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lexome.core.chemistry import chemistry_of
from lexome.core.errors import BadInputError
from lexome.core.records import RawRead
from lexome.io import pod5
from lexome.io.slow5 import count, iter_reads, read_runs
from lexome.io.slow5_header import Field, read_header
from lexome.io.slow5_records import MAX_RECORD_BYTES, binary_fields, binary_head, decompress, text_fields

WAYS = [(r, s) for r in ("none", "zlib", "zstd") for s in ("none", "svb-zd", "ex-zd")]
REAL = {
    "format_samples/corona_r9.blow5": (100, "00011a60-dd92-4aad-be1d-59a33545ab1d", 4710, "r9.4.1"),
    "r10/WGA_r1041_4khz_27reads_reads.blow5": (27, "64a25d50-50e0-41f8-aed7-2689d566feaa", 111457, None),
    "r10/r1041_4khz_10_reads.blow5": (10, "00002194-fea5-433c-ba89-1eb6b60f0f28", 244508, None),
    "r10/r1041_5khz_one.blow5": (1, "9d811bd0-3397-4c31-aade-0d3f50683ab4", 15384, "r10.4.1_e8.2_400bps"),
}


def never(skipped):
    raise AssertionError(f"skipped: {skipped}")


def as_kept(read: RawRead) -> RawRead:
    """The read without what SLOW5 has no place for: levels that POD5 alone has, and empty words."""
    run = read.info.run
    tracking, context = (without_empty(run.extra.get(name, {})) for name in ("tracking_id", "context_tags"))
    extra = without_empty(run.extra) | {"tracking_id": tracking, "context_tags": context}
    run = dataclasses.replace(run, extra=extra)
    levels = ("open_pore_level", "expected_open_pore_level", "selected_read_level")
    kept = {name: value for name, value in read.info.extra.items() if name not in levels}
    info = dataclasses.replace(read.info, run=run, extra=kept, source="")
    return dataclasses.replace(read, info=info)


def without_empty(values) -> dict:
    return {name: value for name, value in values.items() if value != ""}


def assert_same(found: list[RawRead], expected: list[RawRead]) -> None:
    assert [read.read_id for read in found] == [read.read_id for read in expected]
    for one, other in zip(map(as_kept, found), map(as_kept, expected), strict=True):
        assert one.info == other.info
        assert (one.scale, one.offset) == (other.scale, other.offset)
        assert one.raw.dtype == np.int16
        np.testing.assert_array_equal(one.raw, other.raw)


@pytest.fixture
def reads(make_read, make_run) -> list[RawRead]:
    """Reads of two runs, of which nothing is lost in SLOW5."""
    runs = []
    for name in ("run-a", "run-b"):
        run = make_run(name)
        names = ("flow_cell_product_code", "protocol_run_id", "sample_id", "protocol_start_time")
        tracking = {name: run.extra[name] for name in names}
        tracking |= {"run_id": run.run_id, "flow_cell_id": run.flow_cell, "device_id": "MN12345"}
        context = {"sequencing_kit": "sqk-lsk114", "package": "none"}
        extra = run.extra | {
            "tracking_id": tracking,
            "context_tags": context,
            "adc_max": 2047,
            "adc_min": -2048,
        }
        runs.append(dataclasses.replace(run, extra=extra))
    made = [make_read(n, run=runs[n % 2], samples=50 * n) for n in range(1, 7)]
    extra = {"pore_type": "not_set", "end_reason_forced": False}
    return [
        dataclasses.replace(read, info=dataclasses.replace(read.info, extra=read.info.extra | extra))
        for read in made
    ]


class TestRoundTrip:
    @pytest.mark.parametrize(("record", "signal"), WAYS)
    def test_all_metadata_come_back(self, tmp_path, reads, signal_writers, record, signal):
        path = tmp_path / "reads.blow5"
        path.write_bytes(signal_writers.blow5_bytes(reads, record, signal))
        found = list(iter_reads(path, never))
        assert_same(found, reads)
        assert {read.info.source for read in found} == {"reads.blow5"}
        assert found[0].raw.flags.writeable
        assert count(path) == pod5.SignalTotals(6, sum(len(read.raw) for read in reads))
        assert read_runs(path) == [found[0].info.run, found[1].info.run]

    def test_text(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.slow5"
        path.write_bytes(signal_writers.slow5_bytes(reads))
        found = list(iter_reads(path, never))
        assert_same(found, reads)
        assert count(path).reads == 6
        assert read_runs(path) == [found[0].info.run, found[1].info.run]

    @pytest.mark.parametrize(
        "signal", [[0], [-32768, 32767] * 5, [0] * 700 + [400] + [0] * 30, [32 * n for n in range(-90, 90)]]
    )
    @pytest.mark.parametrize("way", WAYS[3:6])
    def test_signals_of_all_kinds(self, tmp_path, make_read, signal_writers, signal, way):
        read = make_read(1, samples=len(signal), raw=np.array(signal, np.int16))
        (tmp_path / "reads.blow5").write_bytes(signal_writers.blow5_bytes([read], *way))
        (found,) = iter_reads(tmp_path / "reads.blow5", never)
        np.testing.assert_array_equal(found.raw, signal)

    def test_what_is_not_known_stays_unknown(self, tmp_path, make_read, make_run, signal_writers):
        read = make_read(1, run=make_run(extra={}, start_time_utc="", flow_cell=""), extra={})
        for ending, data in (
            ("blow5", signal_writers.blow5_bytes([read])),
            ("slow5", signal_writers.slow5_bytes([read])),
        ):
            path = tmp_path / f"bare.{ending}"
            path.write_bytes(data)
            (found,) = iter_reads(path, never)
            assert found.info.extra == {"pore_type": "not_set", "end_reason_forced": False}
            assert (found.info.run.flow_cell, found.info.run.start_time_utc) == ("", "")

    def test_wanted_reads_only(self, tmp_path, reads, signal_writers, monkeypatch):
        asked = []

        def wanted(read_id: str) -> bool:
            asked.append(read_id)
            return read_id == reads[2].read_id

        for ending in ("blow5", "slow5"):
            path = tmp_path / f"reads.{ending}"
            path.write_bytes(getattr(signal_writers, f"{ending}_bytes")(reads))
            assert_same(list(iter_reads(path, never, wanted)), [reads[2]])
            assert asked == [read.read_id for read in reads]
            asked.clear()

    def test_no_reads(self, tmp_path, reads, signal_writers):
        data = signal_writers.blow5_bytes(reads[:1])
        size = len(signal_writers.header_lines([reads[0].info.run]))
        (tmp_path / "none.blow5").write_bytes(data[: 68 + size] + b"5WOLB")
        assert list(iter_reads(tmp_path / "none.blow5", never)) == []
        assert count(tmp_path / "none.blow5") == pod5.SignalTotals(0, 0)
        assert [run.run_id for run in read_runs(tmp_path / "none.blow5")] == [reads[0].info.run.run_id]


class TestBadReads:
    def test_bad_reads_are_reported_and_the_rest_goes_on(self, tmp_path, reads, signal_writers):
        bad = [
            *(
                dataclasses.replace(reads[0], **change)
                for change in ({"scale": 0.0}, {"offset": float("nan")})
            ),
            dataclasses.replace(reads[1], raw=reads[1].raw[:0]),
        ]
        for ending in ("blow5", "slow5"):
            path = tmp_path / f"reads.{ending}"
            path.write_bytes(getattr(signal_writers, f"{ending}_bytes")([*bad, *reads[2:]]))
            skipped = []
            assert_same(list(iter_reads(path, skipped.append)), reads[2:])
            assert [skip.name for skip in skipped] == [read.read_id for read in bad]
            for word, skip in zip(("scale 0.0", "nan", "no signal"), skipped, strict=True):
                assert word in skip.reason

    # zstd has no checksum here, and plain and one-byte numbers can be anything
    @pytest.mark.parametrize("way", [*WAYS[3:6], ("none", "svb-zd"), ("zstd", "svb-zd")])
    def test_damage_within_a_record(self, tmp_path, reads, signal_writers, way):
        data = bytearray(signal_writers.blow5_bytes(reads, *way))
        start = len(signal_writers.blow5_bytes(reads[:2], *way)) - 5
        (size,) = struct.unpack_from("<Q", data, start)
        # the middle of the third record is its signal
        data[start + 8 + size // 4 : start + 8 + size // 2] = b"\xff" * (size // 2 - size // 4)
        path = tmp_path / "reads.blow5"
        path.write_bytes(data)
        skipped = []
        found = list(iter_reads(path, skipped.append))
        assert_same(found, reads[:2] + reads[3:])
        assert len(skipped) == 1
        assert "damaged" in skipped[0].reason

    def test_group_and_rate_that_do_not_fit(self, tmp_path, reads, signal_writers):
        text = signal_writers.slow5_bytes(reads).decode()
        lines = text.splitlines()
        for number, column, value in ((-6, 1, "2"), (-5, 1, "-1"), (-4, 5, "4000")):
            columns = lines[number].split("\t")
            lines[number] = "\t".join([*columns[:column], value, *columns[column + 1 :]])
        path = tmp_path / "reads.slow5"
        path.write_text("\n".join(lines) + "\n")
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), reads[3:])
        assert [re.sub(r"\d+ Hz", "N Hz", skip.reason) for skip in skipped] == [
            "its read group 2 is not in the file",
            "its read group -1 is not in the file",
            "it was sampled at N Hz, its run at N Hz",
        ]

    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            (0, "", "its id '' cannot be the name of a read"),
            (0, "an id", "its id 'an id' cannot be"),
            (0, "ä", "cannot be the name"),
            (0, "x" * 255, "cannot be the name"),
            (2, "many", "damaged"),
            (6, "99999999999", "99999999999 samples"),
            (6, "-1", "damaged"),
            (6, "3", "damaged"),
            (7, "1," * 99 + "x", "numbers that are none"),
            (7, "1," * 98 + "1", "99 of 100 samples"),
            (9, "x", "whole number"),
            (12, "1\t2", "its line has 22 fields, not 21"),
        ],
    )
    def test_a_damaged_line(self, tmp_path, reads, signal_writers, column, value, message):
        *lines, last = signal_writers.slow5_bytes(reads[:2]).decode().splitlines()
        columns = last.split("\t")
        lines.append("\t".join([*columns[:column], value, *columns[column + 1 :]]))
        path = tmp_path / "reads.slow5"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), reads[:1])
        assert message in skipped[0].reason


class TestEnds:
    def test_without_an_end_marker(self, tmp_path, reads, signal_writers):
        path = tmp_path / "growing.blow5"
        path.write_bytes(signal_writers.blow5_bytes(reads, end=b""))
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), reads)
        assert [skip.name for skip in skipped] == ["growing.blow5"]
        assert "no end marker" in skipped[0].reason
        assert "still being written" in skipped[0].reason
        assert count(path).reads == 6

    @pytest.mark.parametrize("ending", ["blow5", "slow5"])
    def test_cut_anywhere(self, tmp_path, reads, signal_writers, ending):
        """A file that is being written: its complete reads are used, the rest is said once."""
        write = getattr(signal_writers, f"{ending}_bytes")
        reads = reads[::2]  # of one run, so that the header is the same for any number of them
        whole = write(reads)
        marker = 5 if ending == "blow5" else 0
        ends = [len(write(reads[:number])) - marker for number in (1, 2, 3)]
        path = tmp_path / f"cut.{ending}"
        for cut in [*range(ends[0] - 30, len(whole), 13), ends[0], ends[1]]:
            path.write_bytes(whole[:cut])
            skipped = []
            assert_same(list(iter_reads(path, skipped.append)), reads[: sum(cut >= end for end in ends)])
            if ending == "slow5" and cut in ends:
                assert skipped == []  # text has no end marker
            else:
                assert len(skipped) == 1
                assert "Its complete reads are used" in skipped[0].reason

    def test_a_file_that_grows_while_it_is_read(self, tmp_path, reads, signal_writers):
        path = tmp_path / "growing.blow5"
        whole = signal_writers.blow5_bytes(reads)
        begin = len(signal_writers.blow5_bytes(reads[:2], end=b"")) + 20
        path.write_bytes(whole[:begin])
        skipped = []
        stream = iter_reads(path, skipped.append)
        found = [next(stream)]
        with path.open("ab") as file:
            file.write(whole[begin:])
        assert_same(found + list(stream), reads[:2])
        assert "within read 3" in skipped[0].reason

    def test_a_block_of_zeros(self, tmp_path, reads, signal_writers):
        path = tmp_path / "zeros.blow5"
        path.write_bytes(signal_writers.blow5_bytes(reads[:2], end=bytes(100_000)))
        skipped = []
        assert_same(list(iter_reads(path, skipped.append)), reads[:2])
        assert len(skipped) == 1, "one line, not one for every eight bytes"

    def test_stopping_early_closes_the_file(self, tmp_path, reads, signal_writers):
        path = tmp_path / "reads.blow5"
        path.write_bytes(signal_writers.blow5_bytes(reads))
        stream = iter_reads(path, never)
        next(stream)
        stream.close()  # an open handle would be a ResourceWarning, an error here
        assert next(stream, None) is None


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
            (b"not a SLOW5 file\n", "not a SLOW5 or BLOW5 file"),
            (bytes(5000), "not a SLOW5 or BLOW5 file"),
            (b"\x1f\x8b\x08\x00abc", "gunzip"),
            (b"BLOW5\1\1", "header"),
            (b"BLOW5\1" + bytes(100), "read groups"),
            (b"#slow5_version\t1.0.0\n", "names of the fields is missing"),
            (b"#slow5_version\t2.0.0\n#num_read_groups\t1\n#char*\n#read_id\n", "newer than"),
            (b"#slow5_version\t1.0.0\n#num_read_groups\t1\n#char*\n#read_id\n", "names of the fields"),
            (
                b"#slow5_version\t1.0.0\n#num_read_groups\t9999999999\n#char*\n#read_id\n",
                "9999999999 read groups",
            ),
            (b"#slow5_version\tx\n#num_read_groups\t1\n#char*\n#read_id\n", "damaged"),
        ],
    )
    def test_garbage(self, tmp_path, content, message):
        path = tmp_path / "reads.slow5"
        path.write_bytes(content)
        self.assert_refused(path, message)

    def test_missing_or_folder(self, tmp_path):
        self.assert_refused(tmp_path / "none.blow5", "no such file")
        self.assert_refused(tmp_path, "no such file")

    @pytest.mark.parametrize(
        ("at", "value", "message"),
        [
            (6, b"\x02", "version 2.0.0"),
            (9, b"\x03", "unknown compression 3, 1"),
            (14, b"\x03", "unknown compression 1, 3"),
            (10, b"\xff\xff\xff\xff", "4294967295 read groups"),
            (10, b"\x03\0\0\0", "values for 3 read groups"),
            (64, b"\xff\xff\xff\x7f", "claims 2147483647 bytes"),
            (64, b"\0\0\x10\0", "claims 1048576 bytes, but the file has"),
            (64, b"\x10\0\0\0", "does not say which fields"),
        ],
    )
    def test_a_damaged_header(self, tmp_path, reads, signal_writers, at, value, message):
        data = bytearray(signal_writers.blow5_bytes(reads))
        data[at : at + len(value)] = value
        path = tmp_path / "reads.blow5"
        path.write_bytes(data)
        self.assert_refused(path, message)


class TestMemory:
    # the second is just below the greatest number of samples that a read may have
    @pytest.mark.parametrize("value", [b"\xff\xff\xff\x7f", b"\0\0\xb0\x04"])
    def test_lengths_do_not_decide_how_much_is_allocated(self, tmp_path, make_read, signal_writers, value):
        """Every length of a record is blown up in turn; what is there bounds what is allocated."""
        read = make_read(1, samples=1000)
        whole = signal_writers.blow5_bytes([read], "none", "svb-zd")
        start = whole.rindex(read.read_id.encode())
        path = tmp_path / "reads.blow5"
        tracemalloc.start()
        for at in range(start - 10, start + 120):
            path.write_bytes(whole[:at] + value + whole[at + 4 :])
            list(iter_reads(path, [].append))
            count(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 10_000_000

    @pytest.mark.parametrize("compression", ["zlib", "zstd"])
    def test_a_bomb(self, compression):
        """A few bytes that decompress to gigabytes."""
        import zlib

        import pyarrow as pa

        data = bytes(30_000_000)
        packed = zlib.compress(data) if compression == "zlib" else pa.compress(data, "zstd", asbytes=True)
        assert len(packed) < 100_000
        assert decompress(packed, compression, 1000) == bytes(1000)
        assert MAX_RECORD_BYTES < 200_000_000


class TestFields:
    def test_arrays_and_missing_values(self):
        fields = (
            Field("a", "h", True),
            Field("b", "c", True),
            Field("c", "i", False),
            Field("d", "B", False, ("x", "y")),
            Field("e", "c", False),
            Field("f", "Q", False),
        )
        head = binary_head(b"\2\0id" + struct.pack("<I4dQ", 0, 1, 2, 3, 4, 0), "none")
        rows = [
            (struct.pack("<Q2hQ2siBcQ", 2, 5, 6, 2, b"ab", -7, 1, b"z", 9), [None, "ab", -7, "y", "z", 9]),
            (struct.pack("<QQiBcQ", 0, 0, 2**31 - 1, 255, b"\0", 2**64 - 1), [None] * 6),
        ]
        for row, expected in rows:
            values = binary_fields(bytes(head.signal_start) + row, head, fields)
            assert [values.get(field.name) for field in fields] == expected
        columns = [b""] * 8 + [b"5,6", b"ab", b"-7", b"1", b"z", b"9"]
        assert [text_fields(columns, fields).get(f.name) for f in fields] == rows[0][1]
        columns[11] = b"y"
        assert text_fields(columns, fields)["d"] == "y"
        assert set(text_fields([b""] * 8 + [b"."] * 6, fields).values()) == {None}
        for cut in range(1, 20):
            with pytest.raises(ValueError, match="cut off|damaged|bytes"):
                binary_fields(bytes(head.signal_start) + rows[0][0][:-cut], head, fields)

    def test_header_of_an_old_file(self, tmp_path):
        """Version 0.1 has no byte for the compression of signals."""
        lines = b"#char*\tuint32_t\tdouble\tdouble\tdouble\tdouble\tuint64_t\tint16_t*\n"
        lines += (
            b"#read_id\tread_group\tdigitisation\toffset\trange\tsampling_rate\tlen_raw_signal\traw_signal\n"
        )
        begin = b"BLOW5\1" + struct.pack("<3BBI", 0, 1, 0, 1, 1)
        path = tmp_path / "old.blow5"
        path.write_bytes(begin.ljust(64, b"\0") + struct.pack("<I", len(lines)) + lines)
        with path.open("rb") as file:
            header = read_header(file, path, path.stat().st_size)
        assert (header.record_compression, header.signal_compression) == ("zlib", "none")
        assert header.data_start == 68 + len(lines)


class TestRealFiles:
    @pytest.mark.parametrize("name", REAL)
    def test_totals_and_first_read(self, shared, name):
        path = shared / "data/nanopore" / name
        reads, first, samples, chemistry = REAL[name]
        found = list(iter_reads(path, never))
        assert (len(found), found[0].read_id, len(found[0].raw)) == (reads, first, samples)
        assert count(path) == pod5.SignalTotals(reads, sum(len(read.raw) for read in found))
        assert read_runs(path) == [found[0].info.run]
        assert found[0].info.end_reason == "signal_positive"
        if chemistry:
            assert chemistry_of(found[0].info.run) == chemistry

    def test_metadata(self, shared):
        (read,) = iter_reads(shared / "data/nanopore/r10/r1041_5khz_one.blow5", never)
        info, run = read.info, read.info.run
        assert (info.channel, info.mux, info.read_number, info.start_sample) == (129, 3, 204459, 228756711)
        assert info.extra["num_minknow_events"] == 1773
        assert info.extra["time_since_mux_change"] == pytest.approx(7.0852, abs=1e-5)
        assert (run.run_id, run.flow_cell) == ("3c3109c1f0fcf6a4f88f0315c3e39838252dfecd", "PAO00631")
        assert (run.sample_rate_hz, run.device) == (5000, "3F")
        assert run.start_time_utc == "2023-10-09T04:25:47.555000+00:00"
        assert run.extra["protocol_start_time"] == "2023-10-09T04:19:39.124000+00:00"
        assert run.extra["experiment_name"] == "PGXXXX230339"
        assert run.extra["system_type"] == "PromethION 48"
        assert (run.extra["adc_min"], run.extra["adc_max"]) == (0, 2047)
        assert run.extra["context_tags"]["sequencing_kit"] == "sqk-lsk114"
        assert run.extra["tracking_id"]["flow_cell_product_code"] == "FLO-PRO114M"
        assert (read.scale, read.offset) == (np.float32(383.1190490722656 / 2048), -281.0)

    @pytest.mark.parametrize("name", REAL)
    def test_as_the_published_library_reads_it(self, shared, name):
        pyslow5 = pytest.importorskip("pyslow5")
        path = shared / "data/nanopore" / name
        with_aux = pyslow5.Open(str(path), "r").seq_reads(aux="all")
        for ours, theirs in zip(iter_reads(path, never), with_aux, strict=True):
            info = ours.info
            assert info.read_id == theirs["read_id"]
            np.testing.assert_array_equal(ours.raw, theirs["signal"])
            assert ours.scale == np.float32(theirs["range"] / theirs["digitisation"])
            assert ours.offset == theirs["offset"]
            assert (info.channel, info.mux) == (int(theirs["channel_number"]), theirs["start_mux"])
            assert (info.read_number, info.start_sample) == (theirs["read_number"], theirs["start_time"])
            median_before = info.extra.get("median_before", float("nan"))
            np.testing.assert_equal(median_before, float(np.float32(theirs["median_before"])))

    def test_as_a_pod5_file_of_the_same_reads(self, shared, tmp_path, signal_writers):
        source = shared / "data/nanopore/format_samples/duplex.pod5"
        whole = list(pod5.iter_reads(source, never))[:3]
        reads = [
            dataclasses.replace(
                read, raw=read.raw[:2000], info=dataclasses.replace(read.info, num_samples=2000)
            )
            for read in whole
        ]
        (tmp_path / "same.blow5").write_bytes(signal_writers.blow5_bytes(reads))
        (tmp_path / "same.slow5").write_bytes(signal_writers.slow5_bytes(reads))
        for path in (tmp_path / "same.blow5", tmp_path / "same.slow5"):
            assert_same(list(iter_reads(path, never)), reads)
