"""From genomes to a folder with a tokenizer."""

import gzip
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Peer

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.simulate.genome import random_genome
from lexome.tasks.language.tokenizer import TokenizerRequest, read_corpus, train_tokenizer, write_tokenizer


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    """Two contigs, soft-masked in part, with runs of N, lines with CRLF, gzipped."""
    one, two = random_genome(6000, 1), random_genome(250_000, 2)
    text = f">one\r\n{one[:3000]}\r\n{'N' * 100}{one[3000:].lower()}\r\n>two\r\n{two}\r\n"
    path = tmp_path / "g.fa.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_a_folder_that_both_sides_open(genome: Path, tmp_path: Path) -> None:
    request = TokenizerRequest([genome], 300, 500, 12)
    trained = train_tokenizer(request, read_corpus(request))
    write_tokenizer(tmp_path / "t", trained, request, "the command")
    tokenizer = load_tokenizer(tmp_path / "t")
    assert tokenizer.vocab_size == 300
    assert max(len(token) for token in tokenizer.tokens[5:]) <= 12
    text = "ACGTTGCANNacgta"
    assert (
        tokenizer.encode(text).tolist()
        == Peer.from_file(str(tmp_path / "t" / "tokenizer.json")).encode(text).ids
    )
    how = json.loads((tmp_path / "t" / "training.json").read_text())
    assert (how["bases"], how["command"], how["genomes"]) == (256_000, "the command", ["g.fa.gz"])
    assert len(how["merge_counts"]) == 300 - 9
    assert how["merge_counts"] == sorted(how["merge_counts"], reverse=True)
    assert trained.lines()[0].startswith("300 tokens from 256,000 bases in 512 lines, the last pair")


def test_lower_case_can_be_left_out(genome: Path) -> None:
    request = TokenizerRequest([genome], 20, uppercase=False)
    corpus = read_corpus(request)
    assert corpus.letters == 253_000
    tokenizer = train_tokenizer(request, corpus).tokenizer
    assert tokenizer.encode("ac", special=False).tolist() == [0, 0]


def test_part_of_the_bases(genome: Path) -> None:
    told: list[float] = []
    letters = [
        read_corpus(TokenizerRequest([genome], max_bases=120_000, seed=s), told.append).letters
        for s in range(9)
    ]
    assert max(letters) <= 120_000
    assert len(set(letters)) > 1
    assert told


def test_wrong_input(genome: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="9 tokens are needed"):
        TokenizerRequest([genome], 8).config()
    (tmp_path / "p.fa").write_text(">p\nMEEPQ\n")
    with pytest.raises(BadInputError, match="is no DNA"):
        read_corpus(TokenizerRequest([tmp_path / "p.fa"]))
    (tmp_path / "n.fa").write_text(">n\nNNNN\n")
    request = TokenizerRequest([tmp_path / "n.fa"])
    with pytest.raises(LexomeError, match="no base"):
        train_tokenizer(request, read_corpus(request))
    request = TokenizerRequest([genome], 12)
    trained = train_tokenizer(request, read_corpus(request))
    with pytest.raises(LexomeError, match="cannot be made"):
        write_tokenizer(tmp_path / "p.fa" / "x", trained, request, "")
