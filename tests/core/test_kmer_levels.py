"""Reading k-mer level tables: values, order, what is refused; the published table beside the project."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.core.kmer_levels import MAX_K, read_kmer_levels


def write(path: Path, header: list[str], rows: list[list[str]], end: str = "\n") -> Path:
    path.write_text(end.join("\t".join(row) for row in [header, *rows]) + end, encoding="utf-8", newline="")
    return path


def rows_of(k: int) -> list[list[str]]:
    """K-mers in alphabetical order, levels 0, 1, 2..., deviations half of that."""
    return [
        ["".join(kmer), f"{i}.0", f"{i / 2}"] for i, kmer in enumerate(itertools.product("ACGT", repeat=k))
    ]


COLUMNS = ["kmer", "level_mean", "level_stdv"]


@pytest.mark.parametrize(("k", "centre"), [(1, 0), (2, 1), (3, 1), (5, 2), (6, 2)])
def test_a_table_in_any_order_is_indexed_by_kmer(tmp_path: Path, k: int, centre: int) -> None:
    rows = rows_of(k)
    np.random.default_rng(k).shuffle(rows)
    levels = read_kmer_levels(write(tmp_path / "levels.tsv", COLUMNS, rows))
    assert (levels.name, levels.k, levels.centre) == ("levels", k, centre)
    np.testing.assert_array_equal(levels.mean_pa, np.arange(4**k, dtype=np.float32))
    np.testing.assert_array_equal(levels.sd_pa, np.arange(4**k, dtype=np.float32) / 2)


def test_comments_other_columns_case_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    rows = [["x", mean, kmer.lower(), sd] for kmer, mean, sd in rows_of(2)]
    path = write(tmp_path / "t.tsv", ["other", "level_mean", "kmer", "level_stdv"], rows, end="\r\n")
    path.write_text("# about\r\n\r\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_kmer_levels(path, centre=1).mean_pa.tolist() == list(range(16))


def test_without_deviations_they_are_one(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", COLUMNS[:2], [row[:2] for row in rows_of(1)])
    assert read_kmer_levels(path).sd_pa.tolist() == [1, 1, 1, 1]


def replaced(row: int, column: int, text: str) -> list[list[str]]:
    rows = rows_of(1)
    rows[row][column] = text
    return rows


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (["kmer", "mean"], rows_of(1), "needs the columns"),
        (["kmer", "level_mean"], [], "found 0 rows"),
        (COLUMNS, rows_of(1)[:3], "found 3 rows, k=1"),
        (COLUMNS, replaced(2, 0, "A"), "no level"),
        (COLUMNS, replaced(2, 0, "N"), "row 4: bad k-mer 'N'"),
        (COLUMNS, replaced(2, 0, "GG"), "row 4: bad k-mer 'GG'"),
        (COLUMNS, replaced(2, 1, "high"), "row 4"),
        (COLUMNS, replaced(2, 1, "nan"), "no level or one that is no number"),
        (COLUMNS, replaced(2, 2, "inf"), "no level or one that is no number"),
        (COLUMNS, [*rows_of(1)[:3], ["T"]], "row 5"),
        (["level_mean", "kmer"], [["1.0"]] * 4, "expected all 4\\^k k-mers"),
        (COLUMNS, [["A" * (MAX_K + 1), "1", "1"]], f"k from 1 to {MAX_K}"),
    ],
)
def test_wrong_tables_are_refused(
    tmp_path: Path, header: list[str], rows: list[list[str]], message: str
) -> None:
    path = write(tmp_path / "t.tsv", header, rows)
    with pytest.raises(BadInputError, match=message) as caught:
        read_kmer_levels(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_no_file_an_empty_one_and_bytes_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "t.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match="k-mer table"):
        read_kmer_levels(path)


def test_the_published_table(shared: Path) -> None:
    path = shared / "data/nanopore/kmer_tables/ont_legacy_r9.4_180mv_450bps_6mer_template_median68pA.model"
    levels = read_kmer_levels(path)
    with path.open(newline="") as file:
        rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: row["kmer"])
    expected = np.array([[float(row["level_mean"]), float(row["level_stdv"])] for row in rows], np.float32)
    assert (levels.k, levels.centre, len(rows)) == (6, 2, 4096)
    np.testing.assert_array_equal(np.stack([levels.mean_pa, levels.sd_pa], 1), expected)
