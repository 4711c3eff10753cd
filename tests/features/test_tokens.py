"""Opening and saving tokenizers: the published one, those built in, and whether the peer agrees."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Peer

from lexome.core.errors import LexomeError, UsageError
from lexome.features.tokens import BUILT_IN, bpe_tokenizer, load_tokenizer, save_tokenizer
from lexome.features.tokens_json_text import tokenizer_as_json
from lexome.features.tokens_kmer import Kmers
from lexome.features.tokens_tokenizer import Tokenizer

MERGES = np.array([[0, 0], [3, 2], [4, 1], [5, 5], [2, 6], [4, 4]], np.int32)  # AA TG AAC TGTG GAAC AAAA
TEXTS = st.text("ACGTNacgtn -\t\r\n\u00a0\u2028é[]*", max_size=60)


def peer_of(tokenizer: Tokenizer) -> Peer:
    return Peer.from_str(json.dumps(tokenizer_as_json(tokenizer)))


@cache
def opened(name: str) -> Tokenizer:
    return bpe_tokenizer(MERGES) if name == "bpe" else load_tokenizer(name)


@cache
def opened_by_peer(name: str) -> Peer:
    return peer_of(opened(name))


def agree(ours: Tokenizer, peer: Peer, text: str) -> None:
    encoded, theirs = ours.encode_with_offsets(text), peer.encode(text)
    assert encoded.ids.dtype == np.int32
    assert encoded.ids.tolist() == theirs.ids, text
    assert [tuple(place) for place in encoded.offsets.tolist()] == theirs.offsets, text


@pytest.fixture(scope="module")
def published(shared: Path) -> Path:
    return shared / "data" / "dna" / "tokenizer" / "dnabert2_tokenizer.json"


def test_the_published_tokenizer_gives_the_published_ids(published: Path) -> None:
    tokenizer = load_tokenizer(published)
    text = "ACGTAGCATCGGATCTATCTATCGACACTTGGTTATCGATCTACGAGCATCTCGTTAGC"
    expected = [1, 5, 194, 32, 757, 1239, 2092, 294, 24, 359, 88, 93, 32, 75, 77, 19, 2]
    assert tokenizer.encode(text).tolist() == expected
    assert tokenizer.encode(text, special=False).tolist() == expected[1:-1]
    assert tokenizer.decode(expected) == text
    assert (tokenizer.kind, tokenizer.vocab_size) == ("bpe", 4096)
    assert tokenizer.special_ids == {"cls": 1, "sep": 2, "pad": 3, "mask": 4, "unk": 0}
    assert tokenizer.special_names["mask"] == "[MASK]"
    assert tokenizer.encode("acgtn").tolist() == [1, 0, 0, 0, 0, 0, 2]  # lower case is unknown, as published
    assert load_tokenizer(published, uppercase=True).encode(text.lower()).tolist() == expected


def test_the_published_tokenizer_agrees_with_the_peer(published: Path) -> None:
    tokenizer, peer = load_tokenizer(published), Peer.from_file(str(published))
    rng = np.random.default_rng(3)
    texts = [
        "",
        "N",
        "A C\r\nG",
        "AC[MASK]GT",
        "[CLS]",
        "A\u00a0C\u2028G\x85T\x1cA",
        "a-C*é",
        "A" * 77,
        "ACAC" * 30,
    ]
    texts += ["".join(rng.choice(list("ACGT"), size)) for size in range(1, 400, 7)]
    texts += ["".join(rng.choice(list("ACGTNac "), size)) for size in range(1, 200, 7)]
    for text in texts:
        agree(tokenizer, peer, text)
    for ours, text in zip(tokenizer.encode_batch(texts), texts, strict=True):
        assert ours.tolist() == peer.encode(text).ids


@pytest.mark.slow
def test_a_whole_genome_agrees_with_the_peer(published: Path, shared: Path) -> None:
    import gzip

    file = shared / "data" / "dna" / "genomes" / "ecoli_k12_masked.fna.gz"
    genome = gzip.decompress(file.read_bytes()).decode().split("\n", 1)[1].replace("\n", "")
    tokenizer = load_tokenizer(published)
    ids = tokenizer.encode(genome)
    assert ids.tolist() == Peer.from_file(str(published)).encode(genome).ids
    assert tokenizer.decode(ids) == genome
    longest = tokenizer.with_order("longest")
    assert longest.decode(longest.encode(genome)) == genome


@given(TEXTS)
def test_bpe_agrees_with_the_peer_on_any_text(text: str) -> None:
    agree(opened("bpe"), opened_by_peer("bpe"), text)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if not name.endswith("-overlapping")])
@given(text=TEXTS)
def test_built_in_tokenizers_agree_with_the_peer(name: str, text: str) -> None:
    agree(opened(name), opened_by_peer(name), text)


@pytest.mark.parametrize("k", [3, 6])
@given(text=TEXTS)
def test_the_peer_takes_overlapping_kmers_as_words(k: int, text: str) -> None:
    tokenizer = opened(f"{k}mer-overlapping")
    assert isinstance(tokenizer.model, Kmers)
    text = text.replace("[", "N").replace("]", "N")
    theirs = opened_by_peer(f"{k}mer-overlapping").encode(tokenizer.model.spaced(text)).ids
    assert tokenizer.encode(text).tolist() == theirs


@pytest.mark.parametrize("name", [*BUILT_IN, "bpe"])
@given(text=st.text("ACGT", min_size=6, max_size=80))
def test_decoding_gives_back_every_base(name: str, text: str) -> None:
    tokenizer = opened(name)
    encoded = tokenizer.encode_with_offsets(text)
    assert tokenizer.decode(encoded.ids) == text
    body = encoded.offsets[len(tokenizer.prefix) : len(encoded.ids) - len(tokenizer.suffix)]
    assert body[0, 0] == 0
    assert body[-1, 1] == len(text)
    if name.endswith("-overlapping"):
        assert (np.diff(body[:, 0]) == 1).all()
    else:
        assert (body[1:, 0] == body[:-1, 1]).all()
    joined = text[:3] + "N" * (not name.endswith("-overlapping")) + text[3:]
    assert tokenizer.decode(tokenizer.encode(joined)) == joined


@pytest.mark.parametrize("name", [*BUILT_IN, "bpe"])
@given(texts=st.lists(TEXTS, max_size=6))
def test_a_batch_is_its_sequences(name: str, texts: list[str]) -> None:
    tokenizer = opened(name)
    for special in (True, False):
        batch = tokenizer.encode_batch(texts, special=special)
        assert [ids.tolist() for ids in batch] == [
            tokenizer.encode(t, special=special).tolist() for t in texts
        ]


@pytest.mark.parametrize("name", [*BUILT_IN, "bpe"])
def test_what_is_saved_is_opened_again(name: str, tmp_path: Path) -> None:
    tokenizer = bpe_tokenizer(MERGES) if name == "bpe" else load_tokenizer(name, uppercase=True)
    path = tmp_path / "tokenizer.json"
    save_tokenizer(tokenizer, path)
    again = load_tokenizer(tmp_path)
    assert (again.kind, again.tokens, again.special_ids) == (
        tokenizer.kind,
        tokenizer.tokens,
        tokenizer.special_ids,
    )
    text = "ACGTNNGTAAaacgtTGTGTGxA"
    assert again.encode(text).tolist() == tokenizer.encode(text).tolist()
    assert tokenizer_as_json(again) == tokenizer_as_json(tokenizer)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
    if not name.endswith("-overlapping"):
        agree(tokenizer, Peer.from_file(str(path)), text)


def test_the_published_file_survives_saving(published: Path, tmp_path: Path) -> None:
    save_tokenizer(load_tokenizer(published), tmp_path / "t.json")
    peer, again = Peer.from_file(str(published)), Peer.from_file(str(tmp_path / "t.json"))
    assert again.get_vocab() == peer.get_vocab()
    assert again.encode("ACGTTGNA", "TTG").ids == peer.encode("ACGTTGNA", "TTG").ids


def test_names_that_are_none() -> None:
    with pytest.raises(UsageError, match="did you mean 'nucleotide'"):
        load_tokenizer("nucleotides")
    with pytest.raises(UsageError, match="one way to encode only"):
        load_tokenizer("byte", order="longest")


def test_a_tokenizer_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LexomeError, match="cannot be written"):
        save_tokenizer(load_tokenizer("nucleotide"), tmp_path / "none" / "t.json")
