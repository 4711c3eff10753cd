"""Every option of `lexome basecall` on real files: the results as a user finds them."""

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from lexome.io.calls import read_calls

Lexome = Callable[..., tuple[int, str, str]]

LAMBDA_READS = 6


@pytest.fixture
def nanopore(shared: Path) -> Path:
    return shared / "data" / "nanopore"


@pytest.fixture
def run(lexome: Lexome, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lexome:
    """`lexome basecall` with the small model of random weights, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, model: object = small_model) -> tuple[int, str, str]:
        return lexome("basecall", "-m", model, "--device", "cpu", "--threads", 2, *arguments)

    return call


def ids(path: str | Path) -> list[str]:
    return [read.read_id for read in read_calls(Path(path))]


def aligned_ids(path: str) -> list[tuple[str, int]]:
    with pysam.AlignmentFile(path) as file:
        return [
            (record.query_name or "", record.reference_start) for record in file if not record.is_unmapped
        ]


@pytest.mark.parametrize("folder", ["format_samples", "r10"])
def test_a_folder_of_mixed_formats_of_other_chemistries(run, nanopore: Path, folder: str) -> None:
    """POD5 and BLOW5 together; reads of 5 kHz are refused by a model of 4 kHz, and called with --force."""
    code, _, err = run(nanopore / folder, "-o", "calls.bam", "--max-reads", 40)
    assert code == 2, err
    assert len(err.splitlines()) == 1
    code, _, err = run(nanopore / folder, "-o", "calls.bam", "--max-reads", 40, "--force")
    assert code == 0, err
    called = ids("calls.bam")
    assert len(called) == len(set(called)) == 40
    sources = {read.tags["fn"].rpartition(".")[2] for read in read_calls(Path("calls.bam"))}
    assert "blow5" in sources or folder == "format_samples"
    pysam.quickcheck("-u", "calls.bam")


@pytest.mark.parametrize(
    "name",
    [
        "format_samples/corona_r9.blow5", "r10/r1041_4khz_10_reads.blow5", "r10/r1041_5khz_one.blow5",
        "r10/WGA_r1041_4khz_27reads_reads.blow5", "format_samples/chr1_MAT.pod5",
        "format_samples/multi_fast5_zip_v3.pod5", "format_samples/single_split_read_single_split_read.pod5",
    ],
)  # fmt: skip
def test_each_file_alone(run, nanopore: Path, name: str) -> None:
    code, _, err = run(nanopore / name, "-o", "calls.sam", "--force")
    assert code == 0, err
    reads = list(read_calls(Path("calls.sam")))
    assert reads
    assert all(read.tags["fn"] == Path(name).name for read in reads)


def test_recursive(run, nanopore: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "sub").mkdir(parents=True)
    (tmp_path / "run" / "sub" / "a.blow5").symlink_to(nanopore / "r10" / "r1041_4khz_10_reads.blow5")
    code, _, err = run("run", "-o", "calls.fastq")
    assert code == 2
    assert "--recursive" in err
    assert run("run", "-r", "-o", "calls.fastq", "--force")[0] == 0
    assert len(ids("calls.fastq")) == 10


def test_read_ids_and_max_reads(run, nanopore: Path, tmp_path: Path) -> None:
    lambda_reads = nanopore / "lambda_marcpaga"
    assert run(lambda_reads, "-o", "all.fastq", "--max-reads", LAMBDA_READS)[0] == 0
    wanted = ids("all.fastq")[1::2]
    (tmp_path / "wanted.txt").write_text("\n".join([*wanted, "not-there"]))
    code, _, err = run(lambda_reads, "-o", "some.fastq", "--read-ids", "wanted.txt")
    assert code == 0
    assert ids("some.fastq") == wanted
    assert "not in the input: 1 read id asked for" in err


def test_min_qscore(run, nanopore: Path) -> None:
    lambda_reads = nanopore / "lambda_marcpaga"
    assert run(lambda_reads, "-o", "all.bam", "--max-reads", LAMBDA_READS)[0] == 0
    qualities = {read.read_id: read.tags["qs"] for read in read_calls(Path("all.bam"))}
    limit = sorted(qualities.values())[LAMBDA_READS // 2] - 1e-4
    code, _, err = run(lambda_reads, "-o", "ok.bam", "--max-reads", LAMBDA_READS, "--min-qscore", limit)
    assert code == 0
    assert "below the quality asked for, in ok_fail.bam" in err
    assert set(ids("ok.bam")) == {i for i, q in qualities.items() if q >= limit}
    assert set(ids("ok_fail.bam")) == {i for i, q in qualities.items() if q < limit}


def test_emit_moves_and_no_trim(run, nanopore: Path) -> None:
    reads = nanopore / "lambda_marcpaga"
    assert run(reads, "-o", "moves.bam", "--max-reads", 3, "--emit-moves")[0] == 0
    assert run(reads, "-o", "untrimmed.bam", "--max-reads", 3, "--no-trim")[0] == 0
    for trimmed, untrimmed in zip(
        read_calls(Path("moves.bam")), read_calls(Path("untrimmed.bam")), strict=True
    ):
        stride, *moves = trimmed.tags["mv"]
        assert sum(moves) == len(trimmed.sequence)
        assert len(moves) == -(-(trimmed.tags["ns"] - trimmed.tags["ts"]) // stride)
        assert trimmed.tags["ts"] > 0
        assert untrimmed.tags["ts"] == 0
        assert "mv" not in untrimmed.tags


def test_reference_sort_and_summary(run, nanopore: Path) -> None:
    """With the bundled model: only real bases align."""
    options = ["--max-reads", LAMBDA_READS, "--reference", nanopore / "references" / "Lambda_phage.fna"]
    options += ["--summary", "summary.tsv"]
    code, _, err = run(
        nanopore / "lambda_marcpaga", "-o", "calls.bam", "--sort", *options, model="r9.4.1_fast"
    )
    assert code == 0, err
    places = [place for _, place in aligned_ids("calls.bam")]
    assert len(places) >= LAMBDA_READS - 1
    assert places == sorted(places)
    with pysam.AlignmentFile("calls.bam") as file:
        assert file.check_index()
        assert [record.query_name for record in file.fetch("Lambda_NEB", 0, 48502)]
    lines = Path("summary.tsv").read_text().splitlines()
    assert len(lines) == LAMBDA_READS + 1
    columns = lines[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    identities = [float(row["alignment_identity"]) for row in rows if row["alignment_genome"] != "*"]
    assert min(identities) > 0.8
    for ending in ("sam", "cram"):
        arguments = ("-o", f"again.{ending}", *options[:4])
        assert run(nanopore / "lambda_marcpaga", *arguments, model="r9.4.1_fast")[0] == 0
        assert sorted(aligned_ids(f"again.{ending}")) == sorted(aligned_ids("calls.bam"))


def test_shards_and_merge(run, lexome: Lexome, nanopore: Path) -> None:
    blow5 = nanopore / "r10" / "WGA_r1041_4khz_27reads_reads.blow5"
    assert run(blow5, "-o", "whole.bam", "--force")[0] == 0
    parts = [f"part{number}.bam" for number in (1, 2, 3)]
    for number, part in enumerate(parts, start=1):
        assert run(blow5, "-o", part, "--force", "--shard", f"{number}/3")[0] == 0
    code, _, err = lexome("merge", *parts, "-o", "merged.bam")
    assert code == 0, err
    assert sorted(ids("merged.bam")) == sorted(ids("whole.bam"))
    code, _, err = lexome("merge", *parts[:2], "-o", "incomplete.bam")
    assert code != 0
    assert not Path("incomplete.bam").exists()


def test_resume_of_a_run_that_was_cut_off(run, nanopore: Path) -> None:
    blow5 = nanopore / "format_samples" / "corona_r9.blow5"
    assert run(blow5, "-o", "whole.fastq", "--force")[0] == 0
    # `--resume` with nothing to resume begins anew, so that a job script can always say it
    assert run(blow5, "-o", "calls.fastq", "--force", "--resume")[0] == 0
    assert Path("calls.fastq").read_bytes() == Path("whole.fastq").read_bytes()


def test_estimate_writes_nothing(run, nanopore: Path, tmp_path: Path) -> None:
    code, out, err = run(nanopore / "r10" / "can_reads.pod5", "-o", "calls.bam", "--estimate", "--force")
    assert code == 0, err
    assert "14 reads" in out
    assert "time: about" in out
    assert "output: about" in out
    assert list(tmp_path.iterdir()) == []


def test_beam_width_batch_size_chunk_size_overlap_and_engine(run, nanopore: Path) -> None:
    pod5 = nanopore / "format_samples" / "multi_fast5_zip_v3.pod5"
    options = ["--force", "--max-reads", 2, "--chunk-size", 2000, "--overlap", 200]
    assert run(pod5, "-o", "a.fasta", *options)[0] == 0
    assert run(pod5, "-o", "b.fasta", *options, "--batch-size", 3)[0] == 0
    assert Path("a.fasta").read_bytes() == Path("b.fasta").read_bytes()
    assert run(pod5, "-o", "c.fasta", *options, "--beam-width", 8)[0] == 0
    assert ids("c.fasta") == ids("a.fasta")
    assert run(pod5, "-o", "d.fasta", *options, "--engine", "torch")[0] == 0
    lengths = [
        [len(read.sequence) for read in read_calls(Path(name))] for name in ("a.fasta", "c.fasta", "d.fasta")
    ]
    for other in lengths[1:]:
        assert all(0.7 < b / a < 1.4 for a, b in zip(lengths[0], other, strict=True))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lambda_marcpaga/lambda_r941_50reads.pod5", "model r9.4.1_hac"),
        ("format_samples/corona_r9.blow5", "model r9.4.1_hac"),
        ("r10/can_reads.pod5", "dna_r10.4.1_e8.2_400bps_"),
    ],
)
def test_auto_takes_the_model_that_fits_or_says_which_would(run, nanopore, tmp_path, name, said) -> None:
    code, _, err = run(nanopore / name, "-o", "calls.fastq", "--max-reads", 1, model="auto")
    assert said in err
    assert code == (0 if "r9.4.1_hac" in said else 2)


def test_resume_of_a_complete_output_does_nothing(run, nanopore: Path) -> None:
    blow5 = nanopore / "r10" / "r1041_4khz_10_reads.blow5"
    assert run(blow5, "-o", "calls.fastq", "--force")[0] == 0
    before = Path("calls.fastq").stat()
    code, _, err = run(blow5, "-o", "calls.fastq", "--force", "--resume")
    assert code == 0
    assert "calls.fastq is complete, there is nothing to resume" in err
    assert Path("calls.fastq").stat() == before
