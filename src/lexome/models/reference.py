"""One reference configuration of every architecture that can be named, those of other packages included."""

from dataclasses import dataclass
from typing import Any

from lexome.core.errors import LexomeError, UsageError, nearest
from lexome.models import plugins
from lexome.models.named import NAMED, named_architecture

WIDTH = 128  # of the thesis' networks for its small data
CONSENSUS = "deepconsensus"  # columns of pile-ups instead of signal


@dataclass(frozen=True)
class Reference:
    """An architecture as it is listed and checked.

    Attributes:
        name: what it is asked for by: a named family, or an encoder of another package.
        what: one line about it.
        origin: the thesis' section, or the package it is from.
        architecture: its [architecture] table.
        problem: why there is none, of a package that cannot be used; "" otherwise.
    """

    name: str
    what: str
    origin: str
    architecture: dict[str, Any]
    problem: str = ""

    @property
    def head(self) -> dict[str, Any]:
        """The [head] table that it is counted and checked with."""
        return {"name": "consensus" if self.architecture["name"] == CONSENSUS else "ctc", "config": {}}


def references() -> list[Reference]:
    """All of them: named families first, then those of other packages; nothing stops at a broken one."""
    return [_named(name) for name in NAMED] + [_foreign(name) for name in plugins.foreign_names()]


def reference(name: str) -> Reference:
    """The reference of a named family, of an encoder (its first family), or of another package's encoder.

    Raises:
        UsageError: for an unknown name.
        LexomeError: if the package that offers it cannot be used.
    """
    if name in NAMED:
        return _named(name)
    families = [family for family in NAMED if NAMED[family](WIDTH)["name"] == name]
    if families:
        return _named(families[0])
    if name not in plugins.foreign_names():
        raise UsageError(f"unknown architecture '{name}'; {nearest(name, known_names())}")
    plugins.foreign(name)  # says what is wrong with it
    return _foreign(name)


def known_names() -> list[str]:
    """What `reference` knows."""
    return sorted({*NAMED, *(NAMED[name](WIDTH)["name"] for name in NAMED), *plugins.foreign_names()})


def _named(name: str) -> Reference:
    family = NAMED[name]
    elsewhere = family.section.startswith("- (")
    origin = family.section[3:-1] if elsewhere else f"thesis {family.section}"
    return Reference(name, family.what, origin, named_architecture(name, WIDTH))


def _foreign(name: str) -> Reference:
    packages = [one.package for one in plugins.offered().get(name, [])]
    origin, table = ", ".join(packages) or "registered here", {"name": name, "config": {}}
    try:
        found = plugins.foreign(name)
    except LexomeError as error:
        return Reference(name, "", origin, table, str(error))
    assert found is not None
    return Reference(name, found.what, origin, {**table, "config": dict(found.reference)})
