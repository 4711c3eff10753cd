"""What the tests of pile-ups share: a slow reference, and real ZMWs."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lexome.core.zmw import Truth, ZmwReads, ZmwReport


@pytest.fixture(scope="session")
def reference(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The slow way to the columns of a ZMW, beside this file."""
    return load_file(Path(__file__).with_name("pileup_reference.py"))


@pytest.fixture(scope="session")
def human_zmws(shared: Path) -> list[tuple[ZmwReads, Truth | ZmwReport]]:
    """Nine ZMWs of a human run, with the truth of eight."""
    from lexome.io.subreads import read_zmws
    from lexome.io.truth import open_truths

    folder = shared / "data" / "pacbio" / "human_1m_dev"
    with open_truths(folder / "truth_to_ccs.bam", folder / "truth.bed", folder / "truth_split.tsv") as truths:
        zmws = read_zmws(folder / "subreads_to_ccs.bam", folder / "ccs.bam", print)
        return [(zmw, truths.of(zmw.name)) for zmw in zmws]
