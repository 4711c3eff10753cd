"""What `lexome models` says of architectures: the list of all, and the check of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from lexome.models.reference import Reference
    from lexome.tasks.bench.contract import Case
    from lexome.tasks.checking import CheckLine

LISTED_SAMPLES = 1000  # of the chunk that is counted
CHECKED_SAMPLES = 2000
REACH_SAMPLES = 2048  # of the longest chunk whose dependences are looked for
COLUMNS = 100  # of a pile-up, instead


def print_architectures() -> None:
    """One row for each: name, encoder, description, parameters, products for a sample, stride."""
    from lexome.models.reference import references
    from lexome.report.tables import Table, print_table

    columns = ("name", "encoder", "what", "origin", "parameters", "mac_per_sample", "stride")
    print_table(Table(columns, tuple(_row(one) for one in references()), align="llllrrr"))


def _row(one: "Reference") -> tuple[str, ...]:
    from lexome.core.errors import LexomeError

    problem = one.problem
    if not problem:
        try:
            costs = _costs(one.architecture, one.head, LISTED_SAMPLES)
        except LexomeError as error:  # of one architecture; the others are listed
            problem = str(error)
        else:
            numbers = (f"{costs.parameters:,}", f"{costs.macs_per_sample:,.0f}", str(costs.stride))
            return (one.name, one.architecture["name"], one.what, one.origin, *numbers)
    typer.echo(f"lexome: note: {problem}", err=True)
    return (one.name, one.architecture["name"], one.what or "cannot be used", one.origin, "-", "-", "-")


def _costs(architecture: dict[str, Any], head: dict[str, Any], samples: int) -> Any:
    from lexome.models.costs import network_costs
    from lexome.models.registry import new_network

    whole = COLUMNS if head["name"] == "consensus" else samples
    return network_costs(new_network(architecture, head), whole)


def check_architecture(name: str, config: Path | None, reads: Sequence[Path] | None) -> None:
    """Prints what an architecture costs and whether it keeps the promises of all encoders.

    Args:
        name: named family, encoder, or encoder of another package.
        config: TOML with an [architecture] table (a recipe has one) for its configuration; None: its
            reference.
        reads: of the command line; architectures take none.

    Raises:
        UsageError: for a name of neither a model nor an architecture, or a wrong configuration.
        LexomeError: if the package that offers it cannot be used.
        typer.Exit: with code 1 if a promise is broken.
    """
    from lexome.core.errors import UsageError, nearest
    from lexome.models.reference import known_names, reference
    from lexome.tasks.bench.contract import Case, contract_lines

    if name not in known_names():
        from lexome.checkpoint.store import bundled_models

        known = nearest(name, [*bundled_models(), *known_names()])
        raise UsageError(f"no model or architecture '{name}'; {known}")
    if reads:
        raise UsageError(f"--reads is for models; {name} is an architecture without weights")
    found = reference(name)
    if config is not None:
        found = _with_config(found, config)
    case = Case(found.architecture, found.head)
    give_checks([*_cost_lines(case), *contract_lines(case)])


def give_checks(lines: "Sequence[CheckLine]") -> None:
    """Prints what was checked.

    Raises:
        typer.Exit: with code 1 if a check failed.
    """
    from lexome.report.tables import Table, print_table

    rows = tuple((line.check, line.result, line.finding) for line in lines)
    print_table(Table(("check", "result", "finding"), rows, align="lll"))
    failed = sum(line.result == "FAIL" for line in lines)
    if failed:
        typer.echo(f"lexome: {failed} of {len(lines)} checks failed", err=True)
        raise typer.Exit(1)


def _with_config(found: "Reference", path: Path) -> "Reference":
    import dataclasses
    import tomllib

    from lexome.core.errors import UsageError

    try:
        table = tomllib.loads(path.read_text("utf-8")).get("architecture")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--config {path}: cannot be read ({error})") from error
    encoder = found.architecture["name"]
    if not isinstance(table, dict) or set(table) != {"name", "config"} or table["name"] != encoder:
        raise UsageError(f'--config {path}: needs [architecture] with name = "{encoder}" and a config')
    return dataclasses.replace(found, architecture=table)


def _cost_lines(case: "Case") -> "list[CheckLine]":
    from lexome.models.costs import network_reach
    from lexome.tasks.checking import CheckLine

    costs = _costs(dict(case.architecture), dict(case.head), CHECKED_SAMPLES)
    reach = network_reach(case.network(), REACH_SAMPLES)
    rows = [
        ("parameters", f"{costs.parameters:,}"),
        (
            "products",
            f"{costs.macs_per_sample:,.0f} multiply-accumulates per sample, of {costs.samples:,} samples",
        ),
        ("stride", f"{costs.stride} samples"),
        ("receptive field", _samples(reach.receptive_field, reach.samples)),
        ("looks ahead", _samples(reach.looks_ahead, reach.samples)),
        ("memory", f"{costs.bytes_per_sample:,.0f} bytes of activations per sample, at most at one time"),
    ]
    lines = [CheckLine(name, "info", finding) for name, finding in rows]
    if costs.uncounted:
        operations = ", ".join(costs.uncounted)
        lines.append(CheckLine("products", "warn", f"not all are counted: {operations} have no rule"))
    return lines


def _samples(number: int | None, tried: int) -> str:
    return f"the whole chunk (of {tried:,} samples)" if number is None else f"{number:,} samples"
