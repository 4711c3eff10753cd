"""Architectures of other packages: registered from Python, or offered by installed packages. No torch here.

A package offers one by an entry point of the group `lexome.models`: its name is that of the architecture, its
value leads to an `Architecture`. Nothing of a package is run before one of its names is asked for; recipes,
configurations and checkpoints hold names only, which never say where code is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lexome.core.errors import LexomeError, UsageError

GROUP = "lexome.models"


@dataclass(frozen=True)
class Architecture:
    """An encoder that can be named in recipes and checkpoints.

    Attributes:
        config: a frozen dataclass; its fields are the keys of [architecture.config].
        encoder: an `nn.Module` class, made of one such configuration: (N, C, S) signal -> (N, T, D) features,
            with the attributes `stride`, `num_features`, `skips` and `prunable` (see `nn.network.Encoder`).
        what: one line about it, for lists.
        reference: an example configuration, for lists and checks; every key that it leaves out has a default.
    """

    config: type
    encoder: type
    what: str = ""
    reference: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Offered:
    """An architecture that an installed package offers; `package` is the package's name and version."""

    name: str
    package: str
    entry_point: EntryPoint


_registered: dict[str, Architecture] = {}


def register(
    name: str,
    config_class: type,
    encoder_class: type,
    *,
    what: str = "",
    reference: Mapping[str, Any] | None = None,
) -> None:
    """Makes an encoder known by name in this process, for recipes and checkpoints.

    A package that is to be found without being imported offers an entry point instead (docs/new-model.md).

    Args:
        name: the name; lower-case letters, digits and underscores.
        config_class: a frozen dataclass, the configuration.
        encoder_class: the module class, made of one configuration.
        what: one line about it.
        reference: an example configuration.

    Raises:
        UsageError: for a name that is taken, or that is none. The same classes again are no error.
    """
    from lexome.models.registry import ENCODERS

    check_name(name)
    new = Architecture(config_class, encoder_class, what, dict(reference or {}))
    known = _registered.get(name)
    if known is not None and (known.config, known.encoder) != (config_class, encoder_class):
        raise UsageError(f"architecture '{name}' is registered already, as {_path(known.encoder)}")
    if name in ENCODERS:
        raise UsageError(f"architecture '{name}' is one of lexome's own; choose another name")
    _registered[name] = new


def check_name(name: str) -> None:
    """Refuses what is no name of an architecture.

    Raises:
        UsageError: if it is not made of lower-case letters, digits and underscores, a letter first.
    """
    plain = name.isidentifier() and name.isascii() and name == name.lower() and not name.startswith("_")
    if not plain:
        raise UsageError(
            f"'{name}' is no name of an architecture: lower-case letters, digits and underscores, "
            "a letter first"
        )


def offered() -> dict[str, list[Offered]]:
    """What installed packages offer, by name; nothing of them is imported."""
    found: dict[str, list[Offered]] = {}
    for entry in entry_points(group=GROUP):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"
        one = Offered(entry.name, package, entry)
        others = found.setdefault(entry.name, [])
        if all(
            (o.package, o.entry_point.value) != (package, entry.value) for o in others
        ):  # twice on the path
            others.append(one)
    return found


def foreign_names() -> list[str]:
    """Names of all architectures that are not lexome's own."""
    return sorted({*_registered, *offered()})


def foreign(name: str) -> Architecture | None:
    """The architecture of another package with this name; None if there is none.

    Raises:
        UsageError: if several packages offer the name.
        LexomeError: if the package that offers it cannot be loaded, or offers something else.
    """
    if name in _registered:
        return _registered[name]
    offers = offered().get(name, [])
    if not offers:
        return None
    if len(offers) > 1:
        packages = ", ".join(sorted(one.package for one in offers))
        raise UsageError(
            f"architecture '{name}' is offered by several packages ({packages}); uninstall all but one"
        )
    (one,) = offers
    where = f"architecture '{name}' of the package {one.package} ({one.entry_point.value})"
    try:
        made = one.entry_point.load()
    except Exception as error:  # whatever the package's own code raises
        raise LexomeError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(made, Architecture):
        raise LexomeError(f"{where} is no lexome.Architecture but of the type {type(made).__name__}")
    return made


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
