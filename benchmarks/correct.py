"""How fast is read correction, against DeepConsensus 1.2, and is it the same?

Both sides get the same network (random weights; the published 6 layers, and 4), the same ZMWs and one
thread, in turn (A B A B ...), in this one run:

- features: ZMWs per CPU-second from files to the input of the network;
- windows: windows per CPU-second of the network, in 32 bits and (ours) 8 bits;
- whole: the whole program, from start to end, reads written.

    python benchmarks/correct.py --peer-python PEER/bin/python --repeats 3

How to make PEER: peer_deepconsensus.py. By default the ZMWs are those of ../shared (pacbio/human_1m_dev),
repeated as `--copies` says for the whole program, so that its start counts less. Says how many of the
corrected reads are the same, and how far probabilities are apart. Writes correct.json into results/.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam

from lexome.checkpoint.importing import import_model
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import clip_ratios, network_rows, windows_of
from lexome.io.subreads import read_zmws

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DATA = HERE.resolve().parents[1] / "shared/data/pacbio/human_1m_dev"
PEER = HERE / "peer_deepconsensus.py"
BATCH = 128  # windows of the peer; its default of 1024 is slower
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
}  # fmt: skip
FEATURES = """
import json, sys, time
from pathlib import Path
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import network_rows, windows_of
from lexome.io.subreads import read_zmws
config = PileupConfig()
def all_rows():
    zmws = windows = 0
    for zmw in read_zmws(Path(sys.argv[1]), Path(sys.argv[2]), print):
        windows += len(network_rows(windows_of(zmw, config), config))
        zmws += 1
    return zmws, windows
all_rows()
began = time.process_time()
zmws, windows = all_rows()
print(json.dumps({"cpu_s": time.process_time() - began, "windows": windows, "zmws": zmws}))
"""
WINDOWS = """
import json, sys, time
import numpy as np
from lexome.checkpoint.store import load
from lexome.engine.windows import WindowEngine
engine = WindowEngine(load(sys.argv[1]), int8=sys.argv[3] == "int8")
rows = np.load(sys.argv[2])
rows = rows[: len(rows) // int(sys.argv[4]) * int(sys.argv[4])]
engine.scores(rows[:64])
began = time.process_time()
scores = engine.scores(rows)
took = time.process_time() - began
np.save(sys.argv[1] + "/scores.npy", scores)
print(json.dumps({"cpu_s": took, "windows": len(rows)}))
"""
LEXOME = "from lexome.cli.main import main; main()"


def run(command: Sequence[str]) -> tuple[str, float]:
    """Runs a command on one core; its stdout and the CPU seconds of the whole process."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
    )  # fmt: skip
    output, errors = process.stdout.read(), process.stderr.read()  # type: ignore[union-attr]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))[:200]}: failed: {errors.strip().splitlines()[-3:]}")
    return output, usage.ru_utime + usage.ru_stime


def measured(command: Sequence[str]) -> dict[str, float]:
    """The figures that a command prints as its last line."""
    return json.loads(run(command)[0].strip().splitlines()[-1])


def copies(data: Path, folder: Path, count: int) -> tuple[Path, Path]:
    """The ZMWs of a folder so many times, each copy with hole numbers of its own."""
    pysam.set_verbosity(0)
    paths = folder / "subreads.bam", folder / "ccs.bam"
    for path, name in zip(paths, ("subreads_to_ccs.bam", "ccs.bam"), strict=True):
        with pysam.AlignmentFile(str(data / name), check_sq=False) as source:
            header = source.header.to_dict()
            lengths = {entry["SN"]: entry["LN"] for entry in header.get("SQ", [])}
            if lengths:
                header["SQ"] = [
                    {"SN": renamed(name, copy), "LN": length}
                    for copy in range(count)
                    for name, length in lengths.items()
                ]
            records = list(source.fetch(until_eof=True))
        with pysam.AlignmentFile(str(path), "wb", header=header) as output:
            for copy in range(count):
                for record in records:
                    data_of = record.to_dict()
                    data_of["name"] = renamed(data_of["name"], copy)
                    if data_of["ref_name"] != "*":
                        data_of["ref_name"] = renamed(data_of["ref_name"], copy)
                    data_of["tags"] = [
                        f"zm:i:{int(tag[5:]) + 10_000_000 * copy}" if tag.startswith("zm:i:") else tag
                        for tag in data_of["tags"]
                    ]
                    output.write(pysam.AlignedSegment.from_dict(data_of, output.header))
    return paths


def renamed(name: str, copy: int) -> str:
    """The name of a read in one of the copies."""
    movie, hole, rest = name.split("/", 2)
    return f"{movie}/{int(hole) + 10_000_000 * copy}/{rest}"


def network_input(data: Path, output: Path) -> None:
    """The rows of all windows, as the networks take them."""
    config = PileupConfig()
    zmws = read_zmws(data / "subreads_to_ccs.bam", data / "ccs.bam", print)
    rows_NRL = np.concatenate([network_rows(windows_of(zmw, config), config) for zmw in zmws])
    np.save(output, clip_ratios(rows_NRL))


def whole_commands(folder: Path, files: tuple[Path, Path], skip: str) -> dict[str, list[str]]:
    """The program of each side, with the same settings."""
    subreads, ccs = map(str, files)
    ours = [
        sys.executable, "-c", LEXOME, "correct", "--subreads", subreads, "--ccs", ccs,
        "-m", str(folder / "model"), "--min-quality", "0", "--skip-windows-above", skip, "--threads", "1",
        "-o",
    ]  # fmt: skip
    return {
        "lexome": [*ours, str(folder / "ours.bam")],
        "lexome, 8 bits": [*ours, str(folder / "ours8.bam"), "--int8"],
        "peer": [
            str(PEER), "run", f"--subreads_to_ccs={subreads}", f"--ccs_bam={ccs}", "--cpus=0",
            "--min_quality=0", f"--checkpoint={folder / 'theirs' / 'checkpoint-1'}",
            f"--output={folder / 'theirs.bam'}", f"--skip_windows_above={skip}",
        ],
    }  # fmt: skip


def same_reads(folder: Path) -> dict[str, int]:
    """How many reads of both sides have the same bases, and how many bases of these other qualities."""
    reads = [
        {r.query_name: r for r in pysam.AlignmentFile(str(folder / name), check_sq=False)}
        for name in ("ours.bam", "theirs.bam")
    ]
    same = [name for name, read in reads[0].items() if read.query_sequence == reads[1][name].query_sequence]
    off = sum(int((np.array(reads[0][n].query_qualities) != reads[1][n].query_qualities).sum()) for n in same)
    return {"reads": len(reads[1]), "same_bases": len(same), "other_qualities": off}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", help="Python of an environment with DeepConsensus 1.2")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4, help="of the ZMWs, for the whole program")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print("correct: skipped: the reads in ../shared are not here; name others with --data")
        return
    if not arguments.peer_python:
        print("correct: skipped: name DeepConsensus with --peer-python (peer_deepconsensus.py says how)")
        return
    peer = [arguments.peer_python, str(PEER)]
    found: dict[str, dict[str, list[float]]] = {}
    same: dict[str, object] = {}

    def note(what: str, who: str, value: float) -> None:
        found.setdefault(what, {}).setdefault(who, []).append(value)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = str(arguments.data / "subreads_to_ccs.bam"), str(arguments.data / "ccs.bam")
        for _ in range(arguments.repeats):
            for who, command in (
                ("lexome", [sys.executable, "-c", FEATURES, *files]), ("peer", [*peer, "features", *files])
            ):  # fmt: skip
                took = measured(command)
                note("features, ZMWs per CPU-second", who, took["zmws"] / took["cpu_s"])
        network_input(arguments.data, folder / "rows.npy")
        for layers in (6, 4):
            theirs, model = folder / f"theirs{layers}", folder / f"model{layers}"
            run([*peer, "make", str(layers), str(theirs)])
            import_model(theirs / "weights.npz", model)
            ours = [sys.executable, "-c", WINDOWS, str(model), str(folder / "rows.npy")]
            for _ in range(arguments.repeats):
                for who, command in (
                    ("lexome, 8 bits", [*ours, "int8", str(BATCH)]), ("lexome", [*ours, "fp32", str(BATCH)]),
                    ("peer", [*peer, "windows", str(theirs), str(folder / "rows.npy"), str(BATCH)]),
                ):  # fmt: skip
                    took = measured(command)
                    note(f"{layers} layers, windows per CPU-second", who, took["windows"] / took["cpu_s"])
            scores = np.load(model / "scores.npy").astype(np.float64)
            ours_p = np.exp(scores - scores.max(-1, keepdims=True))
            ours_p /= ours_p.sum(-1, keepdims=True)
            same[f"{layers} layers, largest difference of a probability"] = float(
                np.abs(ours_p - np.load(theirs / "p.npy")).max()
            )
        (folder / "theirs6").rename(folder / "theirs")
        (folder / "model6").rename(folder / "model")
        many = copies(arguments.data, folder, arguments.copies)
        for skip in ("45", "0"):
            commands = whole_commands(folder, many, skip)
            for _ in range(arguments.repeats):
                for who, command in commands.items():
                    start = [arguments.peer_python] if who == "peer" else []
                    cpu_s = run([*start, *command])[1]
                    note(f"whole program, skipping above {skip}, runs per CPU-hour", who, 3600 / cpu_s)
            same[f"skipping above {skip}"] = same_reads(folder)
    print("| what | lexome | lexome, 8 bits | peer | ratio (least to most) | ratio, 8 bits |")
    print("|---|---|---|---|---|---|")
    for what, sides in found.items():
        middle = {who: f"{statistics.median(values):.4g}" for who, values in sides.items()}
        ratios = {
            who: [a / b for a, b in zip(values, sides["peer"], strict=True)]
            for who, values in sides.items()
            if who != "peer"
        }
        shown = {
            who: f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for who, r in ratios.items()
        }
        few = "lexome, 8 bits"
        print(
            f"| {what} | {middle['lexome']} | {middle.get(few, '')} | {middle['peer']} | {shown['lexome']} "
            f"| {shown.get(few, '')} |"
        )
    print(json.dumps(same, indent=1))
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "correct.json").write_text(
        json.dumps({"figures": found, "same": same}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
