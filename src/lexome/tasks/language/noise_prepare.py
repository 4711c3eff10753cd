"""Windows of genomes and telomeres, clean and with errors, as labelled tables: what `noise prepare` does.

Half of the windows get errors. These are cut from longer stretches, so all have the same length. Windows of
one split never share a base of the genome with another split; telomeres of one split have motifs of their
own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError
from lexome.report.files import write_json
from lexome.tasks.language.noise import Noisy, noisy_window
from lexome.tasks.language.noise_request import (
    CLEAN,
    GENOMIC,
    NOISY,
    TELOMERIC,
    NoiseReport,
    NoiseRequest,
)
from lexome.tasks.language.noise_telomeres import read_motifs, repeats
from lexome.tasks.language.region_split import (
    Block,
    Letters,
    RegionConfig,
    blocks_of,
    check_contigs,
)
from lexome.tasks.language.regions import Genome, open_genome
from lexome.tasks.language.set_folder import (
    DEV,
    META_FILE,
    SPLITS,
    TEST,
    TEST_SPECIES,
    TRAIN,
    new_folder,
    write_rows,
)

COLUMNS = ("sequence", "label", "name", "category", "species")
CLEAN_GENOME = "train_regions.fa"  # what a Markov model learns from
MOST_CLEAN_BP = 50_000_000


@dataclass(frozen=True)
class _Row:
    sequence: str
    label: str
    name: str
    category: str
    species: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.sequence, self.label, self.name, self.category, self.species)


def prepare_noise(
    request: NoiseRequest, output: Path, command: str, on_windows: Callable[[float], None] = lambda _: None
) -> NoiseReport:
    """Writes train.csv, dev.csv, test.csv, with species held out test_species.csv, and meta.json.

    Args:
        request: what from.
        output: folder to write; it is there whole or not at all.
        command: the command line, for meta.json.
        on_windows: told how many windows are made.

    Raises:
        UsageError: if the request makes no sense or the folder is there already.
        BadInputError: if a file cannot be read, or a split would be empty.
        LexomeError: if the folder cannot be written.
    """
    request.check()
    report = NoiseReport(letters=Letters(request.most_ambiguous))
    rows: dict[str, list[_Row]] = {split: [] for split in SPLITS}
    with new_folder(output) as folder, ExitStack() as stack:
        genomes = {name: stack.enter_context(open_genome(path)) for name, path in request.genomes.items()}
        blocks = _blocks(genomes, request.regions)
        for number, (split, stretches) in enumerate(
            _stretches(request, genomes, blocks, report.letters).items()
        ):
            maker = _Maker(request, report, np.random.default_rng([request.seed, 3, number]))
            for row in maker.rows(split, GENOMIC, stretches):
                rows[split].append(row)
                on_windows(sum(map(len, rows.values())))
        if request.telomeres:
            _add_telomeres(request, report, rows)
        for number, (split, found) in enumerate(rows.items()):
            if found:
                order = np.random.default_rng([request.seed, 4, number]).permutation(len(found))
                write_rows(folder / f"{split}.csv", COLUMNS, (found[i].cells for i in order))
        _check_filled(request, report)
        if genomes:
            _write_clean(folder / CLEAN_GENOME, genomes, blocks, request.seed)
        write_json(folder / META_FILE, _meta(request, command, report))
    return report


def _blocks(genomes: Mapping[str, Genome], config: RegionConfig) -> list[Block]:
    lengths = {name: genome.lengths_bp for name, genome in genomes.items()}
    if genomes:
        check_contigs(config, lengths)
    return [block for name in genomes for block in blocks_of(name, lengths[name], config)]


_Stretch = tuple[str, str, str]  # its species, its name, its bases


def _stretches(
    request: NoiseRequest, genomes: Mapping[str, Genome], blocks: Sequence[Block], letters: Letters
) -> dict[str, list[_Stretch]]:
    """Stretches of every split, drawn if there are more than are wanted, in their order."""
    size = request.rates.stretch_bp(request.length_bp)
    found: dict[str, list[_Stretch]] = {}
    for number, split in enumerate(SPLITS):
        copies = request.copies if split == TRAIN else 1
        places = [
            (block, start)
            for block in blocks
            if block.split == split
            for copy in range(copies)
            for start in range(block.start_bp + copy * size // copies, block.end_bp - size + 1, size)
        ]
        most = (request.most_training if split == TRAIN else request.most_tested) or len(places)
        drawn: dict[int, _Stretch] = {}
        for i in np.random.default_rng([request.seed, 2, number]).permutation(len(places)).tolist():
            if len(drawn) == most:
                break
            block, start = places[i]
            bases = genomes[block.species].bases(block.contig, start, start + size)
            if letters.usable(bases):
                name = f"{block.species}:{block.contig}:{start}-{start + size}"
                drawn[i] = (block.species, name, bases)
        if drawn:
            found[split] = [drawn[i] for i in sorted(drawn)]
    return found


class _Maker:
    """Makes half of the stretches of a split noisy."""

    def __init__(self, request: NoiseRequest, report: NoiseReport, rng: np.random.Generator) -> None:
        self.request, self.report, self.rng = request, report, rng

    def rows(self, split: str, category: str, stretches: Sequence[_Stretch]) -> Iterator[_Row]:
        """The rows; half of those of every species are noisy."""
        length, rates = self.request.length_bp, self.request.rates
        counts = self.report.counts.setdefault(split, {}).setdefault(category, {CLEAN: 0, NOISY: 0})
        for species in dict.fromkeys(one[0] for one in stretches):
            own = [one for one in stretches if one[0] == species]
            is_noisy = self.rng.permutation(np.arange(len(own)) % 2 == 1)
            for (_, name, bases), noisy in zip(own, is_noisy.tolist(), strict=True):
                label = NOISY if noisy else CLEAN
                counts[label] += 1
                text = bases[:length]
                if noisy:
                    made = noisy_window(bases, length, rates, self.rng)
                    self._count(bases, made)
                    text = made.sequence
                yield _Row(text, label, name, category, species)

    def _count(self, bases: str, made: Noisy) -> None:
        errors = self.report.errors
        errors["bases"] += len(bases)
        errors["insertions"] += made.insertions
        errors["deletions"] += made.deletions
        errors["mismatches"] += made.mismatches


def _add_telomeres(request: NoiseRequest, report: NoiseReport, rows: dict[str, list[_Row]]) -> None:
    read = read_motifs(request.telomeres)
    report.motif_rows_left_out = read.left_out
    rng = np.random.default_rng([request.seed, 5])
    if len(read.motifs) < 3:
        raise BadInputError(
            f"{', '.join(map(str, request.telomeres))}: {len(read.motifs)} different motifs; three are "
            "needed, one for each of train, dev and test"
        )
    order = [read.motifs[i] for i in rng.permutation(len(read.motifs))]
    held = {
        split: max(1, round(share * len(order)))
        for split, share in ((DEV, request.regions.dev), (TEST, request.regions.test))
    }
    held = {TRAIN: max(1, len(order) - sum(held.values())), **held}
    size = request.rates.stretch_bp(request.length_bp)
    for split, count in held.items():
        motifs, order = order[:count], order[count:]
        report.motifs[split] = motifs
        windows = max(2, round(request.telomere_windows * count / len(read.motifs)))
        stretches = [
            (TELOMERIC, f"{TELOMERIC}:{motifs[i % count]}:{i}", repeats(motifs[i % count], size, rng))
            for i in range(windows)
        ]
        rows[split] += _Maker(request, report, rng).rows(split, TELOMERIC, stretches)


def _check_filled(request: NoiseRequest, report: NoiseReport) -> None:
    wanted = [TRAIN, DEV, TEST, *([TEST_SPECIES] if request.regions.test_species else [])]
    for split in wanted:
        for labels in report.counts.get(split, {GENOMIC: {CLEAN: 0, NOISY: 0}}).values():
            if not labels[CLEAN] or not labels[NOISY]:
                raise BadInputError(
                    f"no windows of both kinds for {split}: the genomes are too small for blocks of "
                    f"{request.regions.block_bp} bases, or hold too few of A, C, G and T"
                )


def _write_clean(path: Path, genomes: Mapping[str, Genome], blocks: Sequence[Block], seed: int) -> None:
    """The blocks that are learnt from, as FASTA; of large genomes some of them."""
    training = [block for block in blocks if block.split == TRAIN]
    written = 0
    with path.open("w", encoding="ascii") as stream:
        for i in np.random.default_rng([seed, 6]).permutation(len(training)).tolist():
            block = training[i]
            if written >= MOST_CLEAN_BP:
                break
            bases = genomes[block.species].bases(block.contig, block.start_bp, block.end_bp)
            stream.write(f">{block.species}:{block.contig}:{block.start_bp}-{block.end_bp}\n{bases}\n")
            written += len(bases)


def _meta(request: NoiseRequest, command: str, report: NoiseReport) -> dict[str, Any]:
    asked = to_dict(request)
    asked["genomes"] = {name: path.name for name, path in request.genomes.items()}
    asked["telomeres"] = [path.name for path in request.telomeres]
    return {"command": command, "lexome_version": __version__, **asked, **to_dict(report)}
