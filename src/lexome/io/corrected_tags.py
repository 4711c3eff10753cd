"""Tags of a corrected read: those of its CCS read as far as they still hold, and a quality of its own.

Source: the PacBio BAM format (tags of CCS reads); SAM optional fields (MM, ML).
"""

from array import array
from collections.abc import Iterable
from typing import Any

from lexome.core.zmw import Tag
from lexome.io.hts import printable

QUALITY, OLD_QUALITY = "rq", "oq"
# Each says something of single bases: kinetics, base modifications, windows of the read.
OF_BASES = frozenset("fi fp fn ri rp rn ip pw MM ML MN Mm Ml wl".split())
OF_MOLECULE = frozenset("RG zm np ec sn ac bc bx".split())
OF_ALIGNMENT = frozenset("NM MD SA AS mg mc".split())  # the corrected read is not aligned
IN_TEXT = ("RG", "zm", "np", "ec", QUALITY, OLD_QUALITY)


def corrected_tags(
    tags: Iterable[Tag], before: str, after: str, accuracy: float
) -> tuple[tuple[Tag, ...], tuple[str, ...]]:
    """The tags of a corrected read.

    Those that say something of single bases (known ones, and any text or array as long as the read) are kept
    only if correction changed no base.

    Args:
        tags: of the CCS read.
        before: the bases of the CCS read.
        after: the corrected bases.
        accuracy: one minus the mean probability of an error, from the new qualities; becomes `rq`. What `rq`
            was becomes `oq`.

    Returns:
        The tags in the order of the CCS read, and the names of those that were dropped for changed bases.
    """
    kept: list[Tag] = []
    dropped: list[str] = []
    old: list[Tag] = []
    for tag in map(_unsigned, tags):
        name, value, kind = tag
        if name == QUALITY:
            old = [(OLD_QUALITY, value, kind)]
        elif name == OLD_QUALITY or name in OF_ALIGNMENT:
            continue
        elif before != after and _is_of_bases(name, value, len(before)):
            dropped.append(name)
        else:
            kept.append(tag)
    return (*kept, (QUALITY, accuracy, "f"), *old), tuple(dropped)


def _unsigned(tag: Tag) -> Tag:
    """Undoes that pysam reads unsigned numbers from 2^31 on as negative ones; it would not write those."""
    name, value, kind = tag
    return (name, value + 2**32, kind) if kind == "I" and value < 0 else tag


def _is_of_bases(name: str, value: Any, length: int) -> bool:
    if name in OF_MOLECULE:
        return False
    return name in OF_BASES or (isinstance(value, str | array) and length > 1 and len(value) == length)


def tags_as_text(tags: Iterable[Tag]) -> str:
    """The tags that FASTQ and FASTA hold, as in SAM, separated by tabs."""
    known = {name: (value, kind) for name, value, kind in tags}
    return "\t".join(_as_text(name, *known[name]) for name in IN_TEXT if name in known)


def _as_text(name: str, value: Any, kind: str) -> str:
    if isinstance(value, float):
        return f"{name}:f:{value:.9g}"
    if isinstance(value, int):
        return f"{name}:i:{value}"
    return f"{name}:{kind}:{printable(str(value))}"
