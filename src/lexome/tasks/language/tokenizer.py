"""Training of a DNA tokenizer from genomes: files in, a folder with tokenizer.json out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import LexomeError, UsageError
from lexome.features.tokens import FILE_NAME, SPECIAL_TOKENS, bpe_tokenizer, save_tokenizer
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.features.tokens_train import (
    DEFAULT_LINE_BP,
    BpeCorpus,
    BpeTrainConfig,
    BpeTraining,
    train_bpe,
)
from lexome.io.fastx import read_reference_records
from lexome.report.files import write_json

TRAINING_FILE = "training.json"
_BLOCK_BP = 100_000  # taken or left out together when there is more than may be used


@dataclass(frozen=True)
class TokenizerRequest:
    """What to train on and what to learn.

    Attributes:
        genomes: FASTA files, plain or gzipped.
        vocab_size: tokens in all, special ones and A, C, G, T too.
        line_bp: see `BpeCorpus`.
        max_token_bp: longest token; None: any length.
        min_frequency: pairs rarer than that are not merged.
        uppercase: lower case is taken as upper case, in training and by the tokenizer; else it is unknown.
        max_bases: train on about as many bases, blocks drawn evenly from all genomes; None: all.
        seed: of that draw.
    """

    genomes: Sequence[Path]
    vocab_size: int = 4096
    line_bp: int | None = DEFAULT_LINE_BP
    max_token_bp: int | None = None
    min_frequency: int = 2
    uppercase: bool = True
    max_bases: int | None = None
    seed: int = 0

    def config(self) -> BpeTrainConfig:
        """For the trainer.

        Raises:
            UsageError: if the vocabulary is too small or too large.
        """
        fixed = len(SPECIAL_TOKENS) + 4
        if self.vocab_size < fixed:
            raise UsageError(f"a vocabulary of {self.vocab_size}: {fixed} tokens are needed before any merge")
        return BpeTrainConfig(self.vocab_size - fixed, self.max_token_bp, self.min_frequency)


@dataclass(frozen=True)
class TrainedTokenizer:
    """A tokenizer and how its training went."""

    tokenizer: Tokenizer
    training: BpeTraining

    def lines(self) -> list[str]:
        """What a user wants to know."""
        done = self.training
        rarest = f", the last pair merged was there {done.counts[-1]:,} times" if len(done.counts) else ""
        return [
            f"{self.tokenizer.vocab_size:,} tokens from {done.letters:,} bases in {done.pieces:,} lines"
            + rarest,
            f"{done.letters / done.tokens:.2f} bases per token on the training text",
        ]


def read_corpus(request: TokenizerRequest, on_bases: Callable[[float], None] = lambda _: None) -> BpeCorpus:
    """Reads the text to train on.

    Raises:
        BadInputError: if a genome cannot be read.
        LexomeError: if it is too much.
    """
    corpus = BpeCorpus(request.line_bp, uppercase=request.uppercase)
    for stretch in _stretches(request):
        corpus.add(stretch)
        on_bases(corpus.letters)
    return corpus


def train_tokenizer(
    request: TokenizerRequest, corpus: BpeCorpus, on_merges: Callable[[float], None] = lambda _: None
) -> TrainedTokenizer:
    """Trains a BPE tokenizer on a corpus, which is empty afterwards.

    Raises:
        LexomeError: if there is nothing to train on.
    """
    training = train_bpe(corpus, request.config(), on_merges=on_merges)
    return TrainedTokenizer(bpe_tokenizer(training.merges, uppercase=request.uppercase), training)


def write_tokenizer(folder: Path, trained: TrainedTokenizer, request: TokenizerRequest, command: str) -> None:
    """Writes tokenizer.json, and how it was made as training.json.

    Raises:
        LexomeError: if the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LexomeError(f"{folder}: cannot be made ({error.strerror or error})") from error
    write_json(folder / TRAINING_FILE, _how(trained, request, command))
    save_tokenizer(trained.tokenizer, folder / FILE_NAME)


def _how(trained: TrainedTokenizer, request: TokenizerRequest, command: str) -> dict[str, Any]:
    done = trained.training
    return {
        "command": command,
        "genomes": [path.name for path in request.genomes],
        "vocab_size": trained.tokenizer.vocab_size,
        "line_bp": request.line_bp,
        "max_token_bp": request.max_token_bp,
        "min_frequency": request.min_frequency,
        "uppercase": request.uppercase,
        "max_bases": request.max_bases,
        "seed": request.seed,
        "bases": done.letters,
        "lines": done.pieces,
        "tokens": done.tokens,
        "bases_per_token": done.letters / done.tokens,
        "merge_counts": done.counts.tolist(),
    }


def _stretches(request: TokenizerRequest) -> Iterator[str]:
    """Sequences, whole or blocks of them."""
    if request.max_bases is None:
        yield from _sequences(request.genomes)
        return
    total = sum(map(len, _sequences(request.genomes)))
    rng = np.random.default_rng(request.seed)
    left = request.max_bases
    for sequence in _sequences(request.genomes):
        for start in range(0, len(sequence), _BLOCK_BP):
            if rng.random() * total < request.max_bases and left > 0:
                block = sequence[start : min(start + _BLOCK_BP, start + left)]
                left -= len(block)
                yield block


def _sequences(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        for record in read_reference_records(path):
            yield record.sequence
