"""Rows of POD5's tables <-> records: which column goes into which field, and nothing about files."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
from pod5.pod5_types import (
    Calibration,
    EndReason,
    EndReasonEnum,
    Pore,
    Read,
    ShiftScalePair,
)
from pod5.pod5_types import RunInfo as Pod5RunInfo

from lexome.core.records import RawRead, ReadInfo, RunInfo
from lexome.io.signal_checks import check_signal
from lexome.io.times import iso_utc, milliseconds_of

# Columns that have a field of their own in the records; all others go to `extra`.
_RUN_FIELDS = {"acquisition_id", "flow_cell_id", "sample_rate", "acquisition_start_time"}
_READ_FIELDS = {
    *("read_id", "num_samples", "channel", "channel_32bit", "well", "read_number", "start", "end_reason"),
    *("run_info", "signal", "calibration_scale", "calibration_offset"),
}
_NAN = float("nan")  # POD5's "not known" in columns of floats


def run_info(row: Mapping[str, Any]) -> RunInfo:
    """The run of a row of the run table, with its two times as milliseconds."""
    extra = {name: value for name, value in row.items() if name not in _RUN_FIELDS}
    extra["context_tags"] = dict(row["context_tags"])
    extra["tracking_id"] = dict(row["tracking_id"])
    extra["protocol_start_time"] = iso_utc(row["protocol_start_time"])
    return RunInfo(
        run_id=row["acquisition_id"],
        flow_cell=row["flow_cell_id"],
        sample_rate_hz=row["sample_rate"],
        device=extra["tracking_id"].get("device_id") or row["sequencer_position"],
        start_time_utc=iso_utc(row["acquisition_start_time"]),
        extra=extra,
    )


def read_info(row: Mapping[str, Any], runs: Mapping[str, RunInfo], source: str) -> ReadInfo:
    """The metadata of a row of the read table.

    Args:
        row: all columns, the read id as text.
        runs: the file's runs by id.
        source: the file's name.

    Raises:
        ValueError: if the read cannot be called: no signal, too long, no calibration, no run.
    """
    scale, offset, num_samples = row["calibration_scale"], row["calibration_offset"], row["num_samples"]
    check_signal(num_samples, scale, offset)
    run = runs.get(row["run_info"])
    if run is None:
        raise ValueError(f"its run {row['run_info']} is not in the file")
    if run.sample_rate_hz <= 0:
        raise ValueError(f"its run {run.run_id} has the sample rate {run.sample_rate_hz}")
    return ReadInfo(
        read_id=row["read_id"],
        num_samples=num_samples,
        # newer files have wide channel numbers beside the 16-bit column
        channel=row.get("channel_32bit", row["channel"]),
        mux=row["well"],
        read_number=row["read_number"],
        start_sample=row["start"],
        end_reason=row["end_reason"],
        run=run,
        source=source,
        extra={k: v for k, v in row.items() if k not in _READ_FIELDS and v is not None and v == v},
    )


def pod5_run(run: RunInfo) -> Pod5RunInfo:
    """The run as POD5's writer takes it; what is not known is empty or 0."""
    extra = run.extra
    texts = (
        *("experiment_name", "flow_cell_product_code", "protocol_name", "protocol_run_id", "sample_id"),
        *("sequencing_kit", "sequencer_position_type", "software", "system_name", "system_type"),
    )
    # the writer takes milliseconds where its types say datetime
    times: dict[str, Any] = {
        "acquisition_start_time": milliseconds_of(run.start_time_utc),
        "protocol_start_time": milliseconds_of(extra.get("protocol_start_time", "")),
    }
    return Pod5RunInfo(
        acquisition_id=run.run_id,
        adc_max=extra.get("adc_max", 0),
        adc_min=extra.get("adc_min", 0),
        context_tags=dict(extra.get("context_tags", {})),
        tracking_id=dict(extra.get("tracking_id", {})),
        flow_cell_id=run.flow_cell,
        sample_rate=run.sample_rate_hz,
        sequencer_position=extra.get("sequencer_position", run.device),
        **times,
        **{name: extra.get(name, "") for name in texts},
    )


def pod5_read(read: RawRead, run: Pod5RunInfo) -> Read:
    """The read as POD5's writer takes it.

    Raises:
        ValueError: if the id is no UUID or the end reason none that POD5 knows.
    """
    info, extra = read.info, read.info.extra
    try:
        reason = EndReasonEnum[info.end_reason.upper()]
    except KeyError as error:
        raise ValueError(f"end reason '{info.end_reason}' is none that POD5 knows") from error
    end_reason = EndReason.from_reason_with_default_forced(reason)
    if "end_reason_forced" in extra:
        end_reason = EndReason(reason, bool(extra["end_reason_forced"]))

    def pair(name: str) -> ShiftScalePair:
        return ShiftScalePair(extra.get(f"{name}_shift", _NAN), extra.get(f"{name}_scale", _NAN))

    levels = ("median_before", "open_pore_level", "expected_open_pore_level", "selected_read_level")
    counters = ("num_minknow_events", "num_reads_since_mux_change", "time_since_mux_change")
    return Read(
        read_id=UUID(info.read_id),
        pore=Pore(info.channel, info.mux, extra.get("pore_type", "not_set")),
        calibration=Calibration(read.offset, read.scale),
        read_number=info.read_number,
        start_sample=info.start_sample,
        end_reason=end_reason,
        run_info=run,
        tracked_scaling=pair("tracked_scaling"),
        predicted_scaling=pair("predicted_scaling"),
        signal=np.ascontiguousarray(read.raw, np.int16),
        **{name: extra.get(name, _NAN) for name in levels},
        **{name: extra.get(name, 0) for name in counters},
    )
