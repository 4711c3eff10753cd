"""One model pruned to several sparsities: identity against sparsity and size."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lexome.core.errors import BadInputError, UsageError
from lexome.report.files import write_json
from lexome.tasks.finetuning import MODEL
from lexome.tasks.shrink.prune import FIGURES, PruneRequest, prune

CURVE = "curve.json"


def sweep(
    request: PruneRequest,
    sparsities: Sequence[float],
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_note: Callable[[str], None] = lambda line: None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Prunes a model to each sparsity by itself, all in the same way.

    Args:
        request: what to do; its sparsity is replaced.
        sparsities: from first to last.
        output: gets sparsity_0.5/ and so on (see `prune`), and curve.json.
        version: of lexome.
        resume: go on; sparsities that are done are not done again.
        on_note: told what is being done.
        on_log: told each row of the trainings' logs.

    Returns:
        The figures, as in curve.json: "points" are those of each sparsity.

    Raises:
        UsageError: if the output holds something and `resume` is not set.
    """
    if not resume and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} exists already; add --resume, choose another folder or remove it")
    points = []
    for sparsity in sparsities:
        folder = output / f"sparsity_{sparsity:g}"
        if resume and (folder / MODEL).exists():
            points.append(_read(folder / FIGURES))
            continue
        on_note(f"sparsity {sparsity:g}: {folder}")
        one = dataclasses.replace(request, sparsity=sparsity)
        points.append(
            prune(one, folder, version, resume=resume and folder.exists(), on_note=on_note, on_log=on_log)
        )
    figures = {"model": points[0]["model"], "structured": request.structured, "points": points}
    write_json(output / CURVE, figures)
    return figures


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: damaged; remove {path.parent} and begin anew") from error
