"""Where reads lie: tables, everything that can be wrong with them, and calls that are mapped."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError
from lexome.tasks.basecall.places import Place, read_places

HEADER = "read_id\tcontig\tr_st\tr_en\tstrand"


@pytest.fixture
def reference() -> dict[str, str]:
    rng = np.random.default_rng(0)
    return {name: "".join(rng.choice(list("ACGT"), 5000)) for name in ("c1", "c2")}


def table(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "places.tsv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table(tmp_path: Path, reference) -> None:
    path = table(tmp_path, "a\tc1\t0\t5000\t+", "b\tc2\t10\t20\t-")
    assert read_places(path, reference) == {
        "a": Place("c1", 0, 5000, False),
        "b": Place("c2", 10, 20, True),
    }


def test_the_order_of_columns_and_further_ones_do_not_matter(tmp_path: Path, reference) -> None:
    path = table(tmp_path, "-\t0.9\tc1\t7\tx\t9", header="strand\tidentity\tcontig\tr_st\tread_id\tr_en")
    assert read_places(path, reference) == {"x": Place("c1", 7, 9, True)}
    path.write_text(path.read_text().replace("\n", "\r\n"), newline="")
    assert read_places(path, reference) == {"x": Place("c1", 7, 9, True)}


def test_a_table_without_rows_has_no_places(tmp_path: Path, reference) -> None:
    assert read_places(table(tmp_path), reference) == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tc3\t0\t10\t+", "line 3: contig c3 is not in the reference"),
        ("a\tc1\t10\t10\t+", "line 3: 10 to 10 is not within contig c1 of 5000 bases"),
        ("a\tc1\t20\t10\t+", "line 3"),
        ("a\tc1\t-1\t10\t+", "line 3: -1 to 10"),
        ("a\tc1\t0\t5001\t+", "line 3: 0 to 5001"),
        ("a\tc1\tten\t20\t+", "line 3: .*ten"),
        ("a\tc1\t1.5\t20\t+", "line 3"),
        ("a\tc1\t0\t10\t", "line 3: strand"),
        ("a\tc1\t0\t10\t+-", "line 3: strand"),
        ("a\tc1\t0\t10\tforward", "line 3: strand"),
        ("a\tc1\t0", "line 3"),
        ("a\tc1\t\t10\t+", "line 3"),
        ("first\tc1\t0\t10\t+", "line 3: read first is there already"),
    ],
)
def test_rows_that_make_no_sense_are_refused(tmp_path: Path, reference, row: str, message: str) -> None:
    path = table(tmp_path, "first\tc1\t0\t100\t+", row)
    with pytest.raises(BadInputError, match=message) as caught:
        read_places(path, reference)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("column", HEADER.split("\t"))
def test_a_missing_column_is_named(tmp_path: Path, reference, column: str) -> None:
    path = table(tmp_path, header=HEADER.replace(column, "other"))
    with pytest.raises(BadInputError, match=f"column {column} is missing; needed: read_id, contig"):
        read_places(path, reference)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00\x01", b"read_id\x00contig"])
def test_what_is_no_table_is_refused(tmp_path: Path, reference, content: bytes | None) -> None:
    path = tmp_path / "x.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"x\.tsv"):
        read_places(path, reference)


def test_calls_are_mapped_to_the_contig_that_they_fit_best(tmp_path: Path, reference) -> None:
    rng = np.random.default_rng(1)
    # copies with differences, one before and one behind the right contig
    copy = np.array(list(reference["c1"]))
    copy[::12] = rng.choice(list("ACGT"), len(copy[::12]))
    reference = {"copy1": "".join(copy), **reference, "copy2": "".join(copy)}

    def with_errors(sequence: str) -> str:
        bases = np.array(list(sequence))
        wrong = rng.random(len(bases)) < 0.08
        bases[wrong] = rng.choice(list("ACGT"), wrong.sum())
        return "".join(bases[rng.random(len(bases)) > 0.03])

    calls = {
        "forward": with_errors(reference["c1"][500:2500]),
        "reverse": with_errors(reverse_complement(reference["c2"][3000:4500])),
        "nowhere": "".join(rng.choice(list("ACGT"), 1500)),
    }
    path = tmp_path / "calls.fasta"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in calls.items()))
    places = read_places(path, reference)
    assert set(places) == {"forward", "reverse"}
    for name, expected in (
        ("forward", Place("c1", 500, 2500, False)),
        ("reverse", Place("c2", 3000, 4500, True)),
    ):
        assert (places[name].contig, places[name].is_reverse) == (expected.contig, expected.is_reverse)
        assert abs(places[name].start_bp - expected.start_bp) < 30
        assert abs(places[name].end_bp - expected.end_bp) < 30


def test_the_published_places(shared: Path) -> None:
    reference = {"Lambda_NEB": "A" * 48502}
    places = read_places(shared / "data" / "nanopore" / "lambda_nanodj" / "alignments.tsv", reference)
    assert len(places) == 1546
    assert places["debd2f56-3e6d-4d96-b5ee-4353665ea852"] == Place("Lambda_NEB", 32426, 33226, False)
