import dataclasses

import pytest

from lexome.core.chemistry import chemistry_of
from lexome.io.minknow_metadata import (
    END_REASONS,
    calibration,
    check_rate,
    read_info,
    run_info,
    utc_time,
    whole,
)

TRACKING = {
    "device_id": "MN1",
    "device_type": "minion",
    "exp_script_name": "a_script",
    "exp_start_time": "2020-02-28T21:47:06.123456+01:00",
    "flow_cell_id": "FAB1",
    "flow_cell_product_code": "FLO-MIN106",
    "host_product_code": "GRD",
    "host_product_serial_number": "GXB1",
    "protocol_group_id": "the experiment",
    "protocol_run_id": "protocol-1",
    "protocol_start_time": "2020-02-28T20:40:00Z",
    "sample_id": "the sample",
}
CONTEXT = {"sequencing_kit": "sqk-lsk109", "experiment_type": "genomic_dna"}


class TestRun:
    def test_under_the_names_of_pod5(self):
        run = run_info("run-1", TRACKING, CONTEXT, 4000.0, 8192.0)
        assert (run.run_id, run.flow_cell, run.sample_rate_hz, run.device) == ("run-1", "FAB1", 4000, "MN1")
        assert run.start_time_utc == "2020-02-28T20:47:06.123000+00:00"
        assert run.extra == {
            "adc_max": 4095,
            "adc_min": -4096,
            "context_tags": CONTEXT,
            "experiment_name": "the experiment",
            "flow_cell_product_code": "FLO-MIN106",
            "protocol_name": "a_script",
            "protocol_run_id": "protocol-1",
            "protocol_start_time": "2020-02-28T20:40:00.000000+00:00",
            "sample_id": "the sample",
            "sequencing_kit": "sqk-lsk109",
            "sequencer_position": "MN1",
            "sequencer_position_type": "minion",
            "software": "",
            "system_name": "GXB1",
            "system_type": "GRD",
            "tracking_id": TRACKING,
        }
        assert chemistry_of(run) == "r9.4.1"

    def test_columns_of_pod5_win(self):
        columns = {"adc_max": "100", "adc_min": "-5", "experiment_name": "other", "software": "MinKNOW",
                   "acquisition_start_time": "2021-01-01 00:00:00+00:00"}  # fmt: skip
        run = run_info("run-1", TRACKING, CONTEXT, 4000, None, columns)
        assert (run.extra["adc_max"], run.extra["adc_min"]) == (100, -5)
        assert (run.extra["experiment_name"], run.extra["software"]) == ("other", "MinKNOW")
        assert run.start_time_utc == "2021-01-01T00:00:00.000000+00:00"

    def test_nothing_known(self):
        run = run_info("", {}, {}, 5000, 2048)
        assert (run.flow_cell, run.device, run.start_time_utc) == ("", "", "")
        assert (run.extra["adc_min"], run.extra["adc_max"]) == (0, 2047)

    @pytest.mark.parametrize("rate", [0, -4000, float("nan"), float("inf"), 1e7])
    def test_a_sample_rate_that_makes_no_sense(self, rate):
        with pytest.raises(ValueError, match="sample rate"):
            run_info("run-1", {}, {}, rate, None)

    @pytest.mark.parametrize(
        ("rate", "ok"), [(4000, True), (4000.4, True), (5000, False), (float("nan"), False)]
    )
    def test_reads_have_the_rate_of_their_run(self, make_run, rate, ok):
        run = make_run(sample_rate_hz=4000)
        if ok:
            check_rate(rate, run)
        else:
            with pytest.raises(ValueError, match="its run at 4000 Hz"):
                check_rate(rate, run)


class TestRead:
    FIELDS = {
        "channel_number": "306",
        "start_mux": 2,
        "read_number": 7,
        "start_time": 2**40,
        "end_reason": "mux_change",
        "median_before": 205.123456789,
        "num_minknow_events": 12,
        "something_new": "x",
    }

    def test_fields(self, make_run):
        run = make_run()
        info = read_info("id", self.FIELDS, 100, run, "a.fast5")
        assert (info.read_id, info.num_samples, info.run, info.source) == ("id", 100, run, "a.fast5")
        assert (info.channel, info.mux, info.read_number, info.start_sample) == (306, 2, 7, 2**40)
        assert info.end_reason == "mux_change"
        assert info.extra == {
            "median_before": 205.12345886230469,  # as 32 bits hold it
            "num_minknow_events": 12,
            "something_new": "x",
            "pore_type": "not_set",
            "end_reason_forced": True,
        }

    def test_nothing_known(self, make_run):
        info = read_info("id", {"median_before": float("nan"), "start_time": None}, 1, make_run(), "a")
        assert (info.channel, info.mux, info.read_number, info.start_sample) == (0, 0, 0, 0)
        assert info.end_reason == "unknown"
        assert info.extra == {"pore_type": "not_set", "end_reason_forced": False}

    @pytest.mark.parametrize(
        ("value", "reason"),
        [(5, "signal_positive"), ("SIGNAL_NEGATIVE", "signal_negative"), (1, "unknown"), (99, "unknown")],
    )
    def test_end_reason(self, make_run, value, reason):
        assert read_info("id", {"end_reason": value}, 1, make_run(), "a").end_reason == reason

    def test_end_reasons_are_those_of_pod5(self):
        from pod5.pod5_types import EndReasonEnum

        assert set(END_REASONS) - {"partial"} == {reason.name.lower() for reason in EndReasonEnum}

    def test_forced_as_in_pod5(self, make_run):
        from pod5.pod5_types import EndReason, EndReasonEnum

        for reason in EndReasonEnum:
            info = read_info("id", {"end_reason": reason.name.lower()}, 1, make_run(), "a")
            assert info.extra["end_reason_forced"] == EndReason.from_reason_with_default_forced(reason).forced

    @pytest.mark.parametrize(
        "change",
        [
            {"channel_number": "x"},
            {"channel_number": 2**32},
            {"start_mux": 256},
            {"start_time": float("inf")},
            {"num_minknow_events": "many"},
            {"median_before": "high"},
        ],
    )
    def test_numbers_that_are_none(self, make_run, change):
        with pytest.raises(ValueError):  # noqa: PT011 - numpy words one of them
            read_info("id", self.FIELDS | change, 1, make_run(), "a")

    def test_can_be_written_to_pod5(self, make_run, make_read, tmp_path):
        from lexome.io.pod5 import iter_reads, write_pod5

        read = make_read(1)
        fields = {name: value for name, value in self.FIELDS.items() if name != "something_new"}
        info = read_info(read.read_id, fields, 3000, make_run(), "reads.pod5")
        write_pod5(tmp_path / "reads.pod5", [dataclasses.replace(read, info=info)])
        (found,) = iter_reads(tmp_path / "reads.pod5", lambda skipped: pytest.fail(str(skipped)))
        assert info.extra.items() <= found.info.extra.items()


class TestNumbers:
    def test_calibration(self):
        scale, offset = calibration(8192, 1402.882324, -8.5, 10)
        assert scale == pytest.approx(1402.882324 / 8192, rel=1e-7)
        assert scale * 2**40 == int(scale * 2**40), "not rounded to 32 bits"
        assert offset == -8.5

    @pytest.mark.parametrize("values", [(0, 1.0, 0, 1), (8192, 0.0, 0, 1), (8192, 1e300, 0, 1), (1, 1, 0, 0)])
    def test_a_calibration_that_makes_no_sense(self, values):
        with pytest.raises(ValueError, match="calibration|no signal"):
            calibration(*values)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2020-02-28T20:47:06Z", "2020-02-28T20:47:06.000000+00:00"),
            ("2023-10-09 04:25:47.555999+00:00", "2023-10-09T04:25:47.555000+00:00"),
            ("1481657610", "2016-12-13T19:33:30.000000+00:00"),
            ("1481657610.25", "2016-12-13T19:33:30.250000+00:00"),
            ("", ""),
            ("yesterday", ""),
            ("0001-01-01T00:00:00+23:00", ""),
        ],
    )
    def test_times(self, text, expected):
        assert utc_time(text) == expected

    @pytest.mark.parametrize(("value", "expected"), [("12", 12), (12.0, 12), (None, 3), ("", 3), (-1, -1)])
    def test_whole(self, value, expected):
        assert whole(value, 3) == expected
