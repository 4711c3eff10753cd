"""Fragments have the class of most of their bases, one length, and lie in one split each."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.annotate_prepare import AnnotateReport, AnnotateRequest, prepare_annotation
from lexome.tasks.language.region_split import RegionConfig
from lexome.tasks.language.sequences import read_rows

COLUMNS = ["sequence", "label", "answer", "name", "species"]
Files = tuple[dict[str, Path], dict[str, Path]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Of every thousand bases 300 are coding, 100 are a pseudogene, 60 are of an unknown type."""
    genomes, features = {}, {}
    for seed, name in enumerate(("x", "y")):
        genomes[name], features[name] = tmp_path / f"{name}.fa", tmp_path / f"{name}.gff3"
        genomes[name].write_text(f">c\n{random_genome(40_000, seed)}\n")
        lines = []
        for start in range(0, 40_000, 1000):
            for kind, first, last in (("CDS", 1, 300), ("pseudogene", 401, 500), ("strange", 701, 760)):
                lines.append(f"c\ts\t{kind}\t{start + first}\t{start + last}\t.\t+\t.\tName={kind}{start}\n")
        features[name].write_text("".join(lines))
    return genomes, features


def _made(
    files: Files, output: Path, *names: str, **options: Any
) -> tuple[AnnotateReport, dict[str, list[dict[str, str]]]]:
    base: dict[str, Any] = {"length_bp": 50, "regions": RegionConfig(1000), "least": 10}
    genomes, features = ({name: one[name] for name in names or ("x",)} for one in files)
    report = prepare_annotation(
        AnnotateRequest(genomes, features, **{**base, **options}), output, "the command"
    )
    rows = {
        path.stem: [dict(zip(COLUMNS, row, strict=True)) for _, row in read_rows(path, COLUMNS)]
        for path in sorted(output.glob("*.csv"))
    }
    return report, rows


def test_what_is_written(files: Files, tmp_path: Path) -> None:
    report, rows = _made(files, tmp_path / "out")
    assert list(rows) == ["dev", "test", "train"]
    everything = [row for of_split in rows.values() for row in of_split]
    text = files[0]["x"].read_text().splitlines()[1]
    for row in everything:
        start, end = map(int, row["name"].split(":")[-1].split("-"))
        assert row["sequence"] == text[start:end]
        within = start % 1000
        label = (
            "coding_sequence" if within < 300 else "pseudogene" if 400 <= within < 500
            else "other" if within == 700 else "intergenic"
        )  # fmt: skip
        assert row["label"] == label
        assert row["answer"].split("|")[0] == label
        if label == "coding_sequence":
            assert row["answer"] == f"coding_sequence|CDS{start - within}|"
    assert len(everything) == 800
    for split, of_split in rows.items():
        assert report.counts[split] == Counter(row["label"] for row in of_split)
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["rare"] == "leave-out"  # the request, not what came of it
    assert (meta["command"], meta["annotations"]["x"]["unknown_types"]) == ("the command", {"strange": 40})
    assert any("unknown types of features: strange (40)" in line for line in report.lines())


def test_cover(files: Files, tmp_path: Path) -> None:
    # fragments of 80 bases: 700 to 760 are of an unknown type, one fragment of every thousand bases has 20
    # of them
    report, rows = _made(files, tmp_path / "out", length_bp=80, cover=1.0)
    labels = Counter(row["label"] for of_split in rows.values() for row in of_split)
    # of the 12 fragments of a thousand bases: 0, 80, 160 lie in the CDS, 400 in the pseudogene, 640 to 720
    # and 720 to 800 share the unknown one, 240 and 480 are mixed
    assert labels == {"coding_sequence": 120, "pseudogene": 40, "intergenic": 160}
    assert report.mixed == 160


def test_unknown_types_can_be_left_out(files: Files, tmp_path: Path) -> None:
    report, rows = _made(files, tmp_path / "out", unknown="leave-out")
    assert "other" not in {row["label"] for of_split in rows.values() for row in of_split}
    assert report.of_unknown == 40


def test_rare_classes(files: Files, tmp_path: Path) -> None:
    report, rows = _made(files, tmp_path / "out", least=60)
    assert report.too_rare == {"other": 40}
    assert {row["label"] for row in rows["train"]} == {"coding_sequence", "intergenic", "pseudogene"}
    _, rows = _made(files, tmp_path / "more", least=70, rare="other")
    assert Counter(row["label"] for row in rows["train"])["other"] > 80  # pseudogenes, too
    assert all(
        row["answer"].startswith(("pseudogene|", "other|")) for row in rows["test"] if row["label"] == "other"
    )


def test_classes_can_be_evened(files: Files, tmp_path: Path) -> None:
    report, rows = _made(files, tmp_path / "out", most=50)
    whole, all_rows = _made(files, tmp_path / "all")
    assert max(report.counts["train"].values()) == 50
    assert report.not_drawn == len(all_rows["train"]) - len(rows["train"])
    assert report.counts["test"] == whole.counts["test"]


def test_another_species(files: Files, tmp_path: Path) -> None:
    _, rows = _made(files, tmp_path / "out", "x", "y", regions=RegionConfig(1000, test_species=("y",)))
    assert {split: {row["species"] for row in of_split} for split, of_split in rows.items()} == {
        "dev": {"x"}, "test": {"x"}, "test_species": {"y"}, "train": {"x"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cover": 0.05}, "cover must lie between"),
        ({"length_bp": 5000}, "those of a block"),
        ({"regions": RegionConfig(1000, test_contigs=("q",))}, "no genome has a contig 'q'"),
    ],
)
def test_requests_without_sense(files: Files, tmp_path: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _made(files, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_too_little(files: Files, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no fragment for train"):
        _made(files, tmp_path / "out", least=5000)
    with pytest.raises(BadInputError, match="all training fragments are 'intergenic'"):
        _made(files, tmp_path / "out", least=250)
    with pytest.raises(UsageError, match="every genome needs its annotation"):
        prepare_annotation(AnnotateRequest(files[0], {}), tmp_path / "out", "")
    assert not list(tmp_path.glob("out*"))
