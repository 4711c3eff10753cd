"""Places of calls on a reference: kinds, order, threads; references that are none are refused."""

import dataclasses
import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import mappy
import numpy as np
import pysam
import pytest

from lexome.core.alphabet import BASES, decode, encode, reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import Basecall
from lexome.evaluate.align import ReadAligner
from lexome.io.calls import read_calls
from lexome.io.hts import OutputHeader
from lexome.io.output import open_output
from lexome.io.pod5 import iter_reads
from lexome.tasks.basecall.alignment import Aligner, align_calls
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.run import basecall_reads

GENOME = "".join(np.random.default_rng(1).choice(list(BASES), 12_000))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "genome.fa"
    path.write_text(f">other\n{GENOME[2000:4000]}{GENOME[:1500:-1]}\n>genome\n{GENOME}\n")
    return path


@pytest.fixture(scope="module")
def aligner(reference: Path) -> Aligner:
    return Aligner(reference)


@pytest.fixture
def call_of(raw_read: Callable) -> Callable[..., Basecall]:
    def make(sequence: str, number: int = 1) -> Basecall:
        qualities = np.full(len(sequence), 12, np.uint8)
        return Basecall(raw_read(number).info, sequence, qualities, None, 5, 0, 0.0, 1.0, "pa", "m")

    return make


def replayed(call: Basecall, genome: str, place) -> tuple[int, int]:
    """Walks a CIGAR over read and reference; (differences, bases of the read used)."""
    query = encode(call.sequence[place.query_start : place.query_end])
    if place.strand < 0:
        query = encode(reverse_complement(decode(query)))
    truth = encode(genome[place.reference_start_bp : place.reference_end_bp])
    at, on, differences = 0, 0, 0
    for length, operation in place.cigar:
        if operation == 0:
            differences += int((query[at : at + length] != truth[on : on + length]).sum())
        else:
            differences += int(length)
        at += int(length) if operation != 2 else 0
        on += int(length) if operation != 1 else 0
    assert on == len(truth)
    return differences, at


@pytest.mark.parametrize("strand", [1, -1])
def test_a_read_on_either_strand(aligner: Aligner, call_of: Callable, strand: int) -> None:
    called = "CACC" * 9 + GENOME[6000:6400] + "T" + GENOME[6400:6900] + GENOME[6903:7500]
    call = call_of(called if strand == 1 else reverse_complement(called))
    (place,) = aligner.align(call)
    assert (place.kind, place.contig, place.strand) == ("primary", "genome", strand)
    assert (place.reference_start_bp, place.reference_end_bp) == (6000, 7500)
    assert (place.query_start, place.query_end) == (
        (36, len(called)) if strand == 1 else (0, len(called) - 36)
    )
    assert replayed(call, GENOME, place) == (4, len(called) - 36)
    assert (place.edit_distance, place.ambiguous_bases, place.mapping_quality) == (4, 0, 60)
    assert place.md.count("^") == 1


def test_split_reads_and_repeats(aligner: Aligner, call_of: Callable) -> None:
    split = call_of(GENOME[9000:10_200] + reverse_complement(GENOME[6000:7000]))
    primary, second = aligner.align(split)
    assert (primary.kind, primary.reference_start_bp, primary.strand) == ("primary", 9000, 1)
    assert (second.kind, second.strand) == ("supplementary", -1)
    # a base or two at the joint may fit both sides
    assert second.query_start == pytest.approx(1200, abs=10)
    assert second.reference_end_bp == pytest.approx(7000, abs=10)
    primary, second = aligner.align(call_of(GENOME[2200:3800]))
    assert (primary.kind, second.kind) == ("primary", "secondary")
    assert {primary.contig, second.contig} == {"genome", "other"}
    assert (second.query_start, second.query_end) == (0, 1600)


def test_supplementary_come_before_secondary(aligner: Aligner, call_of: Callable) -> None:
    """Two pieces of which the longer lies in a repeat: minimap2 gives its second place first."""
    call = call_of(GENOME[2100:3900] + reverse_complement(GENOME[8000:9000]))
    kinds = [place.kind for place in aligner.align(call)]
    assert kinds == ["primary", "supplementary", "secondary"]


def test_what_maps_nowhere(aligner: Aligner, call_of: Callable) -> None:
    other = "".join(np.random.default_rng(2).choice(list(BASES), 2000))
    assert [aligner.align(call_of(sequence)) for sequence in ("", "ACGT", other)] == [(), (), ()]


def test_as_the_evaluation_sees_it(aligner: Aligner, reference: Path, call_of: Callable) -> None:
    judge = ReadAligner(reference)
    for start in range(4200, 10_000, 700):
        call = call_of(GENOME[start : start + 800 : 1][: 700 + start % 90])
        ours, theirs = aligner.align(call)[0], judge.align(call.sequence)
        assert theirs is not None
        assert (ours.reference_start_bp, ours.reference_end_bp) == (
            theirs.reference_start_bp,
            theirs.reference_end_bp,
        )
        assert np.array_equal(ours.cigar, theirs.cigar)


@pytest.mark.parametrize("threads", [1, 3])
def test_order_is_kept_and_few_calls_are_held(aligner: Aligner, call_of: Callable, threads: int) -> None:
    taken = 0

    def calls() -> Iterator[Basecall]:
        nonlocal taken
        for number in range(200):
            taken += 1
            start = 4000 + (number * 37) % 6000
            yield call_of(GENOME[start : start + 200 + number], number)

    met = 0
    for call, places in align_calls(calls(), aligner, threads):
        assert places == () or places[0].query_end <= len(call.sequence)
        assert call.info.read_number == met
        met += 1
        assert taken - met <= 16 * threads
        expected = aligner.align(call)
        assert [(p.kind, p.reference_start_bp, p.md) for p in places] == [
            (p.kind, p.reference_start_bp, p.md) for p in expected
        ]
    assert met == 200


def test_errors_come_out(aligner: Aligner, call_of: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def calls() -> Iterator[Basecall]:
        yield call_of(GENOME[:900])
        raise BadInputError("the input ends here")

    for threads in (1, 2):
        with pytest.raises(BadInputError, match="ends here"):
            list(align_calls(calls(), aligner, threads))
    before = threading.active_count()

    def broken(call: Basecall) -> tuple:
        raise RuntimeError(call.read_id)

    monkeypatch.setattr(aligner, "align", broken)
    with pytest.raises(RuntimeError, match="00000"):
        list(align_calls([call_of(GENOME[:900])] * 3, aligner, 2))
    assert threading.active_count() == before


def test_description_names_version_and_options(aligner: Aligner) -> None:
    assert aligner.description.startswith(f"{mappy.__version__} mappy, preset map-ont, k 15 w 10")
    assert aligner.description.endswith("reference genome.fa")
    assert aligner.sequences == [("other", 12_499), ("genome", 12_000)]


class TestReferences:
    def test_packed_wrapped_and_lower_case(self, tmp_path: Path, call_of: Callable) -> None:
        lines = "\r\n".join(GENOME[i : i + 61].lower() for i in range(0, 12_000, 61))
        path = tmp_path / "genome.fna.gz"
        path.write_bytes(gzip.compress(f">g|1 words\r\n{lines}\r\n\r\n".encode()))
        aligner = Aligner(path)
        assert aligner.sequences == [("g|1", 12_000)]
        assert aligner.align(call_of(GENOME[5000:6000]))[0].md == "1000"

    def test_an_index(self, tmp_path: Path, reference: Path, aligner: Aligner, call_of: Callable) -> None:
        path = tmp_path / "an.index"
        mappy.Aligner(str(reference), k=13, w=7, fn_idx_out=str(path))
        indexed = Aligner(path)
        assert indexed.sequences == aligner.sequences
        assert "k 13 w 7" in indexed.description
        (place,) = indexed.align(call_of(GENOME[5000:6000]))
        assert (place.reference_start_bp, place.md) == (5000, "1000")

    def test_missing(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.fa", tmp_path):
            with pytest.raises(UsageError, match="no such file"):
                Aligner(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "holds no sequence"),
            (b"\n\n", "holds no sequence"),
            (b"this is a text\n", "neither FASTA nor FASTQ"),
            (bytes(range(256)) * 9, "neither FASTA nor FASTQ"),
            (b"@read\nACGT\n+\nIIII\n", "must be FASTA"),
            (b">a\n>b\nACGT\n", "'a' is empty"),
            (b">a\nACGT\n>b\nACGT\n>a\nACGT\n", "'a' is there 2 times"),
            (b">a\nACGT\x00ACGT\n", "line 2: not a line of sequence"),
            (b">\nACGT\n", "name '' is not allowed"),
            (b">chr1,a\nACGT\n", "'chr1,a' is not allowed in SAM"),
            (b">=\nACGT\n", "'=' is not allowed"),
            (gzip.compress(b">a\n" + b"ACGT" * 5000, mtime=0)[:-12], "cut off or damaged"),
            (b"MMI\2garbage", "the index is cut off"),
            (b">a\nACGTACGT  \n", "minimap2 reads it differently"),
        ],
    )
    def test_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        path = tmp_path / "reference.fa"
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=message) as error:
            Aligner(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)

    def test_too_long_for_sam(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lexome.tasks.basecall.alignment.MAX_LENGTH_BP", 7)
        (tmp_path / "r.fa").write_text(">fits\nACGTACG\n>long\nACGTACGT\n")
        with pytest.raises(BadInputError, match=r"'long' is too long for SAM \(8 bp\)"):
            Aligner(tmp_path / "r.fa")


@pytest.fixture(scope="module")
def real_calls(shared: Path, graph_cache: Path) -> list[Basecall]:
    """Eight short reads of the lambda genome, called by the bundled model."""
    folder = shared / "data/nanopore/lambda_nanodj"
    model = open_model("r9.4.1_fast", engine="onnx", device="cpu")
    reads = iter_reads(folder / "lambda_r941_4khz_rad004_1556reads.pod5", print)
    chosen = (read for read in reads if 10_000 < len(read.raw) < 25_000)
    found = []
    for call in basecall_reads(chosen, model, print):
        found.append(call)
        if len(found) == 8:
            break
    return found


@pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
def test_real_calls_written_and_read_back(
    shared: Path, real_calls: list[Basecall], tmp_path: Path, ending: str
) -> None:
    """To the file and back, every base; samtools agrees on what is in it and on every difference."""
    reference = shared / "data/nanopore/references/Lambda_phage.fna"
    aligner = Aligner(reference)
    shuffled = "".join(np.random.default_rng(3).permutation(list(real_calls[0].sequence)))
    calls = [*real_calls, dataclasses.replace(real_calls[0], sequence=shuffled)]
    header = OutputHeader(
        [call.run for call in calls], calls[0].model_name, calls[0].stride, "1", "lexome",
        sequences=aligner.sequences, aligner=aligner.description,
    )  # fmt: skip
    path = tmp_path / f"calls{ending}"
    with open_output(path, header, emit_moves=True) as output:
        for call, places in align_calls(calls, aligner, 2):
            output.write(call, places)
    found = list(read_calls(path))
    assert [read.sequence for read in found] == [call.sequence for call in calls]
    for read, call in zip(found, calls, strict=True):
        assert call.moves is not None
        assert read.qualities is not None
        assert read.qualities.tolist() == call.qualities.tolist()
        assert read.tags["mv"].tolist() == [call.stride, *call.moves.tolist()]
    with pysam.AlignmentFile(str(path)) as file:
        strands = [segment.is_reverse for segment in file if segment.is_mapped]
        assert len(strands) == 8
        assert 0 < sum(strands) < 8
    if ending != ".sam":
        pysam.quickcheck(str(path))
    counts = pysam.flagstat(str(path)).splitlines()
    assert counts[0].startswith("9 + 0 in total")
    assert [line for line in counts if "mapped (" in line][0].startswith("8 + 0 mapped")
    given = [line.split("\t") for line in pysam.view("-F", "4", str(path)).splitlines()]
    redone = [
        line.split("\t")
        for line in pysam.calmd(str(path), str(reference)).splitlines()
        if not line.startswith("@") and "\t4\t*" not in line
    ]
    for ours, theirs in zip(given, redone, strict=True):
        for kind in ("NM:i:", "MD:Z:"):
            assert [tag for tag in ours if tag.startswith(kind)] == [t for t in theirs if t.startswith(kind)]
