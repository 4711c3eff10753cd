"""Simulated PacBio subreads on disk, in the files that read correction is trained and judged on."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.alphabet import decode
from lexome.core.errors import UsageError
from lexome.io.fastx import read_reference
from lexome.io.partial import explained, partial_of
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import Molecule, SubreadConfig, simulate_molecule
from lexome.simulate.hifi_draft import Draft, align_pass, align_truth, consensus
from lexome.simulate.hifi_profile import SubreadProfile, bundled_subread_profile, read_subread_profile
from lexome.simulate.places import Places
from lexome.tasks.correct.simulated_records import SimulatedBams, movie_name

SUBREADS, CCS, TRUTH = "subreads_to_ccs.bam", "ccs.bam", "truth_to_ccs.bam"
BED, SPLIT, FASTA = "truth.bed", "truth_split.tsv", "truth.fasta"
FILES = (SUBREADS, CCS, TRUTH, f"{TRUTH}.bai", BED, SPLIT, FASTA)
RANDOM_CONTIGS = 20
_CONTIG_SEED = 1_000_003  # contigs of a random genome differ from those of the next seed


@dataclass(frozen=True)
class SimulatedZmw:
    """A molecule with its passes, its draft and their alignments to it (`align_pass`, `align_truth`)."""

    number: int
    molecule: Molecule
    draft: Draft
    alignments: tuple[tuple[int, np.ndarray], ...]
    truth_ops: np.ndarray


@dataclass(frozen=True)
class SimulatedSubreads:
    """What was simulated. `draft_errors` counts bases by which the drafts differ from their molecules."""

    zmws: int
    subreads: int
    bases: int
    draft_bases: int
    draft_errors: int


def simulate_zmws(
    contigs: Mapping[str, str],
    profile: SubreadProfile,
    config: SubreadConfig,
    count: int,
    seed: int,
    first: int = 1,
) -> Iterator[SimulatedZmw]:
    """Simulates molecules one by one.

    Molecule `n` depends on the contigs, the profile, the configuration, `seed` and `n` alone: several
    processes may make parts of one set.

    Args:
        contigs: name -> sequence; what is not A, C, G or T gives no molecules.
        profile: rates of errors, kinetics.
        config: lengths and passes.
        count: molecules.
        seed: 0 or more.
        first: number of the first molecule, 0 or more.

    Raises:
        UsageError: if a number is negative.
        BadInputError: if no contig is long enough.
    """
    if count < 1 or seed < 0 or first < 0:
        raise UsageError(
            f"at least one molecule, and a seed and a first number of 0 or more; got {count}, {seed}, {first}"
        )
    places = Places(contigs, config.min_length_bp)
    return (_simulate_zmw(places, profile, config, seed, n) for n in range(first, first + count))


def _simulate_zmw(
    places: Places, profile: SubreadProfile, config: SubreadConfig, seed: int, number: int
) -> SimulatedZmw:
    rng = np.random.default_rng([seed, number])
    length_bp = rng.normal(config.mean_length_bp, config.sd_length_bp)
    place = places.draw(max(config.min_length_bp, round(length_bp)), rng)
    molecule = simulate_molecule(place, np.ascontiguousarray(places.codes(place)), profile, config, rng)
    draft = consensus(molecule, profile, rng)
    alignments = tuple(align_pass(one, draft) for one in molecule.passes)
    return SimulatedZmw(number, molecule, draft, alignments, align_truth(molecule, draft))


def simulate_to_folder(
    output: Path,
    config: SubreadConfig,
    count: int,
    seed: int,
    reference: Path | None = None,
    genome_bp: int = 2_000_000,
    block_bp: int | None = None,
    profile: Path | None = None,
    first: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> SimulatedSubreads:
    """Simulates molecules into a new folder; the same arguments give the same bytes.

    The folder is called `<output>.partial` until it is complete. Its files (docs/subread-simulator.md) have
    the form of real ones: subreads aligned to their CCS, CCS reads, truth aligned to CCS, its places and the
    split of the contigs; and `truth.fasta` with the molecules in the direction of their CCS reads.

    Args:
        output: the folder to make; it must not exist.
        config: lengths and passes.
        count: molecules.
        seed: 0 or more.
        reference: FASTA that the molecules come from; by default a random genome of 20 contigs.
        genome_bp: bases of the random genome in all.
        block_bp: cuts each contig into blocks of so many bases, named `contig:start-end` (0-based), which
            then are the contigs: so a genome of few contigs can be split for training and testing.
        profile: a profile of rates; by default the bundled one.
        first: number of the first molecule; with other numbers a set can be made in several runs.
        progress: told after every molecule how many are done.

    Raises:
        UsageError: for wrong arguments.
        BadInputError: for a reference or profile that cannot be used.
        LexomeError: if a file cannot be written.
    """
    if output.exists():
        raise UsageError(f"{output}: is there already; name a new folder")
    if not output.parent.is_dir():
        raise UsageError(f"{output}: the folder {output.parent} does not exist")
    rates = bundled_subread_profile() if profile is None else read_subread_profile(profile)
    contigs = read_reference(reference) if reference is not None else _random_contigs(genome_bp, seed)
    if block_bp is not None:
        contigs = cut_blocks(contigs, block_bp, config.min_length_bp)
    zmws = simulate_zmws(contigs, rates, config, count, seed, first)
    partial = partial_of(output)
    with explained(partial):
        if partial.exists():
            shutil.rmtree(partial)  # left by a run that was killed; nobody else uses this name
        partial.mkdir()
    try:
        totals = _write(partial, zmws, contigs, range(first, first + count), seed, progress)
        with explained(output):
            partial.replace(output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # the same command makes the same molecules again
        raise
    return totals


def cut_blocks(contigs: Mapping[str, str], block_bp: int, least_bp: int) -> dict[str, str]:
    """Cuts contigs into blocks named `contig:start-end`; a last block of less than `least_bp` is left out.

    Raises:
        UsageError: if blocks are to be shorter than `least_bp`.
    """
    if block_bp < least_bp:
        raise UsageError(f"blocks must hold a molecule: at least {least_bp} bases, got {block_bp}")
    blocks = {}
    for name, sequence in contigs.items():
        for start in range(0, len(sequence), block_bp):
            end = min(start + block_bp, len(sequence))
            if end - start >= least_bp:
                blocks[f"{name}:{start}-{end}"] = sequence[start:end]
    return blocks


def chromosomes_of(names: list[str]) -> dict[str, str]:
    """The chromosome that each contig stands for, which decides whether it is for training or testing.

    The field's split is by human chromosomes: 1 to 18, X and Y are for training, 21 and 22 for evaluation, 19
    and 20 for the test. Contigs that are called chr1 ... chrY stay what they are; of all others the ninth of
    every ten is chr20 and the tenth chr21.
    """
    human = {f"chr{n}" for n in [*range(1, 23), "X", "Y"]}
    chromosomes = {}
    for index, name in enumerate(names):
        number = index % 10
        other = "chr20" if number == 8 else "chr21" if number == 9 else f"chr{number + 1}"
        chromosomes[name] = name if name in human else other
    return chromosomes


def _random_contigs(genome_bp: int, seed: int) -> dict[str, str]:
    if seed < 0:
        raise UsageError(f"the seed must not be negative, got {seed}")
    each = genome_bp // RANDOM_CONTIGS
    return {f"contig{n + 1}": random_genome(each, seed * _CONTIG_SEED + n) for n in range(RANDOM_CONTIGS)}


def _write(
    folder: Path,
    zmws: Iterator[SimulatedZmw],
    contigs: Mapping[str, str],
    numbers: range,
    seed: int,
    progress: Callable[[int], None],
) -> SimulatedSubreads:
    subreads = bases = draft_bases = errors = 0
    bams = SimulatedBams(folder / SUBREADS, folder / CCS, folder / TRUTH, movie_name(seed), numbers)
    with bams, explained(folder), (folder / BED).open("w") as bed, (folder / FASTA).open("w") as fasta:
        for done, zmw in enumerate(zmws, 1):
            differences = bams.write(zmw.number, zmw.molecule, zmw.draft, zmw.alignments, zmw.truth_ops)
            place, name = zmw.molecule.place, f"{movie_name(seed)}/{zmw.number}"
            rate = differences / max(1, len(zmw.truth_ops))
            row = (place.contig, place.start, place.end, f"{name}/ccs", f"{rate:.6g}", place.strand)
            bed.write("\t".join(map(str, row)) + "\n")
            fasta.write(f">{name}/truth\n{decode(zmw.molecule.codes)}\n")
            subreads += len(zmw.molecule.passes)
            bases += sum(len(one.codes) for one in zmw.molecule.passes)
            draft_bases += len(zmw.draft.codes)
            errors += differences
            progress(done)
    with explained(folder):
        rows = chromosomes_of(list(contigs)).items()
        (folder / SPLIT).write_text("".join(f"{name}\t{chromosome}\n" for name, chromosome in rows))
    return SimulatedSubreads(len(numbers), subreads, bases, draft_bases, errors)
