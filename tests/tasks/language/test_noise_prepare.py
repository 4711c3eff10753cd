"""Windows with errors: where they are from, that no split shares a base, that labels are true."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.labelled import read_labelled
from lexome.tasks.language.noise import NoiseRates
from lexome.tasks.language.noise_prepare import prepare_noise
from lexome.tasks.language.noise_request import NoiseReport, NoiseRequest
from lexome.tasks.language.region_split import RegionConfig
from lexome.tasks.language.sequences import read_rows

COLUMNS = ["sequence", "label", "name", "category", "species"]
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture
def genomes(tmp_path: Path) -> dict[str, Path]:
    made = {}
    for seed, name in enumerate(("x", "y", "z")):
        made[name] = tmp_path / f"{name}.fa"
        text = random_genome(30_000, seed)
        made[name].write_text(f">c1\n{text[:20_000]}\n>c2\n{text[20_000:]}\n")
    return made


def _request(genomes: dict[str, Path], **options: Any) -> NoiseRequest:
    regions = RegionConfig(1000, test_species=("z",) if "z" in genomes else ())
    return NoiseRequest(genomes, length_bp=100, **{"regions": regions, **options})


def _made(request: NoiseRequest, output: Path) -> tuple[NoiseReport, Rows]:
    report = prepare_noise(request, output, "the command")
    rows = {
        path.stem: [dict(zip(COLUMNS, row, strict=True)) for _, row in read_rows(path, COLUMNS)]
        for path in sorted(output.glob("*.csv"))
    }
    return report, rows


def _place(row: dict[str, str]) -> tuple[str, int, int]:
    species, contig, span = row["name"].split(":")
    start, end = span.split("-")
    return f"{species}:{contig}", int(start), int(end)


def test_what_is_written(genomes: dict[str, Path], tmp_path: Path) -> None:
    report, rows = _made(_request(genomes), tmp_path / "out")
    assert list(rows) == ["dev", "test", "test_species", "train"]
    everything = [row for of_split in rows.values() for row in of_split]
    assert {len(row["sequence"]) for row in everything} == {100}  # length tells nothing
    assert len({row["name"] for row in everything}) == len(everything)
    for split, of_split in rows.items():
        labels = Counter((row["species"], row["label"]) for row in of_split)
        for species in {row["species"] for row in of_split}:
            assert 0 <= labels[species, "clean"] - labels[species, "noisy"] <= 1
        assert {row["species"] for row in of_split} == ({"z"} if split == "test_species" else {"x", "y"})
        told = Counter(row["label"] for row in of_split)
        assert report.counts[split] == {"genomic": dict(told)}
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["command"] == "the command"
    assert meta["counts"] == report.counts
    assert meta["genomes"]["x"] == "x.fa"
    assert read_labelled(tmp_path / "out/train.csv").target.names == ("clean", "noisy")


def test_no_base_is_in_two_windows(genomes: dict[str, Path], tmp_path: Path) -> None:
    _, rows = _made(_request(genomes), tmp_path / "out")
    covered: Counter[tuple[str, int]] = Counter()
    for row in (row for of_split in rows.values() for row in of_split):
        contig, start, end = _place(row)
        covered.update((contig, at) for at in range(start, end))
    assert set(covered.values()) == {1}


def test_copies_overlap_in_training_only(genomes: dict[str, Path], tmp_path: Path) -> None:
    _, once = _made(_request(genomes), tmp_path / "once")
    _, thrice = _made(_request(genomes, copies=3), tmp_path / "thrice")
    assert 2.5 * len(once["train"]) < len(thrice["train"]) <= 3 * len(once["train"])
    held = {
        (contig, at)
        for split in ("dev", "test", "test_species")
        for contig, start, end in map(_place, thrice[split])
        for at in range(start, end)
    }
    assert not any(
        (contig, at) in held
        for contig, start, end in map(_place, thrice["train"])
        for at in range(start, end)
    )
    assert {row["name"] for row in once["test"]} == {row["name"] for row in thrice["test"]}


def test_clean_windows_are_the_genome_and_noisy_ones_are_not(
    genomes: dict[str, Path], tmp_path: Path
) -> None:
    report, rows = _made(_request(genomes), tmp_path / "out")
    texts = {}
    for name, path in genomes.items():
        lines = path.read_text().splitlines()
        texts |= {f"{name}:c1": lines[1], f"{name}:c2": lines[3]}
    for row in (row for of_split in rows.values() for row in of_split):
        contig, start, _ = _place(row)
        is_same = row["sequence"] == texts[contig][start : start + 100]
        assert is_same or row["label"] == "noisy"
        assert not is_same or row["label"] == "clean"
    for kind in ("insertions", "deletions", "mismatches"):
        assert report.errors[kind] == pytest.approx(0.02 * report.errors["bases"], rel=0.25)


def test_the_seed(genomes: dict[str, Path], tmp_path: Path) -> None:
    made = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare_noise(_request(genomes, seed=seed), tmp_path / name, "")
        made[name] = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    assert made["a"] == made["b"]
    assert made["a"]["train.csv"] != made["c"]["train.csv"]


def test_fewer_windows(genomes: dict[str, Path], tmp_path: Path) -> None:
    _, rows = _made(_request(genomes, most_training=30, most_tested=8), tmp_path / "out")
    assert {split: len(of_split) for split, of_split in rows.items()} == {
        "train": 30, "dev": 8, "test": 8, "test_species": 8
    }  # fmt: skip


def test_telomeres_have_motifs_of_their_own(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    motifs = [f"TT{'A' * i}GG{'G' * j}" for i in range(1, 6) for j in range(4)]
    table.write_text("sequence\n" + "\n".join([*motifs, "??"]) + "\n")
    report, rows = _made(NoiseRequest({}, (table,), 200, telomere_windows=200), tmp_path / "out")
    own = [{row["name"].split(":")[1] for row in of_split} for of_split in rows.values()]
    assert [len(one) for one in own] == [2, 2, 16]
    assert len(set.union(*own)) == 20
    assert report.motif_rows_left_out == 1
    assert {row["category"] for of_split in rows.values() for row in of_split} == {"telomeric"}
    assert sum(map(len, rows.values())) == 200
    assert not (tmp_path / "out/train_regions.fa").exists()


def test_the_clean_genome_is_the_training_blocks(genomes: dict[str, Path], tmp_path: Path) -> None:
    _, rows = _made(_request(genomes), tmp_path / "out")
    lines = (tmp_path / "out/train_regions.fa").read_text().splitlines()
    blocks = {_place({"name": line[1:]}) for line in lines[::2]}
    for row in rows["train"]:
        contig, start, end = _place(row)
        assert any(name == contig and low <= start and end <= high for name, low, high in blocks)
    assert sum(map(len, lines[1::2])) == sum(end - start for _, start, end in blocks)


def test_letters_that_are_no_bases(tmp_path: Path) -> None:
    text = list(random_genome(30_000, 0))
    text[::400] = "N" * len(text[::400])  # kept
    text[10_000:11_000] = "N" * 1000
    text[15_000] = "X"
    path = tmp_path / "g.fa"
    path.write_text(">c\n" + "".join(text) + "\n")
    report, rows = _made(_request({"g": path}), tmp_path / "out")
    assert report.letters.ambiguous > 0
    assert report.letters.too_ambiguous >= 6
    assert report.letters.no_code == 1
    assert any("N" in row["sequence"] for row in rows["train"])
    assert not any("X" in row["sequence"] for of_split in rows.values() for row in of_split)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rates": NoiseRates(0, 0, 0)}, "without any errors"),
        ({"length_bp": 2000}, "windows need 8 to 1000 bases"),
        ({"length_bp": 990}, "blocks must be longer"),
        ({"regions": RegionConfig(1000, test_species=("w",))}, "no such genome"),
        ({"regions": RegionConfig(1000, test_contigs=("c9",))}, "no genome has a contig 'c9'"),
    ],
)
def test_requests_without_sense(
    genomes: dict[str, Path], tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    base: dict[str, Any] = {"length_bp": 100, "regions": RegionConfig(1000)}
    with pytest.raises(UsageError, match=told):
        prepare_noise(NoiseRequest({"x": genomes["x"]}, **(base | options)), tmp_path / "out", "")
    assert not list(tmp_path.glob("out*"))


def test_too_little(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give --genome or --telomeres"):
        prepare_noise(NoiseRequest({}), tmp_path / "out", "")
    path = tmp_path / "g.fa"
    path.write_text(">c\n" + "N" * 20_000 + "\n")
    with pytest.raises(BadInputError, match="no windows of both kinds for train"):
        prepare_noise(_request({"g": path}), tmp_path / "out", "")
    table = tmp_path / "t.csv"
    table.write_text("sequence\nTTAGGG\nTTTAGGG\n")
    with pytest.raises(BadInputError, match="2 different motifs"):
        prepare_noise(NoiseRequest({}, (table,)), tmp_path / "out", "")
    assert not list(tmp_path.glob("out*"))
