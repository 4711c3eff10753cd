"""Simulated reads in files with their true places: what stores are prepared from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.io.pod5 import write_pod5
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig
from lexome.tasks.basecall.cut import LabelConfig
from lexome.tasks.basecall.inputs import PrepareRequest
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.simulate import simulate_to_files

VALIDATION = Interval("g", 4000, 7000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    """Twelve simulated reads, the reference, their true places; a read that lies nowhere, and a bad one."""
    path = tmp_path_factory.mktemp("prepare")
    (path / "ref.fa").write_text(f">g\n{random_genome(12_000, 4)}\n")
    (path / "reads").mkdir()
    config = PoreConfig(mean_length_bp=1500.0, min_length_bp=1000, noise=0.5, adapter=False)
    simulate_to_files(path / "ref.fa", path / "reads" / "a.pod5", config, 12, 1, truth=path / "truth.bam")
    write_pod5(path / "reads" / "b.pod5", [raw_read(1, 3000), raw_read(2, 500, raw=np.zeros(0, np.int16))])
    rows = ["read_id\tcontig\tr_st\tr_en\tstrand"]
    with pysam.AlignmentFile(str(path / "truth.bam")) as file:
        for read in file:
            strand = "-" if read.is_reverse else "+"
            rows.append(
                f"{read.query_name}\t{read.reference_name}\t{read.reference_start}\t{read.reference_end}\t{strand}"
            )
    (path / "places.tsv").write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def request_(folder: Path) -> PrepareRequest:
    labels = LabelConfig(chunk_size=1000, step=500)
    return PrepareRequest(
        [folder / "reads"], folder / "ref.fa", folder / "places.tsv", None, (VALIDATION,), labels, False, 1
    )
