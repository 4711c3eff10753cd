"""The arguments and options that the commands of `lexome prepare` share."""

from pathlib import Path
from typing import Annotated

import typer

Reads = Annotated[
    list[Path], typer.Argument(metavar="READS", help="Signal files (POD5, FAST5, SLOW5), or folders of them.")
]
Reference = Annotated[
    Path, typer.Option("--reference", metavar="REF", help="The true sequence: FASTA (may be .gz).")
]
Places = Annotated[
    Path | None,
    typer.Option(
        "--places",
        metavar="FILE",
        help="Where each read lies: a .tsv with read_id, contig, r_st, r_en, strand, or base calls, "
        "which are then mapped. Without it the reads are called, and these calls mapped.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Call the reads with this model, and place bases along its moves. Without --places: auto.",
    ),
]
Rounds = Annotated[
    int,
    typer.Option(
        "--rounds",
        min=0,
        max=9,
        metavar="N",
        help="With a model: 0 uses calls only to find places, 1 their moves too, 2 or more fits the levels "
        "anew and keeps per read what improved.",
    ),
]
HeldOutRuns = Annotated[
    Path | None,
    typer.Option(
        "--hold-out-runs", metavar="FILE", help="Use no read of the runs listed in FILE, one run id per line."
    ),
]
MaxReads = Annotated[
    int | None, typer.Option("--max-reads", min=1, metavar="N", help="Take only the first N reads.")
]
Levels = Annotated[
    Path | None,
    typer.Option("--levels", metavar="TABLE", help="K-mer levels (default: the bundled R9.4.1 ones)."),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")]
