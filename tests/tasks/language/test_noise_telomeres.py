"""Motifs of telomeres: from the tables that are around, each once, repeated as a telomere is."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError
from lexome.tasks.language.noise_telomeres import one_of_its_turns, read_motifs, repeats, shortest_period


def test_turns_and_strands_are_one() -> None:
    turns = {"TTAGGG"[i:] + "TTAGGG"[:i] for i in range(6)}
    turns |= {reverse_complement(turn) for turn in turns}
    assert {one_of_its_turns(turn) for turn in turns} == {"AACCCT"}
    assert one_of_its_turns("TTTAGGG") != "AACCCT"
    assert [shortest_period(text) for text in ("TTAGGG", "TTAGGGTTAGGG", "AAAA", "ACACA")] == [
        "TTAGGG", "TTAGGG", "A", "ACACA"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b'"name";"sequence"\n"a, b";"TTAGGG"\n"b";"CCCTAA"\n"\xfd";"TTTAGGG"\n'
        b'"c";""\n"d";"TT"\n"e";"TTNGGG"\n',
        b"species,telo_seq_1\na,TTAGGG\nb,ccctaa\nc,TTTAGGG\nd,\ne,TT\nf,TTNGGG\n",
        gzip.compress(b"species\tmotif\na\tTTAGGGTTAGGG\nb\tCCCTAA\nc\tTTTAGGG\nd\t\ne\tTT\nf\tTTNGGG\n"),
        b">a\nTTAGGG\n>b\nCCCTAA\n>c\nTTT\nAGGG\n>d\n>e\nTT\n>f\nTTNGGG\n",
    ],
)
def test_tables(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "motifs"
    path.write_bytes(data)
    found = read_motifs([path])
    assert found.motifs == ("AAACCCT", "AACCCT")
    assert (found.rows, found.left_out) == (6, 3)


def test_repeats() -> None:
    rng = np.random.default_rng(0)
    drawn = {repeats("TTAGGG", 100, rng) for _ in range(300)}
    assert {len(one) for one in drawn} == {100}
    assert {one_of_its_turns(one[:6]) for one in drawn} == {"AACCCT"}
    assert len(drawn) == 12  # six places on two strands
    assert all(one[:-6] == one[6:] for one in drawn)


def test_what_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "motifs.csv"
    with pytest.raises(BadInputError, match="no such file"):
        read_motifs([path])
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInputError, match="a table with a column sequence, telo_seq_1, motif"):
        read_motifs([path])
    path.write_text("sequence\nTT\n")
    with pytest.raises(BadInputError, match="no motif"):
        read_motifs([path])
    path.write_bytes(gzip.compress(b"sequence\nTTAGGG\n")[:-9])
    with pytest.raises(BadInputError, match="cut off"):
        read_motifs([path])
    monkeypatch.setattr("lexome.tasks.language.noise_telomeres._MOST_BYTES", 3)
    path.write_text("sequence\nTTAGGG\n")
    with pytest.raises(BadInputError, match="more than 3 bytes"):
        read_motifs([path])


def test_real_tables(shared: Path) -> None:
    folder = shared / "data/dna/telomere"
    found = read_motifs([*folder.rglob("telo_seqs.tsv.gz"), *folder.rglob("telomere_sequences*.csv.gz")])
    assert {"AACCCT", "AAACCCT", "AACCT"} <= {*found.motifs}
    assert found.rows > 1000
