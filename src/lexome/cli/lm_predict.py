"""`lexome lm predict`: classes, labels or values of sequences."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.lm_options import (
    BatchTokens,
    Device,
    Files,
    MaxTokens,
    Model,
    Overlap,
    TokenizerFile,
    Truncate,
    Window,
    echo_survey,
    echo_tally,
    say,
    source_of,
)


def predict(
    model: Model,
    files: Files,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help=".tsv, .csv or .parquet; default: TSV on stdout."),
    ] = None,
    rc_average: Annotated[
        bool | None,
        typer.Option(
            "--rc-average/--one-strand",
            help="The mean over the sequence and its reverse complement, or the sequence as it is (default: "
            "as the model was fine-tuned).",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="P", help="Labels are predicted from this probability on (0.5)."),
    ] = None,
    window: Window = None,
    overlap: Overlap = 0,
    max_tokens: MaxTokens = 8192,
    truncate: Truncate = False,
    batch_tokens: BatchTokens = 4096,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped (OUT.partial).")
    ] = False,
) -> None:
    """Predict the class, labels or value of every sequence with a fine-tuned model.

    A row per sequence in the order of the input: its name, the prediction, the probability of every class or
    label. Rows of a CSV are named by their numbers; a column 'label' is not looked at. With --window there
    is a row for every window, with its start and end.
    """
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.tasks.basecall.resume import is_complete
    from lexome.tasks.language.infer import target_of_model
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.pieces import CutConfig, Tally, survey
    from lexome.tasks.language.predict import (
        PredictConfig,
        PredictRequest,
        check_threshold,
        predict_to_file,
    )
    from lexome.tasks.language.row_files import Written, check_rows_output

    cut = CutConfig(window, overlap, max_tokens, truncate)
    check_rows_output(output, resume=resume)
    if resume and output is not None and is_complete(output):
        say(f"{output} is complete, there is nothing to resume")
        return
    written, tally = Written(), Tally()
    with interruptible(lambda: written.left(output)):
        opened = open_language_model(model, device=device, tokenizer=tokenizer)
        least = check_threshold(target_of_model(opened), threshold)
        source = source_of(files)
        seen = survey(source, ", ".join(map(str, files)), opened.tokenizer, cut)
        echo_survey(seen, max_tokens)
        both = opened.averages_strands if rc_average is None else rc_average
        config = PredictConfig(cut, both, least, batch_tokens)
        with progress("predicting", "bases", seen.bases) as show:
            request = PredictRequest(source, files, output, resume)
            predict_to_file(opened, request, config, show, written, tally)
    echo_tally(tally)
    if output is not None:
        say(written.done(output))
