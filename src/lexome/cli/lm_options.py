"""Options that several commands for using language models have, and where their sequences come from."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.tasks.language.pieces import Survey, Tally

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a bundled model, a folder, or a name on the hub.")
]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="FASTA, FASTQ or CSV with a column 'sequence'; may be .gz."),
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu or cuda:N.")]
BatchTokens = Annotated[
    int,
    typer.Option(
        "--batch-tokens", min=1, metavar="N", help="Tokens computed at once: memory and speed; same results."
    ),
]
Window = Annotated[
    int | None,
    typer.Option("--window", min=1, metavar="BP", help="Cut longer sequences into windows of BP bases."),
]
Overlap = Annotated[
    int, typer.Option("--overlap", min=0, metavar="BP", help="Bases that neighbouring windows share.")
]
MaxTokens = Annotated[
    int, typer.Option("--max-tokens", min=1, metavar="N", help="Most tokens that are read at once.")
]
Truncate = Annotated[
    bool,
    typer.Option("--truncate", help="Use the beginning of sequences with more tokens, else an error."),
]
RcAverage = Annotated[
    bool, typer.Option("--rc-average", help="Average over both strands (the reverse complement).")
]
TokenizerFile = Annotated[
    str | None,
    typer.Option("--tokenizer", metavar="FILE", help="Use this tokenizer instead of the model's."),
]


def source_of(files: Sequence[Path]) -> Callable[[], Iterator[tuple[str, str]]]:
    """The sequences of files, from the first one each time; these must be files, not pipes.

    Raises:
        UsageError: if one cannot be read twice.
    """
    from lexome.core.errors import UsageError
    from lexome.tasks.language.sequences import read_sequences

    for file in files:
        if file.exists() and not file.is_file():
            what = "a folder" if file.is_dir() else "a pipe, but sequences are read twice; make a file of it"
            raise UsageError(f"{file}: is {what}")
    return lambda: read_sequences(files)


def echo_survey(seen: "Survey", max_tokens: int) -> None:
    """Says what the survey of the input found that the user should know."""
    if seen.truncated:
        say(f"{seen.truncated} of {seen.records} sequences are cut to their first {max_tokens} tokens")


def echo_tally(tally: "Tally") -> None:
    """Says what was seen on the way that the user should know."""
    for line in tally.warnings():
        say(f"warning: {line}")


def say(line: str) -> None:
    """A line on stderr."""
    typer.echo(f"lexome: {line}", err=True)
