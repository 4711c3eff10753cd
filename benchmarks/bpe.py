"""How fast, and in how much memory, is a BPE vocabulary trained and used, against Hugging Face's tokenizers?

Both train 4096 tokens on the same lines of DNA, each in a process of its own, in turn, in this one run. Bases
per CPU-second are counted for the training itself (reading included on both sides: ours FASTA, theirs lines
of text) and for the whole process; memory is the greatest of the whole process. The merges must be the same.
Then each encodes the first genome as it is, as one text.

    python benchmarks/bpe.py --megabases 2 8 --ours-alone 50

The text is that of the genomes in ../shared/data/dna/genomes; more than they hold is made of copies with one
base in ten replaced at random. Needs `tokenizers` (pip install 'lexome[lm]'). Writes bpe.json and bpe.md into
results/.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lexome.io.fastx import read_fastx

RESULTS = Path(__file__).parent / "results"
DNA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "dna"
LINE_BP = 500
HEADINGS = (
    "bases", "longest token", "bases per CPU-second", "memory, MB", "peer's", "peer's, MB", "ratio",
    "ratio of whole processes", "merges",
)  # fmt: skip
OURS = """
import json, sys, time
from pathlib import Path
from lexome.tasks.language.tokenizer import TokenizerRequest, read_corpus, train_tokenizer
fasta, longest = Path(sys.argv[1]), int(sys.argv[2]) or None
cpu = time.process_time()
request = TokenizerRequest([fasta], 4096, 500, longest)
tokenizer = train_tokenizer(request, read_corpus(request)).tokenizer
took = time.process_time() - cpu
merges = [[tokenizer.tokens[i] for i in pair] for pair in tokenizer.model.merges.tolist()]
print(json.dumps({"cpu_s": took, "merges": merges}))
"""
THEIRS = """
import json, sys, time
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
lines, longest = sys.argv[1], int(sys.argv[2])
special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
cpu = time.process_time()
tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
limit = {"max_token_length": longest + 1} if longest else {}
trainer = trainers.BpeTrainer(
    vocab_size=4096, min_frequency=2, special_tokens=special, show_progress=False, **limit
)
tokenizer.train([lines], trainer)
took = time.process_time() - cpu
print(json.dumps({"cpu_s": took, "merges": json.loads(tokenizer.to_str())["model"]["merges"]}))
"""
ENCODE_OURS = """
import json, sys, time
from lexome.features.tokens import load_tokenizer
text = open(sys.argv[2]).read()
tokenizer = load_tokenizer(sys.argv[1])
tokenizer.encode(text[:1000])
cpu = time.process_time()
ids = tokenizer.encode(text)
print(json.dumps({"cpu_s": time.process_time() - cpu, "tokens": len(ids), "sum": int(ids.sum())}))
"""
ENCODE_THEIRS = """
import json, sys, time
from tokenizers import Tokenizer
text = open(sys.argv[2]).read()
tokenizer = Tokenizer.from_file(sys.argv[1])
cpu = time.process_time()
ids = tokenizer.encode(text).ids
print(json.dumps({"cpu_s": time.process_time() - cpu, "tokens": len(ids), "sum": sum(ids)}))
"""


def measured(code: str, *arguments: object) -> dict[str, Any]:
    """Runs code in a process of its own; what it prints, its CPU seconds in all and its greatest memory."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"a process failed ({process.returncode})")
    inner = json.loads(output)
    return {**inner, "process_cpu_s": usage.ru_utime + usage.ru_stime, "memory_mb": usage.ru_maxrss / 1000}


def genomes() -> list[str]:
    """The sequences that are there, in upper case."""
    files = sorted((DNA / "genomes").glob("*.f*a.gz"))
    return [sequence.upper() for file in files for _, sequence, _ in read_fastx(file)]


def text_of(sequences: list[str], bases: int) -> list[str]:
    """As many bases: of the sequences, then of copies of them with one base in ten replaced."""
    rng = np.random.default_rng(0)
    taken: list[str] = []
    left, copy = bases, 0
    while left > 0:
        for sequence in sequences:
            piece = sequence[:left]
            if copy and piece:
                letters = np.frombuffer(piece.encode(), np.uint8).copy()
                at = np.flatnonzero(rng.random(len(letters)) < 0.1)
                letters[at] = rng.choice(np.frombuffer(b"ACGT", np.uint8), len(at))
                piece = letters.tobytes().decode()
            taken += [piece] if piece else []
            left -= len(piece)
        copy += 1
    return taken


def write_inputs(folder: Path, sequences: list[str]) -> tuple[Path, Path, int]:
    """FASTA for ours, lines for the peer; and how many bases A, C, G, T they hold."""
    fasta, lines = folder / "text.fa", folder / "text.txt"
    pieces = [piece for sequence in sequences for piece in re.findall("[ACGT]+", sequence)]
    with fasta.open("w") as file:
        for i, sequence in enumerate(sequences):
            file.write(f">{i}\n")
            file.writelines(f"{sequence[at : at + 80]}\n" for at in range(0, len(sequence), 80))
    with lines.open("w") as file:
        for piece in pieces:
            file.writelines(f"{piece[at : at + LINE_BP]}\n" for at in range(0, len(piece), LINE_BP))
    return fasta, lines, sum(map(len, pieces))


def train_row(megabases: float, longest: int, sequences: list[str], with_peer: bool) -> dict[str, Any]:
    """One size of text, ours and theirs."""
    with tempfile.TemporaryDirectory() as folder:
        fasta, lines, bases = write_inputs(Path(folder), text_of(sequences, round(megabases * 1e6)))
        ours = measured(OURS, fasta, longest)
        theirs = measured(THEIRS, lines, longest) if with_peer else None
    row: dict[str, Any] = {"bases": bases, "max_token_bp": longest or None, "ours": ours, "theirs": theirs}
    merges = ours.pop("merges")
    if theirs is not None:
        row["same_merges"] = merges == theirs.pop("merges")
        row["ratio"] = theirs["cpu_s"] / ours["cpu_s"]
        row["process_ratio"] = theirs["process_cpu_s"] / ours["process_cpu_s"]
    return row


def encode_row(sequence: str) -> dict[str, Any]:
    """The published tokenizer on one long text."""
    tokenizer = DNA / "tokenizer" / "dnabert2_tokenizer.json"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "text"
        file.write_text(sequence)
        ours, theirs = measured(ENCODE_OURS, tokenizer, file), measured(ENCODE_THEIRS, tokenizer, file)
    same = (ours["tokens"], ours["sum"]) == (theirs["tokens"], theirs["sum"])
    return {"bases": len(sequence), "ours": ours, "theirs": theirs, "same_ids": same,
            "ratio": theirs["cpu_s"] / ours["cpu_s"]}  # fmt: skip


def table(rows: list[dict[str, Any]], encoded: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for row in rows:
        ours, theirs = row["ours"], row["theirs"]
        cells = [f"{row['bases']:,}", str(row["max_token_bp"] or "any")]
        cells += [f"{row['bases'] / ours['cpu_s']:,.0f}", f"{ours['memory_mb']:,.0f}"]
        if theirs is not None:
            cells += [f"{row['bases'] / theirs['cpu_s']:,.0f}", f"{theirs['memory_mb']:,.0f}"]
            cells += [f"{row['ratio']:.1f}", f"{row['process_ratio']:.1f}"]
            cells += ["the same" if row["same_merges"] else "DIFFERENT"]
        lines.append((*cells, *("-",) * (len(HEADINGS) - len(cells))))
    ours, theirs = encoded["ours"], encoded["theirs"]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + (
        f"\nEncoding {encoded['bases']:,} bases as one text: {encoded['bases'] / ours['cpu_s']:,.0f} bases "
        f"per CPU-second, the peer {encoded['bases'] / theirs['cpu_s']:,.0f}, ratio {encoded['ratio']:.1f}; "
        f"the ids are {'the same' if encoded['same_ids'] else 'DIFFERENT'}.\n"
    )


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabases", type=float, nargs="*", default=[2.0, 8.0], help="sizes for both")
    parser.add_argument("--ours-alone", type=float, nargs="*", default=[50.0], help="sizes for lexome only")
    parser.add_argument("--longest", type=int, nargs="*", default=[0, 16], help="longest token; 0: any")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not DNA.exists():
        print("bpe: skipped: the genomes in ../shared/data/dna are not here")
        return
    sequences = genomes()
    train_row(0.1, 0, sequences, with_peer=False)  # not counted: compiles the kernels
    sizes = [(size, True) for size in arguments.megabases] + [(size, False) for size in arguments.ours_alone]
    rows = []
    for size, with_peer in sizes:
        for longest in arguments.longest:
            rows.append(train_row(size, longest, sequences, with_peer))
            print(rows[-1], flush=True)
    encoded = encode_row(max(sequences, key=len))
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "bpe.json").write_text(
        json.dumps({"train": rows, "encode": encoded}, indent=1) + "\n"
    )
    (arguments.results / "bpe.md").write_text(table(rows, encoded))
    print(table(rows, encoded))


if __name__ == "__main__":
    main()
