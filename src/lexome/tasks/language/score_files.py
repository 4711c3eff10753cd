"""Scores of the variants of a VCF file as a table, row by row."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lexome import __version__
from lexome.tasks.basecall.journal import input_files, model_digest
from lexome.tasks.basecall.resume import resumable
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.pieces import Tally
from lexome.tasks.language.regions import Genome
from lexome.tasks.language.row_files import RowSettings, Written, after_kept, num_rows, open_rows
from lexome.tasks.language.score import ScoreConfig, VariantScore, score_variants
from lexome.tasks.language.variants import Variant, read_variants

COLUMNS: list[tuple[str, type]] = [
    ("chrom", str), ("pos", int), ("id", str), ("ref", str), ("alt", str),
    ("score", float), ("score_per_token", float), ("ref_log_p", float), ("alt_log_p", float),
    ("ref_tokens", int), ("alt_tokens", int),
]  # fmt: skip


@dataclass(frozen=True)
class ScoreRequest:
    """What to score and where to write it.

    Attributes:
        vcf: the variants.
        genome: what they were called against.
        output: None is stdout.
        resume: go on from an interrupted run.
    """

    vcf: Path
    genome: Genome
    output: Path | None
    resume: bool = False


def score_to_file(
    model: LanguageModel,
    request: ScoreRequest,
    config: ScoreConfig,
    on_variants: Callable[[float], None] = lambda variants: None,
    written: Written | None = None,
    tally: Tally | None = None,
) -> Written:
    """Writes a row per variant that can be scored, in the order of the file.

    Args:
        model: a masked language model.
        request: input and output; REF is expected to have been checked (`variants.survey_variants`).
        config: how to score.
        on_variants: told how many are done.
        written: is kept up to date, also when an error ends the work.
        tally: is told the tokens of the references.

    Raises:
        UsageError: if the model scores no masked tokens, or an interrupted run cannot be gone on with.
        BadInputError: if the rows that it left are not of these variants.
    """
    written = written if written is not None else Written()
    options = {
        "--method": config.method,
        "--window": str(config.window_bp),
        "--flank": str(config.flank_bp),
        "device": model.device.type,
    }
    settings = RowSettings(
        __version__, model.name, model_digest(model.checkpoint), options,
        input_files([request.vcf, request.genome.path]),
    )  # fmt: skip
    with (
        resumable(request.output, settings, request.resume, num_rows),
        open_rows(request.output, COLUMNS) as (writer, kept),
    ):
        variants = read_variants(request.vcf, request.genome, config.window_bp // 2)
        todo = after_kept(variants, kept, _key, request.output)
        written.rows = written.kept = len(kept)
        for scored in score_variants(model, todo, request.genome, config, tally):
            writer.write([*_place(scored.variant), *_numbers(scored)])
            written.rows += 1
            on_variants(written.rows - written.kept)
    return written


def _place(variant: Variant) -> tuple[str, int, str, str, str]:
    return variant.contig, variant.start_bp + 1, variant.id, variant.ref, variant.alt


def _key(variant: Variant) -> list[str]:
    return [str(cell) for cell in _place(variant)]


def _numbers(scored: VariantScore) -> tuple[float | int, ...]:
    return (
        scored.score, scored.per_token, scored.ref_log_p, scored.alt_log_p,
        scored.ref_tokens, scored.alt_tokens,
    )  # fmt: skip
