"""Simulated nanopore runs on disk: reads into POD5, their truth into BAM."""

import hashlib
import mmap
import uuid
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pod5
import pysam

from lexome import __version__
from lexome.core.alphabet import reverse_complement
from lexome.core.errors import LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels, RawRead
from lexome.io.fastx import read_reference
from lexome.io.hts import MAX_MV_STRIDE
from lexome.io.pod5 import write_pod5
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, SimulatedRead, simulate_reads
from lexome.simulate.profiles import get_profile
from lexome.simulate.truth import dwells_of, moves_of

_MARKER = slice(8, 24)  # where a POD5 file first says its section marker


@dataclass(frozen=True)
class SimulatedTotals:
    """What was simulated."""

    reads: int
    bases: int
    samples: int


def simulate_to_files(
    reference: Path,
    output: Path,
    config: PoreConfig,
    count: int,
    seed: int,
    truth: Path | None = None,
    levels: Path | None = None,
    truth_stride: int = 5,
    progress: Callable[[int], None] = lambda done: None,
) -> SimulatedTotals:
    """Simulates reads and writes them read by read; the same arguments give the same bytes.

    Both files are called `<name>.partial` until they are complete.

    Args:
        reference: FASTA (may be gzipped) that the reads come from.
        output: the POD5 file; replaced if it exists.
        config: how to simulate.
        count: number of reads.
        seed: 0 or more.
        truth: BAM with one record per read, in the reads' order (docs/simulate.md); none by default.
        levels: k-mer level table; default: the bundled one of the profile.
        truth_stride: samples in a step of the truth's move table.
        progress: told after every read how many are done.

    Returns:
        How much was simulated.

    Raises:
        UsageError: for wrong arguments.
        BadInputError: for a reference or table that cannot be used.
        LexomeError: if a file cannot be written.
    """
    _check_outputs(output, truth, truth_stride)
    table = _load_levels(levels, config)
    contigs = read_reference(reference)
    simulated_reads = simulate_reads(contigs, table, config, count, seed)
    bases = samples = 0
    run_id = ""

    def written() -> Iterator[RawRead]:
        nonlocal bases, samples, run_id
        for done, simulated in enumerate(simulated_reads, 1):
            write_truth(simulated)
            yield simulated.read
            bases += len(simulated.sequence)
            samples += len(simulated.read.raw)
            run_id = simulated.read.info.run.run_id
            progress(done)

    try:
        with _open_truth(truth, contigs, truth_stride) as write_truth:
            reads = write_pod5(_partial(output), written())
        _set_identifiers(_partial(output), f"{run_id} {reads} {bases} {samples}")
    except BaseException:
        _remove_partials(output, truth)  # the same command makes the same reads again: nothing is lost
        raise
    _partial(output).replace(output)
    if truth is not None:
        _partial(truth).replace(truth)
    return SimulatedTotals(reads, bases, samples)


def _check_outputs(output: Path, truth: Path | None, truth_stride: int) -> None:
    if output.suffix != ".pod5":
        raise UsageError(f"{output}: simulated reads are written as POD5, the name must end in .pod5")
    if truth is not None and truth.suffix != ".bam":
        raise UsageError(f"{truth}: the truth is written as BAM, the name must end in .bam")
    if not 1 <= truth_stride <= MAX_MV_STRIDE:
        raise UsageError(f"the truth's stride must be from 1 to {MAX_MV_STRIDE}, got {truth_stride}")
    for path in (output, truth):
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"{path}: is a folder")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: the folder {path.parent} does not exist")


def _load_levels(path: Path | None, config: PoreConfig) -> KmerLevels:
    if path is not None:
        return read_kmer_levels(path)
    name = get_profile(config.profile).levels
    if name is None:
        raise UsageError(f"lexome has no k-mer level table for profile {config.profile}: give one (--levels)")
    return bundled_levels(name)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _remove_partials(output: Path, truth: Path | None) -> None:
    """Removes what a failed run left; `write_pod5` gives the file it writes a partial name of its own."""
    left = [_partial(output), _partial(_partial(output)), *([] if truth is None else [_partial(truth)])]
    for path in left:
        if path.is_file():
            path.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns an error of the operating system into one that names the file."""
    try:
        yield
    except OSError as error:
        raise LexomeError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _open_truth(
    path: Path | None, contigs: Mapping[str, str], stride: int
) -> Iterator[Callable[[SimulatedRead], None]]:
    """Opens the truth under its partial name; gives a function that adds a read, or one that does nothing."""
    if path is None:
        yield lambda simulated: None
        return
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "unsorted"},
            "SQ": [{"SN": name, "LN": len(sequence)} for name, sequence in contigs.items()],
            "PG": [{"ID": "lexome", "PN": "lexome", "VN": __version__, "DS": "truth of simulated reads"}],
        }
    )
    with _explained(path):
        file = pysam.AlignmentFile(str(_partial(path)), "wb", header=header)

    def write(simulated: SimulatedRead) -> None:
        record = _truth_record(simulated, header, stride)
        with _explained(path):
            file.write(record)

    try:
        yield write
    finally:
        with _explained(path):
            file.close()


def _truth_record(
    simulated: SimulatedRead, header: pysam.AlignmentHeader, stride: int
) -> pysam.AlignedSegment:
    forward, length = simulated.strand == "+", len(simulated.sequence)
    starts, num_samples = simulated.base_starts, len(simulated.read.raw)
    record = pysam.AlignedSegment(header)
    record.query_name = simulated.read.read_id
    record.flag = 0 if forward else 16
    record.reference_name = simulated.contig
    record.reference_start = simulated.start
    record.mapping_quality = 60
    record.cigartuples = [(int(pysam.CMATCH), length)]
    record.query_sequence = simulated.sequence if forward else reverse_complement(simulated.sequence)
    record.set_tag("NM", 0, "i")
    record.set_tag("MD", str(length), "Z")
    record.set_tag("ns", num_samples, "i")
    record.set_tag("ts", int(starts[0]), "i")
    record.set_tag("mv", array("b", bytes([stride]) + moves_of(starts, num_samples, stride).tobytes()))
    record.set_tag("dw", array("H", dwells_of(starts, num_samples).tobytes()))
    return record


def _set_identifiers(path: Path, content: str) -> None:
    """Replaces the file's two random names by ones that follow from its content.

    POD5 gives every file a random identifier and a random marker between its sections; nothing else differs
    between two files of the same reads.
    """
    digest = hashlib.sha256(content.encode()).digest()
    with pod5.Reader(path) as reader:
        identifier = str(reader.file_identifier).encode()
    new_identifier = str(uuid.UUID(bytes=digest[16:], version=4)).encode()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for old, new in ((data[_MARKER], digest[:16]), (identifier, new_identifier)):
            at = data.find(old)
            while at >= 0:
                data[at : at + len(old)] = new
                at = data.find(old, at + len(old))
