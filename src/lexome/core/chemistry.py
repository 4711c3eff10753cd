"""Which pore and motor a run was made with: what its file says, and what a model's name says.

A statement (a flow cell, a kit, a configuration's name) says which chemistries are possible; what is possible
after all of them is the answer. Where they contradict each other, or leave more than one, nothing is claimed.

Source: the tables are the public workflow list of the vendor's older basecaller (flow cell and kit ->
configuration) and the sets of kits and flow cells per chemistry of dorado 1.x. Differs: dorado looks up the
pair and the sample rate at once; here every field counts for itself, so that old files, which lack some, are
understood too and contradictions are seen.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from lexome.core.records import RunInfo


@dataclass(frozen=True)
class Chemistry:
    """A chemistry, or several that a file may not tell apart.

    `kinds` are the ones that are really different for a network; a chemistry proper has itself alone.
    """

    name: str
    molecule: Literal["dna", "rna"]
    kinds: frozenset[str]


_SPEED_260, _SPEED_400 = "r10.4.1_e8.2_260bps", "r10.4.1_e8.2_400bps"
_APK = "r10.4.1_e8.2_apk"
_DNA = frozenset({"r9.4.1", "r9.5", "r10", "r10.3", "r10.4", _SPEED_260, _SPEED_400, _APK})
_RNA = frozenset({"rna001", "rna002", "rna004"})
_KIT14 = frozenset({_SPEED_260, _SPEED_400})
_ALL = _DNA | _RNA

# r9.4.1 stands for R9.4 too (the same pore; every caller has one model for both), r10.4.1_e8.2 for a run that
# does not say how fast the motor went.
CHEMISTRIES: Mapping[str, Chemistry] = {
    chemistry.name: chemistry
    for chemistry in (
        *(Chemistry(name, "dna", frozenset({name})) for name in sorted(_DNA)),
        Chemistry("r10.4.1_e8.2", "dna", _KIT14 | {_APK}),
        *(Chemistry(name, "rna", frozenset({name})) for name in sorted(_RNA)),
        Chemistry("rna", "rna", _RNA),
    )
}

# R9 flow cells were sold for DNA and for RNA (kits RNA001, RNA002). PromethION Plus (FLO-PRO114P) is left
# out: it has models of its own.
_R9 = frozenset({"r9.4.1", "rna001", "rna002"})
_FLOW_CELLS: Mapping[str, frozenset[str]] = {
    code: kinds
    for codes, kinds in (
        ("FLO-MIN106 FLO-MIN106D FLO-MINSP6 FLO-FLG001", _R9),
        ("FLO-PRO001 FLO-PRO002 FLO-PRO002M FLO-PRO002-ECO", _R9),
        ("FLO-MIN107", frozenset({"r9.5", "rna001", "rna002"})),
        ("FLO-MIN110", frozenset({"r10"})),
        ("FLO-MIN111 FLO-FLG111 FLO-PRO111", frozenset({"r10.3"})),
        ("FLO-MIN112 FLO-FLG112 FLO-PRO112 FLO-PRO112M", frozenset({"r10.4"})),
        ("FLO-MIN114 FLO-FLG114 FLO-PRO114 FLO-PRO114M", _KIT14 | {_APK}),
        ("FLO-MIN114HD FLO-FLG114HD FLO-PRO114HD", _KIT14),
        ("FLO-MIN004RA FLO-PRO004RA", frozenset({"rna004"})),
    )
    for code in codes.split()
}

# Kits of version 14 go with R10.4.1 only, the RNA kits say which RNA chemistry it is; all others went with
# several pores and say no more than "DNA". Endings such as -XL, -24 and -96 do not matter.
_DNA_KITS = frozenset(
    f"SQK-{name}"
    for name in (
        "16S024 CAS109 CS9109 DCS108 DCS109 LRK001 LSK108 LSK109 LSK110 LSK111 LSK112 LSK308 LSK309 LWB001 "
        "LWP001 MLK111 NBD111 NBD112 PBK004 PCB109 PCB110 PCB111 PCS108 PCS109 PCS111 PRC109 PSK004 Q20EA "
        "RAB201 RAB204 RAD002 RAD003 RAD004 RAD112 RAS201 RBK001 RBK004 RBK110 RBK111 RLB001 RLI001 RPB004 "
        "ULK001"
    ).split()
)
_RNA_KITS = {"SQK-RNA001": "rna001", "SQK-RNA002": "rna002", "SQK-RNA004": "rna004"}

_FLOW_CELL_CODE = re.compile(r"FLO-[A-Z0-9]+(-ECO)?")
_KIT_CODE = re.compile(r"(SQK|VSK)-[A-Z0-9]+(-[A-Z0-9]+)*")
_FLOW_CELL_FIELDS = ("flow_cell_product_code", "flowcell_type")
_KIT_FIELDS = ("sequencing_kit", "experiment_kit")
_SCRIPT_FIELDS = ("protocol_name", "exp_script_name")  # ".../sequencing_MIN106_DNA:FLO-MIN106:SQK-LSK109"
_CONFIG_FIELDS = ("basecall_config_filename", "local_bc_temp_model")  # of the instrument's own basecaller
_MODEL = re.compile(
    r"(?<![a-z0-9])(?:(?:dna|template)_r(?P<dna>9\.4\.1|9\.4|9\.5|10\.4\.1|10\.4|10\.3|10)(?![\d.])"
    r"|rna_(?P<rna>r9\.4\.1|rp4)(?![\d.])|(?P<kit>rna00[124])(?!\d))"
)
_MODEL_VERSION = re.compile(r"@v(\d+)\.(\d+)")


@dataclass(frozen=True)
class Evidence:
    """What one field of a run's metadata says: these kinds are possible."""

    field: str
    value: str
    kinds: frozenset[str]

    def __str__(self) -> str:
        """Such as "flow_cell_product_code FLO-PRO112 means r10.4"."""
        return f"{self.field} {self.value} means {_name_of(self.kinds) or ' or '.join(sorted(self.kinds))}"


def chemistry_of(run: RunInfo) -> str | None:
    """The chemistry of a run, by all that its file says of flow cell, kit and script.

    Returns:
        A name of `CHEMISTRIES`; None if the file does not say it, says two things, or names a flow cell that
        is not known here.
    """
    return _name_of(possible_kinds(run))


def possible_kinds(run: RunInfo) -> frozenset[str]:
    """The kinds that a run may be of: all of them if its file says nothing.

    Returns:
        Names of kinds; none if the file says two things, or names a flow cell that is not known here: a new
        one may need new models although its kit is an old one.
    """
    if any(code not in _FLOW_CELLS for _, code in _codes(run)[0]):
        return frozenset()
    kinds = _ALL
    for evidence in evidence_of(run):
        kinds &= evidence.kinds
    return kinds


def evidence_of(run: RunInfo) -> list[Evidence]:
    """The fields of a run that say something of its chemistry, those that say nothing left out."""
    flow_cells, kits = _codes(run)
    found = [Evidence(field, code, _FLOW_CELLS.get(code, _ALL)) for field, code in flow_cells]
    found += [Evidence(field, kit, _of_kit(kit)) for field, kit in kits]
    found += [Evidence(field, name, _of_model_name(name)) for field, name in _texts(run, _CONFIG_FIELDS)]
    for field, text in _texts(run, ("experiment_type",)):
        kinds = {"rna": _RNA, "genomic_dna": _DNA}.get(text.lower(), _ALL)
        found.append(Evidence(field, text, kinds))
    for field, text in _texts(run, ("selected_speed_bases_per_second",)):
        kinds = {"260": _ALL - {_SPEED_400}, "400": _ALL - {_SPEED_260}}.get(text, _ALL)
        found.append(Evidence(field, text, kinds))
    if run.sample_rate_hz == 5000:  # the slow mode ended before 5 kHz came
        found.append(Evidence("sample_rate", "5000", _ALL - {_SPEED_260}))
    return [evidence for evidence in dict.fromkeys(found) if evidence.kinds != _ALL]


def why_unknown(run: RunInfo) -> str:
    """Why `chemistry_of` gives None for a run: what contradicts what, or what is missing."""
    flow_cells = [code for _, code in _codes(run)[0]]
    strange = [code for code in flow_cells if code not in _FLOW_CELLS]
    if strange:
        return f"its flow cell {strange[0]} is not one that lexome knows"
    for one, other in combinations(evidence_of(run), 2):
        if not one.kinds & other.kinds:
            return f"its {one}, but its {other}"
    return "it names no " + ("kit" if flow_cells else "flow cell") + " that says it"


def model_chemistry(name: str) -> str | None:
    """The chemistry in the name of one of ONT's models or configurations.

    Args:
        name: such as "dna_r10.4.1_e8.2_400bps_fast@v4.1.0" or "dna_r9.4.1_450bps_hac.cfg".

    Returns:
        A name of `CHEMISTRIES`; None if the name does not say it.
    """
    return _name_of(_of_model_name(name))


def model_sample_rate_hz(name: str) -> int | None:
    """The sample rate in Hz that the name of one of ONT's DNA models implies; None if it does not.

    R10.4.1 models were made for 4 kHz up to version 4.1 and for 5 kHz from 4.2 on; older pores ran at 4 kHz.
    """
    kinds, version = _of_model_name(name), _MODEL_VERSION.search(name)
    if not kinds <= _DNA:
        return None
    if kinds & CHEMISTRIES["r10.4.1_e8.2"].kinds:
        if kinds == {_SPEED_260}:
            return 4000
        return None if version is None else 4000 if (int(version[1]), int(version[2])) < (4, 2) else 5000
    return 4000


def may_fit(one: str | None, other: str | None) -> bool:
    """Whether two chemistries can be the same; what is not known contradicts nothing."""
    if one is None or other is None:
        return True
    return bool(CHEMISTRIES[one].kinds & CHEMISTRIES[other].kinds)


def describe_run(run: RunInfo) -> str:
    """A run in a few words for an error: the beginning of its id, its flow cell and its kit."""
    flow_cells, kits = _codes(run)
    codes = " with ".join(dict.fromkeys(code for _, code in flow_cells + kits))
    return f"run {run.run_id[:8] or 'without id'}" + (f" on {codes}" if codes else "")


def _codes(run: RunInfo) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The product codes of flow cell and kit with the fields that they stand in.

    The script that the user picked on the instrument names both; it counts where the file has no field for
    one of them.
    """
    scripts = list(_texts(run, _SCRIPT_FIELDS))
    found = []
    for fields, code in ((_FLOW_CELL_FIELDS, _FLOW_CELL_CODE), (_KIT_FIELDS, _KIT_CODE)):
        stated = [
            (field, match[0]) for field, text in _texts(run, fields) if (match := code.match(text.upper()))
        ]
        named = ((field, match[0]) for field, text in scripts for match in code.finditer(text.upper()))
        found.append(stated or list(named))
    return found[0], found[1]


def _texts(run: RunInfo, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The texts under these names, wherever a file format keeps them; empty ones are passed over."""
    for place in (run.extra, run.extra.get("context_tags"), run.extra.get("tracking_id")):
        if not isinstance(place, Mapping):
            continue
        for field in fields:
            text = str(place.get(field) or "").strip()
            if text:
                yield field, text


def _of_kit(kit: str) -> frozenset[str]:
    stem = "-".join(kit.split("-")[:2])
    if stem in _RNA_KITS:
        return frozenset({_RNA_KITS[stem]})
    if stem == "SQK-APK114":
        return frozenset({_APK})
    if re.fullmatch(r"SQK-[A-Z0-9]+114", stem):
        return frozenset({_SPEED_260}) if kit.endswith("-260") else _KIT14
    return _DNA if stem in _DNA_KITS else _ALL


def _of_model_name(name: str) -> frozenset[str]:
    match = _MODEL.search(name.lower())
    if match is None:
        return _ALL
    if match["kit"]:
        return frozenset({match["kit"]})
    if match["rna"]:
        return frozenset({"rna004"}) if match["rna"] == "rp4" else frozenset({"rna001", "rna002"})
    if match["dna"] != "10.4.1":
        return frozenset({"r9.4.1" if match["dna"] == "9.4" else f"r{match['dna']}"})
    rest = name.lower()[match.end() :]
    for word, kind in (("_260bps", _SPEED_260), ("_400bps", _SPEED_400), ("_apk", _APK)):
        if word in rest:
            return frozenset({kind})
    return CHEMISTRIES["r10.4.1_e8.2"].kinds


def _name_of(kinds: frozenset[str]) -> str | None:
    """The narrowest chemistry that these kinds belong to; None for none of them or for too many."""
    if not kinds:
        return None
    names = [chemistry.name for chemistry in CHEMISTRIES.values() if kinds <= chemistry.kinds]
    return min(names, key=lambda name: len(CHEMISTRIES[name].kinds)) if names else None
