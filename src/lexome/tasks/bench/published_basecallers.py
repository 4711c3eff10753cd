"""What RUBICON's authors published of basecallers, for reading beside what was measured here.

Numbers are facts of the sources named; none of them was measured here, on these reads or on this machine, so
none of them is ever divided by one that was. What a source does not tell is None.
"""

from dataclasses import asdict, dataclass
from typing import Any

POSTER = "RUBICON poster (Singh et al.)"
FIGURES = "figure data published with RUBICON (basecalling_speed), mean of its data sets"
LAYERS = "layer table published with the program"


@dataclass(frozen=True)
class PublishedBasecaller:
    """What is published of one basecaller.

    Attributes:
        name: as in the poster.
        parameters: that its published layers have.
        kilobases_per_s: throughput of basecalling.
        machine: on which.
        mismatches_millions: in all reads of the data sets together, their mean; fewer is better.
        accuracy: as a share; the poster shows it in a figure without numbers.
        sources: where the numbers come from.
        note: what one must know of them.
    """

    name: str
    parameters: int | None = None
    kilobases_per_s: float | None = None
    machine: str = ""
    mismatches_millions: float | None = None
    accuracy: float | None = None
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class PublishedClaim:
    """A ratio as its source states it."""

    of: str
    to: str
    what: str
    times: str
    source: str = POSTER


BASECALLERS: tuple[PublishedBasecaller, ...] = (
    PublishedBasecaller(
        "RUBICALL-MP",
        kilobases_per_s=1165.2,
        machine="AMD Versal (AI Engine), mixed precision",
        sources=(FIGURES,),
    ),
    PublishedBasecaller(
        "RUBICALL-FP",
        kilobases_per_s=156.4,
        machine="GPU (AMD Mi50), float32",
        mismatches_millions=36.6,
        sources=(FIGURES,),
        note="the data name it RUBICON",
    ),
    PublishedBasecaller(
        "Bonito-CTC",
        parameters=6_649_613,
        kilobases_per_s=70.4,
        machine="GPU",
        mismatches_millions=37.3,
        sources=(FIGURES, LAYERS),
    ),
    PublishedBasecaller(
        "Bonito-CRF-fast",
        parameters=732_904,
        kilobases_per_s=364.6,
        machine="GPU",
        mismatches_millions=46.5,
        sources=(FIGURES, LAYERS),
        note="the data name it Guppy-fast; parameters are those of fast, version 3, for R9.4.1",
    ),
    PublishedBasecaller(
        "Bonito-CRF-hac",
        parameters=6_426_160,
        sources=(LAYERS,),
        note="parameters are those of hac, version 4.3, for R10.4.1; RUBICON measured sup instead",
    ),
    PublishedBasecaller(
        "Bonito-CRF-sup",
        kilobases_per_s=32.9,
        machine="GPU",
        sources=(FIGURES,),
        note="the data name it Guppy-sup",
    ),
    PublishedBasecaller("SACall", note="compared in the poster, in a figure without numbers"),
    PublishedBasecaller("Causalcall", kilobases_per_s=16.1, machine="GPU", sources=(FIGURES,)),
)
CLAIMS: tuple[PublishedClaim, ...] = (
    PublishedClaim("RUBICALL-MP", "Bonito-CTC", "parameters", "2.94 times fewer"),
    PublishedClaim("RUBICALL-MP", "Bonito-CTC", "model size", "6.88 times smaller"),
    PublishedClaim("RUBICALL-MP", "Bonito-CTC", "throughput", "141.15 times higher"),
    PublishedClaim("RUBICALL-MP", "Bonito-CRF-sup", "throughput", "301.92 times higher"),
    PublishedClaim("RUBICALL-MP", "Dorado-fast", "throughput", "3.96 times higher"),
    PublishedClaim("RUBICALL-MP", "Dorado-fast", "accuracy", "2.97% higher, on average"),
)


def published_basecallers() -> dict[str, Any]:
    """All of it as plain values: `basecallers` and `claims`."""
    rows = [{**asdict(row), "sources": list(row.sources)} for row in BASECALLERS]
    return {"basecallers": rows, "claims": [asdict(claim) for claim in CLAIMS]}
