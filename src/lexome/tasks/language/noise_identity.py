"""True identities of reads, and how well they agree with what a network said of the reads.

Legend: N reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lexome.core.cores import usable_cores
from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, intervals
from lexome.evaluate.classification import figures_of
from lexome.evaluate.reads import evaluate_file
from lexome.tasks.language.noise_flag import FlagReport
from lexome.tasks.language.sequences import read_rows

ID_COLUMNS, IDENTITY_COLUMNS = ("read_id", "name"), ("identity", "alignment_identity")


def identities_by_alignment(reads: Path, reference: Path) -> dict[str, float]:
    """Identity of every read that aligns, by its id; as `lexome evaluate reads` measures it.

    Args:
        reads: FASTQ, FASTA, SAM, BAM or CRAM.
        reference: FASTA.

    Raises:
        UsageError, BadInputError: if a file cannot be read.
    """
    rows = evaluate_file(reads, reference, threads=usable_cores()).per_read
    return {
        read: float(identity)
        for read, identity in zip(rows.read_id, rows.identity, strict=True)
        if not np.isnan(identity)
    }


def read_truth(path: Path) -> dict[str, float]:
    """Identities by read from a table: the columns read_id (or name) and identity (or alignment_identity).

    `lexome basecall --reference ... --summary` writes such a table. Rows without an identity above 0 are
    reads that did not align; they are left out.

    Raises:
        BadInputError: if a column is missing, or an identity is no number from 0 to 1.
    """
    found: dict[str, float] = {}
    for number, row in read_rows(path, [], optional=[*ID_COLUMNS, *IDENTITY_COLUMNS]):
        name, text = row[0] or row[1], row[2] or row[3]
        if not name:
            raise BadInputError(f"{path}: row {number} has no {' or '.join(ID_COLUMNS)}")
        try:
            identity = float(text or 0)
        except ValueError:
            identity = -1.0
        if not 0 <= identity <= 1:
            raise BadInputError(f"{path}: row {number}: identity '{text}' is no number from 0 to 1")
        if identity > 0:
            found[name] = identity
    if not found:
        raise BadInputError(
            f"{path}: no read with an identity; the columns are {' or '.join(ID_COLUMNS)}, and "
            f"{' or '.join(IDENTITY_COLUMNS)}"
        )
    return found


@dataclass(frozen=True)
class FlagTruth:
    """Probabilities of errors beside true identities, of reads that have both.

    Attributes:
        p_noisy_N: of the reads.
        identity_N: of the same.
        mean_q_N: their mean qualities, what the basecaller says itself; None if a read has none.
        low: reads below it count as bad.
    """

    p_noisy_N: Float[np.ndarray, " N"]
    identity_N: Float[np.ndarray, " N"]
    mean_q_N: Float[np.ndarray, " N"] | None
    low: float

    def figures(self) -> dict[str, Any]:
        """AUROC of finding bad reads, that of their qualities, and the rank correlation with 1 - identity.

        With 95% bootstrap intervals over reads.
        """
        bad_N = (self.identity_N < self.low).astype(np.int64)
        low_q_N = None if self.mean_q_N is None else -self.mean_q_N

        def statistics(drawn: np.ndarray) -> dict[str, float]:
            values = {
                name: _auroc(scores_N[drawn], bad_N[drawn])
                for name, scores_N in (("auroc", self.p_noisy_N), ("auroc_mean_q", low_q_N))
                if scores_N is not None
            }
            truth = (1 - self.identity_N)[drawn]
            ranks = figures_of("value", self.p_noisy_N[drawn][:, None], truth, ["spearman"])
            values["spearman"] = ranks["spearman"]
            return {name: float("nan") if value is None else value for name, value in values.items()}

        told = statistics(np.arange(len(bad_N)))
        ends = intervals(statistics, len(bad_N), DEFAULT_BOOTSTRAP)
        return {
            "reads": len(bad_N),
            "bad_reads": int(bad_N.sum()),
            "bad_below_identity": self.low,
            **{
                name: {"value": None if np.isnan(value) else value, "interval": ends[name]}
                for name, value in told.items()
            },
        }


def _auroc(scores_N: np.ndarray, bad_N: np.ndarray) -> float | None:
    both_N2 = np.stack([-scores_N, scores_N], axis=1)
    return figures_of("classes", both_N2, bad_N, ["auroc"])["auroc"]


def beside_truth(report: FlagReport, identities: dict[str, float], low: float | None) -> FlagTruth:
    """Puts what was said of reads beside the truth.

    Args:
        report: of `flag_file`.
        identities: by read.
        low: reads below this identity are bad; None: the lowest quarter.

    Raises:
        UsageError: if no read is in both.
    """
    both = [read for read in report.p_noisy if read in identities]
    if len(both) < 2:
        raise UsageError(
            f"{len(both)} reads have a true identity; two are needed (are these the same reads?)"
        )
    identity_N = np.array([identities[read] for read in both])
    p_noisy_N = np.array([report.p_noisy[read] for read in both])
    has_q = all(read in report.mean_q for read in both)
    mean_q_N = np.array([report.mean_q[read] for read in both]) if has_q else None
    least = float(np.quantile(identity_N, 0.25)) if low is None else low
    return FlagTruth(p_noisy_N, identity_N, mean_q_N, least)
