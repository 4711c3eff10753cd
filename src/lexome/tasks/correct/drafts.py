"""Raw subreads in, a draft (consensus read) of each molecule out: for subreads without CCS reads."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import numpy as np
import pysam

from lexome.core.alphabet import decode, encode
from lexome.core.errors import LexomeError
from lexome.core.zmw import Tag
from lexome.evaluate.align import map_in_order
from lexome.features.draft import Draft, Pass, make_draft
from lexome.features.draft_polish import ErrorRates
from lexome.io.aligned_subreads import aligned_header
from lexome.io.corrected import CorrectedRead, CorrectedWriter, open_corrected
from lexome.io.subread_sets import read_set
from lexome.simulate.hifi_profile import SubreadProfile, bundled_subread_profile
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.align_zmw import WantedHoles
from lexome.tasks.correct.aligned_table import AlignRow

MAX_SUBREAD_BP = 500_000  # of one that a draft is made of; real ones end far below
_INSERTION_ON = 0.18  # of insertions 18% go on after a base (docs/subread-simulator.md)
_READ_ERROR = 1e-4  # least probability that a base is read as another one
_OF_GROUP = ("READTYPE=", "Ipd:", "PulseWidth:")
Report = Callable[[AlignRow], None]


class DraftOutcome(StrEnum):
    """Why there is no draft of a ZMW; the values are meant for a table."""

    TOO_FEW_PASSES = "too_few_passes"
    LOW_ACCURACY = "low_accuracy"


@dataclass(frozen=True)
class DraftRequest:
    """What to make drafts of.

    Attributes:
        subreads: a BAM file, a data set (XML) or a list of files (FOFN); together by ZMW.
        output: BAM of the drafts.
        min_passes: full passes that a draft needs.
        min_accuracy: least expected accuracy (rq) of a draft.
        threads: that make drafts.
        shard: only this part of the ZMWs.
        command_line: as it was typed.
        version: of lexome.
    """

    subreads: Path
    output: Path
    min_passes: int = 3
    min_accuracy: float = 0.0
    threads: int = 1
    shard: Shard | None = None
    command_line: str = "lexome prepare subreads"
    version: str = "unknown"

    def wants(self, hole: str) -> bool:
        """Whether a hole is of the shard."""
        return self.shard is None or self.shard.holds(hole)


@dataclass
class DraftSummary:
    """How many drafts there are, of how many ZMWs, and where they are until all are done."""

    zmws: int = 0
    drafts: int = 0
    bases: int = 0
    partial: Path | None = None


def error_rates(profile: SubreadProfile) -> ErrorRates:
    """The rates of a profile of subreads as polishing takes them."""
    changed = profile.substituted.mean((0, 2)) + _READ_ERROR
    read_as = changed + np.diag(1 - changed.sum(1))
    return ErrorRates(
        profile.run_deleted, profile.run_inserted, profile.single_deleted, profile.inserted, read_as,
        _INSERTION_ON,
    )  # fmt: skip


def draft_files(
    request: DraftRequest,
    report: Report,
    on_progress: Callable[[int], None] = lambda zmws: None,
    summary: DraftSummary | None = None,
) -> DraftSummary:
    """Makes drafts and writes them, in input order; in memory are a few ZMWs for each thread.

    Args:
        request: what was asked for.
        report: told of every ZMW without a draft.
        on_progress: told how many ZMWs are done.
        summary: a new one to count in, for whoever wants to know how far it came when the work is stopped.

    Returns:
        The counts.

    Raises:
        LexomeError: if a file cannot be read or written, or there is no draft at all. Drafts made by then are
            in `summary.partial`; a file without any is not left. An empty shard is no error.
    """
    summary = DraftSummary() if summary is None else summary
    files = read_set(request.subreads).files
    header, groups = draft_header(files, request)
    rates = error_rates(bundled_subread_profile())
    with ExitStack() as stack:
        writer = stack.enter_context(open_corrected(request.output, header))
        summary.partial = writer.partial_path
        jobs = WantedHoles(files, request.wants)
        try:
            work = partial(_draft, request=request, rates=rates)
            for hole, records, draft in map_in_order(work, jobs, request.threads):
                summary.zmws += 1
                if isinstance(draft, AlignRow):
                    report(draft)
                else:
                    _write(writer, hole, records[0], draft, groups)
                    summary.drafts += 1
                    summary.bases += len(draft.codes)
                on_progress(summary.zmws)
            if jobs.error is not None:
                raise jobs.error
            if summary.drafts == 0 and request.shard is None:
                raise LexomeError(
                    f"{request.subreads}: none of its {summary.zmws} ZMWs gives a draft; --table says why, "
                    "--min-passes and --min-rq ask for less"
                )
        except BaseException:
            if summary.drafts == 0:
                writer.partial_path.unlink(missing_ok=True)
            raise
    return summary


_Job = tuple[str, list[pysam.AlignedSegment]]


def _draft(
    job: _Job, request: DraftRequest, rates: ErrorRates
) -> tuple[str, list[pysam.AlignedSegment], Draft | AlignRow]:
    """The draft of a hole, or why there is none."""
    hole, records = job
    passes = [_pass(one) for one in records if not (one.is_secondary or one.is_supplementary)]
    passes = [one for one in passes if 0 < len(one.codes) <= MAX_SUBREAD_BP]
    draft = make_draft(passes, rates, request.min_passes) if passes else None
    if draft is None:
        reason = f"fewer than {request.min_passes} full passes fit each other"
        row = AlignRow(hole, DraftOutcome.TOO_FEW_PASSES, reason, subreads=len(records))
        return hole, records, row
    if draft.accuracy < request.min_accuracy:
        reason = f"the expected accuracy of the draft is {draft.accuracy:.5f}, below {request.min_accuracy:g}"
        row = AlignRow(hole, DraftOutcome.LOW_ACCURACY, reason, len(draft.codes), len(records))
        return hole, records, row
    return hole, records, draft


def _pass(record: pysam.AlignedSegment) -> Pass:
    adapters = record.get_tag("cx") if record.has_tag("cx") else None
    codes = encode(record.get_forward_sequence() or "")
    return Pass(codes, adapters if isinstance(adapters, int) else None)


def _write(
    writer: CorrectedWriter, hole: str, first: pysam.AlignedSegment, draft: Draft, groups: dict[str, str]
) -> None:
    tags: list[Tag] = []
    group = groups.get(str(first.get_tag("RG"))) if first.has_tag("RG") else None
    if group is not None:
        tags.append(("RG", group, "Z"))
    tags += [("ec", draft.coverage, "f"), ("np", draft.num_full, "i"), ("rq", draft.accuracy, "f")]
    tags += [tag for tag in first.get_tags(with_value_type=True) if tag[0] in ("sn", "zm")]
    writer.write(CorrectedRead(f"{hole}/ccs", decode(draft.codes), draft.qualities, tuple(tags)))


def draft_header(
    files: Sequence[Path], request: DraftRequest
) -> tuple[pysam.AlignmentHeader, dict[str, str]]:
    """The header of drafts, and the read group that takes the place of each of the subreads.

    Args:
        files: of the subreads.
        request: what was asked for.

    Raises:
        BadInputError: if a file cannot be read, or its read groups contradict those of another.
    """
    words = f"drafts min_passes:{request.min_passes} min_rq:{request.min_accuracy:g}"
    if request.shard is not None:
        words += f" shard:{request.shard}"
    header = aligned_header(files, {}, request.version, request.command_line, words).to_dict()
    groups: dict[str, str] = {}
    made: dict[str, dict[str, str]] = {}
    for group in header.get("RG", []):
        # as PacBio's programs name them: after the movie and the kind of reads
        name = hashlib.md5(f"{group.get('PU', '')}//CCS".encode(), usedforsecurity=False).hexdigest()[:8]
        kit = [word for word in group.get("DS", "").split(";") if word and not word.startswith(_OF_GROUP)]
        groups[group["ID"]] = name
        made.setdefault(name, group | {"ID": name, "DS": ";".join(["READTYPE=CCS", *kit])})
    return pysam.AlignmentHeader.from_dict(header | {"RG": list(made.values())}), groups
