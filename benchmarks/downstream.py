"""What correction is good for: assembly and variants from CCS reads, and from corrected ones.

Two haplotypes of one genome are simulated (`--snp-rate`, `--indel-rate` between them), HiFi subreads of both,
and the CCS reads corrected. Each read set (mean quality of 20 and more) is then

- assembled, with hifiasm, canu or flye, if one is installed: quality and completeness from k-mers of 31 bases
  against both haplotypes, length against the genome's, N50 (table 1 of Belyaeva 2022);
- aligned to the first haplotype, variants called with freebayes or else bcftools, if one is installed: F1 of
  substitutions and of insertions and deletions, against the differences put in (figure 2).

    python benchmarks/downstream.py -m hifi_student -o downstream

What is not installed is skipped, and said. Everything is simulated, by the simulator that the bundled models
were trained with: it shows what correction does to these uses, not what to expect of a real genome.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pysam

from lexome.core.alphabet import encode
from lexome.evaluate.kmer_qv import KmerTally, true_kmers
from lexome.io.fastx import read_fastx, read_reference
from lexome.simulate.genome import random_genome

RESULTS = Path(__file__).parent / "results"
K = 31
BASES = "ACGT"
Variant = tuple[int, str, str]  # position on the first haplotype from 0, its bases, the other's
ASSEMBLERS = ("hifiasm", "canu", "flye")
CALLERS = ("freebayes", "bcftools")
CANU = [  # for two cores: some of its stages have no setting for so few
    "useGrid=false", "corThreads=1", "corMemory=4", "redThreads=2", "redMemory=4", "oeaThreads=1",
    "oeaMemory=4", "batThreads=2", "batMemory=8", "cnsThreads=1", "cnsMemory=4", "hapThreads=2",
    "hapMemory=4", "cormhapThreads=2", "cormhapMemory=6", "obtovlThreads=2", "utgovlThreads=2",
]  # fmt: skip


def run(command: list[str], **more: object) -> subprocess.CompletedProcess:
    """Runs a program; if it fails, the end of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr.strip().splitlines()[-3:]}")
    return done


def lexome(*words: object) -> None:
    """Runs a command of lexome."""
    run([sys.executable, "-c", "from lexome.cli.main import main; main()", *map(str, words)])


def second_haplotype(first: str, snp_rate: float, indel_rate: float, seed: int) -> tuple[str, list[Variant]]:
    """Another haplotype, and where it differs; differences are at least 20 bases apart."""
    rng = np.random.default_rng(seed)
    variants: list[Variant] = []
    pieces, place = [], 0
    for position in np.flatnonzero(rng.random(len(first)) < snp_rate + indel_rate).tolist():
        if position < max(place + 20, 100) or position > len(first) - 100:
            continue
        base = first[position]
        if rng.random() < snp_rate / (snp_rate + indel_rate):
            old, new = base, rng.choice([b for b in BASES if b != base])
        elif rng.random() < 0.5:
            old, new = base, base + "".join(rng.choice(list(BASES), int(rng.integers(1, 4))))
        else:
            old, new = first[position : position + 1 + int(rng.integers(1, 4))], base
        pieces += [first[place:position], new]
        place = position + len(old)
        variants.append(leftmost(first, (position, old, str(new))))
    return "".join([*pieces, first[place:]]), variants


def leftmost(reference: str, variant: Variant) -> Variant:
    """The same difference as far left as it can be written, as short as it can be."""
    position, old, new = variant
    while True:
        if len(old) > 1 and len(new) > 1 and old[-1] == new[-1]:
            old, new = old[:-1], new[:-1]
        elif min(len(old), len(new)) == 1 and len(old) != len(new) and old[-1] == new[-1] and position > 0:
            position -= 1
            old, new = reference[position] + old[:-1], reference[position] + new[:-1]
        elif len(old) > 1 and len(new) > 1 and old[0] == new[0]:
            position, old, new = position + 1, old[1:], new[1:]
        else:
            return position, old, new


def read_sets(folder: Path, arguments: argparse.Namespace) -> dict[str, Path]:
    """CCS and corrected reads as FASTQ files; those with a mean quality of 20 and more."""
    simulated, corrected = folder / "subreads", folder / "corrected.fastq"
    if not simulated.exists():
        lexome(
            "simulate", "subreads", "-o", simulated, "--reference", folder / "both.fa", "--count",
            arguments.count, "--mean-length", arguments.mean_length, "--min-passes", 3, "--max-passes", 10,
            "--seed", arguments.seed,
        )  # fmt: skip
    if not corrected.exists():
        lexome(
            "correct", "--subreads", simulated / "subreads_to_ccs.bam", "--ccs", simulated / "ccs.bam", "-m",
            arguments.model, "-o", corrected,
        )  # fmt: skip
    ccs = folder / "ccs.fastq"
    if not ccs.exists():
        lexome("filter", simulated / "ccs.bam", "-o", ccs, "--min-quality", 20)
    return {"CCS": ccs, "corrected": corrected}


def assembled(name: str, reads: Path, folder: Path, genome_bp: int) -> Path:
    """The primary contigs of a read set."""
    output = folder / f"{name}_{reads.stem}"
    if name == "flye":
        made = output / "assembly.fasta"
        if not made.exists():
            run([
                "flye", "--pacbio-hifi", str(reads), "--genome-size", str(genome_bp), "-o", str(output), "-t",
                "2",
            ])  # fmt: skip
        return made
    if name == "canu":
        made = output / "asm.contigs.fasta"
        if not made.exists():
            size = f"genomeSize={genome_bp}"
            run(["canu", "-p", "asm", "-d", str(output), size, "-pacbio-hifi", str(reads.resolve()), *CANU])
        return made
    output.mkdir(exist_ok=True)
    run(["hifiasm", "-o", str(output / "asm"), "-t", "2", str(reads)])
    made = output / "assembly.fasta"
    lines = (output / "asm.bp.p_ctg.gfa").read_text().splitlines()
    parts = [line.split("\t") for line in lines if line.startswith("S\t")]
    made.write_text("".join(f">{part[1]}\n{part[2]}\n" for part in parts))
    return made


def assembly_figures(contigs: Path, haplotypes: Mapping[str, str]) -> dict[str, float | None]:
    """k-mer quality and completeness, N50 and length against one haplotype's."""
    truth = true_kmers([encode(s) for s in haplotypes.values()], sum(map(len, haplotypes.values())), K)
    tally, lengths = KmerTally(truth), []
    for _, sequence, _ in read_fastx(contigs):
        tally.add(*truth.lookup(encode(sequence)))
        lengths.append(len(sequence))
    genome_bp = len(next(iter(haplotypes.values())))
    ordered = np.sort(lengths)[::-1]
    half = int(np.searchsorted(np.cumsum(ordered), ordered.sum() / 2))
    return {
        "contigs": len(lengths), "n50_bp": int(ordered[half]) if lengths else 0,
        "length_of_genome": sum(lengths) / genome_bp, "kmer_qv": tally.quality,
        "kmer_completeness": tally.completeness,
    }  # fmt: skip


def called_variants(name: str, reads: Path, folder: Path) -> list[Variant]:
    """Variants that a caller finds in reads aligned to the first haplotype."""
    reference, bam, vcf = (
        folder / "first.fa",
        folder / f"{reads.stem}.bam",
        folder / f"{reads.stem}.{name}.vcf",
    )
    if not vcf.exists():
        pysam.faidx(str(reference))  # type: ignore[attr-defined]
        align(reads, reference, bam)
        if name == "freebayes":
            vcf.write_text(run(["freebayes", "-f", str(reference), str(bam)]).stdout)
        else:
            pile = folder / f"{reads.stem}.bcf"
            run(["bcftools", "mpileup", "-X", "pacbio-ccs", "-f", str(reference), "-o", str(pile), str(bam)])
            run(["bcftools", "call", "-mv", "-o", str(vcf), str(pile)])
    sequence = next(iter(read_reference(reference).values()))
    found: set[Variant] = set()
    with pysam.VariantFile(str(vcf)) as file:
        for record in file:
            if record.qual is not None and record.qual < 20:
                continue
            for new in record.alts or ():
                found |= set(simple(sequence, record.pos - 1, record.ref or "", new))
    return sorted(found)


def simple(reference: str, position: int, old: str, new: str) -> list[Variant]:
    """A difference of several bases as single ones: a haplotype of equal length base by base."""
    if len(old) == len(new):
        return [(position + i, a, b) for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return [leftmost(reference, (position, old, new))]


def align(reads: Path, reference: Path, output: Path) -> None:
    """Reads aligned to a reference, sorted and indexed."""
    import mappy

    aligner = mappy.Aligner(str(reference), preset="map-hifi")
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"}, "RG": [{"ID": "1", "SM": "simulated"}],
        "SQ": [{"SN": n, "LN": len(s)} for n, s in read_reference(reference).items()],
    }  # fmt: skip
    records = []
    with pysam.AlignmentFile(str(output), "wb", header=header) as file:
        for name, sequence, quality in read_fastx(reads):
            best = next((hit for hit in aligner.map(sequence) if hit.is_primary), None)
            if best is None or quality is None:
                continue
            forward = best.strand > 0
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.mapping_quality = name, 0 if forward else 16, best.mapq
            record.reference_id, record.reference_start = file.get_tid(best.ctg), best.r_st
            ends = [best.q_st, len(sequence) - best.q_en]
            left, right = ends if forward else ends[::-1]
            record.cigarstring = f"{left}S" * (left > 0) + best.cigar_str + f"{right}S" * (right > 0)
            record.query_sequence = sequence if forward else mappy.revcomp(sequence)
            values = np.asarray(quality, np.uint8)
            record.query_qualities = pysam.qualitystring_to_array(
                "".join(chr(33 + q) for q in (values if forward else values[::-1]))
            )
            record.set_tag("RG", "1")
            records.append(record)
        for record in sorted(records, key=lambda r: r.reference_start):
            file.write(record)
    pysam.index(str(output))  # type: ignore[attr-defined]


def f1(true: list[Variant], found: list[Variant]) -> dict[str, float]:
    """Precision, recall and F1 of exact differences, by kind."""
    figures: dict[str, float] = {}
    for kind, is_kind in (
        ("snp", lambda v: len(v[1]) == len(v[2])), ("indel", lambda v: len(v[1]) != len(v[2]))
    ):  # fmt: skip
        wanted, called = ({v for v in one if is_kind(v)} for one in (true, found))
        right = len(wanted & called)
        precision, recall = right / max(1, len(called)), right / max(1, len(wanted))
        figures |= {
            f"{kind}_true": len(wanted), f"{kind}_wrong": len(called) - right,
            f"{kind}_missed": len(wanted) - right,
            f"{kind}_f1": 2 * precision * recall / max(1e-9, precision + recall),
        }  # fmt: skip
    return figures


def main() -> None:
    """Simulates, corrects, assembles, calls, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-m", "--model", default="hifi_student")
    parser.add_argument("-o", "--output", type=Path, help="folder for everything that is made")
    parser.add_argument("--reference", type=Path, help="FASTA; its longest contig (default: random)")
    parser.add_argument("--genome-length", type=int, default=300_000, help="of a random genome")
    parser.add_argument("--count", type=int, default=900, help="molecules")
    parser.add_argument("--mean-length", type=int, default=10_000)
    parser.add_argument("--snp-rate", type=float, default=0.002)
    parser.add_argument("--indel-rate", type=float, default=0.0005)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.output is None:
        print("downstream: skipped: name a folder with -o (it takes some minutes)")
        return
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    first = (
        max(read_reference(arguments.reference).values(), key=len).upper()
        if arguments.reference
        else random_genome(arguments.genome_length, arguments.seed)
    )
    second, variants = second_haplotype(first, arguments.snp_rate, arguments.indel_rate, arguments.seed + 1)
    haplotypes = {"first": first, "second": second}
    (folder / "first.fa").write_text(f">first\n{first}\n")
    (folder / "both.fa").write_text("".join(f">{n}\n{s}\n" for n, s in haplotypes.items()))
    sets = read_sets(folder, arguments)
    found: dict[str, dict[str, object]] = {name: {} for name in sets}
    for title, programs in (("assembly", ASSEMBLERS), ("variants", CALLERS)):
        program = next((name for name in programs if shutil.which(name)), None)
        if program is None:
            print(f"downstream: {title} skipped: none of {', '.join(programs)} is installed")
            continue
        for name, reads in sets.items():
            if title == "assembly":
                figures = assembly_figures(assembled(program, reads, folder, len(first)), haplotypes)
            else:
                figures = f1(variants, called_variants(program, reads, folder))
            found[name][f"{title} ({program})"] = figures
    for title in next(iter(found.values())):
        figures = {name: one[title] for name, one in found.items()}
        print(f"\n| {title} | {' | '.join(figures)} |\n|---|{'---|' * len(figures)}")
        for key in next(iter(figures.values())):  # type: ignore[call-overload]
            cells = [one[key] for one in figures.values()]  # type: ignore[index]
            print(f"| {key} | {' | '.join('-' if c is None else f'{c:.5g}' for c in cells)} |")
    arguments.results.mkdir(parents=True, exist_ok=True)
    settings = {k: str(v) for k, v in vars(arguments).items() if k not in ("output", "results", "reference")}
    (arguments.results / "downstream.json").write_text(
        json.dumps({"settings": settings, "found": found}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
