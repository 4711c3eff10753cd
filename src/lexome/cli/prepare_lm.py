"""`lexome prepare lm`: a store of tokens to pre-train language models on."""

from pathlib import Path
from typing import Annotated

import typer


def lm(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="[CATEGORY=]FILE...",
            help="FASTA, FASTQ, or CSV with a column 'sequence'; without a category its name is that of the "
            "file.",
        ),
    ],
    tokenizer: Annotated[
        str,
        typer.Option(
            "--tokenizer",
            "-t",
            metavar="TOKENIZER",
            help="A tokenizer.json, a folder with one, or such as byte, nucleotide, 6mer-overlapping.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    row_tokens: Annotated[
        int, typer.Option("--tokens", metavar="N", help="Tokens of a row at most, special ones too.")
    ] = 128,
    validation: Annotated[
        list[str] | None,
        typer.Option("--validation", metavar="NAME", help="Only validate with this sequence (repeatable)."),
    ] = None,
    validation_share: Annotated[
        float,
        typer.Option(
            "--validation-share", min=0, max=0.5, help="Part of the 10 kb blocks of the others, at random."
        ),
    ] = 0.02,
    one_strand: Annotated[
        bool, typer.Option("--one-strand", help="Not the reverse complements as well.")
    ] = False,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--vcf",
            metavar="[CATEGORY=]VCF",
            help="Also the haplotypes of individuals of this file, against the sequences of the category "
            "(repeatable; may be .gz).",
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option("--samples", min=0, metavar="N", help="Individuals of each VCF file, drawn at random."),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of what is drawn.")] = 0,
) -> None:
    """Divide sequences into rows of tokens for `lexome lm pretrain`.

    N and other codes divide sequences; lower case is read as upper case. With --vcf, alleles that are
    symbolic, do not fit the sequence or each other are counted and left out.
    """
    from lexome.cli.progress import progress
    from lexome.features.tokens import load_tokenizer
    from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens

    named = [_source(text) for text in sources]
    request = CorpusRequest(
        named,
        load_tokenizer(tokenizer, uppercase=True),
        row_tokens,
        frozenset(validation or ()),
        validation_share,
        not one_strand,
        seed,
        [_variants(text, named) for text in variants or ()],
        samples,
    )
    request.check()
    with progress("reading", "bases") as show:
        report = prepare_tokens(request, output, show)
    for line in report.lines():
        typer.echo(f"lexome: {line}", err=True)


def _source(text: str) -> tuple[str, Path]:
    """CATEGORY=FILE, or FILE: then the category is the file's name up to the first dot."""
    category, sign, path = text.partition("=")
    if sign and category and not Path(text).exists():
        return category, Path(path)
    return Path(text).name.split(".")[0], Path(text)


def _variants(text: str, sources: list[tuple[str, Path]]) -> tuple[str, Path]:
    """CATEGORY=VCF, or VCF: then the sequences are of one category."""
    from lexome.core.errors import UsageError

    category, sign, path = text.partition("=")
    if sign and category and not Path(text).exists():
        return category, Path(path)
    names = {name for name, _ in sources}
    if len(names) > 1:
        raise UsageError(f"--vcf {text}: say against which sequences: CATEGORY={text}")
    return names.pop(), Path(text)
