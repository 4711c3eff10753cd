"""The reads that a model is tried with: the first ones of the user's files, or simulated ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lexome.checkpoint.store import Checkpoint
from lexome.core.chemistry import may_fit
from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, Skipped
from lexome.features.signal import SignalConfig, normalise
from lexome.io.signal_files import find_signal_files, iter_reads
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, simulate_reads

MAX_READS = 8
MAX_READ_SAMPLES = 60_000
SMALL_MODEL = 2_000_000  # parameters; larger ones get fewer simulated reads
SIMULATED_CHEMISTRY, SIMULATED_RATE_HZ = "r9.4.1", 4000
SEED = 1


@dataclass(frozen=True)
class TrialReads:
    """Reads to try a model with.

    `truths` are their bases, if they are simulated; `fits` says whether the model is for such signal, as far
    as it says what it is for. What could not be used is in `skipped`.
    """

    reads: list[RawRead]
    truths: list[str]
    skipped: list[Skipped]
    fits: bool

    @property
    def num_samples(self) -> int:
        """Samples of all reads."""
        return sum(len(read.raw) for read in self.reads)


def simulated_reads(checkpoint: Checkpoint, signal: SignalConfig) -> TrialReads:
    """Reads of a random genome, always the same; few and short ones for a large model.

    Args:
        checkpoint: the model that is to be tried.
        signal: what it is for.

    Returns:
        Reads with their truth.
    """
    count, length_bp = (6, 2000.0) if checkpoint.num_parameters < SMALL_MODEL else (2, 700.0)
    config = PoreConfig(mean_length_bp=length_bp, min_length_bp=500, adapter=False)
    genome = {"genome": random_genome(20_000, SEED)}
    made = list(simulate_reads(genome, bundled_levels(), config, count, SEED))
    fits = may_fit(signal.chemistry, SIMULATED_CHEMISTRY) and signal.sample_rate_hz in (
        None,
        SIMULATED_RATE_HZ,
    )
    return TrialReads([one.read for one in made], [one.sequence for one in made], [], fits)


def first_reads(paths: Sequence[Path], signal: SignalConfig) -> TrialReads:
    """The first reads of files that have a signal, cut to a length that is called in reasonable time.

    Args:
        paths: files or folders.
        signal: how the model normalises.

    Returns:
        Up to `MAX_READS` reads.

    Raises:
        UsageError: if a path is missing or holds no signal files.
        BadInputError: if the files cannot be read.
    """
    reads: list[RawRead] = []
    skipped: list[Skipped] = []
    for whole in iter_reads(find_signal_files(paths, False), skipped.append):
        read = replace(whole, raw=whole.raw[:MAX_READ_SAMPLES])
        try:
            normalise(read, signal)
        except BadInputError as error:
            skipped.append(Skipped(read.read_id, str(error)))
            continue
        reads.append(read)
        if len(reads) == MAX_READS:
            break
    return TrialReads(reads, [], skipped, True)
