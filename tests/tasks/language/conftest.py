"""What the tests of language models share: small models and labelled sets."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def toy(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """Small models and labelled sets, made by the file beside this one."""
    return load_file(Path(__file__).with_name("toy_language.py"))
