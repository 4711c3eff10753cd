"""Reads and a reference that a random network calls without an error: its own calls are the reference."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def own_reads(
    tmp_path_factory: pytest.TempPathFactory, raw_read: Callable, small_model: Path
) -> tuple[Path, Path]:
    """Twelve reads, and a FASTA of what `small_model` calls of them."""
    from lexome.io.pod5 import write_pod5
    from lexome.tasks.basecall.model import open_model
    from lexome.tasks.basecall.run import basecall_reads

    folder = tmp_path_factory.mktemp("own")
    reads = [raw_read(number, 4000 + 300 * number) for number in range(12)]
    write_pod5(folder / "reads.pod5", reads)
    calls = basecall_reads(reads, open_model(small_model, device="cpu"), lambda skipped: None)
    text = "".join(f">{call.read_id}\n{call.sequence}\n" for call in calls)
    (folder / "own.fa").write_text(text)
    return folder / "reads.pod5", folder / "own.fa"
