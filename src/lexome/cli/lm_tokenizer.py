"""`lexome lm tokenizer`: train, compare and use tokenizers for DNA."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out

if TYPE_CHECKING:
    from lexome.tasks.language.tokenizer import TokenizerRequest, TrainedTokenizer

app = typer.Typer(name="tokenizer", help="Tokenizers for DNA.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Tokenizers for DNA."""


class Order(StrEnum):
    """How BPE encodes."""

    merges = "merges"
    longest = "longest"


Genomes = Annotated[list[Path], typer.Argument(metavar="GENOME...", help="FASTA files (may be .gz).")]
TokenizerName = Annotated[
    str,
    typer.Argument(
        metavar="TOKENIZER",
        help="A tokenizer.json, a folder with one, or such as nucleotide, byte, 6mer-overlapping.",
    ),
]
Encode = Annotated[
    Order,
    typer.Option("--encode", help="BPE: merges by rank, as the file means it, or the longest tokens first."),
]
Uppercase = Annotated[
    bool, typer.Option("--uppercase", help="Make lower case upper case first; else the file decides.")
]
LineLength = Annotated[
    int,
    typer.Option(
        "--line-length",
        min=0,
        metavar="BP",
        help="Cut sequences into lines that tokens do not cross; 0: do not.",
    ),
]
MaxToken = Annotated[
    int | None, typer.Option("--max-token-length", min=2, metavar="BP", help="Longest token (default: any).")
]
MinFrequency = Annotated[
    int, typer.Option("--min-frequency", min=1, metavar="N", help="Do not merge pairs rarer than N.")
]
KeepCase = Annotated[
    bool,
    typer.Option(
        "--keep-case", help="Lower case is no DNA: it divides the text, and the tokenizer does not know it."
    ),
]
MaxBases = Annotated[
    int | None,
    typer.Option(
        "--max-bases",
        min=1,
        metavar="N",
        help="Train on about N bases, drawn evenly from all (default: all).",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn at random.")]
Window = Annotated[
    int, typer.Option("--window", min=10, metavar="BP", help="Cut sequences into windows of BP.")
]
Windows = Annotated[
    int,
    typer.Option("--max-windows", min=1, metavar="N", help="Measure on N windows at most, drawn at random."),
]


@app.command()
def train(
    genomes: Genomes,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    vocab_size: Annotated[
        int, typer.Option("--vocab-size", min=9, max=65539, metavar="N", help="Tokens, special ones too.")
    ] = 4096,
    line_length: LineLength = 500,
    max_token_length: MaxToken = None,
    min_frequency: MinFrequency = 2,
    keep_case: KeepCase = False,
    max_bases: MaxBases = None,
    seed: Seed = 0,
) -> None:
    """Train a byte pair encoding on genomes; N and other codes divide the text.

    Writes tokenizer.json, which Hugging Face's tokenizers open too, and training.json. The merges are those
    of Hugging Face's BpeTrainer on the same lines.
    """
    from lexome.cli.command_line import command_line
    from lexome.tasks.language.tokenizer import TokenizerRequest, write_tokenizer

    request = TokenizerRequest(
        genomes,
        vocab_size,
        line_length or None,
        max_token_length,
        min_frequency,
        not keep_case,
        max_bases,
        seed,
    )
    trained = _trained(request)
    write_tokenizer(output, trained, request, command_line())
    for line in trained.lines():
        typer.echo(f"lexome: {line}", err=True)
    if trained.tokenizer.vocab_size < vocab_size:
        typer.echo(
            f"lexome: warning: {vocab_size} tokens were asked for, but no pair is left that is there "
            f"{min_frequency} times or more",
            err=True,
        )


@app.command()
def report(
    tokenizers: Annotated[
        list[str],
        typer.Argument(metavar="TOKENIZER...", help="tokenizer.json files, folders or names, to compare."),
    ],
    sequences: Annotated[
        list[Path],
        typer.Option(
            "--sequences", metavar="FILE", help="FASTA, FASTQ or CSV with a column 'sequence' (repeatable)."
        ),
    ],
    window: Window = 500,
    max_windows: Windows = 2000,
    uppercase: Uppercase = False,
    seed: Seed = 0,
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Compare tokenizers: compression, lengths, unknown letters, one-base edits, leaks of masked bases."""
    from lexome.core.errors import BadInputError
    from lexome.features.tokens import load_tokenizer
    from lexome.report.tokens import token_tables, write_token_page
    from lexome.tasks.language.sequences import read_sequences, windows
    from lexome.tasks.language.tokenizer_figures import tokenizer_figures

    check_outputs(json_file, report)
    opened = {name: load_tokenizer(name, uppercase=uppercase) for name in tokenizers}
    drawn, seen = windows(read_sequences(sequences), window, max_windows, seed)
    if not drawn:
        raise BadInputError(f"{sequences[0]}: holds no sequence")
    figures = {
        "windows": len(drawn),
        "windows_seen": seen,
        "window_bp": window,
        "tokenizers": [tokenizer_figures(name, one, drawn, seed) for name, one in opened.items()],
        "made": {"sequences": ", ".join(p.name for p in sequences), "uppercase": uppercase, "seed": seed},
    }
    give_out(figures, token_tables(figures), write_token_page, json_file, report)


@app.command()
def sweep(
    genomes: Genomes,
    sequences: Annotated[
        list[Path] | None,
        typer.Option(
            "--sequences", metavar="FILE", help="Measure on these instead of the genomes (repeatable)."
        ),
    ] = None,
    smallest: Annotated[
        int, typer.Option("--from", min=4, max=15, metavar="N", help="From 2**N tokens.")
    ] = 8,
    largest: Annotated[int, typer.Option("--to", min=4, max=15, metavar="N", help="To 2**N tokens.")] = 15,
    line_length: LineLength = 500,
    max_token_length: MaxToken = None,
    max_bases: MaxBases = None,
    window: Window = 500,
    max_windows: Windows = 2000,
    seed: Seed = 0,
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Compare sizes of the vocabulary: compression and training FLOPs of the slides' network, by size."""
    from lexome.core.errors import LexomeError, UsageError
    from lexome.report.tokens import sweep_table, write_sweep_page
    from lexome.tasks.language.sequences import read_sequences, windows
    from lexome.tasks.language.tokenizer import TokenizerRequest
    from lexome.tasks.language.tokenizer_figures import sweep_figures

    if smallest > largest:
        raise UsageError(f"--from {smallest} is above --to {largest}")
    check_outputs(json_file, report)
    request = TokenizerRequest(
        genomes, 2**largest, line_length or None, max_token_length, max_bases=max_bases, seed=seed
    )
    training = _trained(request).training
    drawn, seen = windows(read_sequences(sequences or genomes), window, max_windows, seed)
    rows = sweep_figures(training, drawn, [2**n for n in range(smallest, largest + 1)])
    if not rows:
        raise LexomeError(f"{len(training.counts)} merges only could be learned: too little to train on")
    figures = {
        "windows": len(drawn),
        "windows_seen": seen,
        "sizes": rows,
        "made": {"genomes": ", ".join(p.name for p in genomes), "bases": training.letters, "seed": seed},
    }
    if rows[-1]["vocab_size"] < 2**largest:
        typer.echo(
            f"lexome: warning: no more than {9 + len(training.counts)} tokens could be learned", err=True
        )
    give_out(figures, (sweep_table(figures),), write_sweep_page, json_file, report)


@app.command()
def encode(
    tokenizer: TokenizerName,
    sequences: Annotated[list[Path], typer.Argument(metavar="FILE...", help="FASTA, FASTQ or CSV.")],
    order: Encode = Order.merges,
    uppercase: Uppercase = False,
    plain: Annotated[bool, typer.Option("--no-special", help="Without [CLS], [SEP] and their like.")] = False,
    texts: Annotated[bool, typer.Option("--tokens", help="Write tokens instead of ids.")] = False,
) -> None:
    """Print the ids of sequences: a line each, its name, a tab, the ids with blanks between."""
    from lexome.features.tokens import load_tokenizer
    from lexome.tasks.language.sequences import read_sequences

    opened = load_tokenizer(tokenizer, uppercase=uppercase, order=order.value)
    for name, sequence in read_sequences(sequences):
        ids = opened.encode(sequence, special=not plain).tolist()
        typer.echo(f"{name}\t{' '.join(opened.tokens[i] if texts else str(i) for i in ids)}")


@app.command()
def decode(
    tokenizer: TokenizerName,
    ids: Annotated[Path, typer.Argument(metavar="FILE", help="Lines as `encode` prints them.")],
) -> None:
    """Turn ids back into FASTA."""
    from lexome.features.tokens import load_tokenizer
    from lexome.tasks.language.sequences import read_ids

    opened = load_tokenizer(tokenizer)
    for name, numbers in read_ids(ids):
        typer.echo(f">{name}\n{opened.decode(numbers)}")


def _trained(request: "TokenizerRequest") -> "TrainedTokenizer":
    """Trains with progress on stderr."""
    from lexome.cli.progress import progress
    from lexome.tasks.language.tokenizer import read_corpus, train_tokenizer

    merges = request.config().merges  # a wrong size is said before anything is read
    with progress("reading", "bases") as show:
        corpus = read_corpus(request, show)
    with progress("training", "merges", merges) as show:
        return train_tokenizer(request, corpus, show)
