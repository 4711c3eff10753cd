"""Writes the simulated genomes that the shipped language models were pre-trained on, too.

    python recipes/dnabert2/simulated_genomes.py corpus/simulated.fa

Four genomes of one megabase (`lexome.simulate.genome`): GC content that wanders, copies of repeat elements on
both strands with differences, tandem repeats, homopolymers.
"""

import sys
from pathlib import Path

from lexome.simulate.genome import random_genome

SEEDS = (101, 102, 103, 104)
LENGTH_BP = 1_000_000

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python simulated_genomes.py FASTA")
    with Path(sys.argv[1]).open("w", encoding="utf-8") as fasta:
        for seed in SEEDS:
            fasta.write(f">simulated_{seed}\n{random_genome(LENGTH_BP, seed)}\n")
