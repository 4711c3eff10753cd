"""The line that a program of lexome adds to a SAM header: who it is and whom it follows (no pysam)."""

from collections.abc import Collection, Mapping, Sequence

from lexome.io.hts import printable

Program = Mapping[str, str]  # the fields of a @PG line


def programs_in(header: str) -> list[Program]:
    """The programs of a header in SAM text."""
    lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@PG")]
    return [{word[:2]: word[3:] for word in words} for words in lines]


def own_program(
    name: str, programs: Sequence[Program], version: str, command_line: str, description: str = ""
) -> dict[str, str]:
    """The fields of a program that follows the last one that no other follows.

    Args:
        name: the ID, if no other program has it; else it gets a number.
        programs: that are in the header.
        version: of lexome.
        command_line: as it was typed.
        description: how it was run.
    """
    names = [program.get("ID", "") for program in programs]
    followed = {program.get("PP") for program in programs}
    last = [other for other in names if other not in followed][-1:]
    return {
        "ID": free_name(name, names), "PN": "lexome", **({"PP": last[0]} if last else {}), "VN": version,
        "CL": printable(command_line), **({"DS": printable(description)} if description else {}),
    }  # fmt: skip


def program_line(fields: Program) -> str:
    """The line of a program, without its end."""
    return "\t".join(["@PG", *(f"{key}:{value}" for key, value in fields.items())])


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with the first free number behind it."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}.{number}"
    return free
