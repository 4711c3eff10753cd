"""Which benchmark sets there are, and which of them are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexome.core.errors import UsageError, nearest
from lexome.tasks.language.gue_sets import GUE_SETS, BenchmarkSet, FoundSet, find_sets

COMPLETE = "complete"  # names all sets whose files are those of the published benchmark


def chosen_sets(folder: Path, names: Sequence[str]) -> list[FoundSet]:
    """The sets in a folder that are asked for.

    Args:
        folder: with the sets.
        names: of sets, groups or suites, or "complete"; none: all.

    Raises:
        UsageError: if there is none, or none of a name, or two have the same one.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = find_sets(folder)
    if not found:
        raise UsageError(f"{folder}: holds no set: a folder with train, dev or test tables (.csv or .tsv)")
    called = [one.described.name for one in found]
    if twice := next((name for name in called if called.count(name) > 1), None):
        raise UsageError(f"{folder}: two sets are called '{twice}'; rename the folder of one of them")
    kept: list[FoundSet] = []
    for name in names:
        matching = [one for one in found if name in _names(one)]
        if not matching:
            known = {other for one in found for other in _names(one)}
            raise UsageError(f"{folder}: no set or group '{name}'; {nearest(name, known)}")
        kept += matching
    return [one for one in found if not names or one in kept]


def _names(found: FoundSet) -> set[str]:
    described = found.described
    names = {described.name, described.group, described.suite}
    return names | {COMPLETE} if found.protocol.is_published else names


def listed_sets(folder: Path | None = None) -> list[dict[str, Any]]:
    """All that is known of GUE's sets, and of those in a folder; JSON values.

    Args:
        folder: with sets; files and protocol are those there.

    Raises:
        UsageError: if there is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = [] if folder is None else find_sets(folder)
    by_name = {one.described.name: one for one in found}
    known = [_listed(described, by_name.get(described.name)) for described in GUE_SETS]
    names = {described.name for described in GUE_SETS}
    return known + [_listed(one.described, one) for one in found if one.described.name not in names]


def _listed(described: BenchmarkSet, found: FoundSet | None) -> dict[str, Any]:
    return {
        "name": described.name,
        "group": described.group,
        "suite": described.suite,
        "folder": described.folder,
        "length_bp": described.length_bp,
        "num_classes": described.num_classes,
        "metric": described.metric,
        "sizes": list(described.sizes),
        "published": described.published,
        "max_tokens": described.max_tokens,
        "epochs": described.epochs,
        "note": described.note,
        "files": [] if found is None else list(found.files),
        "protocol": None if found is None else found.protocol.value,
        "protocol_published": None if found is None else found.protocol.is_published,
    }
