"""Whether qualities of corrected reads are as the network gave them: what the header of the file says."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from lexome.checkpoint.store import Checkpoint
from lexome.io.alignment_files import open_alignments, reading
from lexome.io.output import HTS_ENDINGS


def why_not_raw(corrected: Path, model: Checkpoint | None) -> tuple[bool | None, str]:
    """Whether the qualities of a file are those that the network gave, as far as its header says.

    Args:
        corrected: reads of `lexome correct`.
        model: that made them, if it is known.

    Returns:
        True, False or None (nobody knows), and why it is not True.
    """
    if not corrected.name.lower().removesuffix(".partial").endswith(HTS_ENDINGS):
        return None, "a FASTQ file does not say how its qualities were made"
    with open_alignments(corrected) as file, reading(corrected):
        programs = file.header.to_dict().get("PG", [])
    commands = [_command(program) for program in programs]
    typed = next((words for words in reversed(commands) if words[:2] == ["lexome", "correct"]), None)
    if typed is None:
        return None, "its header does not say that lexome correct made it"
    own = None if model is None else model.head.config.get("calibration")
    calibration = _option(typed, "--calibration")
    if calibration is None and (model is None or own not in (None, "skip")):
        known = "the model has a calibration of its own" if own else "the model may have its own calibration"
        return (False if own else None), f"it was made without --calibration skip, and {known}"
    if calibration not in (None, "skip"):
        return False, f"it was made with --calibration {calibration}"
    skipped = _option(typed, "--skip-windows-above")
    if skipped is None or not _is_zero(skipped):
        return False, "it was made without --skip-windows-above 0, so some qualities are those of CCS reads"
    return True, ""


def _command(program: Mapping[str, str]) -> list[str]:
    try:
        return shlex.split(program.get("CL", ""))
    except ValueError:  # a quote that is not closed: no command of ours
        return []


def _option(words: Sequence[str], name: str) -> str | None:
    """The value of the last mention of an option, `--name value` or `--name=value`."""
    value = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            value = following
        elif word.startswith(f"{name}="):
            value = word.removeprefix(f"{name}=")
    return value


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
