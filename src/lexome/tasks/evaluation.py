"""An evaluation of called reads into files."""

from pathlib import Path

from lexome.evaluate.reads import FileEvaluation
from lexome.report.files import write_json
from lexome.report.reads import write_reads_page


def write_evaluation(
    evaluation: FileEvaluation, command: str, *, json_file: Path | None = None, page: Path | None = None
) -> None:
    """Writes the figures of an evaluation.

    Args:
        evaluation: the scores.
        command: how they were made; the page says it.
        json_file: gets all figures.
        page: gets the self-contained HTML page.

    Raises:
        LexomeError: if a file cannot be written.
    """
    figures, per_read = evaluation.to_json(), evaluation.per_read
    if json_file is not None:
        write_json(json_file, figures)
    if page is not None:
        write_reads_page(
            page,
            figures,
            identity=per_read.identity,
            length_bp=per_read.length_bp,
            mean_q=per_read.mean_q,
            command=command,
        )
