"""The shards of a run, joined: what one run would have written, in another order; never a wrong file."""

import gzip
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import numpy as np
import pysam
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import Alignment, Basecall, ReadInfo, RunInfo
from lexome.io.calls import read_calls
from lexome.io.hts import OutputHeader
from lexome.io.output import open_output
from lexome.tasks.basecall.merge import MergeRequest, merge
from lexome.tasks.basecall.shard import Shard

ENDINGS = [".bam", ".sam", ".cram", ".fastq", ".fastq.gz", ".fasta", ".fasta.gz"]
HTS_ENDINGS = ENDINGS[:3]
READS, PARTS = 60, 4
SEQUENCES = [("g", 5000), ("h", 900)]


def run_info(name: str = "run-a") -> RunInfo:
    return RunInfo(name, "FAX1", 4000, "MN1", "2024-01-02T03:04:05.000000+00:00")


def read_id(number: int) -> str:
    return str(UUID(int=number * 7919 + 1))


def call(number: int, run: RunInfo, model: str = "fast") -> Basecall:
    rng = np.random.default_rng(number)
    bases = 20 + number % 30
    info = ReadInfo(read_id(number), bases * 10, 1, 1, number, 0, "signal_positive", run, "a.pod5")
    moves = np.tile(np.array([1, 0], np.uint8), bases)
    sequence = "".join(rng.choice(list("ACGT"), bases))
    qualities = rng.integers(1, 40, bases).astype(np.uint8)
    return Basecall(info, sequence, qualities, moves, 5, 0, 80.0, 12.0, "med_mad", model)


def places(number: int, bases: int) -> list[Alignment]:
    """Of every third read none, of every fourth two."""
    if number % 3 == 0:
        return []
    rng = np.random.default_rng(number)
    cigar = np.array([[bases, 0]])

    def place(kind) -> Alignment:
        contig, length = SEQUENCES[rng.integers(2)]
        start = int(rng.integers(length - bases))
        return Alignment(kind, contig, start, start + bases, 1, 0, bases, cigar, 60, 0, 0, f"{bases}")

    return [place("primary"), *([place("secondary")] if number % 4 == 0 else [])]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the calls of the given reads as `lexome basecall` does."""

    def write(
        name: str, numbers, *, runs=("run-a",), shard="", settings="settings:12345678", model="fast",
        sort=False, stride=5, sequences=(),
    ) -> Path:  # fmt: skip
        infos = [run_info(run) for run in runs]
        description = " ".join(word for word in ("device:cpu", settings, shard and f"shard:{shard}") if word)
        command = f"lexome basecall x.pod5 -o {name}"
        header = OutputHeader(infos, model, stride, "0.1.0", command, description, sequences)
        with open_output(tmp_path / name, header, emit_moves=True, sort=sort) as output:
            for number in numbers:
                one = call(number, infos[number % len(infos)], model)
                output.write(one, places(number, len(one.sequence)) if sequences else ())
        return tmp_path / name

    return write


@pytest.fixture
def shards(write: Callable[..., Path]) -> Callable[..., list[Path]]:
    """The output of a run of four shards."""

    def shards(ending: str, count: int = PARTS, reads: int = READS, **options) -> list[Path]:
        parts = []
        for index in range(1, count + 1):
            numbers = [n for n in range(reads) if Shard(index, count).holds(read_id(n))]
            parts.append(write(f"part{index}{ending}", numbers, shard=f"{index}/{count}", **options))
        return parts

    return shards


def records(path: Path) -> list[str]:
    """The records of a file as text."""
    if path.name.endswith((".bam", ".sam", ".cram")):
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            return [segment.to_string() for segment in file.fetch(until_eof=True)]
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines(keepends=True)
    step = 4 if ".fastq" in path.name else 2
    return ["".join(lines[i : i + step]) for i in range(0, len(lines), step)]


def header(path: Path) -> list[str]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return str(file.header).splitlines()


def join(parts: list[Path], output: Path, **options):
    return merge(MergeRequest(parts, output, **options))


@pytest.mark.parametrize("ending", ENDINGS)
class TestEveryFormat:
    def test_shards_are_joined_in_their_order(self, shards, tmp_path, ending) -> None:
        parts = shards(ending)
        told: list[int] = []
        output = tmp_path / f"all{ending}"
        summary = merge(MergeRequest([parts[2], parts[0], parts[3], parts[1]], output), told.append)
        assert records(output) == [record for part in parts for record in records(part)]
        assert len(records(output)) == READS
        assert (summary.parts, summary.reads, told) == (PARTS, READS, list(range(1, READS + 1)))
        assert not list(tmp_path.glob("*.partial*"))

    def test_the_reads_are_those_of_a_single_run(self, shards, write, tmp_path, ending) -> None:
        join(shards(ending), tmp_path / f"all{ending}")
        whole = write(f"whole{ending}", range(READS))
        assert sorted(records(tmp_path / f"all{ending}")) == sorted(records(whole))

    def test_the_same_bytes_every_time(self, shards, tmp_path, ending) -> None:
        parts = shards(ending)
        join(parts, tmp_path / f"one{ending}")
        join(parts[::-1], tmp_path / f"two{ending}")
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()

    def test_a_shard_without_reads(self, shards, tmp_path, ending) -> None:
        parts = shards(ending, count=3, reads=2)
        assert any(not records(part) for part in parts)
        assert join(parts, tmp_path / f"all{ending}").reads == 2

    def test_other_parts(self, write, tmp_path, ending) -> None:
        parts = [write(f"b{ending}", range(5), runs=["b"]), write(f"a{ending}", range(5, 9), runs=["a"])]
        with pytest.raises(LexomeError, match="--no-shards"):
            join(parts, tmp_path / f"all{ending}")
        join(parts, tmp_path / f"all{ending}", shards=False)
        assert [r.read_id for r in read_calls(tmp_path / f"all{ending}")] == [read_id(n) for n in range(9)]

    @pytest.mark.parametrize("place", [-1, 0.5])
    def test_a_part_that_is_cut_off(self, shards, tmp_path, ending, place) -> None:
        parts = shards(ending)
        content = parts[1].read_bytes()
        parts[1].write_bytes(content[: place if place < 0 else int(len(content) * place)])
        output = tmp_path / f"all{ending}"
        output.write_text("what was there before")
        with pytest.raises(BadInputError, match=r"part2.*is cut off"):
            join(parts, output)
        assert output.read_text() == "what was there before"
        assert not list(tmp_path.glob("*.partial*"))

    def test_damage_in_the_middle_of_a_part(self, shards, tmp_path, ending) -> None:
        if not ending.endswith((".bam", ".cram", ".gz")):
            pytest.skip("plain text has no check sums")
        parts = shards(ending, reads=300)
        content = bytearray(parts[2].read_bytes())
        content[len(content) // 2 : len(content) // 2 + 40] = b"\x07" * 40
        parts[2].write_bytes(content)
        with pytest.raises(BadInputError, match="part3"):
            join(parts, tmp_path / f"all{ending}")
        assert not list(tmp_path.glob("all*"))

    def test_a_read_that_is_there_twice(self, write, tmp_path, ending) -> None:
        parts = [write(f"a{ending}", range(5)), write(f"b{ending}", [7, 4])]
        with pytest.raises(BadInputError, match=rf"b\..*read {read_id(4)} is there twice"):
            join(parts, tmp_path / f"all{ending}", shards=False)

    def test_a_read_in_the_wrong_shard(self, write, tmp_path, ending) -> None:
        numbers = {i: [n for n in range(20) if Shard(i, 2).holds(read_id(n))] for i in (1, 2)}
        parts = [
            write(f"a{ending}", numbers[1][:-1], shard="1/2"),
            write(f"b{ending}", [*numbers[2], numbers[1][-1]], shard="2/2"),
        ]
        with pytest.raises(BadInputError, match=r"b\..* is not of shard 2/2; is a part missing\?"):
            join(parts, tmp_path / f"all{ending}")

    def test_a_missing_shard(self, shards, tmp_path, ending) -> None:
        parts = shards(ending)
        with pytest.raises(LexomeError) as error:
            join([parts[0], parts[1], parts[3]], tmp_path / f"all{ending}")
        if ending in HTS_ENDINGS:
            assert str(error.value).endswith("is shard 1/4, but there are 3 parts; missing: 3/4")
        assert not list(tmp_path.glob("all*"))

    def test_the_same_shard_twice(self, shards, tmp_path, ending) -> None:
        parts = shards(ending)
        copy = tmp_path / f"copy{ending}"
        copy.write_bytes(parts[0].read_bytes())
        with pytest.raises(UsageError, match="both are shard 1 of 4"):
            join([parts[0], copy, *parts[2:]], tmp_path / f"all{ending}")

    def test_another_model(self, shards, write, tmp_path, ending) -> None:
        parts = shards(ending)
        numbers = [n for n in range(READS) if Shard(2, PARTS).holds(read_id(n))]
        write(parts[1].name, numbers, shard="2/4", model="hac")
        with pytest.raises(
            UsageError, match=r"part1.* and .*part2.*: were called by different models, fast and hac"
        ):
            join(parts, tmp_path / f"all{ending}")

    def test_wrong_use(self, shards, tmp_path, ending) -> None:
        parts = shards(ending)
        output = tmp_path / f"all{ending}"
        other = tmp_path / ("all.fastq" if ending != ".fastq" else "all.bam")
        for given, to, words in (
            ([], output, "no parts"),
            ([*parts, tmp_path / f"x{ending}"], output, f"x{ending}: no such file"),
            ([*parts[:3], parts[0]], output, "is given twice"),
            (parts, parts[0], "is a part and the output"),
            (parts, tmp_path / "no" / output.name, "the folder .* does not exist"),
            (parts, tmp_path / "all.txt", "the ending decides"),
            *([(parts, other, "the parts are")] if not ending.startswith(".fastq") else []),
        ):
            with pytest.raises(UsageError, match=words):
                join(given, to)
        partial = tmp_path / f"part2{ending}.partial"
        partial.write_bytes(b"")
        for given in (parts, [parts[0], partial]):
            with pytest.raises(UsageError, match="its run is not finished"):
                join(given, output)
        assert not list(tmp_path.glob("all*"))
        (tmp_path / f"all{ending}.partial.json").write_text("{}")
        partial.unlink()
        with pytest.raises(UsageError, match="an unfinished run"):
            join(parts, output)


@pytest.mark.parametrize("ending", HTS_ENDINGS)
class TestAlignments:
    def test_sorted_parts_make_a_sorted_file_with_an_index(self, shards, write, tmp_path, ending) -> None:
        parts = shards(ending, sort=True, sequences=SEQUENCES)
        output = tmp_path / f"all{ending}"
        join(parts, output)
        whole = write(f"whole{ending}", range(READS), sort=True, sequences=SEQUENCES)
        with pysam.AlignmentFile(str(output)) as file, pysam.AlignmentFile(str(whole)) as expected:
            keys = [
                [(s.reference_id, s.reference_start) for s in f.fetch(until_eof=True)]
                for f in (file, expected)
            ]
        assert keys[0] == keys[1]
        assert len(keys[0]) > READS
        assert sorted(records(output)) == sorted(records(whole))
        assert header(output)[0] == "@HD\tVN:1.6\tSO:coordinate"
        if ending != ".sam":
            with pysam.AlignmentFile(str(output)) as file, pysam.AlignmentFile(str(whole)) as expected:
                for region in (("g", 0, 1000), ("g", 2500, 2600), ("h", 0, 900)):
                    found = sorted(segment.to_string() for segment in file.fetch(*region))
                    assert found == sorted(segment.to_string() for segment in expected.fetch(*region))
                    assert found
        assert not list(tmp_path.glob("*.partial*"))

    def test_unsorted_parts_keep_their_order(self, shards, tmp_path, ending) -> None:
        parts = shards(ending, sequences=SEQUENCES)
        stale = tmp_path / f"all{ending}.bai"
        stale.write_text("of another file")
        summary = join(parts, tmp_path / f"all{ending}")
        assert records(tmp_path / f"all{ending}") == [record for part in parts for record in records(part)]
        assert summary.reads == READS, "secondary alignments are no reads"
        assert header(tmp_path / f"all{ending}")[0] == "@HD\tVN:1.6\tSO:unknown"
        assert not stale.exists()

    def test_one_part_that_is_not_sorted(self, shards, write, tmp_path, ending) -> None:
        parts = shards(ending, sort=True, sequences=SEQUENCES)
        numbers = [n for n in range(READS) if Shard(2, PARTS).holds(read_id(n))]
        write(parts[1].name, numbers, shard="2/4", sequences=SEQUENCES)
        join(parts, tmp_path / f"all{ending}")
        assert records(tmp_path / f"all{ending}") == [record for part in parts for record in records(part)]
        assert "SO:unknown" in header(tmp_path / f"all{ending}")[0]

    def test_a_header_that_lies_about_the_order(self, shards, tmp_path, ending) -> None:
        parts = shards(ending, sort=True, sequences=SEQUENCES)
        with pysam.AlignmentFile(str(parts[1])) as file:
            lying, segments = file.header, list(file.fetch(until_eof=True))
        mode = {".sam": "w", ".bam": "wb", ".cram": "wc"}[ending]
        options = ["no_ref=1"] if ending == ".cram" else None
        with pysam.AlignmentFile(str(parts[1]), mode, header=lying, format_options=options) as file:
            for segment in segments[::-1]:
                file.write(segment)
        with pytest.raises(BadInputError, match=r"part2.*: is not sorted, though its header says so"):
            join(parts, tmp_path / f"all{ending}")
        assert not list(tmp_path.glob("all*"))

    def test_other_references_and_settings(self, shards, write, tmp_path, ending) -> None:
        parts = shards(ending, sequences=SEQUENCES)
        numbers = [n for n in range(READS) if Shard(2, PARTS).holds(read_id(n))]
        for options, words in (
            ({"sequences": [("g", 5001), ("h", 900)]}, "are aligned to different references"),
            ({"sequences": SEQUENCES, "settings": "settings:87654321"}, "called with different settings"),
            ({"sequences": SEQUENCES, "settings": ""}, "called with different settings"),
        ):
            write(parts[1].name, numbers, shard="2/4", **options)
            with pytest.raises(UsageError, match=rf"part1.* and .*part2.*{words}"):
                join(parts, tmp_path / f"all{ending}")

    def test_the_header(self, shards, tmp_path, ending) -> None:
        parts = shards(ending, runs=("a", "b"), sequences=SEQUENCES)
        join(parts, tmp_path / f"all{ending}", command_line="lexome merge\tx", version="0.2.0")
        lines = header(tmp_path / f"all{ending}")
        programs = [line.split("\t") for line in lines if line.startswith("@PG")]
        assert programs[0][1:3] == ["ID:basecaller", "PN:lexome"]
        assert "DS:device:cpu settings:12345678" in programs[0]
        assert programs[1][1:] == [
            "ID:merge.1", "PN:lexome", "PP:basecaller", "VN:0.2.0", "CL:lexome merge x",
        ]  # fmt: skip
        groups = [line.split("\t")[1] for line in lines if line.startswith("@RG")]
        assert groups == ["ID:a_fast", "ID:b_fast"]
        assert [line.split("\t")[1:3] for line in lines if line.startswith("@SQ")] == [
            ["SN:g", "LN:5000"],
            ["SN:h", "LN:900"],
        ]

    def test_merged_files_can_be_merged_again(self, write, tmp_path, ending) -> None:
        first = [write(f"p{n}{ending}", [n], runs=[f"r{n}"]) for n in range(4)]
        for index in (0, 2):
            join(first[index : index + 2], tmp_path / f"m{index}{ending}", shards=False)
        join([tmp_path / f"m0{ending}", tmp_path / f"m2{ending}"], tmp_path / f"all{ending}", shards=False)
        assert records(tmp_path / f"all{ending}") == [record for part in first for record in records(part)]
        lines = header(tmp_path / f"all{ending}")
        assert [line.split("\t")[1] for line in lines if line[:3] == "@PG"] == [
            "ID:basecaller", "ID:merge.1", "ID:merge.2",
        ]  # fmt: skip
        assert len([line for line in lines if line[:3] == "@RG"]) == 4

    def test_a_read_group_that_is_described_differently(self, write, tmp_path, ending) -> None:
        parts = [write(f"a{ending}", [1]), write(f"b{ending}", [2], stride=6)]
        with pytest.raises(UsageError, match="describe the read group run-a_fast differently"):
            join(parts, tmp_path / f"all{ending}", shards=False)

    def test_files_of_other_programs(self, write, tmp_path, ending) -> None:
        path = tmp_path / f"other{ending}"
        mode = {".sam": "w", ".bam": "wb", ".cram": "wc"}[ending]
        with pysam.AlignmentFile(str(path), mode, header={"HD": {"VN": "1.6"}}) as _:
            pass
        with pytest.raises(UsageError, match="was not written by lexome basecall"):
            join([path, write(f"a{ending}", [1])], tmp_path / f"all{ending}", shards=False)


def test_formats_of_one_kind_may_be_mixed(shards, tmp_path) -> None:
    parts = {ending: shards(ending) for ending in ENDINGS}
    mixed = [parts[".bam"][0], parts[".sam"][1], parts[".cram"][2], parts[".bam"][3]]
    join(mixed, tmp_path / "all.sam")
    join(parts[".sam"], tmp_path / "same.sam")
    fields = [  # CRAM puts the read group behind the other tags
        [sorted(record.split("\t")) for record in records(tmp_path / name)]
        for name in ("all.sam", "same.sam")
    ]
    assert fields[0] == fields[1]
    join([parts[".fastq"][0], *parts[".fastq.gz"][1:]], tmp_path / "all.fastq")
    assert records(tmp_path / "all.fastq") == [r for part in parts[".fastq"] for r in records(part)]
    with pytest.raises(UsageError, match=r"one is SAM, BAM or CRAM, the other FASTQ"):
        join([parts[".bam"][0], *parts[".fastq"][1:]], tmp_path / "x.bam")
    with pytest.raises(UsageError, match=r"x\.fasta: the parts are FASTQ"):
        join(parts[".fastq"], tmp_path / "x.fasta")


def test_gzip_of_others_is_read_too(shards, tmp_path) -> None:
    parts = shards(".fastq.gz")
    expected = [record for part in parts for record in records(part)]
    parts[1].write_bytes(gzip.compress(gzip.decompress(parts[1].read_bytes())))
    join(parts, tmp_path / "all.fastq")
    assert records(tmp_path / "all.fastq") == expected
    parts[1].write_bytes(parts[1].read_bytes()[:-4])
    with pytest.raises(BadInputError, match=r"part2.*cut off"):
        join(parts, tmp_path / "all.fastq")


def test_a_name_that_does_not_fit_the_content(shards, tmp_path) -> None:
    parts = shards(".fastq")
    renamed = [part.rename(part.with_suffix(".fasta")) for part in parts]
    with pytest.raises(BadInputError, match=r"part1\.fasta: is not FASTA, as its name says"):
        join(renamed, tmp_path / "all.fasta")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
@pytest.mark.parametrize("ending", [".sam", ".bam", ".fastq", ".fastq.gz"])
def test_a_full_disk(shards, tmp_path, capfd, ending) -> None:
    parts = shards(ending, reads=600)
    (tmp_path / f"all{ending}.partial").symlink_to("/dev/full")
    with pytest.raises(LexomeError, match=r"all.*\.partial: cannot be written"):
        join(parts, tmp_path / f"all{ending}")
    assert not list(tmp_path.glob("all*"))
    assert capfd.readouterr().err == ""
