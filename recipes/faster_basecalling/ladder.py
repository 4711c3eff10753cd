"""Trains the ladder of basecallers within a budget of time, on whatever machine there is.

    python recipes/faster_basecalling/ladder.py pack stores/real stores/composed -o pack --max-mb 60
    python recipes/faster_basecalling/ladder.py train pack -o runs --minutes 28

`pack` makes one small file of several training stores, to be carried to another machine: the signal in steps
of 1/32 (a tenth of the noise that training adds), compressed; if they do not fit, a share of each store's
training chunks, drawn at random. `train` unpacks it beside the runs and trains one model after another, each
with its share of the minutes. Whatever is trained is saved every minute; the same command goes on where an
earlier one was stopped, and a model that is finished is not trained again. A GPU is used if there is one
(then in mixed precision), else the CPU, where a few hours are the least that makes sense.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexome.io.chunks import SPLITS, ChunkStore, LabelledChunk, read_store, write_store

RECIPES = Path(__file__).parent
STEPS_PER_UNIT = 32
MAX_VALIDATION = 1024
PACK, META = "chunks.npz", "meta.json"
# name, recipe, share of the time, the model that it starts from
LADDER = (
    ("fast", "bonito_fast.toml", 0.4, None),
    ("turbo", "bonito_turbo.toml", 0.2, None),
    ("hac", "bonito_hac.toml", 0.4, "fast"),
)
SMALL_BATCH, LARGE_BATCH = 16, 256  # on a CPU, on a GPU


def coded(store: ChunkStore, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Some chunks of a store as small arrays."""
    signal = np.round(store.signal_NS[rows].astype(np.float32) * STEPS_PER_UNIT)
    return {
        "signal": np.clip(signal, -127, 127).astype(np.int8),
        **{key: np.array(getattr(store, f"{key}_N")[rows]) for key in ("lengths", "source", "split")},
        "targets": np.array(store.targets_NL[rows]),
    }


def pack(stores: Sequence[Path], output: Path, max_mb: float, seed: int) -> None:
    """Writes chunks of all stores into a folder of at most so many megabytes."""
    opened = [read_store(path) for path in stores]
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(store.indices("training")) for store in opened]
    held = [generator.permutation(store.indices("validation"))[:MAX_VALIDATION] for store in opened]
    output.mkdir(parents=True)
    share = 1.0
    while True:
        parts = {}
        for number, (store, order, kept) in enumerate(zip(opened, orders, held, strict=True)):
            rows = np.sort(np.concatenate([order[: int(share * len(order))], kept]))
            parts |= {f"{number}.{key}": array for key, array in coded(store, rows).items()}
        np.savez_compressed(output / PACK, **parts)
        size_mb = (output / PACK).stat().st_size / 1e6
        print(f"{share:.0%} of the training chunks: {size_mb:.1f} MB", flush=True)
        if size_mb <= max_mb:
            break
        share *= 0.97 * max_mb / size_mb
    (output / META).write_text(json.dumps([dict(store.meta) for store in opened]))


def unpack(folder: Path, output: Path) -> list[Path]:
    """Makes training stores of a pack, if they are not there yet."""
    metas = json.loads((folder / META).read_text())
    stores = [output / f"store_{number}" for number in range(len(metas))]
    with np.load(folder / PACK, allow_pickle=False) as file:
        for number, (path, meta) in enumerate(zip(stores, metas, strict=True)):
            if path.exists():
                continue
            keys = ("signal", "targets", "lengths", "source", "split")
            columns = [file[f"{number}.{key}"] for key in keys]
            chunks = [
                LabelledChunk(
                    signal.astype(np.float32) / STEPS_PER_UNIT, target[:length],
                    source["read"].decode(), source["contig"].decode(), int(source["start_bp"]),
                    int(source["end_bp"]), int(split),
                )
                for signal, target, length, source, split in zip(*columns, strict=True)
            ]  # fmt: skip
            assert max(chunk.split for chunk in chunks) < len(SPLITS)
            write_store(path, chunks, meta)
    return stores


def train(folder: Path, output: Path, minutes: float, more: Sequence[str]) -> None:
    """Trains all models, or what of them is not trained yet."""
    import torch

    output.mkdir(parents=True, exist_ok=True)
    stores = [str(path) for path in unpack(folder, output)]
    on_gpu = torch.cuda.is_available()
    for name, recipe, share, start in LADDER:
        run = output / name
        if (run / "done").exists():
            continue
        settings = [
            f"task.stores={json.dumps(stores)}", "loop.save_every_s=60", "loop.average_decay=0.999",
            f"loop.batch_size={LARGE_BATCH if on_gpu else SMALL_BATCH}",
            f"loop.precision={'mixed' if on_gpu else 'fp32'}",
            *([f"task.start_from={output / start / 'model'}"] if start else []), *more,
        ]  # fmt: skip
        command = [
            sys.executable, "-c", "from lexome.cli.main import main; main()", "train", str(RECIPES / recipe),
            "-o", str(run), "--minutes", f"{share * minutes:g}",
            *(part for setting in settings for part in ("--set", setting)),
            *(["--resume"] if (run / "training.json").exists() else []),
        ]  # fmt: skip
        subprocess.run(command, check=True)
        (run / "done").touch()


def main() -> None:
    """Packs or trains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="what", required=True)
    packing, training = parts.add_parser("pack"), parts.add_parser("train")
    packing.add_argument("stores", type=Path, nargs="+")
    packing.add_argument("--output", "-o", type=Path, required=True)
    packing.add_argument("--max-mb", type=float, default=60.0)
    packing.add_argument("--seed", type=int, default=0)
    training.add_argument("pack", type=Path)
    training.add_argument("--output", "-o", type=Path, required=True)
    training.add_argument("--minutes", type=float, required=True, help="for all models together")
    training.add_argument("--set", dest="more", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if arguments.what == "pack":
        pack(arguments.stores, arguments.output, arguments.max_mb, arguments.seed)
    else:
        train(arguments.pack, arguments.output, arguments.minutes, arguments.more)


if __name__ == "__main__":
    main()
