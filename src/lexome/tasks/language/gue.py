"""Runs benchmarks: every set that is there, every contender, every seed; one result file for each.

A result is there whole or not at all, so a run can be stopped at any time and go on later.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lexome.core.errors import LexomeError, UsageError
from lexome.io.partial import explained
from lexome.report.files import write_json
from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue_answer import Answer, Contender
from lexome.tasks.language.gue_contenders import file_name
from lexome.tasks.language.gue_listing import chosen_sets
from lexome.tasks.language.gue_results import (
    RESULTS,
    about_set,
    check_settings,
    cost,
    read_json,
    scored,
    versions,
)
from lexome.tasks.language.gue_sets import FoundSet
from lexome.tasks.language.gue_splits import Trial, trials

WORK, SETTINGS = "work", "settings.json"


@dataclass(frozen=True)
class GueRequest:
    """What to run.

    Attributes:
        folder: with the sets.
        output: gets `results` and, while it works, `work`.
        contenders: see `gue_contenders.contenders`.
        sets: names, groups or suites; "complete" for those with all published files; none: every set.
        seeds: of the trainings; contenders that draw nothing run once.
        folds: of cross-validation, where a set is one file.
        keep_models: do not remove what a training left.
    """

    folder: Path
    output: Path
    contenders: Sequence[Contender]
    sets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    folds: int = 5
    keep_models: bool = False


@dataclass
class Ran:
    """What a run did.

    Attributes:
        done: results that were made.
        skipped: those that were there.
        elsewhere: those that another run is at.
        failures: what could not be run, with the reason.
    """

    done: int = 0
    skipped: int = 0
    elsewhere: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Item:
    """One result to be made."""

    found: FoundSet
    contender: Contender
    seed: int
    output: Path

    @property
    def label(self) -> str:
        """As told to the user."""
        drawn = f" seed {self.seed}" if self.contender.is_drawn else ""
        return f"{self.found.described.name} {self.contender.name}{drawn}"

    @property
    def name(self) -> Path:
        return Path(self.found.described.name) / f"{file_name(self.contender.name)}-seed{self.seed}"

    @property
    def result(self) -> Path:
        """Its file."""
        return self.output / RESULTS / self.name.with_name(self.name.name + ".json")

    @property
    def work(self) -> Path:
        """Where it is worked on."""
        return self.output / WORK / self.name


def run_gue(
    request: GueRequest, command: str, *, resume: bool = False, listener: Listener | None = None
) -> Ran:
    """Runs what a request asks for. What fails is told and left out; the rest is run.

    Args:
        request: what to run.
        command: the command line, for the record.
        resume: keep results that are there, and go on with trainings that were stopped.
        listener: told what happens.

    Raises:
        UsageError: if there is no such set; or, before anything is run, if a result is there already and
            `resume` is not said.
    """
    listener = listener or Listener()
    sets = chosen_sets(request.folder, request.sets)
    items = {one.described.name: list(_items(one, request)) for one in sets}
    if not resume:
        _refuse_old([item for of_set in items.values() for item in of_set])
    with explained(request.output):
        (request.output / RESULTS).mkdir(parents=True, exist_ok=True)
    ran, number = Ran(), 0
    total = sum(map(len, items.values()))
    for found in sets:
        of_set = items[found.described.name]
        try:
            parts = trials(found, count=request.folds)
        except LexomeError as error:
            _fail(ran, f"{found.described.name}: {error}", listener)
            number += len(of_set)
            continue
        about = about_set(found, parts, request.folds)
        for item in of_set:
            number += 1
            try:
                with _claimed(item) as is_ours:
                    made = (
                        _run(item, parts, about, command, request.keep_models, listener) if is_ours else None
                    )
            except LexomeError as error:
                _fail(ran, f"{item.label}: {error}", listener)
                continue
            if not is_ours:
                ran.elsewhere += 1
                listener.note(f"[{number} of {total}] {item.label}: another run is at it")
            elif made is None:
                ran.skipped += 1
            else:
                ran.done += 1
                listener.note(f"[{number} of {total}] {item.label}: {_said(made)}")
    if not ran.elsewhere:  # another run may be about to use them
        _remove_empty(request.output / WORK)
    return ran


@contextmanager
def _claimed(item: _Item) -> Iterator[bool]:
    """Whether a result is ours to make: several runs can share a folder, and then the work.

    The file of the claim stays if the work is not done: another run may be waiting at it.
    """
    claim = item.work.with_name(item.work.name + ".claim")
    with explained(claim):
        claim.parent.mkdir(parents=True, exist_ok=True)
        file = claim.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            # whoever opened this file before, and claims it next, finds the result
            if item.result.exists():
                claim.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """Removes the empty folders in a folder, and the folder, if it is empty then."""
    inner = [path for path in folder.rglob("*") if path.is_dir()] if folder.is_dir() else []
    for path in [*sorted(inner, reverse=True), folder]:
        with suppress(OSError):  # it is not empty, or another run has removed it
            path.rmdir()


def _items(found: FoundSet, request: GueRequest) -> Iterator[_Item]:
    for contender in request.contenders:
        for seed in request.seeds if contender.is_drawn else (0,):
            yield _Item(found, contender, seed, request.output)


def _refuse_old(items: Sequence[_Item]) -> None:
    for item in items:
        if item.result.exists():
            raise UsageError(f"{item.result} is there already; add --resume, or choose another folder")
        if item.work.exists():
            raise UsageError(
                f"{item.work} holds a training that was stopped; add --resume, or choose another folder"
            )


def _fail(ran: Ran, message: str, listener: Listener) -> None:
    ran.failures.append(message)
    listener.note(f"failed: {message}")


def _said(result: dict[str, Any]) -> str:
    metric = result["set"]["metric"]
    low, high = result["intervals"][metric] or (float("nan"),) * 2
    value = result["figures"][metric]
    shown = "-" if value is None else f"{value:.4f} ({low:.4f} to {high:.4f})"
    return f"{metric} {shown}, {result['cost']['cpu_s']:.1f} CPU s"


def _run(
    item: _Item, parts: Sequence[Trial], about: dict[str, Any], command: str, keep: bool, listener: Listener
) -> dict[str, Any] | None:
    """Makes a result, or None if it is there."""
    described = item.found.described
    settings = {
        "contender": item.contender.name,
        "seed": item.seed,
        **item.contender.settings(described),
        "protocol": about["protocol"],
        "data_sha256": about["data_sha256"],
    }
    settings = json.loads(json.dumps(settings))  # as it will be read
    if item.result.exists():
        check_settings(read_json(item.result)["settings"], settings, item.result)
        return None
    with explained(item.work):
        item.work.mkdir(parents=True, exist_ok=True)
        item.result.parent.mkdir(parents=True, exist_ok=True)
    record = item.work / SETTINGS
    if record.exists():
        check_settings(read_json(record), settings, item.work)
    write_json(record, settings)
    answers: list[Answer] = []
    for i, part in enumerate(parts):
        folder = item.work / f"trial-{i + 1}"
        folder.mkdir(exist_ok=True)
        where = f"{item.label}{', ' + part.label if part.label else ''}"
        heard = Listener(listener.note, _named(listener.log, where))
        answers.append(item.contender.answer(described, part, item.seed, folder, heard))
    result = {
        **about,
        "contender": {"name": item.contender.name, "role": item.contender.role},
        "seed": item.seed if item.contender.is_drawn else None,
        **scored(answers, parts, about["kind"], item.result),
        "cost": cost(answers),
        "training": [{"steps": one.steps, "best_step": one.best_step} for one in answers],
        "settings": settings,
        "versions": versions(),
        "command": command,
    }
    write_json(item.result, result)
    if not keep:
        shutil.rmtree(item.work)
    return result


def _named(log: Callable[[dict[str, Any]], None], label: str) -> Callable[[dict[str, Any]], None]:
    return lambda row: log({"label": label, **row})
