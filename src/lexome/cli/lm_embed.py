"""`lexome lm embed`: vectors of sequences, tokens or bases."""

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.lm_options import (
    BatchTokens,
    Device,
    MaxTokens,
    Model,
    Overlap,
    RcAverage,
    TokenizerFile,
    Truncate,
    Window,
    echo_survey,
    echo_tally,
    say,
    source_of,
)


class PoolName(StrEnum):
    """What gets a vector."""

    mean = "mean"
    cls = "cls"
    token = "token"
    base = "base"


class DtypeName(StrEnum):
    """Type of the numbers on disk."""

    float32 = "float32"
    float16 = "float16"


def embed(
    model: Model,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="FASTA, FASTQ or CSV (may be .gz); with --bed the genome."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="OUT", help=".npz, .parquet, or a folder that is mapped into memory."
        ),
    ],
    pool: Annotated[
        PoolName,
        typer.Option(
            "--pool",
            help="mean: over a sequence's tokens, without padding, [CLS], [SEP]; cls: the first token's; "
            "token: one each; base: one each.",
        ),
    ] = PoolName.mean,
    layer: Annotated[
        int | None,
        typer.Option("--layer", metavar="N", help="0: the embedding; -1: the last one (default)."),
    ] = None,
    bed: Annotated[
        Path | None, typer.Option("--bed", metavar="BED", help="Embed these regions of the genome FILE.")
    ] = None,
    window: Window = None,
    overlap: Overlap = 0,
    rc_average: RcAverage = False,
    dtype: Annotated[
        DtypeName, typer.Option("--dtype", help="Type of the numbers on disk.")
    ] = DtypeName.float32,
    keep_duplicates: Annotated[
        bool,
        typer.Option("--keep-duplicates", help="Number names that are there twice (x, x#2), else an error."),
    ] = False,
    max_tokens: MaxTokens = 8192,
    truncate: Truncate = False,
    batch_tokens: BatchTokens = 4096,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
) -> None:
    """Write vectors of sequences, by their names, from any layer of a language model.

    The output is there whole or not at all. Windows that overlap are cut in the middle of the overlap, so
    that nothing is counted twice.
    """
    import numpy as np

    from lexome import __version__
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.errors import BadInputError, UsageError
    from lexome.tasks.language.embed import EmbedConfig
    from lexome.tasks.language.embed import embed as embedded
    from lexome.tasks.language.embed_files import (
        Layout,
        check_embeddings_output,
        unique_ids,
        write_embeddings,
    )
    from lexome.tasks.language.infer import layer_number
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.pieces import CutConfig, Tally, counted, pieces, survey
    from lexome.tasks.language.regions import open_genome, region_source

    config = EmbedConfig(
        pool.value, layer, CutConfig(window, overlap, max_tokens, truncate), rc_average, batch_tokens
    )
    check_embeddings_output(output)
    if bed is not None and len(files) != 1:
        raise UsageError(f"--bed needs one genome, not {len(files)} files")
    with ExitStack() as closing:
        closing.enter_context(interruptible(lambda: "nothing is kept"))
        opened = open_language_model(model, device=device, tokenizer=tokenizer)
        number = layer_number(opened, layer)
        if bed is None:
            source, where = source_of(files), ", ".join(map(str, files))
        else:
            source, where = region_source(bed, closing.enter_context(open_genome(files[0]))), str(bed)
        seen = survey(source, where, opened.tokenizer, config.cut)
        if seen.repeated and not keep_duplicates:
            raise BadInputError(
                f"{where}: {len(seen.repeated)} names are there more than once, first '{seen.repeated[0]}'; "
                "embeddings are found by name, --keep-duplicates numbers these"
            )
        echo_survey(seen, max_tokens)
        tally = Tally()
        layout = Layout(
            opened.network.tokens.num_features,
            np.dtype(dtype.value),
            pool in (PoolName.token, PoolName.base),
            pool == PoolName.token,
            {
                "lexome": __version__, "model": opened.name, "pool": pool.value, "layer": number,
                "window_bp": window, "overlap_bp": overlap, "rc_average": rc_average,
                "truncated": seen.truncated,
            },
        )  # fmt: skip
        cut = pieces(source, opened.tokenizer, config.cut, both_strands=rc_average)
        with progress("embedding", "bases", seen.bases) as show:
            found = embedded(opened, counted(cut, tally, opened.tokenizer), config)
            count = write_embeddings(output, layout, found, unique_ids(seen.names), show)
    echo_tally(tally)
    say(f"wrote the embeddings of {count} sequences to {output}")
