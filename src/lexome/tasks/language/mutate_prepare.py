"""From a phylogeny to parents and children: an alignment and a tree, ancestors worked out or given.

Letters that are missing or ambiguous in a tip are no mutations: they are filled in as its ancestors have
them. Gaps within a sequence are deletions; the gaps of ancestors are found by parsimony. Gaps at the ends of
a tip are missing letters.

Legend: M nodes, S sites.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.io.fastx import read_fastx
from lexome.io.newick import Tree, read_newick
from lexome.tasks.language.ancestors import LETTERS, UNKNOWN, likely, parsimonious
from lexome.tasks.language.mutate_pairs import Pair, check_tree

How = Literal["likelihood", "parsimony", "given"]
GAP = ord("-")
_CODES = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": LETTERS,
}  # fmt: skip
_MASK_OF_BYTE = np.zeros(256, np.uint8)
for _letter, _bases in _CODES.items():
    _MASK_OF_BYTE[ord(_letter)] = sum(1 << LETTERS.index(base) for base in _bases)
_NUMBER = re.compile(r"[0-9.]+([eE][+-]?[0-9]+)?")
_BYTE_OF_LETTER = np.frombuffer(LETTERS.encode(), np.uint8)


@dataclass(frozen=True)
class AncestorConfig:
    """How ancestors are found.

    Attributes:
        how: "likelihood" (marginal), "parsimony" (Fitch), or "given": they are in the alignment by the
            names of the tree's nodes.
        model: of substitutions, for likelihood.
        kappa: see `ancestors.Substitution`; None: the likeliest.
        rate: likewise; give 1 if branch lengths are substitutions per site and are to be believed.
        columns: first and last column of the alignment to use, from 1; None: all.
    """

    how: How = "likelihood"
    model: Literal["hky", "jc69"] = "hky"
    kappa: float | None = None
    rate: float | None = None
    columns: tuple[int, int] | None = None


@dataclass
class Reconstructed:
    """Pairs of a phylogeny.

    Attributes:
        pairs: a branch each, parents first.
        record: what was counted on the way, as plain values.
    """

    pairs: list[Pair]
    record: dict[str, Any] = field(default_factory=dict)


def pairs_of_phylogeny(alignment: Path, tree: Path, config: AncestorConfig) -> Reconstructed:
    """Reads an alignment and a tree and makes pairs of them.

    Args:
        alignment: FASTA, all sequences of one length, with the names of the tree.
        tree: Newick.
        config: how.

    Raises:
        UsageError: for columns that the alignment does not have.
        BadInputError: if a file cannot be read, names are there twice, the two do not go together, or branch
            lengths are missing where they are needed.
    """
    aligned, newick = _read_alignment(alignment, config.columns), read_newick(tree)
    names = _names(newick, tree, aligned if config.how == "given" else {})
    used = [names[tip] for tip in newick.tips if names[tip] in aligned]
    if not used:
        raise BadInputError(
            f"{tree}: none of its tips is in {alignment}; the tree has '{names[newick.tips[0]]}', the "
            f"alignment '{next(iter(aligned))}'"
        )
    record: dict[str, Any] = {
        "ancestors": config.how, "nodes": len(newick), "tips": len(newick.tips),
        "tips_without_sequence": len(newick.tips) - len(used), "polytomies": newick.polytomies,
        "sequences_not_in_tree": len(aligned.keys() - set(names)),
        "columns": len(next(iter(aligned.values()))),
    }  # fmt: skip
    if config.how == "given":
        pairs = _given(newick, names, aligned, record)
    else:
        pairs = _worked_out(newick, names, aligned, config, record, tree)
    check_tree(pairs, str(tree))
    return Reconstructed(pairs, record)


def _read_alignment(path: Path, columns: tuple[int, int] | None) -> dict[str, np.ndarray]:
    """Sequences by name as bytes in upper case."""
    found: dict[str, np.ndarray] = {}
    for name, sequence, _ in read_fastx(path):
        if name in found:
            raise BadInputError(f"{path}: '{name}' is there twice; names must differ")
        found[name] = np.frombuffer(sequence.upper().encode(), np.uint8)
    if not found:
        raise BadInputError(f"{path}: holds no sequence")
    lengths = {len(sequence) for sequence in found.values()}
    if len(lengths) > 1 or lengths == {0}:
        raise BadInputError(
            f"{path}: sequences of {min(lengths)} to {max(lengths)} letters; an alignment has one length"
        )
    if columns is None:
        return found
    first, last = columns
    if not 1 <= first <= last <= max(lengths):
        raise UsageError(f"columns {first} to {last}: {path} has columns 1 to {max(lengths)}")
    return {name: sequence[first - 1 : last] for name, sequence in found.items()}


def _names(tree: Tree, path: Path, given: dict[str, np.ndarray]) -> list[str]:
    """Names of all nodes that differ; numbers of inner nodes are support values, no names."""
    tips = [tree.names[tip] for tip in tree.tips]
    _refuse_twice(tips, path)
    inner = [n for n in range(len(tree)) if tree.children[n]]
    own = [tree.names[n] for n in inner if tree.names[n] and not _NUMBER.fullmatch(tree.names[n])]
    _refuse_twice([name for name in [*own, *tips] if name in given], path)
    taken, names = {*tips}, list(tree.names)
    for node in inner:
        name = names[node]
        if not name or name in taken or (_NUMBER.fullmatch(name) and name not in given):
            name = f"node_{node}"
            while name in taken or name in tree.names:
                name += "_"
        taken.add(name)
        names[node] = name
    return names


def _refuse_twice(names: list[str], path: Path) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInputError(f"{path}: '{name}' is there twice; names must differ")
        seen.add(name)


def _given(
    tree: Tree, names: list[str], aligned: dict[str, np.ndarray], record: dict[str, Any]
) -> list[Pair]:
    """Pairs of nodes with a sequence; children of one without go to the next ancestor that has one."""
    nearest: list[int] = []
    pairs: list[Pair] = []
    missing = 0
    for node, name in enumerate(names):
        up = tree.parents[node]
        above = nearest[up] if up >= 0 else -1
        nearest.append(node if name in aligned else above)
        if name not in aligned:
            missing += bool(tree.children[node])
        elif above >= 0:
            pair = (_text(aligned[names[above]]), _text(aligned[name]))
            pairs.append(Pair(names[above], name, *pair))
    record["ancestors_without_sequence"] = missing
    if not pairs:
        raise BadInputError(
            "no ancestor of the tree has a sequence by its name in the alignment; have them worked out with "
            "'--ancestors likelihood' or 'parsimony'"
        )
    kept = [pair for pair in pairs if pair.parent and pair.child]
    record["without_letters"] = len(pairs) - len(kept)
    return kept


def _worked_out(
    tree: Tree, names: list[str], aligned: dict[str, np.ndarray], config: AncestorConfig,
    record: dict[str, Any], path: Path,
) -> list[Pair]:  # fmt: skip
    is_known = np.array(
        [not below and name in aligned for name, below in zip(names, tree.children, strict=True)]
    )
    sites = len(next(iter(aligned.values())))
    masks_MS, gaps_MS = (
        np.full((len(tree), sites), UNKNOWN, np.uint8),
        np.full((len(tree), sites), 3, np.uint8),
    )
    strange = 0
    for tip in np.flatnonzero(is_known).tolist():
        letters_S = aligned[names[tip]]
        is_gap_S, mask_S = _inner_gaps(letters_S), _MASK_OF_BYTE[letters_S]
        is_missing_S = np.isin(letters_S, np.frombuffer(b"-.?*", np.uint8))
        strange += int(np.sum((mask_S == 0) & ~is_missing_S))
        masks_MS[tip] = np.where(mask_S == 0, UNKNOWN, mask_S)
        gaps_MS[tip] = np.where(is_gap_S, 2, np.where(is_missing_S, 3, 1))
    letters_MS, more = _letters(tree, masks_MS, config, path)
    is_gap_MS = parsimonious(tree.parents, gaps_MS, 2)[0] == 1
    record.update(more)
    is_filled_MS = is_known[:, None] & ~is_gap_MS & ~np.isin(masks_MS, (1, 2, 4, 8))
    record.update(letters_filled_in=int(is_filled_MS.sum()), letters_of_no_nucleotide=strange)
    bytes_MS = np.where(is_gap_MS, GAP, _BYTE_OF_LETTER[letters_MS]).astype(np.uint8)
    is_used = is_known.copy()
    for node in range(len(tree) - 1, 0, -1):
        is_used[tree.parents[node]] |= is_used[node]
    texts = [_text(one) for one in bytes_MS]
    pairs = [
        Pair(names[up], names[node], texts[up], texts[node])
        for node, up in enumerate(tree.parents)
        if up >= 0 and is_used[node]
    ]
    kept = [pair for pair in pairs if pair.parent and pair.child]
    record["without_letters"] = len(pairs) - len(kept)
    return kept


def _letters(
    tree: Tree, masks_MS: np.ndarray, config: AncestorConfig, path: Path
) -> tuple[np.ndarray, dict[str, Any]]:
    if config.how == "parsimony":
        letters_MS, changes = parsimonious(tree.parents, masks_MS)
        return letters_MS, {"parsimony_changes": changes}
    lengths = tree.lengths[1:]
    absent = sum(length is None for length in lengths)
    if absent:
        raise BadInputError(
            f"{path}: {absent} of {len(lengths)} branches have no length, which likelihood needs; use "
            "'--ancestors parsimony'"
        )
    lengths_M = np.array([0.0, *(length or 0.0 for length in lengths)])
    if not (lengths_M > 0).any():
        raise BadInputError(f"{path}: no branch has a positive length; use '--ancestors parsimony'")
    try:
        found = likely(
            tree.parents, np.maximum(lengths_M, 0.0), masks_MS, jc69=config.model == "jc69",
            kappa=config.kappa, rate=config.rate,
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from error
    inner = [node for node, below in enumerate(tree.children) if below]
    probability = found.probability[inner]
    return found.letters, {
        "model": config.model, **dataclasses.asdict(found.model), "log_likelihood": found.log_likelihood,
        "mean_probability": float(probability.mean()), "uncertain_letters": int((probability < 0.9).sum()),
        "negative_lengths": int((lengths_M < 0).sum()),
    }  # fmt: skip


def _inner_gaps(letters_S: np.ndarray) -> np.ndarray:
    """Gaps between letters."""
    is_gap_S = letters_S == GAP
    places = np.flatnonzero(~is_gap_S)
    inside = np.zeros(len(letters_S), bool)
    if len(places):
        inside[places[0] : places[-1]] = True
    return is_gap_S & inside


def _text(letters_S: np.ndarray) -> str:
    return letters_S[~np.isin(letters_S, np.frombuffer(b"-.", np.uint8))].tobytes().decode("ascii")
