"""Genomes into stores of tokens: what is in a row, which split, what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_json import read_tokenizer_text
from lexome.io.token_store import TokenStore, read_token_store
from lexome.simulate.genome import random_genome
from lexome.tasks.language.corpus import BLOCK_BP, CorpusRequest, prepare_tokens

GENOME = random_genome(35_000, 3)


def fasta(path: Path, **sequences: str) -> Path:
    path.write_text("".join(f">{name} words\n{sequence}\n" for name, sequence in sequences.items()))
    return path


def texts(store: TokenStore, split: str, category: int | None = None) -> list[str]:
    tokenizer = read_tokenizer_text(store.meta["tokenizer_json"], "test")
    rows = [row for row in store.rows(split) if category in (None, row[2])]
    return [tokenizer.decode(store.ids(shard, row)) for shard, row, _ in rows]


def test_rows_cover_both_strands_of_every_block(tmp_path: Path) -> None:
    source = fasta(tmp_path / "g.fa", chr1=GENOME[:20_000].lower() + "NNNR" + GENOME[20_000:])
    tokenizer = load_tokenizer("nucleotide", uppercase=True)
    request = CorpusRequest([("a", source)], tokenizer, 502, validation_share=0.3, seed=1)
    report = prepare_tokens(request, tmp_path / "s")
    assert report.bases == {"a": 35_000}
    assert report.left_out_bases == 4
    store = read_token_store(tmp_path / "s")
    both = {split: "".join(texts(store, split)) for split in ("training", "validation")}
    assert sum(map(len, both.values())) == 2 * (35_000 - 4)  # four bases of the last block are no row
    # a block is in one split, on both strands: no piece of the one is in the other
    for text in texts(store, "validation"):
        assert text not in both["training"]
        assert reverse_complement(text) not in both["training"]
    first = store.ids(0, 0)
    assert (first[0], first[-1], len(first)) == (1, 2, 502)


def test_categories_and_named_validation(tmp_path: Path) -> None:
    sources = [
        ("plants", fasta(tmp_path / "p.fa", p1=GENOME[:15_000], p2=GENOME[15_000:20_000])),
        ("animals", fasta(tmp_path / "a.fa", a1=GENOME[20_000:])),
    ]
    request = CorpusRequest(
        sources, load_tokenizer("6mer-overlapping"), 128, frozenset({"p2"}), 0.0, both_strands=False
    )
    prepare_tokens(request, tmp_path / "s")
    store = read_token_store(tmp_path / "s")
    assert store.categories == ("plants", "animals")
    assert "".join(texts(store, "validation"))[:100] == GENOME[15_000:15_100]
    assert texts(store, "training", 1)[0] == GENOME[20_000 : 20_000 + 126 + 5]


def test_short_sequences_are_rows_and_very_short_ones_are_not(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sequence,label\n" + "\n".join(["ACGTACGTAC,0", "ACG,1", "TTTTTTTTTT,0"] * 20))
    request = CorpusRequest(
        [("t", table)], load_tokenizer("nucleotide"), 64, both_strands=False, validation_share=0.2
    )
    report = prepare_tokens(request, tmp_path / "s")
    assert report.rows == {"t": 40}
    assert set(texts(read_token_store(tmp_path / "s"), "training")) == {"ACGTACGTAC", "TTTTTTTTTT"}


def test_refusals_leave_nothing(tmp_path: Path) -> None:
    source = fasta(tmp_path / "g.fa", chr1=GENOME[: 2 * BLOCK_BP])
    tokenizer = load_tokenizer("nucleotide")
    unmasked = replace(tokenizer, special={n: i for n, i in tokenizer.special.items() if n != "[MASK]"})
    wrong = [
        (
            CorpusRequest([("a", source)], tokenizer, validation=frozenset({"chr2"})),
            "no sequence is called chr2",
        ),
        (CorpusRequest([("a", source)], tokenizer, validation=frozenset({"chr1"})), "no row is left"),
        (CorpusRequest([("a", source)], tokenizer, row_tokens=4), "rows of 4 tokens"),
        (CorpusRequest([("a", source)], unmasked), "no token for: mask"),
        (CorpusRequest([("a", source)], tokenizer, samples=2), "variants go with a number of individuals"),
        (CorpusRequest([("a", source)], tokenizer, variants=[("a", source)]), "variants go with a number"),
        (
            CorpusRequest([("a", source)], tokenizer, variants=[("b", source)], samples=1),
            "no sequences of a category 'b'",
        ),
    ]
    for request, message in wrong:
        with pytest.raises(UsageError, match=message):
            prepare_tokens(request, tmp_path / "s")
        assert not (tmp_path / "s").exists()
        assert not (tmp_path / "s.partial").exists()
