"""Haplotypes from a VCF file, against base by base by hand."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_json import read_tokenizer_text
from lexome.io.token_store import read_token_store
from lexome.simulate.genome import random_genome
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.haplotypes import (
    NO_SEQUENCE,
    OVERLAP,
    Edit,
    Haplotype,
    Haplotypes,
    open_haplotypes,
    trimmed,
)
from lexome.tasks.language.variants import MISMATCH, SAME, SYMBOLIC

HEADER = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
#         123456789012
SEQUENCE = "ACGTACGTACGT"


def vcf(path: Path, individuals: str, *rows: str) -> Path:
    """A file of rows such as `chr 5 A T 0|1`."""
    lines = []
    for row in rows:
        contig, pos, ref, alt, *genotypes = row.split()
        lines.append("\t".join([contig, pos, ".", ref, alt, ".", "PASS", ".", "GT:DP", *genotypes]))
    text = HEADER + "\t".join(individuals.split()) + "\n" + "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def whole(found: Haplotypes, contig: str, sequence: str) -> dict[str, str]:
    return {one.name: one.part(sequence, 0, len(sequence)) for one in found.of(contig, sequence)}


@pytest.mark.parametrize("name", ["a.vcf", "a.vcf.gz"])
def test_every_kind_of_allele_is_put_in(tmp_path: Path, name: str) -> None:
    path = vcf(
        tmp_path / name,
        "ann ben",
        "c 1 A T 1|0 0|0",
        "c 2 C CGG 0|1 0|0",  # inserts GG behind C
        "c 4 TAC T 1|1 0|0",  # deletes AC
        "c 8 TA CC,T 2|1 0|0",  # 1: both other; 2: deletes A
        "c 12 T TAAA 0|1 .|.",
    )
    with open_haplotypes(path, 2, 0) as found:
        made = whole(found, "c", SEQUENCE)
        assert made == {
            "c_ann_1": "TCGT" + "GT" + "CGT",
            "c_ann_2": "ACGGGT" + "G" + "CC" + "CGT" + "AAA",
            "c_ben_1": SEQUENCE,
            "c_ben_2": SEQUENCE,
        }
        assert found.counts.applied == {"SNPs": 1, "insertions": 2, "deletions": 3, "replacements": 1}
        assert found.counts.unknown == 2
        assert not found.counts.left_out
        found.finish()


def test_what_cannot_be_put_in_is_counted(tmp_path: Path) -> None:
    path = vcf(
        tmp_path / "a.vcf",
        "ann",
        "c 2 CGT C 1|1",
        "c 3 G T 0|1",  # within the deletion
        "c 4 T TA 0|1",  # behind the deletion: fits
        "c 4 T TC 0|1",  # a second insertion at the same place
        "c 6 A G 1|1",  # the sequence has C there
        "c 7 G <DEL> 1|0",
        "c 8 T *,N 1|2",
        "c 9 A A 0|1",
        "c 99 A T 1|1",  # beyond the end
        "other 5 A C 1|1",
    )
    with open_haplotypes(path, 1, 0) as found:
        assert whole(found, "c", SEQUENCE.lower()) == {"c_ann_1": "acacgtacgt", "c_ann_2": "acAacgtacgt"}
        found.finish()
        assert found.counts.left_out == {OVERLAP: 2, MISMATCH: 4, SYMBOLIC: 3, SAME: 1, NO_SEQUENCE: 2}
        told = "\n".join(found.counts.lines())
    assert "2 deletions, 1 insertions put in" in told
    assert "4 alleles of which the genome has another REF are left out" in told


def test_haploid_and_unphased_genotypes(tmp_path: Path) -> None:
    rows = [f"x {pos} A T 1 0/1" for pos in range(1, 41)]
    path = vcf(tmp_path / "a.vcf", "he she", *rows)
    with open_haplotypes(path, 2, 3) as found:
        made = whole(found, "x", "A" * 40)
        assert found.counts.unphased == 40
    assert list(made) == ["x_he_1", "x_she_1", "x_she_2"]
    assert made["x_he_1"] == "T" * 40
    first, second = made["x_she_1"], made["x_she_2"]
    assert all({a, b} == {"A", "T"} for a, b in zip(first, second, strict=True))
    assert 8 < first.count("T") < 32  # at random
    with open_haplotypes(path, 2, 3) as again:
        assert whole(again, "x", "A" * 40) == made
    with open_haplotypes(path, 2, 4) as other:
        assert whole(other, "x", "A" * 40) != made


def test_individuals_are_drawn_by_the_seed(tmp_path: Path) -> None:
    names = [f"i{n}" for n in range(20)]
    path = vcf(tmp_path / "a.vcf", " ".join(names), "c 1 A T " + " ".join(["0|1"] * 20))
    drawn = []
    for seed in range(5):
        with open_haplotypes(path, 3, seed) as found:
            drawn.append(found.individuals)
            assert sorted(found.individuals, key=names.index) == found.individuals
            assert len(set(found.individuals)) == 3
    assert len({tuple(one) for one in drawn}) > 2
    with pytest.raises(UsageError, match="20 individuals, 21 are to be drawn"), open_haplotypes(path, 21, 0):
        pass


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_parts_of_a_haplotype_are_the_whole_one_base_by_base(data: st.DataObject) -> None:
    sequence = data.draw(st.text("ACGT", min_size=1, max_size=40))
    edits, at, inserted = [], 0, False
    while data.draw(st.booleans()) and at <= len(sequence):
        start = data.draw(st.integers(at, len(sequence)))
        end = data.draw(st.integers(start, min(len(sequence), start + 8)))
        if start == end and inserted and start == at:
            continue
        alt = data.draw(st.text("acgt", min_size=int(start == end), max_size=4))
        edits.append(Edit(start, end, alt))
        at, inserted = end, start == end
    expected = list(sequence) + [""]
    for edit in edits:
        for place in range(edit.start_bp, edit.end_bp):
            expected[place] = ""
    for edit in reversed(edits):
        expected[edit.start_bp] = edit.alt + expected[edit.start_bp]
    made = Haplotype("h", tuple(edits))
    step = data.draw(st.integers(1, 12))
    parts = [
        made.part(sequence, start, min(start + step, len(sequence)))
        for start in range(0, len(sequence), step)
    ]
    assert "".join(parts) == "".join(expected)


@settings(max_examples=100, deadline=None)
@given(st.text("ACG", min_size=1, max_size=6), st.text("ACG", min_size=1, max_size=6))
def test_trimming_changes_nothing(ref: str, alt: str) -> None:
    edit = trimmed(10, ref, alt)
    assert ref[: edit.start_bp - 10] + edit.alt + ref[edit.end_bp - 10 :] == alt
    left = ref[edit.start_bp - 10 : edit.end_bp - 10]
    if left and edit.alt:
        assert left[0] != edit.alt[0]
        assert left[-1] != edit.alt[-1]


def test_a_store_holds_reference_and_haplotypes_each_block_in_one_split(tmp_path: Path) -> None:
    genome = random_genome(60_000, 3)
    (tmp_path / "g.fa").write_text(f">c\n{genome}\n>d\n{genome[:9000][::-1]}\n")
    snp = "A" if genome[25_000] != "A" else "C"
    path = vcf(
        tmp_path / "v.vcf", "ann", f"c 25001 {genome[25_000]} {snp} 0|1",
        f"c 9991 {genome[9990:10_020]} {genome[9990]} 1|1",
    )  # fmt: skip
    request = CorpusRequest(
        [("g", tmp_path / "g.fa")], load_tokenizer("byte", uppercase=True), 1025, validation_share=0.4,
        both_strands=False, seed=2, variants=[("g", path)], samples=1,
    )  # fmt: skip
    report = prepare_tokens(request, tmp_path / "s")
    assert report.bases == {"g": 69_000 + 2 * (60_000 - 29)}
    assert report.lines()[-1].startswith("v.vcf: 1 SNPs, 2 deletions put in")
    store = read_token_store(tmp_path / "s")
    assert store.meta["variants"][0]["individuals"] == ["ann"]
    tokenizer = read_tokenizer_text(store.meta["tokenizer_json"], "test")
    texts = {
        split: [tokenizer.decode(store.ids(shard, row)) for shard, row, _ in store.rows(split)]
        for split in ("training", "validation")
    }
    assert min(map(len, texts.values())) > 0
    seen = {
        split: {text[i : i + 60] for text in of for i in range(0, 900, 60)} for split, of in texts.items()
    }
    assert not seen["training"] & seen["validation"] - {""}
    every = "".join(texts["training"] + texts["validation"])
    assert every.count(genome[24_980:25_000] + snp + genome[25_001:25_020]) == 1
    assert every.count(genome[24_980:25_020]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c\t1\t.\tA\tT\n", "in front of the line #CHROM"),
        ("##only\n", "no line #CHROM"),
        ("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "has no genotypes of individuals"),
        (HEADER + "ann\nc\t1\t.\tA\tT\t.\t.\t.\tGT\n", "is not a variant with 10 columns"),
        (HEADER + "ann\nc\t0\t.\tA\tT\t.\t.\t.\tGT\t0|1\n", "is not a variant with 10 columns"),
        (HEADER + "ann\nc\t1\t.\tA\tT\t.\t.\t.\tDP\t7\n", "does not begin with GT"),
        (HEADER + "ann\nc\t1\t.\tA\tT\t.\t.\t.\tGT\t0|2\n", "'0|2' is no genotype of 1 alternatives"),
        (HEADER + "ann\nc\t1\t.\tA\t.\t.\t.\t.\tGT\t0|x\n", r"'0\|x' is no genotype"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.vcf").write_text(text)
    with (
        pytest.raises(BadInputError, match=message.replace("'0|2'", r"'0\|2'")),
        open_haplotypes(tmp_path / "a.vcf", 1, 0),
    ):
        pass


def test_the_wrong_reference_is_noticed(tmp_path: Path) -> None:
    path = vcf(tmp_path / "a.vcf", "ann", "chr1 1 A T 0|1")
    with open_haplotypes(path, 1, 0) as found:
        assert found.of("1", SEQUENCE) == []
        with pytest.raises(BadInputError, match=f"1 {NO_SEQUENCE}; is it the right reference"):
            found.finish()
        assert whole(found, "chr1", SEQUENCE)["chr1_ann_2"] == "T" + SEQUENCE[1:]
        with pytest.raises(BadInputError, match="have the name 'chr1' twice"):
            found.of("chr1", SEQUENCE)
