"""What a row says: by its definition, as dorado published one, from calls and from records alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import LexomeError
from lexome.core.records import Alignment
from lexome.io.hts import OutputHeader, mean_qscore
from lexome.io.hts_records import records
from lexome.io.summary_rows import columns_of, record_qscore, row_of_call, row_of_records


@pytest.fixture
def header(make_run) -> OutputHeader:
    return OutputHeader([make_run("run-a")], "fast@v1", 6, "1", "lexome")


def named(row, header) -> dict:
    return dict(zip(columns_of(header), row, strict=True))


class TestCall:
    def test_every_column(self, header, make_call):
        call = make_call(3, bases=300)
        row = named(row_of_call(call, (), True, header), header)
        assert row == {
            "input_filename": "reads.pod5",
            "batch_id": 0,
            "parent_read_id": call.read_id,
            "read_id": call.read_id,
            "run_id": "run-a",
            "channel": 103,
            "mux": 4,
            "minknow_events": 1003,
            # 370,368 samples at 5 kHz; the tag st has whole milliseconds
            "start_time": 74.073,
            "duration": 3610 / 5000,
            "passes_filtering": "TRUE",
            "template_start": 74.073 + 10 / 5000,
            "num_events_template": 600,
            "template_duration": 3600 / 5000,
            "sequence_length_template": 300,
            "mean_qscore_template": mean_qscore(call.qualities),
            "pore_type": "a_pore",
            "experiment_id": "an experiment",
            "sample_id": "sample one",
            "end_reason": "signal_positive",
        }

    def test_what_is_not_known(self, make_call, make_read, make_run):
        run = make_run(extra={}, start_time_utc="")
        info = make_read(run=run, extra={}, end_reason="", source="a\tb.pod5").info
        header = OutputHeader([run], "fast@v1", 6, "1", "lexome")
        row = named(row_of_call(make_call(info=info, bases=0), (), False, header), header)
        assert (row["minknow_events"], row["start_time"], row["passes_filtering"]) == (0, 0.0, "FALSE")
        assert [row[name] for name in ("pore_type", "experiment_id", "sample_id", "end_reason")] == [
            "not_set",
            "unknown",
            "unknown",
            "unknown",
        ]
        assert row["input_filename"] == "a_b.pod5"
        assert (row["sequence_length_template"], row["mean_qscore_template"]) == (0, 0.0)

    def test_as_dorado_published(self, make_call, make_read, make_run):
        """A row from a public table: read of 1110 bases, 3 inserted, 92 deleted, 7 wrong (5 kHz, stride 6).

        dorado's start times are rounded to its float32; its coverage there followed another definition.
        """
        run = make_run("0b914691")
        info = make_read(
            run=run, num_samples=24_178, channel=510, mux=2, start_sample=754_128_985,
            source="10244_MPOX-67.pod5", extra={"num_minknow_events": 2425, "pore_type": "not_set"},
        ).info  # fmt: skip
        call = make_call(bases=1110, info=info, trimmed_samples=5986)
        cigar = np.array([[600, 0], [3, 1], [400, 0], [92, 2], [81, 0]])
        place = Alignment(
            "primary", "NC_063383.1", 95_377, 96_550, 1, 13, 1097, cigar, 60, 3 + 92 + 7, 0, "-"
        )
        header = OutputHeader([run], "fast@v1", 6, "1", "lexome", sequences=[("NC_063383.1", 197_209)])
        row = named(row_of_call(call, [place], True, header), header)
        theirs = (
            "10244_MPOX-67.pod5 510 2 2425 4.835600 TRUE 3032 3.638400 1110 not_set "
            "NC_063383.1 + 95377 96550 13 1097 3 92 1081 1074 0.993524 0.913265 60 1 0 0"
        )
        names = (
            "input_filename channel mux minknow_events duration passes_filtering num_events_template "
            "template_duration sequence_length_template pore_type alignment_genome alignment_direction "
            "alignment_genome_start alignment_genome_end alignment_strand_start alignment_strand_end "
            "alignment_num_insertions alignment_num_deletions alignment_num_aligned alignment_num_correct "
            "alignment_identity alignment_accuracy alignment_mapping_quality alignment_num_alignments "
            "alignment_num_secondary_alignments alignment_num_supplementary_alignments"
        )
        for name, value in zip(names.split(), theirs.split(), strict=True):
            expected = pytest.approx(float(value), abs=1e-6) if isinstance(row[name], float) else value
            assert (row[name] if isinstance(row[name], float) else str(row[name])) == expected, name
        assert row["start_time"] == pytest.approx(150_825.796875, abs=1 / 128)
        assert row["template_start"] == pytest.approx(150_827.0, abs=1 / 128)
        assert row["alignment_coverage"] == 1084 / 1110

    def test_an_unknown_run(self, header, make_call, make_read, make_run):
        stranger = make_call(info=make_read(run=make_run("run-z")).info)
        with pytest.raises(LexomeError, match="run-z"):
            row_of_call(stranger, (), True, header)


class TestAlignments:
    def test_counts_and_places(self, aligned):
        rows = {
            kind: named(row_of_call(call, aligned.alignments[kind], True, aligned.header), aligned.header)
            for kind, call in aligned.calls.items()
        }
        found = {
            kind: tuple(row[f"alignment_num_{n}alignments"] for n in ("", "secondary_", "supplementary_"))
            for kind, row in rows.items()
        }
        assert found["forward"] == (1, 0, 0)
        assert found["repeat"] == (2, 1, 0)
        assert found["split"] == (2, 0, 1)
        assert found["unmapped"] == (0, 0, 0)
        assert rows["reverse"]["alignment_direction"] == "-"
        clipped = rows["clipped"]
        assert clipped["alignment_strand_start"] == pytest.approx(77, abs=5)
        assert clipped["alignment_strand_end"] == pytest.approx(
            clipped["sequence_length_template"] - 40, abs=5
        )
        for kind in ("forward", "reverse", "split", "repeat", "ambiguous", "clipped"):
            row, best = rows[kind], aligned.alignments[kind][0]
            columns = best.cigar[:, 0].sum()
            assert row["alignment_accuracy"] == (columns - best.edit_distance) / columns
            assert row["alignment_identity"] > row["alignment_accuracy"] > 0.85
            assert 0 < row["alignment_coverage"] <= 1

    def test_not_aligned(self, aligned):
        row = row_of_call(aligned.calls["empty"], (), True, aligned.header)
        text = " ".join(str(value) for value in row[20:])
        assert text == "* * -1 -1 -1 -1 0 0 0 0 0.0 0.0 0.0 0 0 0 0"

    def test_without_a_reference_there_are_no_such_columns(self, header, aligned):
        assert not [name for name in columns_of(header) if name.startswith("alignment")]
        assert len(columns_of(aligned.header)) == len(columns_of(header)) + 17


def test_every_column_is_explained(aligned):
    page = (Path(__file__).resolve().parents[2] / "docs" / "output.md").read_text("utf-8")
    first_cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = " ".join(first_cells)
    assert not [name for name in columns_of(aligned.header) if f"`{name}`" not in explained]


class TestRecords:
    def test_the_same_as_of_the_call(self, aligned):
        for kind, call in aligned.calls.items():
            alignments = aligned.alignments[kind]
            for emit_moves in (False, True):
                segments = records(call, aligned.header, emit_moves, alignments)
                assert row_of_records(segments, False, aligned.header) == row_of_call(
                    call, alignments, False, aligned.header
                )

    def test_qualities_that_no_letter_can_hold(self, header, make_call):
        call = make_call(bases=3, qualities=np.array([200, 93, 94], np.uint8))
        (segment,) = records(call, header, False)
        assert record_qscore(segment) == 93
        assert row_of_records([segment], True, header) == row_of_call(call, (), True, header)

    def test_the_quality_is_that_of_the_call_to_the_last_bit(self, aligned):
        for kind, call in aligned.calls.items():
            segment = records(call, aligned.header, False, aligned.alignments[kind])[0]
            assert record_qscore(segment) == mean_qscore(call.qualities)

    def test_of_something_else(self, header, make_call, make_run):
        (segment,) = records(make_call(), header, False)
        other = dataclasses.replace(header, runs=[make_run("run-z")])
        with pytest.raises(LexomeError, match="read group run-a_fast@v1 is not in the header"):
            row_of_records([segment], True, other)
        segment.set_tag("ns", None)
        with pytest.raises(LexomeError, match="lacks the tag ns"):
            row_of_records([segment], True, header)
