"""Whole sets: balanced, divided, free of leaks, whole or not at all; and one of a real genome."""

import csv
import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.tasks.language.gue_build import BuildRequest, build_sets
from lexome.tasks.language.gue_negatives import gc_content
from lexome.tasks.language.gue_sets import Protocol, find_sets
from lexome.tasks.language.leakage import on_either_strand


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, str]:
    """Three contigs of 20 kb; positives of 60 bp every 400 bp, on both strands."""
    rng = np.random.default_rng(1)
    contigs = {name: "".join(rng.choice(list("ACGT"), 20_000)) for name in ("one", "two", "three")}
    (tmp_path / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    lines = [
        f"{name}\t{start}\t{start + 60}\t{name}{start}\t0\t{'+-'[start // 400 % 2]}\n"
        for name in contigs
        for start in range(200, 20_000, 400)
    ]
    (tmp_path / "positives.bed").write_text("".join(lines))
    return contigs


def _request(folder: Path, **options: Any) -> BuildRequest:
    return BuildRequest(folder / "positives.bed", folder / "genome.fa", **options)


def _rows(folder: Path) -> dict[str, list[dict[str, str]]]:
    texts = {name: (folder / f"{name}.csv").read_text() for name in ("train", "dev", "test")}
    return {name: list(csv.DictReader(text.splitlines())) for name, text in texts.items()}


def test_by_contig_with_windows_of_the_genome(genome: dict[str, str], tmp_path: Path) -> None:
    request = _request(tmp_path, validation=("two",), test=("three",), seed=3)
    done: list[float] = []
    report = build_sets(request, tmp_path / "out", "lexome lm gue build", done.append)
    assert report.counts == dict.fromkeys(("train", "dev", "test"), (50, 50))
    assert (report.left_out, report.without_negative, done[-1]) == ({}, 0, 150)
    assert report.checks == [
        "train: 0 of 100 sequences repeat an earlier one, 0 its reverse complement",
        "0 of 100 dev sequences are in train too",
        "0 of 100 test sequences are in train too",
        "0 of 100 test sequences are in dev too",
    ]
    for (split, rows), contig in zip(_rows(tmp_path / "out").items(), genome, strict=True):
        assert Counter(row["label"] for row in rows) == {"0": 50, "1": 50}, split
        labels = [row["label"] for row in rows]
        assert labels not in (["1", "0"] * 50, sorted(labels), sorted(labels, reverse=True))
        for row in rows:
            if row["label"] == "1":
                start = int(row["name"].removeprefix(contig))
                is_reverse = start // 400 % 2 == 1
            else:
                name, _, place = row["name"].removesuffix("(-)").partition(":")
                assert name == contig
                start, is_reverse = int(place.split("-")[0]), row["name"].endswith("(-)")
                # positives are at 200 to 260 of every 400 bases
                assert (start + 60 - 1 - 200) // 400 == (start - 260) // 400
            bases = genome[contig][start : start + 60]
            assert row["sequence"] == (reverse_complement(bases) if is_reverse else bases)
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert (meta["command"], meta["negatives"], meta["seed"]) == ("lexome lm gue build", "genome", 3)
    assert (meta["positives"], meta["genome"]) == ("positives.bed", "genome.fa")
    assert meta["counts"]["dev"] == [50, 50]
    assert meta["checks"] == report.checks
    (found,) = find_sets(tmp_path / "out")
    assert (found.described.name, found.protocol) == ("out", Protocol.COMPLETE)


def test_negatives_have_the_gc_of_their_positives(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    low, high = ("".join(rng.choice(list("ACGT"), 30_000, p=p)) for p in
                 ([0.4, 0.1, 0.1, 0.4], [0.2, 0.3, 0.3, 0.2]))  # fmt: skip
    (tmp_path / "genome.fa").write_text(f">a\n{low * 3}{high}\n")
    starts = range(90_100, 119_000, 500)
    (tmp_path / "positives.bed").write_text("".join(f"a\t{s}\t{s + 100}\n" for s in starts))
    report = build_sets(_request(tmp_path), tmp_path / "out", "")
    rows = [row for of in _rows(tmp_path / "out").values() for row in of]
    gc = {label: np.mean([gc_content(r["sequence"]) for r in rows if r["label"] == label]) for label in "01"}
    # three quarters of the genome have 20% GC
    assert gc["1"] == pytest.approx(0.6, abs=0.02)
    assert gc["0"] == pytest.approx(gc["1"], abs=0.02)
    assert report.gc_difference < 0.02


def test_shuffled_and_adversarial(genome: dict[str, str], tmp_path: Path) -> None:
    build_sets(_request(tmp_path, negatives="shuffled"), tmp_path / "s", "")
    for rows in _rows(tmp_path / "s").values():
        by_name = {row["name"]: row["sequence"] for row in rows}
        negatives = [row for row in rows if row["label"] == "0"]
        assert negatives
        for row in negatives:
            positive = by_name[row["name"].removesuffix(" shuffled")]
            assert Counter(pairwise(positive)) == Counter(pairwise(row["sequence"]))
            assert positive != row["sequence"]
    report = build_sets(_request(tmp_path, negatives="adversarial"), tmp_path / "a", "")
    assert report.without_negative == 0
    for split, rows in _rows(tmp_path / "a").items():
        # right beside a positive of the same split
        ends = {(contig, int(name.removeprefix(contig))) for row in rows if row["label"] == "1"
                for contig in genome if (name := row["name"]).startswith(contig)}  # fmt: skip
        for row in rows:
            if row["label"] == "0":
                contig, _, place = row["name"].removesuffix("(-)").partition(":")
                start = int(place.split("-")[0])
                assert (contig, start - 60) in ends or (contig, start + 60) in ends, split


def test_the_same_seed_gives_the_same_set(genome: dict[str, str], tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_sets(_request(tmp_path, seed=seed), tmp_path / name, "x")
    texts = {name: [(tmp_path / name / file).read_text() for file in ("train.csv", "test.csv", "meta.json")]
             for name in "abc"}  # fmt: skip
    assert texts["a"] == texts["b"]
    assert texts["a"][0] != texts["c"][0]


def test_sequences_without_places_keep_off_themselves(genome: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "p.fa"
    path.write_text("".join(f">p{i}\n{genome['one'][i * 70 : i * 70 + 40]}\n" for i in range(100)))
    build_sets(BuildRequest(path, tmp_path / "genome.fa"), tmp_path / "out", "")
    rows = [row for of in _rows(tmp_path / "out").values() for row in of]
    assert len(rows) == 200
    assert len({on_either_strand(row["sequence"]) for row in rows}) == 200


def test_whole_or_not_at_all(genome: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="there: is there already"):
        build_sets(_request(tmp_path), tmp_path / "there", "")
    (tmp_path / "file").write_text("")
    with pytest.raises(LexomeError, match="cannot be written"):
        build_sets(_request(tmp_path), tmp_path / "file/out", "")

    def fails(*_: object) -> None:
        raise LexomeError("disk full")

    monkeypatch.setattr("lexome.tasks.language.gue_build.write_json", fails)
    with pytest.raises(LexomeError, match="disk full"):
        build_sets(_request(tmp_path), tmp_path / "out", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "genome.fa", "positives.bed", "there"]


def test_places_and_contigs_that_are_not_there(genome: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--test: .*genome.fa has no sequence 'four'"):
        build_sets(_request(tmp_path, validation=("two",), test=("four",)), tmp_path / "out", "")
    (tmp_path / "positives.bed").write_text("")
    with pytest.raises(BadInputError, match="no positive is left for train"):
        build_sets(_request(tmp_path), tmp_path / "out", "")
    bases = "".join(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")
    (tmp_path / "genome.fa").write_text(f">one\n{bases}\n")
    (tmp_path / "positives.bed").write_text("".join(f"one\t{i}\t{i + 40}\n" for i in (0, 50, 100, 150)))
    with pytest.raises(BadInputError, match="no negative was found for a positive of train"):
        build_sets(_request(tmp_path), tmp_path / "out", "")
    assert not (tmp_path / "out").exists()


def _coding_starts(gff: Path) -> list[str]:
    """BED lines of the first base of every coding sequence."""
    parts: dict[str, list[tuple[str, int, int, str]]] = {}
    with gzip.open(gff, "rt") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 9 and fields[2] == "CDS":
                parent = next(f for f in fields[8].split(";") if f.startswith("Parent="))
                parts.setdefault(parent, []).append((fields[0], int(fields[3]), int(fields[4]), fields[6]))
    made = []
    for parent, of in parts.items():
        contig, strand = of[0][0], of[0][3]
        at = min(p[1] for p in of) - 1 if strand == "+" else max(p[2] for p in of) - 1
        made.append(f"{contig}\t{at}\t{at + 1}\t{parent}\t0\t{strand}\n")
    return made


def test_starts_of_coding_in_a_real_genome(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/dna/genomes"
    bed = tmp_path / "starts.bed"
    bed.write_text("".join(_coding_starts(folder / "at1pct.gff3.gz")))
    request = BuildRequest(bed, folder / "at1pct.fa.gz", length_bp=201, validation=("Chr2",), test=("Chr4",))
    report = build_sets(request, tmp_path / "out", "")
    assert report.counts["test"][0] == report.counts["test"][1] > 40
    assert report.counts["train"][0] > 250
    assert report.without_negative == 0
    assert report.gc_difference < 0.02
    rows = [row for of in _rows(tmp_path / "out").values() for row in of]
    # the strand and the place are right: there is a start codon in the middle
    codons = Counter((row["label"], row["sequence"][100:103] == "ATG") for row in rows)
    assert codons["1", True] > 0.97 * (codons["1", True] + codons["1", False])
    assert codons["0", True] < 0.1 * codons["0", False]
    assert report.checks[1:] == [
        f"0 of {sum(report.counts[a])} {a} sequences are in {b} too"
        for a, b in (("dev", "train"), ("test", "train"), ("test", "dev"))
    ]
