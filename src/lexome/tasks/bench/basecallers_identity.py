"""What basecallers make of reads: called as by `lexome basecall`, judged as by `lexome evaluate reads`.

The figures of every model are a file of their own in the folder of the results, named by all that decides
them; asked for again, they are read from there.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.reads import evaluate_reads
from lexome.io.calls import read_calls
from lexome.report.files import write_json
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.bench.accuracy import ReadsSource

PREFIX = "reads-"
MAX_BYTES = 64 << 20
_NEEDED = ("identity_median", "identity_mean_all_reads", "intervals", "mapped", "reads", "mapped_bases")


def settings_of(model: BasecallModel, source: ReadsSource, bootstrap: BootstrapConfig) -> dict[str, Any]:
    """All that decides the figures of a model, as plain values."""
    return {
        "lexome_version": __version__,
        "model": model.name,
        "digest": model.digest,
        "engine": f"{model.engine.name} on {model.engine.device.partition(':')[0]}",
        "reads": source.described(),
        "bootstrap": to_dict(bootstrap),
    }


def kept_file(folder: Path, settings: dict[str, Any]) -> Path:
    """Where the figures of such settings are kept."""
    text = json.dumps(settings, sort_keys=True)
    return folder / f"{PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def read_kept_figures(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The figures that a file has; None if there is no such file.

    Raises:
        BadInputError: if it cannot be read, or holds something else.
    """
    if not path.exists():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        there = json.loads(path.read_text(encoding="utf-8"))
        if there["settings"] != settings:
            raise ValueError("they are of other settings")
        found = dict(there["figures"])
        _ = [found[name] for name in (*_NEEDED, "skipped")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{path}: no figures of this benchmark that can be read ({error}); remove it to call again"
        ) from error
    return found


def judge(
    model: BasecallModel,
    source: ReadsSource,
    aligner: ReadAligner,
    folder: Path,
    bootstrap: BootstrapConfig,
    on_samples: Callable[[int], None] = lambda samples: None,
) -> dict[str, Any]:
    """The figures of one model, called now or kept from before.

    Args:
        model: opened as `lexome basecall` opens it.
        source: the reads and their reference.
        aligner: with the reference's index.
        folder: of the results; gets a file.
        bootstrap: how intervals are made.
        on_samples: told how many raw samples are called.

    Returns:
        All fields of `lexome evaluate reads`, and `skipped`: reads that could not be called.

    Raises:
        LexomeError: if no read could be called.
        BadInputError: if kept figures cannot be read.
    """
    settings = settings_of(model, source, bootstrap)
    path = kept_file(folder, settings)
    kept = read_kept_figures(path, settings)
    if kept is not None:
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="calls-", dir=folder) as place:
        calls = Path(place) / "calls.bam"
        request = CallRequest(source.files, calls, max_reads=source.max_reads, version=__version__)
        done = call_files(request, plan_calls(request), model, on_samples)
        found = evaluate_reads(
            read_calls(calls), aligner, threads=model.engine.threads, bootstrap=bootstrap
        ).figures
    figures = {"skipped": len(done.skipped), **found.to_json()}
    write_json(path, {"settings": settings, "figures": figures})
    return figures


def check_folder(folder: Path, results: str, *, resume: bool) -> None:
    """Refuses a folder that holds results, if going on with it was not asked for.

    Raises:
        UsageError: naming what is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name one for the results with -o")
    there = folder / results if (folder / results).exists() else next(folder.glob(f"{PREFIX}*.json"), None)
    if there is not None and not resume:
        raise UsageError(
            f"{there}: holds results; --resume keeps the calls judged there and times all anew, or name "
            "another folder with -o"
        )
