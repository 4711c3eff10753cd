"""Training against Hugging Face's trainer, and against counting anew after every merge."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lexome.core.errors import LexomeError, UsageError
from lexome.features.tokens_train import BpeCorpus, BpeTrainConfig, train_bpe

TEXT = st.text("ACGT", max_size=80) | st.text("AC", max_size=80) | st.text("A", max_size=40)
SEQUENCES = st.lists(TEXT | st.text("ACGTNacgt", max_size=60), min_size=1, max_size=8)
Pairs = list[tuple[str, str]]


def lines_of(sequences: Sequence[str], line_bp: int) -> list[str]:
    pieces = [piece for one in sequences for piece in re.findall("[ACGT]+", one.upper())]
    return [piece[at : at + line_bp] for piece in pieces for at in range(0, len(piece), line_bp)]


def ours(sequences: Sequence[str], config: BpeTrainConfig, line_bp: int) -> Pairs:
    texts = list("ACGT")
    pairs = []
    for a, b in train_bpe(sequences, config, line_bp=line_bp).merges.tolist():
        pairs.append((texts[a], texts[b]))
        texts.append(texts[a] + texts[b])
    return pairs


def peers(sequences: Sequence[str], config: BpeTrainConfig, line_bp: int) -> Pairs:
    """By Hugging Face's trainer: its greatest token length is exclusive."""
    limit = {} if config.max_token_length is None else {"max_token_length": config.max_token_length + 1}
    trainer = trainers.BpeTrainer(
        vocab_size=4 + config.merges, min_frequency=config.min_frequency, show_progress=False,
        initial_alphabet=list("ACGT"), special_tokens=[], **limit,
    )  # fmt: skip
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.train_from_iterator(lines_of(sequences, line_bp), trainer)
    return [(a, b) for a, b in json.loads(tokenizer.to_str())["model"]["merges"]]


def slowly(sequences: Sequence[str], merges: int, line_bp: int) -> list[tuple[tuple[str, str], int]]:
    """Counts all neighbours anew after every merge: the most frequent, of several the one made first."""
    lines = [list(line) for line in lines_of(sequences, line_bp)]
    number = {letter: i for i, letter in enumerate("ACGT")}
    made: list[tuple[tuple[str, str], int]] = []
    while len(made) < merges:
        counts = Counter(pair for line in lines for pair in zip(line, line[1:], strict=False))
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], number[p[0]], number[p[1]]))
        made.append((pair, counts[pair]))
        number[pair[0] + pair[1]] = len(number)
        for line in lines:
            i = 0
            while i < len(line) - 1:
                if (line[i], line[i + 1]) == pair:
                    line[i : i + 2] = [pair[0] + pair[1]]
                i += 1
    return made


@given(
    SEQUENCES, st.sampled_from([2, 7, 30, 500]), st.sampled_from([None, 2, 3, 5]), st.sampled_from([1, 2, 3])
)
def test_the_merges_are_the_peers(
    sequences: list[str], line_bp: int, longest: int | None, least: int
) -> None:
    config = BpeTrainConfig(60, longest, least)
    if lines_of(sequences, line_bp):
        assert ours(sequences, config, line_bp) == peers(sequences, config, line_bp)


@settings(max_examples=40)
@given(SEQUENCES, st.sampled_from([5, 40]))
def test_the_merges_are_those_of_counting_anew(sequences: list[str], line_bp: int) -> None:
    if not lines_of(sequences, line_bp):
        return
    learned = train_bpe(sequences, BpeTrainConfig(40, None, 1), line_bp=line_bp)
    expected = slowly(sequences, 40, line_bp)
    assert ours(sequences, BpeTrainConfig(40, None, 1), line_bp) == [pair for pair, _ in expected]
    assert learned.counts.tolist() == [count for _, count in expected]


@pytest.mark.parametrize("line_bp", [100, 5000])
def test_a_medium_corpus(line_bp: int) -> None:
    rng = np.random.default_rng(5)
    repeats = ["".join(rng.choice(list("ACGT"), 300)) for _ in range(4)] + [
        "TTAGGG" * 60,
        "A" * 200,
        "CA" * 90,
    ]
    parts = []
    for i in rng.integers(0, 40, 300):
        unlike = "".join(rng.choice(list("ACGTN"), 400, p=[0.3, 0.2, 0.2, 0.29, 0.01]))
        parts.append(repeats[i] if i < len(repeats) else unlike)
    config = BpeTrainConfig(1500, None, 2)
    assert ours(parts, config, line_bp) == peers(parts, config, line_bp)


@pytest.mark.slow
def test_real_genomes(shared: Path) -> None:
    from lexome.io.fastx import read_fastx

    folder = shared / "data" / "dna" / "genomes"
    sequences = [s[:600_000] for file in sorted(folder.glob("*.fa.gz")) for _, s, _ in read_fastx(file)][:6]
    for longest in (None, 16):
        config = BpeTrainConfig(4087, longest)
        assert ours(sequences, config, 500) == peers(sequences, config, 500)


def test_lines_and_other_letters_divide() -> None:
    learned = train_bpe(["ACNAC", "acRAC", "", "NNN"], BpeTrainConfig(5, None, 1), line_bp=2)
    assert (learned.letters, learned.pieces, learned.tokens) == (8, 4, 4)
    assert learned.merges.tolist() == [[0, 1]]
    assert learned.counts.tolist() == [4]
    corpus = BpeCorpus(2, uppercase=False)
    corpus.add("acAC")
    assert (corpus.letters, corpus.pieces) == (2, 1)


@given(st.lists(st.text("ACGTN", max_size=40), max_size=8), st.integers(2, 9))
def test_the_corpus_is_its_lines(sequences: list[str], line_bp: int) -> None:
    corpus = BpeCorpus(line_bp)
    for sequence in sequences:
        corpus.add(sequence)
    lines = lines_of(sequences, line_bp)
    assert (corpus.pieces, corpus.letters) == (len(lines), sum(map(len, lines)))
    tags = corpus.take()
    text = "".join("." if tag == 65535 else "ACGT"[tag] for tag in tags.tolist())
    assert text == "." + "".join(line + "." for line in lines)


def test_a_long_line_is_no_trouble() -> None:
    rng = np.random.default_rng(8)
    text = "".join(rng.choice(list("ACGT"), 200_000))
    learned = train_bpe([text], BpeTrainConfig(500), line_bp=None)
    assert learned.pieces == 1
    assert len(learned.merges) == 500


def test_progress_is_told() -> None:
    told: list[float] = []
    rng = np.random.default_rng(9)
    train_bpe(["".join(rng.choice(list("ACGT"), 20_000))], BpeTrainConfig(300), on_merges=told.append)
    assert told == sorted(told)
    assert told[-1] == 300


def test_wrong_requests() -> None:
    with pytest.raises(LexomeError, match="no base"):
        train_bpe(["NNN"], BpeTrainConfig(5))
    with pytest.raises(UsageError, match="between 0 and"):
        BpeTrainConfig(70_000)
    with pytest.raises(UsageError, match="two letters"):
        BpeTrainConfig(5, 1)
    with pytest.raises(UsageError, match="two bases"):
        BpeCorpus(1)
