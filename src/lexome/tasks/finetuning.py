"""The folder of a fine-tuning: what was asked for is written down, so that it can go on later."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.core.errors import BadInputError, UsageError

STORE, TRAINING, MODEL, REQUEST = "store", "training", "model", "finetune.json"
UNLIKE = ("threads",)  # may differ when it goes on


def begin(request: Mapping[str, Any], output: Path, resume: bool) -> int:
    """Writes down a request, or compares it with the one that is there; gives the threads that train.

    A training that goes on has the threads that it began with, on which its bits depend.

    Args:
        request: everything that was asked for, with "threads".
        output: the folder; made if it is not there.
        resume: go on with what is in the folder.

    Returns:
        Threads.

    Raises:
        UsageError: if the folder holds something else, a fine-tuning that is done, or one that was stopped
            and is not to go on, or was started with another request.
        BadInputError: if its record is damaged.
    """
    asked = {key: str(value) for key, value in request.items()}
    record = output / REQUEST
    if (output / MODEL).exists():
        raise UsageError(f"{output}: this fine-tuning is done; its model is {output / MODEL}")
    if not record.exists():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"{output} exists already; choose another folder or remove it")
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{output}: cannot be a folder ({error.strerror})") from error
        record.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
        return int(asked["threads"])
    if not resume:
        raise UsageError(
            f"{output} holds a fine-tuning that was stopped; add --resume, or choose another folder"
        )
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        threads = int(stored["threads"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{record}: damaged; remove {output} and begin anew") from error
    changed = sorted(key for key in {*stored, *asked} - {*UNLIKE} if stored.get(key) != asked.get(key))
    if changed:
        raise UsageError(
            f"{output}: this fine-tuning was started with other settings (different: {', '.join(changed)}); "
            "--resume needs the same"
        )
    return threads
