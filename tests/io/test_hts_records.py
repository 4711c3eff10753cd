"""Records of aligned calls, checked by pysam and samtools, and against records that minimap2 wrote."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import LexomeError
from lexome.io.hts import OutputHeader, tags_of
from lexome.io.hts_records import alignment_of, check_kept, gap_compressed_divergence, records

FLAGS = {
    "forward": [0],
    "reverse": [16],
    "split": [0, 2048 | 16],
    "repeat": [16, 256 | 16],
    "ambiguous": [0],
    "unmapped": [4],
    "empty": [4],
    "clipped": [0],
}


@pytest.fixture
def written(aligned):
    """The records of every call, by its kind."""
    return {
        kind: records(call, aligned.header, emit_moves=True, alignments=aligned.alignments[kind])
        for kind, call in aligned.calls.items()
    }


def test_flags_and_places(aligned, written):
    assert {kind: [segment.flag for segment in found] for kind, found in written.items()} == FLAGS
    places = {
        kind: [(segment.reference_name, round(segment.reference_start, -2)) for segment in found]
        for kind, found in written.items()
        if kind not in ("repeat", "unmapped", "empty")
    }
    assert places == {
        "forward": [("one", 1000)],
        "reverse": [("one", 2500)],
        "split": [("one", 3200), ("two", 4000)],
        "ambiguous": [("one", 1600)],
        "clipped": [("two", 6000)],
    }
    assert sorted(segment.reference_name for segment in written["repeat"]) == ["one", "two"]
    assert written["forward"][0].mapping_quality == 60
    assert written["repeat"][0].mapping_quality < 5


def test_bases_and_qualities_of_each_kind(aligned, written):
    for kind, segments in written.items():
        call = aligned.calls[kind]
        for segment in segments:
            assert segment.query_name == call.read_id
            assert (segment.next_reference_id, segment.next_reference_start, segment.template_length) == (
                -1,
                -1,
                0,
            )
            if segment.is_secondary:
                assert (segment.query_sequence, segment.query_qualities) == (None, None)
                assert segment.infer_read_length() == len(call.sequence)
                continue
            piece = slice(None)
            if segment.is_supplementary:
                (place,) = [a for a in aligned.alignments[kind] if a.kind == "supplementary"]
                piece = slice(place.query_start, place.query_end)
            given = call.sequence[piece], call.qualities[piece].tolist()
            assert segment.get_forward_sequence() == (given[0] or None)
            assert list(segment.get_forward_qualities() or []) == given[1]
            if segment.is_mapped:
                assert segment.infer_read_length() == len(call.sequence)


def test_cigar_and_md_give_the_reference(aligned, written):
    compared = 0
    for segments in written.values():
        for segment in segments:
            if segment.is_unmapped or segment.is_secondary:
                continue
            sequence = aligned.sequences[segment.reference_name]
            truth = sequence[segment.reference_start : segment.reference_end]
            assert segment.get_reference_sequence().upper() == truth
            pairs = segment.get_aligned_pairs()
            query = segment.query_sequence
            inside = [
                (q, r)
                for q, r in pairs
                if r is not None or segment.query_alignment_start <= q < segment.query_alignment_end
            ]
            differ = [
                q is None or r is None or query[q] != sequence[r] or sequence[r] == "N" for q, r in inside
            ]
            assert segment.get_tag("NM") == sum(differ)
            assert segment.get_tag("nn") == sum(r is not None and sequence[r] == "N" for _, r in inside)
            compared += 1
    assert compared == 7
    assert written["ambiguous"][0].get_tag("nn") > 0


def test_secondary_place_is_written_as_the_bases_lie_there(aligned, written):
    """It holds no bases; the primary's, turned if the strands differ, must agree with the reference."""
    primary, secondary = written["repeat"]
    query = primary.query_sequence
    if secondary.is_reverse != primary.is_reverse:
        query = reverse_complement(query)
    secondary.query_sequence = query
    truth = aligned.sequences[secondary.reference_name][secondary.reference_start : secondary.reference_end]
    assert secondary.get_reference_sequence().upper() == truth


def test_samtools_finds_the_same_differences(aligned, written, tmp_path):
    """`samtools calmd` makes NM and MD anew, from the reference file."""
    path = tmp_path / "calls.sam"
    segments = [s for found in written.values() for s in found if s.is_mapped and not s.is_secondary]
    text = "".join(segment.to_string() + "\n" for segment in segments)
    path.write_text(aligned.header.sam_text() + text)
    redone = pysam.calmd(str(path), str(aligned.reference)).splitlines()
    lines = [line.split("\t") for line in redone if not line.startswith("@")]
    assert len(lines) == len(segments)
    for line, segment in zip(lines, segments, strict=True):
        assert f"NM:i:{segment.get_tag('NM')}" in line
        assert f"MD:Z:{segment.get_tag('MD')}" in line


def test_tags_of_the_call_stay_on_every_record(aligned, written):
    for kind, segments in written.items():
        call = aligned.calls[kind]
        expected = [name for name, _, _ in tags_of(call, aligned.header, emit_moves=True)]
        for segment in segments:
            tags = segment.get_tags(with_value_type=True)
            assert [tag[0] for tag in tags[: len(expected)]] == expected
            # the table of moves belongs to the signal: never turned
            assert segment.get_tag("mv").tolist() == [6, *call.moves.tolist()]
            of_alignment = {tag[0]: tag[2] for tag in tags[len(expected) :]}
            types = {"NM": "i", "nn": "i", "tp": "A", "de": "f", "SA": "Z", "MD": "Z"}
            if not segment.is_mapped:
                types = {}
            elif kind != "split":
                del types["SA"]
            assert list(of_alignment.items()) == list(types.items())
            if segment.is_mapped:
                assert segment.get_tag("tp") == ("S" if segment.is_secondary else "P")


def test_every_tag_is_explained(written):
    page = (Path(__file__).resolve().parents[2] / "docs" / "output.md").read_text("utf-8")
    for segments in written.values():
        for name, value, kind in segments[0].get_tags(with_value_type=True):
            kind = "B,c" if kind == "B" and value.typecode == "b" else kind
            assert f"| `{name}` | {kind} |" in page


def test_pieces_of_a_split_read_name_each_other(aligned, written):
    segments = written["split"]
    read_length = len(aligned.calls["split"].sequence)
    for segment, other in (segments, segments[::-1]):
        entry, rest = segment.get_tag("SA").split(";")
        contig, position, strand, cigar, quality, distance = entry.split(",")
        assert rest == ""
        assert (contig, int(position)) == (other.reference_name, other.reference_start + 1)
        assert strand == ("-" if other.is_reverse else "+")
        assert (int(quality), int(distance)) == (other.mapping_quality, other.get_tag("NM"))
        short = pysam.AlignedSegment(aligned.header.pysam_header)
        short.reference_start, short.cigarstring = other.reference_start, cigar
        assert short.infer_read_length() == read_length
        assert short.reference_end == other.reference_end
        clips = [length if operation in (4, 5) else 0 for operation, length in other.cigartuples]
        short_clips = [length if operation == 4 else 0 for operation, length in short.cigartuples]
        assert (short_clips[0], short_clips[-1]) == (clips[0], clips[-1])
    operations = [[operation for operation, _ in segment.cigartuples] for segment in segments]
    assert 4 in operations[0]
    assert 5 not in operations[0]
    assert 5 in operations[1]
    assert 4 not in operations[1]


def test_three_pieces(aligned, make_call):
    """Every piece names all others, in the order of the records."""
    pieces = [aligned.alignments[kind][0] for kind in ("forward", "clipped")]
    pieces += [aligned.alignments["split"][0]]
    found = records(aligned.calls["split"], aligned.header, False, pieces)
    names = [[entry.split(",")[1] for entry in segment.get_tag("SA").split(";")[:-1]] for segment in found]
    starts = [str(piece.reference_start_bp + 1) for piece in pieces]
    assert names == [starts[1:], [starts[0], starts[2]], starts[:2]]


def test_the_alignment_can_be_read_back(aligned, written):
    for kind, segments in written.items():
        given = aligned.alignments[kind]
        found = [alignment_of(segment) for segment in segments if segment.is_mapped]
        assert len(found) == len(given)
        for one, other in zip(found, given, strict=True):
            assert np.array_equal(one.cigar, other.cigar)
            assert {**vars(one), "cigar": 0} == {**vars(other), "cigar": 0}


def test_a_record_of_something_else_has_no_alignment_of_ours(aligned, written):
    segment = written["forward"][0]
    segment.set_tag("nn", None)
    with pytest.raises(LexomeError, match=r"lacks the tag nn"):
        alignment_of(segment)


def test_divergence_is_that_of_minimap2(shared):
    """Alignments that minimap2 wrote, with its own tag de (four decimals)."""
    compared = 0
    for name in ("can_mappings", "simplex_reads_mapped"):
        with pysam.AlignmentFile(str(shared / f"data/nanopore/r10/{name}.bam")) as file:
            for segment in file:
                if segment.has_tag("de"):
                    divergence = gap_compressed_divergence(alignment_of(segment))
                    assert divergence == pytest.approx(segment.get_tag("de"), abs=5.1e-5)
                    compared += 1
    assert compared > 14


def test_a_sequence_that_the_header_lacks(aligned, make_run):
    poor = OutputHeader([make_run("run-a")], "fast@v1", 6, "1", "lexome", sequences=[("two", 8000)])
    with pytest.raises(LexomeError, match="lacks sequence one"):
        records(aligned.calls["forward"], poor, False, aligned.alignments["forward"])


@pytest.mark.parametrize("sequences", [[("two", 8000), ("one", 8000)], [("one", 8000)], []])
def test_kept_records_must_mean_the_same_sequence(aligned, written, make_run, sequences):
    other = OutputHeader([make_run("run-a")], "fast@v1", 6, "1", "lexome", sequences=sequences)
    segment = written["clipped"][0]
    check_kept(segment, aligned.header)
    check_kept(written["unmapped"][0], other)
    with pytest.raises(LexomeError, match="was aligned to two"):
        check_kept(segment, other)
