"""Fits the simulator of PacBio subreads to real passes, and compares simulated reads with real ones.

    python benchmarks/fit_subread_profile.py fit       # writes src/lexome/zoo/sequel_subreads.json
    python benchmarks/fit_subread_profile.py compare   # writes results/subread_simulator.json and .md

Three ZMWs of HG002 (../shared/data/pacbio/human_1m_dev) are used, 4194381, 4194383 and 4194384; 4194375 and
4194382 are kept for the test of read correction and are not opened here. The comparison simulates the same
molecules with the same layout of passes under several seeds, so it says how well the fit reproduces what it
was fitted on, not how well it carries over to other runs.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pysam

from lexome.core.alphabet import encode
from lexome.dp.kernels.edit import matches_and_edits
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR, guided_align
from lexome.simulate.hifi import SimulatedPass, passes_over
from lexome.simulate.hifi_counts import (
    KINDS,
    MATCH,
    MAX_RUN_BP,
    PassCounts,
    column_edits,
    context_index,
    count_pass,
    kinds_of,
    places_of,
    runs_of,
    total_counts,
)
from lexome.simulate.hifi_draft import (
    ALIGN_WIDTH,
    GAP_EXTEND,
    GAP_OPEN,
    MISMATCH,
    align_pass,
    align_truth,
    consensus,
)
from lexome.simulate.hifi_profile import SHORT_INSERTION_BP, SubreadProfile, bundled_subread_profile
from lexome.simulate.places import Place

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY.parent / "shared" / "data" / "pacbio" / "human_1m_dev"
PROFILE = REPOSITORY / "src" / "lexome" / "zoo" / "sequel_subreads.json"
RESULTS = Path(__file__).parent / "results"
ZMWS = (4194381, 4194383, 4194384)
OPERATIONS = {7: PAIR, 8: PAIR, 0: PAIR, 1: INSERTION, 2: DELETION}
ROUNDS = 3  # of correcting the rates by what the simulator gives for them
# what three molecules cannot tell: by eye on their 23 errors, or plain assumptions
ASSUMED = {
    "molecule_sd": 0.1, "snr_sd": 0.12, "hard_shape": 0.5, "hard_longer": 0.2, "hard_seen": 0.6,
    "hard_other": 0.5,
}  # fmt: skip
START = {"hard_rate": 0.003, "draft_sharpness": 0.9, "draft_blur": 0.02}
FIT_SEEDS, CALIBRATION_ROUNDS, SEEDS, HARD_STEP = 6, 6, 24, 1.0


@dataclass
class AlignedPass:
    """A pass on its draft, in the draft's direction, and on its own template, in native orientation."""

    is_reverse: bool
    draft_start: int
    draft_ops: np.ndarray
    read: np.ndarray  # draft's direction
    start: int  # on the molecule
    end: int
    template: np.ndarray
    native: np.ndarray
    ops: np.ndarray
    pulse: np.ndarray
    gap: np.ndarray

    def counts(self) -> PassCounts:
        """What this pass adds to the counts."""
        return count_pass(self.template, self.native, self.ops, self.pulse, self.gap)


@dataclass
class Zmw:
    """A molecule, its draft and its passes, real or simulated."""

    number: int
    molecule: np.ndarray
    draft: np.ndarray
    qualities: np.ndarray
    truth_ops: np.ndarray  # the molecule as the query, the draft as the reference
    passes: list[AlignedPass]
    full_passes: int
    rq: float


def align(query: np.ndarray, reference: np.ndarray, guide: np.ndarray) -> np.ndarray:
    guide = np.clip(np.maximum.accumulate(guide), 0, len(reference))
    return guided_align(query, reference, guide, ALIGN_WIDTH, MISMATCH, GAP_OPEN, GAP_EXTEND)


def operations(record: pysam.AlignedSegment) -> np.ndarray:
    return np.concatenate([np.full(n, OPERATIONS[op], np.uint8) for op, n in record.cigartuples or ()])


def reference_before(ops: np.ndarray) -> np.ndarray:
    """Bases of the reference before each base of the query, and before its end."""
    of_reference = ops != INSERTION
    before = np.cumsum(of_reference) - of_reference
    return np.concatenate([before[ops != DELETION], [of_reference.sum()]]).astype(np.int64)


def native(codes: np.ndarray, is_reverse: bool) -> np.ndarray:
    return (3 - codes[::-1]).copy() if is_reverse else codes.copy()


def real_zmws() -> Iterator[Zmw]:
    def records(name: str) -> dict[int, list[pysam.AlignedSegment]]:
        grouped = defaultdict(list)
        with pysam.AlignmentFile(str(DATA / name), check_sq=False) as file:
            for record in file:
                number = int((record.query_name or "").split("/")[1])
                if number in ZMWS:
                    grouped[number].append(record)
        return grouped

    drafts, truths, subreads = records("ccs.bam"), records("truth_to_ccs.bam"), records("subreads_to_ccs.bam")
    for number in ZMWS:
        ccs, truth = drafts[number][0], truths[number][0]
        draft, molecule = encode(ccs.query_sequence or ""), encode(truth.query_sequence or "")
        truth_ops = operations(truth)
        of_truth, of_draft = truth_ops != DELETION, truth_ops != INSERTION
        truth_before = (np.cumsum(of_truth) - of_truth)[of_draft]
        truth_before = np.concatenate([truth_before, [len(molecule)]])
        passes = []
        for record in subreads[number]:
            ops, read = operations(record), encode(record.query_sequence or "")
            start, end = truth_before[record.reference_start], truth_before[record.reference_end or 0]
            guide = truth_before[reference_before(ops) + record.reference_start] - start
            template = molecule[start:end]
            aligned = align(read, template, guide)
            passes.append(
                AlignedPass(
                    record.is_reverse,
                    record.reference_start,
                    ops,
                    read,
                    int(start),
                    int(end),
                    native(template, record.is_reverse),
                    native(read, record.is_reverse),
                    aligned[::-1].copy() if record.is_reverse else aligned,
                    np.array(record.get_tag("pw"), np.uint8),
                    np.array(record.get_tag("ip"), np.uint8),
                )  # fmt: skip
            )
        yield Zmw(
            number, molecule, draft, np.array(ccs.query_qualities, np.uint8), truth_ops, passes,
            int(ccs.get_tag("np")), float(ccs.get_tag("rq")),
        )  # fmt: skip


def simulated_like(zmw: Zmw, profile: SubreadProfile, seed: int) -> Zmw:
    """The same molecule with the same layout of passes."""
    layout = [(p.is_reverse, p.start, p.end) for p in zmw.passes]
    count = len(zmw.molecule)
    # the real ends are ragged by a base or two: whole passes are whole
    layout = [(r, 0 if s < 10 else s, count if e > count - 10 else e) for r, s, e in layout]
    rng = np.random.default_rng([seed, zmw.number])
    return simulated(zmw.molecule, zmw.number, layout, profile, rng)


def simulated(
    codes: np.ndarray,
    number: int,
    layout: list[tuple[bool, int, int]],
    profile: SubreadProfile,
    rng: np.random.Generator,
) -> Zmw:
    molecule = passes_over(Place("x", 0, len(codes), "+"), codes, layout, profile, rng)
    draft = consensus(molecule, profile, rng)
    passes = [_aligned(codes, one, *align_pass(one, draft)) for one in molecule.passes]
    return Zmw(
        number, codes, draft.codes, draft.qualities, align_truth(molecule, draft), passes,
        molecule.full_passes, draft.rq,
    )  # fmt: skip


def _aligned(
    molecule: np.ndarray, one: SimulatedPass, draft_start: int, draft_ops: np.ndarray
) -> AlignedPass:
    read, place, _ = one.forward()
    template = molecule[one.start : one.end]
    ops = align(np.ascontiguousarray(read), template, np.append(place, one.end) - one.start)
    return AlignedPass(
        one.is_reverse, draft_start, draft_ops, read, one.start, one.end, native(template, one.is_reverse),
        one.codes, ops[::-1].copy() if one.is_reverse else ops, one.pulse, one.gap,
    )  # fmt: skip


def share(events: np.ndarray, chances: np.ndarray, pool: np.ndarray, weight: float = 50.0) -> np.ndarray:
    """Events per chance, drawn towards `pool` as if that had been seen `weight` times."""
    return (events + weight * pool) / (chances + weight)


def rates_of(counts: PassCounts) -> dict[str, np.ndarray]:
    """The rates of a profile as they appear in alignments."""
    length = np.arange(MAX_RUN_BP + 1)
    bases = counts.runs * length
    long_share = counts.insertion_bp[SHORT_INSERTION_BP + 1 :].sum() / counts.insertion_bp.sum()
    deleted_pool = counts.run_deleted.sum(0) / np.maximum(bases.sum(0), 1)
    deleted_pool[5:] = counts.run_deleted[:, 5:].sum() / bases[:, 5:].sum()
    inserted_pool = counts.run_inserted.sum(0) / np.maximum(counts.runs.sum(0), 1)
    inserted_pool[6:] = inserted_pool[6:9].mean()
    singles = counts.single_deleted.sum((0, 2)) / counts.singles.sum((0, 2))
    substituted = counts.substituted.sum((0, 2)) / counts.bases.sum((0, 2))[:, None]
    inserted = counts.inserted.sum((0, 1)) / counts.slots.sum()
    rates = {
        "run_deleted": share(counts.run_deleted, bases, deleted_pool),
        "run_inserted": share(counts.run_inserted, counts.runs, inserted_pool),
        "single_deleted": share(counts.single_deleted, counts.singles, singles[None, :, None]),
        "substituted": share(counts.substituted, counts.bases[..., None], substituted[None, :, None, :]),
        "inserted": share(counts.inserted, counts.slots[..., None], inserted[None, None, :]),
    }
    rates["run_inserted"] *= 1 - long_share
    rates["inserted"] *= 1 - long_share
    base = np.arange(4)
    rates["substituted"][:, base, :, base] = 0
    rates["inserted"][base, :, base], rates["inserted"][:, base, base] = 0, 0
    rates["run_deleted"][:, 0], rates["run_inserted"][:, 0] = 0, 0
    rates["single_deleted"][base, base, :], rates["single_deleted"][:, base, base] = 0, 0
    rates["insertion_bp"] = counts.insertion_bp / counts.insertion_bp.sum()
    rates["long_rate"] = counts.insertion_bp[SHORT_INSERTION_BP + 1 :].sum() / counts.bases.sum()
    return rates


def factors_of(counts: PassCounts, rates: dict[str, np.ndarray]) -> list[float]:
    """How much more than on average a pass has: insertions, deletions, substitutions, long insertions."""
    long = counts.insertion_bp[SHORT_INSERTION_BP + 1 :].sum()
    short = counts.insertion_bp[: SHORT_INSERTION_BP + 1].sum()
    length = np.arange(MAX_RUN_BP + 1)
    runs = (counts.runs * length)[:, 2:]
    deleted = (runs * rates["run_deleted"][:, 2:]).sum() + (counts.singles * rates["single_deleted"]).sum()
    inserted = (counts.runs * rates["run_inserted"]).sum()
    inserted += (counts.slots[..., None] * rates["inserted"]).sum()
    substituted = (counts.bases[..., None] * rates["substituted"]).sum()
    expected_long = counts.bases.sum() * float(rates["long_rate"])
    gone = counts.run_deleted[:, 2:].sum() + counts.single_deleted.sum()
    # a few tens of events: drawn towards 1
    return [
        short / inserted, gone / deleted, counts.substituted.sum() / substituted,
        (long + 2) / (expected_long + 2),
    ]  # fmt: skip


@dataclass
class Kinetics:
    """Normal scores of the kinetics of right bases."""

    context: np.ndarray
    passes: np.ndarray
    site_sd: float


def fit_kinetics(zmws: list[Zmw], name: str) -> Kinetics:
    rows = []
    for z, zmw in enumerate(zmws):
        for one in zmw.passes:
            place, inserted = places_of(one.ops)
            kinds = kinds_of(one.template, runs_of(one.template), one.native, place, inserted)
            right = kinds == MATCH
            at = np.minimum(place, len(one.template) - 1)
            begin = len(zmw.molecule) - one.end if one.is_reverse else one.start
            site = ((2 * z + one.is_reverse) << 20) + at + begin
            rows.append((context_index(one.template)[at][right], one.native[right], getattr(one, name)[right],
                         np.full(right.sum(), len(rows)), site[right]))  # fmt: skip
    context, base, code, which, site = (np.concatenate(column) for column in zip(*rows, strict=True))
    score = normal_scores(code, base)
    mean = np.bincount(context, score, 1024) / (np.bincount(context, minlength=1024) + 20)  # rare ones: to 0
    rest = score - mean[context]
    passes = np.bincount(which, rest) / np.bincount(which)
    rest -= passes[which]
    _, number = np.unique(site, return_inverse=True)
    times, total, squares = np.bincount(number), np.bincount(number, rest), np.bincount(number, rest**2)
    several = times > 1
    common = ((total**2 - squares)[several]).sum() / (times * (times - 1))[several].sum()
    return Kinetics(mean, passes, float(np.sqrt(max(common, 0))))


def normal_scores(codes: np.ndarray, bases: np.ndarray) -> np.ndarray:
    grid = np.array([NormalDist().inv_cdf((i + 0.5) / 4096) for i in range(4096)])
    scores, rng = np.zeros(len(codes)), np.random.default_rng(0)
    for base in range(4):
        of_base = np.flatnonzero(bases == base)
        rank = (codes[of_base] + rng.random(len(of_base))).argsort().argsort()
        scores[of_base] = grid[((rank + 0.5) / len(of_base) * 4096).astype(int)]
    return scores


def calibrate(zmws: list[Zmw], profile: SubreadProfile) -> SubreadProfile:
    """Sets what single alignments do not show by what all passes together show.

    The rate of hard places by the edits of the majority vote, the draft's blur by the draft's edits, and its
    sharpness by the share of bases below Q60.
    """
    wanted = figures_of(zmws)
    for number in range(CALIBRATION_ROUNDS):
        got = figures_of([simulated_like(z, profile, s) for s in range(100, 100 + SEEDS) for z in zmws])
        ratio = {k: wanted[k] / max(got[k], 1e-6) for k in wanted}
        print(f"calibration {number}: wanted {wanted}, got {got}")
        step = {k: float(np.clip(v, 0.5, 2.0)) for k, v in ratio.items()}
        excess = (wanted["majority edits"] - got["majority edits"]) * len(zmws)
        runs = sum(int((runs_of(z.molecule).length_bp - 1).sum()) for z in zmws)
        profile = replace(
            profile,
            hard_rate=max(0.0, profile.hard_rate + HARD_STEP * excess / runs),
            draft_blur=float(np.clip(profile.draft_blur * step["draft edits"], 0.001, 0.1)),
            draft_sharpness=float(np.clip(profile.draft_sharpness / step["below Q60"] ** 0.3, 0.2, 1.0)),
        )
    return profile


def figures_of(zmws: list[Zmw]) -> dict[str, float]:
    """Means over molecules."""
    windows = [window_figures(z) for z in zmws]
    return {
        "draft edits": float(np.mean([w["draft edits"] for w in windows])),
        "majority edits": float(np.mean([w["majority edits"] for w in windows])),
        "below Q60": float(np.mean([(z.qualities < 60).mean() for z in zmws])),
    }


def fit(output: Path) -> None:
    zmws = list(real_zmws())
    by_pass = [[one.counts() for one in zmw.passes] for zmw in zmws]
    counts = total_counts(c for passes in by_pass for c in passes)
    target = rates_of(counts)
    pulse, gap = fit_kinetics(zmws, "pulse"), fit_kinetics(zmws, "gap")
    rows, number = [], 0
    for passes in by_pass:
        table = []
        for one in passes:
            table.append([*factors_of(one, target), pulse.passes[number], gap.passes[number]])
            number += 1
        rows.append(np.array(table))
    # a simulated molecule draws one of these, and its passes from it, all as likely: so mean 1 and shift 0
    mean = np.mean([table.mean(0) for table in rows], 0)
    rows = [np.hstack([table[:, :4] / mean[:4], table[:, 4:] - mean[4:]]) for table in rows]
    with pysam.AlignmentFile(str(DATA / "ccs.bam"), check_sq=False) as file:
        snr = [r.get_tag("sn") for r in file if int((r.query_name or "").split("/")[1]) in ZMWS]
    steps = counts.insertion_steps + 1.0
    profile = SubreadProfile(
        name="sequel",
        run_deleted=target["run_deleted"], run_inserted=target["run_inserted"],
        single_deleted=target["single_deleted"], substituted=target["substituted"],
        inserted=target["inserted"], insertion_bp=target["insertion_bp"],
        long_rate=float(target["long_rate"]),
        insertion_steps=steps / steps.sum(1, keepdims=True),
        pulse_codes=counts.pulse_codes, gap_codes=counts.gap_codes,
        pulse_context=pulse.context, gap_context=gap.context,
        pulse_site_sd=pulse.site_sd, gap_site_sd=gap.site_sd, passes=tuple(rows),
        snr_mean=np.array(snr, np.float64).mean(0), **START, **ASSUMED,
    )  # fmt: skip
    for _ in range(ROUNDS):
        # an alignment does not show all that happened: move each rate by what it misses of it
        got = [
            simulated_like(z, replace(profile, molecule_sd=0.0), seed)
            for seed in range(FIT_SEEDS)
            for z in zmws
        ]
        seen = rates_of(total_counts(one.counts() for zmw in got for one in zmw.passes))
        changed = {}
        for name in (
            "run_deleted",
            "run_inserted",
            "single_deleted",
            "substituted",
            "inserted",
            "insertion_bp",
        ):
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = np.where(seen[name] > 0, target[name] / seen[name], 1.0)
            changed[name] = getattr(profile, name) * np.clip(ratio, 0.7, 1.4)
        long = profile.long_rate * float(np.clip(target["long_rate"] / seen["long_rate"], 0.7, 1.4))
        profile = replace(profile, **changed, long_rate=long)
    calibrate(zmws, profile).save(output)
    print(f"{output}: {output.stat().st_size:,} bytes")


MAX_INSERTION_COLUMNS = 5  # longer insertions are left out of the columns
MAX_PASSES, WINDOW_COLUMNS = 20, 100


def columns_of(zmw: Zmw) -> tuple[np.ndarray, np.ndarray]:
    """Spaced columns: symbols of the passes (4 gap, 5 not there), [pass, column], and the draft's base or -1.

    Insertions of several passes share columns, left-justified.
    """
    length, passes = len(zmw.draft), zmw.passes[:MAX_PASSES]
    placed, widest = [], np.zeros(length + 1, np.int64)
    for one in passes:
        place, inserted = places_of(one.draft_ops)
        place = place + one.draft_start
        first = np.diff(np.where(inserted, place, -1), prepend=-2) != 0
        run = np.cumsum(first | ~inserted)
        size = np.bincount(run)[run]
        kept = ~inserted | (size <= MAX_INSERTION_COLUMNS)
        begin = np.maximum.accumulate(np.where(first | ~inserted, np.arange(len(run)), 0))
        nth = np.arange(len(run)) - begin
        np.maximum.at(widest, place[kept & inserted], nth[kept & inserted] + 1)
        placed.append((one, place, inserted, nth, kept))
    column_of = np.cumsum(widest) + np.arange(length + 1)  # of each base of the draft
    symbols = np.full((len(passes), int(column_of[-1])), 5, np.uint8)
    for row, (one, place, inserted, nth, kept) in zip(symbols, placed, strict=True):
        end = one.draft_start + int((one.draft_ops != INSERTION).sum())
        row[column_of[one.draft_start] : column_of[end - 1] + 1] = 4
        column = np.where(inserted, column_of[place] - widest[place] + nth, column_of[place])
        ok = kept & (column < symbols.shape[1])
        row[column[ok]] = one.read[ok]
    base = np.full(symbols.shape[1], -1)
    base[column_of[:-1]] = np.arange(length)
    return symbols, base


def vote(symbols: np.ndarray) -> np.ndarray:
    """The commonest symbol of each column, 4 for a gap; a pass that is not there says gap, as does a tie."""
    gaps = (symbols >= 4).sum(0)
    bases = np.stack([(symbols == s).sum(0) for s in range(4)])
    return np.where(gaps >= bases.max(0), 4, bases.argmax(0))


def window_figures(zmw: Zmw) -> dict[str, float]:
    """Edits of the draft and of the majority vote in windows of 100 columns."""
    symbols, base = columns_of(zmw)
    majority = vote(symbols)
    of_draft, of_truth = zmw.truth_ops != INSERTION, zmw.truth_ops != DELETION
    truth_place = np.append((np.cumsum(of_truth) - of_truth)[of_draft], len(zmw.molecule))
    rows = []
    for start in range(0, len(base), WINDOW_COLUMNS):
        part = base[start : start + WINDOW_COLUMNS]
        in_draft = part[part >= 0]
        if len(in_draft) == 0:
            continue
        label = zmw.molecule[truth_place[in_draft[0]] : truth_place[in_draft[-1] + 1]]
        voted = majority[start : start + WINDOW_COLUMNS]
        voted = voted[voted < 4].astype(np.uint8)
        draft = zmw.draft[in_draft]
        rows.append((matches_and_edits(draft, label)[1], matches_and_edits(voted, label)[1], len(in_draft)))
    table = np.array(rows[:-1] if len(rows) > 1 else rows)
    edits = np.array(rows)[:, :2].sum(0)
    return {
        "windows": len(rows),
        "draft edits": int(edits[0]),
        "majority edits": int(edits[1]),
        "draft windows exact": float((np.array(rows)[:, 0] == 0).mean()),
        "majority windows exact": float((np.array(rows)[:, 1] == 0).mean()),
        "draft bases per window": float(table[:, 2].mean()),
    }


def draft_figures(zmw: Zmw) -> dict[str, float]:
    """Errors of the draft by type, per kb, and its qualities."""
    wrong, molecule_alone, draft_alone = column_edits(zmw.draft, zmw.molecule, zmw.truth_ops)
    per_kb = 1000 / len(zmw.molecule)
    error = 10.0 ** (-zmw.qualities.astype(float) / 10)
    figures = {
        "substitutions per kb": wrong * per_kb,
        "insertions per kb": draft_alone * per_kb,
        "deletions per kb": molecule_alone * per_kb,
        "errors that its qualities expect, per kb": float(error.sum()) * per_kb,
    }
    for limit in (20, 40, 60, 93):
        figures[f"share of bases below Q{limit}"] = float((zmw.qualities < limit).mean())
    return figures


def in_homopolymers(zmw: Zmw) -> tuple[int, int]:
    """Indels of the draft in homopolymers of 3 and more of the molecule, and all its errors, in bases."""
    runs = runs_of(zmw.molecule)
    of_truth, of_draft = zmw.truth_ops != DELETION, zmw.truth_ops != INSERTION
    place = np.minimum((np.cumsum(of_truth) - of_truth), len(zmw.molecule) - 1)
    draft_base = zmw.draft[np.minimum(np.cumsum(of_draft) - of_draft, len(zmw.draft) - 1)]
    truth_base = zmw.molecule[place]
    long = runs.length_bp[runs.of_base[place]] >= 3
    missing = ~of_draft
    extra = ~of_truth & (draft_base == truth_base)
    wrong = of_truth & of_draft & (draft_base != truth_base)
    return int(((missing | extra) & long).sum()), int((missing | ~of_truth | wrong).sum())


def mean_and_range(values: list[float]) -> str:
    low, high = np.quantile(values, [0.05, 0.95])
    return f"{np.mean(values):.3g} ({low:.3g} to {high:.3g})"


def compare(seeds: int) -> None:
    profile = bundled_subread_profile()
    real = list(real_zmws())
    runs = [[simulated_like(z, profile, 1000 + s) for z in real] for s in range(seeds)]
    lines = [f"Simulated: mean (5% to 95%) of {seeds} seeds, same molecules and layout of passes.", ""]
    result: dict[str, dict] = {}
    lines += ["| ZMW (np) | figure | real | simulated |", "| --- | --- | --- | --- |"]
    for index, zmw in enumerate(real):
        shown = {**draft_figures(zmw), **window_figures(zmw)}
        got = [{**draft_figures(run[index]), **window_figures(run[index])} for run in runs]
        for name, value in shown.items():
            values = [g[name] for g in got]
            lines.append(
                f"| {zmw.number} ({zmw.full_passes}) | {name} | {value:.3g} | {mean_and_range(values)} |"
            )
            result[f"{zmw.number} {name}"] = {"real": value, "simulated": values}
    inside = np.array([in_homopolymers(z) for z in real]).sum(0)
    inside_sim = np.array([in_homopolymers(z) for run in runs for z in run]).sum(0)
    told = (
        f"real {inside[0]} of {inside[1]}, simulated {inside_sim[0] / inside_sim[1]:.0%} of {inside_sim[1]}"
    )
    lines += ["", f"Errors of the drafts that are indels in homopolymers of 3 and more: {told}.", ""]
    lines += pass_tables(real, runs, result)
    lines += few_passes(real, profile, seeds, result)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "subread_simulator.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "subread_simulator.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def pass_tables(real: list[Zmw], runs: list[list[Zmw]], result: dict[str, dict]) -> list[str]:
    """Rates of errors in subreads, and kinetics."""
    counts = [
        total_counts(one.counts() for zmw in group for one in zmw.passes)
        for group in (real, [z for run in runs[:4] for z in run])
    ]
    edits = []
    for group in (real, [z for run in runs[:4] for z in run]):
        passes = [one for zmw in group for one in zmw.passes]
        bases = sum(len(one.template) for one in passes)
        edits.append(np.sum([column_edits(o.template, o.native, o.ops) for o in passes], 0) / bases)
    lines = ["| subreads against the molecule | real | simulated |", "| --- | --- | --- |"]

    def row(name: str, values: list[float]) -> None:
        lines.append(f"| {name} | {values[0]:.4f} | {values[1]:.4f} |")
        result[name] = {"real": float(values[0]), "simulated": float(values[1])}

    for i, name in enumerate(("substitutions", "insertions", "deletions")):
        row(f"{name} per base", [e[i] for e in edits])
    for length in range(1, 9):
        lost = [c.run_deleted[:, length].sum() / (length * c.runs[:, length].sum()) for c in counts]
        row(f"bases lost per base, homopolymer of {length}", lost)
    for length in range(1, 9):
        grown = [c.run_inserted[:, length].sum() / c.runs[:, length].sum() for c in counts]
        row(f"lengthened per homopolymer of {length}", grown)
    for base in range(4):
        grown = [c.run_inserted[base, 4:].sum() / c.runs[base, 4:].sum() for c in counts]
        row(f"lengthened per homopolymer of 4 and more, {'ACGT'[base]}", grown)
    for bases in (1, 2, 3, 5):
        row(f"share of insertions of {bases}", [c.insertion_bp[bases] / c.insertion_bp.sum() for c in counts])
    lines += ["", "| kinetics, 5 25 50 75 95% | base | real | simulated |", "| --- | --- | --- | --- |"]
    for name in ("pulse_codes", "gap_codes"):
        for kind in (0, 3):
            for base in range(4):
                shown = [quantiles_of(getattr(c, name)[kind, base]) for c in counts]
                lines.append(f"| {name[:-6]}, {KINDS[kind]} | {'ACGT'[base]} | {shown[0]} | {shown[1]} |")
    return lines


def quantiles_of(codes: np.ndarray) -> str:
    at = np.searchsorted(np.cumsum(codes) / codes.sum(), [0.05, 0.25, 0.5, 0.75, 0.95])
    return " ".join(str(v) for v in at.tolist())


def few_passes(real: list[Zmw], profile: SubreadProfile, seeds: int, result: dict[str, dict]) -> list[str]:
    """Drafts and majority votes by the number of passes, on the same three molecules."""
    heads = ("full passes (and two partial ones)", "draft edits per kb", "majority edits per kb")
    lines = ["", f"| {' | '.join(heads)} | draft bases per window |", "| --- | --- | --- | --- |"]
    for full in (3, 5, 7, 9, 12, 15, 18):
        rows = []
        for seed in range(seeds):
            for zmw in real:
                count = len(zmw.molecule)
                whole = [(bool(i % 2), 0, count) for i in range(full)]
                layout = [(True, 0, count * 6 // 10), *whole, (bool(full % 2), count - 400, count)]
                rng = np.random.default_rng([seed, full, zmw.number])
                got = window_figures(simulated(zmw.molecule, zmw.number, layout, profile, rng))
                rows.append([1000 * got["draft edits"] / count, 1000 * got["majority edits"] / count,
                             got["draft bases per window"]])  # fmt: skip
        means = np.mean(rows, 0)
        lines.append(f"| {full} | {means[0]:.2f} | {means[1]:.2f} | {means[2]:.1f} |")
        result[f"{full} passes"] = {"simulated": means.tolist()}
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="compare", choices=("fit", "compare"))
    parser.add_argument("--output", type=Path, default=PROFILE)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    if not DATA.exists():
        print("fit_subread_profile: skipped: the reads in ../shared/data/pacbio are not here")
    elif arguments.what == "fit":
        fit(arguments.output)
    else:
        compare(arguments.seeds)
