"""Text for pre-training: genomes or tables of sequences in, a store of tokens out.

With a VCF file the haplotypes of some of its individuals become rows beside the reference.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.features.tokens import tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.io.token_store import MAX_CATEGORIES, TokenWriter, open_token_writer
from lexome.tasks.language.haplotypes import Haplotypes, open_haplotypes
from lexome.tasks.language.sequences import read_sequences

_DNA = re.compile("[ACGTacgt]+")
BLOCK_BP = 10_000
LONGEST_ROW = 32_768  # tokens
MIN_ROW = 8  # tokens; shorter rows are all border
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class CorpusRequest:
    """What to make a store of, and how.

    Attributes:
        sources: (category, file): FASTA, FASTQ, or CSV with a column `sequence`.
        tokenizer: divides the sequences.
        row_tokens: tokens of a row at most, special ones included.
        validation: names of sequences that only validate.
        validation_share: of the blocks of all other sequences, drawn at random to validate.
        both_strands: also the reverse complement of everything.
        seed: of all draws.
        variants: (category, VCF file) against the sequences of that category.
        samples: individuals of each of these files whose haplotypes are added.
    """

    sources: Sequence[tuple[str, Path]]
    tokenizer: Tokenizer
    row_tokens: int = 128
    validation: frozenset[str] = frozenset()
    validation_share: float = 0.02
    both_strands: bool = True
    seed: int = 0
    variants: Sequence[tuple[str, Path]] = ()
    samples: int = 0

    @property
    def categories(self) -> list[str]:
        """Names of the categories, in the order in which they are first named."""
        return list(dict.fromkeys(category for category, _ in self.sources))

    def check(self) -> None:
        """Stops before anything is read if the request makes no sense.

        Raises:
            UsageError: saying what.
        """
        has = {"pad": "pad" in self.tokenizer.special_ids, "mask": self.tokenizer.mask_id is not None}
        if missing := [role for role, is_there in has.items() if not is_there]:
            raise UsageError(f"the tokenizer has no token for: {', '.join(missing)}; it cannot be used here")
        if self.tokenizer.vocab_size > np.iinfo(np.uint16).max:
            raise UsageError(f"a vocabulary of {self.tokenizer.vocab_size} is too large; 65535 at most")
        if not MIN_ROW <= self.row_tokens <= LONGEST_ROW:
            raise UsageError(f"rows of {self.row_tokens} tokens; {MIN_ROW} to {LONGEST_ROW} make sense")
        if len(self.categories) > MAX_CATEGORIES:
            raise UsageError(f"{len(self.categories)} categories; at most {MAX_CATEGORIES} are possible")
        if bool(self.variants) != bool(self.samples):
            raise UsageError("variants go with a number of individuals: --vcf with --samples N, 1 at least")
        for category, path in self.variants:
            if category not in self.categories:
                raise UsageError(f"{path}: no sequences of a category '{category}' to put the variants into")


@dataclass
class CorpusReport:
    """What went into a store, by category."""

    bases: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    validation_rows: int = 0
    left_out_bases: int = 0
    tokens: int = 0
    variants: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What a user wants to know."""
        told = [
            f"{category}: {self.bases[category]:,} bases, {self.rows[category]:,} rows"
            for category in self.bases
        ]
        total = sum(self.rows.values())
        left = f"; {self.left_out_bases:,} letters other than A, C, G, T" if self.left_out_bases else ""
        told.append(f"{total:,} rows, {self.validation_rows:,} of them to validate{left}")
        return told + self.variants


def prepare_tokens(
    request: CorpusRequest, output: Path, on_bases: Callable[[float], None] = lambda _: None
) -> CorpusReport:
    """Writes a store of tokens; it appears whole or not at all.

    Sequences are cut into blocks of 10 kb, which tokens and rows do not cross: both strands of a block are in
    the same split, and so is what haplotypes have there. N and other codes divide sequences. Memory is that
    of the longest sequence, and of the alleles that the individuals have on it.

    Args:
        request: what to do.
        output: the folder; must not exist.
        on_bases: told how many bases were read.

    Raises:
        UsageError: if the request makes no sense, or there is nothing to write.
        BadInputError: if a file cannot be read.
    """
    request.check()
    rng = np.random.default_rng(request.seed)
    report = CorpusReport(dict.fromkeys(request.categories, 0), dict.fromkeys(request.categories, 0))
    unseen = set(request.validation)
    with ExitStack() as closing:
        writer = closing.enter_context(open_token_writer(output, request.row_tokens))
        of_categories = _haplotypes(request, closing)
        pending = _Pending(writer, report)
        for number, name, sequence in _sequences(request):
            unseen.discard(name)
            category = request.categories[number]
            copies = [
                copy
                for found in of_categories
                if found[0] == category
                for copy in found[1].of(name, sequence)
            ]
            for start in range(0, max(1, len(sequence)), BLOCK_BP):
                end = min(start + BLOCK_BP, len(sequence))
                is_held_out = rng.random() < request.validation_share or name in request.validation
                split = "validation" if is_held_out else "training"
                blocks = [sequence[start:end], *(copy.part(sequence, start, end) for copy in copies)]
                for block in blocks:
                    stretches = _DNA.findall(block)
                    bases = sum(map(len, stretches))
                    report.bases[category] += bases
                    report.left_out_bases += len(block) - bases
                    pending.add(list(_rows(stretches, request)), number, split)
                on_bases(sum(report.bases.values()))
        pending.write()
        if unseen:
            raise UsageError(f"no sequence is called {', '.join(sorted(unseen))}; nothing was written")
        if not any(report.rows.values()) or report.validation_rows == sum(report.rows.values()):
            raise UsageError("no row is left to train on: more or longer sequences are needed")
        for _, found in of_categories:
            found.finish()
            report.variants += [f"{found.path.name}: {line}" for line in found.counts.lines()]
        writer.finish(
            {
                "tokenizer_json": tokenizer_text(request.tokenizer),
                "categories": request.categories,
                "sources": [f"{category}={path.name}" for category, path in request.sources],
                "bases": report.bases,
                "category_rows": report.rows,
                "validation": sorted(request.validation),
                "validation_share": request.validation_share,
                "both_strands": request.both_strands,
                "seed": request.seed,
                **({"variants": [_made_of(*found) for found in of_categories]} if of_categories else {}),
            }
        )
    return report


def _haplotypes(request: CorpusRequest, closing: ExitStack) -> list[tuple[str, Haplotypes]]:
    """(category, haplotypes) of every VCF file."""
    return [
        (category, closing.enter_context(open_haplotypes(path, request.samples, request.seed)))
        for category, path in request.variants
    ]


def _made_of(category: str, found: Haplotypes) -> dict[str, Any]:
    """What a store says of a VCF file."""
    return {
        "file": f"{category}={found.path.name}",
        "individuals": found.individuals,
        "applied": dict(found.counts.applied),
        "left_out": dict(found.counts.left_out),
    }


class _Pending:
    """Rows on their way to the store, many of one split and category written at once."""

    def __init__(self, writer: TokenWriter, report: CorpusReport) -> None:
        self._writer, self._report = writer, report
        self._rows: dict[tuple[int, str], list[np.ndarray]] = {}

    def add(self, rows: list[np.ndarray], category: int, split: str) -> None:
        kept = self._rows.setdefault((category, split), [])
        kept += rows
        name = list(self._report.bases)[category]
        self._report.rows[name] += len(rows)
        self._report.tokens += sum(map(len, rows))
        if split == "validation":
            self._report.validation_rows += len(rows)
        if len(kept) >= ROWS_AT_ONCE:
            self.write()

    def write(self) -> None:
        for (category, split), rows in self._rows.items():
            self._writer.add(rows, category, split)
        self._rows = {}


def _sequences(request: CorpusRequest) -> Iterator[tuple[int, str, str]]:
    """(number of the category, name, sequence) of all sources."""
    for category, path in request.sources:
        for name, sequence in read_sequences([path]):
            yield request.categories.index(category), name, sequence


def _rows(stretches: Sequence[str], request: CorpusRequest) -> Iterator[Int[np.ndarray, " T"]]:
    """Rows of ids with the special tokens around them, of the stretches of DNA of a block."""
    tokenizer = request.tokenizer
    before, behind = np.array(tokenizer.prefix, np.int32), np.array(tokenizer.suffix, np.int32)
    size = request.row_tokens - len(before) - len(behind)
    for stretch in map(str.upper, stretches):
        for strand in (stretch, reverse_complement(stretch)) if request.both_strands else (stretch,):
            ids = tokenizer.encode(strand, special=False)
            for start in range(0, len(ids), size):
                row = ids[start : start + size]
                if len(row) >= min(MIN_ROW, size):
                    yield np.concatenate([before, row, behind])
