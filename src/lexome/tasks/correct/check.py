"""Checks of a read corrector on this machine, on simulated ZMWs, the same at every call."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import LexomeError
from lexome.engine.windows import WindowEngine
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import clip_ratios, expanded_rows
from lexome.io.windows import read_windows
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.checking import CheckLine, difference_line, weights_line
from lexome.tasks.correct.judge import JudgedWindows
from lexome.tasks.correct.model import pileup_config
from lexome.tasks.correct.prepare import WindowRequest, prepare_windows
from lexome.tasks.correct.simulate import BED, CCS, SUBREADS, TRUTH, simulate_to_folder

ZMWS = 12
MOLECULES = SubreadConfig(1500.0, 200.0, 1000, 3, 6)  # few passes: there is something to correct
SEED = 20
MOST_COMPARED = 64  # windows whose scores are compared


def check_corrector(checkpoint: Checkpoint) -> list[CheckLine]:
    """Checks a read corrector: its weights, its scores in every engine, its bases against the truth.

    Args:
        checkpoint: a model of the task "correct".

    Returns:
        One line per check; a check that fails and leaves nothing to look at ends the list.
    """
    try:
        network, config = build_network(checkpoint).eval(), pileup_config(checkpoint)
    except LexomeError as error:
        return [CheckLine("files", "FAIL", str(error))]
    lines = [
        CheckLine(
            "files",
            "pass",
            f"read corrector {checkpoint.name}: {checkpoint.architecture.name}, "
            f"{checkpoint.num_parameters:,} parameters",
        ),
        weights_line(checkpoint),
        CheckLine("input", "info", _described(config)),
    ]
    if any(line.result == "FAIL" for line in lines):
        return lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = folder / "set"
        simulate_to_folder(made, MOLECULES, ZMWS, SEED)
        plain = replace(config, smart_windows=False)  # simulated CCS reads have no widths
        request = WindowRequest(
            made / SUBREADS, made / CCS, made / TRUTH, made / BED, None, folder / "store", plain, "test"
        )
        prepare_windows(request)
        store = read_windows(folder / "store")
        judged = JudgedWindows(store, "test")
        rows_NRL = clip_ratios(expanded_rows(np.asarray(store.rows_NRL), np.asarray(store.snr_N4), plain))
        lines.append(CheckLine("ZMWs", "info", f"{ZMWS} simulated, {len(rows_NRL)} windows"))
        return lines + _engine_lines(checkpoint, network, rows_NRL) + _truth_lines(checkpoint, judged, plain)


def _described(config: PileupConfig) -> str:
    qualities = "with" if config.with_qualities else "without"
    return f"{config.max_passes} passes, {config.width} columns, {qualities} qualities of the CCS read"


def _engine_lines(checkpoint: Checkpoint, network: torch.nn.Module, rows_NRL: np.ndarray) -> list[CheckLine]:
    few_NRL = rows_NRL[:MOST_COMPARED]
    engine = WindowEngine(checkpoint, columns=rows_NRL.shape[-1])
    scores_NLK = engine.scores(few_NRL)
    with torch.no_grad():
        reference_NLK = network(torch.from_numpy(few_NRL)).numpy()
    difference = float(np.abs(scores_NLK - reference_NLK).max())
    lines = [difference_line(difference, f"{len(few_NRL)} windows")]
    started_s = time.process_time()
    engine.scores(rows_NRL)
    speed = len(rows_NRL) / max(time.process_time() - started_s, 1e-9)
    small_NLK = WindowEngine(checkpoint, columns=rows_NRL.shape[-1], int8=True).scores(few_NRL)
    columns = scores_NLK.shape[0] * scores_NLK.shape[1]
    same = int((small_NLK.argmax(-1) == scores_NLK.argmax(-1)).sum())
    lines += [
        CheckLine("--int8", "info", f"the same symbol in {same} of {columns} columns"),
        CheckLine("speed", "info", f"{speed:.3g} windows per CPU-second"),
    ]
    return lines


def _truth_lines(checkpoint: Checkpoint, judged: JudgedWindows, config: PileupConfig) -> list[CheckLine]:
    own, ccs = judged.model(checkpoint), judged.ccs(config.max_passes)
    vote = judged.majority(config.max_passes)
    found = f"{own.total} errors against the truth; CCS reads {ccs.total}, majority vote {vote.total}"
    return [CheckLine("truth", "pass" if own.total < ccs.total else "warn", found)]
