"""Fetches a model from the hub of Hugging Face, if its client is installed and there is a network."""

import re
from pathlib import Path

from lexome.core.errors import LexomeError
from lexome.io.signal_checks import first_line

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
FILES = ("config.json", "tokenizer.json", "model.safetensors")
OLD_WEIGHTS = "pytorch_model.bin"


def is_hub_name(model: str) -> bool:
    """Whether this may be a name on the hub, owner/name, and not a path below a folder that is here."""
    return bool(NAME.fullmatch(model)) and not Path(model).parent.exists()


def fetch_from_hub(name: str) -> Path:
    """The folder of a model, fetched once and kept where the client keeps such files.

    No code of the model is fetched.

    Args:
        name: owner/name, for example zhihan1996/DNABERT-2-117M.

    Returns:
        A folder with config.json, the weights and, if there is one, tokenizer.json.

    Raises:
        LexomeError: without client or network, or without such a model; names the files to fetch.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise LexomeError(_by_hand(name, "the package huggingface_hub is not installed")) from error
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES)))
        if not (folder / FILES[-1]).is_file():
            folder = Path(snapshot_download(name, allow_patterns=[*FILES, OLD_WEIGHTS]))
    except Exception as error:  # its network layers raise errors of many kinds
        raise LexomeError(_by_hand(name, f"it cannot be fetched ({first_line(error)})")) from error
    return folder


def _by_hand(name: str, why: str) -> str:
    config, tokenizer, weights = FILES
    return (
        f"no folder '{name}', and of the model of that name on the Hugging Face hub: {why}; fetch its files "
        f"{config}, {tokenizer} and {weights} (or {OLD_WEIGHTS}) into a folder and name that"
    )
