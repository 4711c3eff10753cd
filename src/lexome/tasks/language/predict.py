"""Classes, labels or values of sequences with a fine-tuned language model, row by row.

Legend: K outputs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lexome import __version__
from lexome.core.errors import UsageError
from lexome.tasks.basecall.journal import input_files, model_digest
from lexome.tasks.basecall.resume import resumable
from lexome.tasks.language.infer import BATCH_TOKENS, in_order, predictions, target_of_model
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.pieces import CutConfig, Piece, Source, Tally, counted, pieces
from lexome.tasks.language.row_files import Cell, RowSettings, Written, after_kept, num_rows, open_rows
from lexome.tasks.language.targets import Target


@dataclass(frozen=True)
class PredictConfig:
    """How sequences are predicted.

    Attributes:
        cut: how they are cut; with windows there is a row for each.
        rc_average: the mean of a sequence's probabilities (or values) and its reverse complement's.
        threshold: a label is predicted from this probability on.
        batch_tokens: see `in_order`.
    """

    cut: CutConfig = field(default_factory=CutConfig)
    rc_average: bool = False
    threshold: float = 0.5
    batch_tokens: int = BATCH_TOKENS


@dataclass(frozen=True, eq=False)
class Prediction:
    """Of one piece: probabilities of the classes or labels, or the value."""

    piece: Piece
    outputs_K: Float[np.ndarray, " K"]


def predict(model: LanguageModel, cut_pieces: Iterable[Piece], config: PredictConfig) -> Iterator[Prediction]:
    """Yields the prediction of every piece, in their order.

    Raises:
        UsageError: if it is a masked language model.
    """
    target_of_model(model)

    def compute(batch: list[Piece]) -> list[np.ndarray]:
        strands = [ids for piece in batch for ids in piece.strands]
        outputs = predictions(model, strands)
        return list(outputs.reshape(len(batch), -1, outputs.shape[1]).mean(axis=1))

    for piece, outputs_K in in_order(
        cut_pieces, lambda piece: piece.num_tokens, compute, config.batch_tokens
    ):
        yield Prediction(piece, outputs_K)


def columns_of(target: Target, windowed: bool) -> list[tuple[str, type]]:
    """Names and types of the columns: `p_` and the name of a class or label is its probability."""
    place: list[tuple[str, type]] = [("name", str)]
    if windowed:
        place += [("start", int), ("end", int)]
    if target.kind == "value":
        return [*place, (target.names[0] if target.names[0] not in dict(place) else "prediction", float)]
    return [*place, ("prediction", str), *((f"p_{name}", float) for name in target.names)]


def row_of(prediction: Prediction, target: Target, windowed: bool, threshold: float) -> list[Cell]:
    """The cells of a prediction; several labels are divided by ";"."""
    piece, values = prediction.piece, prediction.outputs_K.tolist()
    place: list[Cell] = [piece.name]
    if windowed:
        place += [piece.start_bp, piece.end_bp]
    if target.kind == "value":
        return [*place, values[0]]
    if target.kind == "classes":
        said = target.names[int(np.argmax(values))]
    else:
        said = ";".join(name for name, p in zip(target.names, values, strict=True) if p >= threshold)
    return [*place, said, *values]


@dataclass(frozen=True)
class PredictRequest:
    """What to predict and where to write it.

    Attributes:
        source: the sequences.
        files: where they come from.
        output: None is stdout.
        resume: go on from an interrupted run.
    """

    source: Source
    files: Sequence[Path]
    output: Path | None
    resume: bool = False


def predict_to_file(
    model: LanguageModel,
    request: PredictRequest,
    config: PredictConfig,
    on_bases: Callable[[float], None] = lambda bases: None,
    written: Written | None = None,
    tally: Tally | None = None,
) -> Written:
    """Writes a row per sequence, or per window, in the order of the input.

    Args:
        model: a fine-tuned model.
        request: input and output.
        config: how to predict.
        on_bases: told how many bases are done.
        written: is kept up to date, also when an error ends the work.
        tally: is told the tokens.

    Raises:
        UsageError: if it is a masked language model, or an interrupted run cannot be gone on with.
        BadInputError: if the rows that it left are not of these sequences.
    """
    target, windowed = target_of_model(model), config.cut.window_bp is not None
    written = written if written is not None else Written()
    tally = tally if tally is not None else Tally()

    def usable() -> Iterator[Piece]:
        cut = pieces(request.source, model.tokenizer, config.cut, both_strands=config.rc_average)
        for piece in counted(cut, tally, model.tokenizer):
            if piece.has_base:
                yield piece
            else:
                tally.left_out += 1

    settings = RowSettings(
        __version__, model.name, model_digest(model.checkpoint), _options(model, config),
        input_files(request.files),
    )  # fmt: skip
    with (
        resumable(request.output, settings, request.resume, num_rows),
        open_rows(request.output, columns_of(target, windowed)) as (writer, kept),
    ):
        todo = after_kept(usable(), kept, lambda piece: _key(piece, windowed), request.output)
        written.rows = written.kept = len(kept)
        done = 0
        for prediction in predict(model, todo, config):
            writer.write(row_of(prediction, target, windowed, config.threshold))
            written.rows += 1
            core = prediction.piece.core_bp
            done += core[1] - core[0]
            on_bases(done)
    return written


def _key(piece: Piece, windowed: bool) -> list[str]:
    return [piece.name, *((str(piece.start_bp), str(piece.end_bp)) if windowed else ())]


def _options(model: LanguageModel, config: PredictConfig) -> dict[str, str]:
    cut = config.cut
    return {
        "--window": str(cut.window_bp),
        "--overlap": str(cut.overlap_bp),
        "--max-tokens": str(cut.max_tokens),
        "--truncate": str(cut.truncate),
        "--rc-average": str(config.rc_average),
        "--threshold": f"{config.threshold:g}",
        "device": model.device.type,
    }


def check_threshold(target: Target, threshold: float | None) -> float:
    """The threshold of labels; 0.5 unless it is given.

    Raises:
        UsageError: if the model predicts no labels but one is given, or it is no probability.
    """
    if threshold is None:
        return 0.5
    if target.kind != "labels":
        raise UsageError(f"--threshold is for labels; this model predicts {target.kind}")
    if not 0 < threshold < 1:
        raise UsageError(f"--threshold {threshold:g} must lie between 0 and 1")
    return threshold
