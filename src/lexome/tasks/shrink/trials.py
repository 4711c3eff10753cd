"""A search that trains every network by itself, with Optuna: for what no super-network holds.

Each trial is a short training through the one training loop on half of the training reads, judged by label
identity on the other half; the validation chunks of the stores are not looked at. Trials lie in a database,
so several workers can share a search; bad ones are stopped early, those over the target are not trained.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexome.compress.space import Choices
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe
from lexome.tasks.shrink.halves import in_halves
from lexome.tasks.shrink.search_file import Costs, SearchFile
from lexome.tasks.shrink.search_result import found_figures, write_found
from lexome.tasks.training import train_recipe
from lexome.train.config import LoopConfig

if TYPE_CHECKING:
    import optuna

DATABASE, TRIALS = "trials.db", "trials"
MOST_REFUSED = 200  # networks over the target, for each one that is trained
STARTUP = 5  # trials that are drawn at random, and not stopped early


@dataclass(frozen=True)
class TrialRecipe(Recipe):
    """The training of one network on half of the training reads, judged on the other half."""

    def task(self) -> BasecallTask:
        """The task of the half."""
        whole = super().task()
        assert isinstance(whole, BasecallTask)
        return in_halves(whole)[0]


@dataclass(frozen=True)
class TrialsRequest:
    """A search by trials.

    Attributes:
        file: what to search; `search.trials` networks are trained, `search.steps` steps each.
        costs: of its networks.
        cost: where the costs come from, for the record.
        target: what a network may cost.
        folder: for the results.
        storage: URL of a database that workers share; None: SQLite in the folder.
        worker: number of this worker, for its random numbers.
        joins: go on with the search in the storage, or work on it with others.
    """

    file: SearchFile
    costs: Costs
    cost: str
    target: float
    folder: Path
    storage: str | None = None
    worker: int = 0
    joins: bool = False


def run_trials(
    request: TrialsRequest, version: str, on_trial: Callable[[dict[str, Any]], None] = lambda row: None
) -> dict[str, Any]:
    """Works on a search until its trials are done; the best network's recipe is in the folder.

    Args:
        request: what to do.
        version: of lexome, for the record.
        on_trial: told of every trial that ends: number, state, value, cost and choices.

    Returns:
        The figures (`search_result.found_figures`).

    Raises:
        UsageError: if no network is cheap enough, or the storage holds another search.
        LexomeError: if no trial came to its end.
    """
    request.costs.check_target(request.target)
    request.folder.mkdir(parents=True, exist_ok=True)
    with _quiet() as optuna:
        study = _study(request, optuna)
        while _count(study) < request.file.config.trials:
            trial, choices = _affordable(request, study, optuna)
            _run(request, version, study, trial, choices, on_trial, optuna)
        best = _best(study)
        figures = _figures(request, study, best)
    write_found(request.file, _choices(request.file, best.params), figures, request.folder)
    return figures


@contextmanager
def _quiet() -> Iterator[Any]:
    """Optuna, without what it prints."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise UsageError("a search by trials needs Optuna: pip install 'lexome[search]'") from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _study(request: TrialsRequest, optuna: Any) -> "optuna.Study":
    from sqlalchemy.exc import SQLAlchemyError  # comes with Optuna

    url = request.storage or f"sqlite:///{(request.folder / DATABASE).resolve()}"
    seed = request.file.data["loop"].get("seed", 0) + request.worker
    try:
        study = optuna.create_study(
            storage=url,
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
            study_name=str(request.file.data["name"]),
            direction="maximize",
            load_if_exists=request.joins,
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        raise UsageError(
            f"the storage holds a search of the name '{request.file.data['name']}' already; add --resume to "
            "go on with it or to work on it too, or choose another folder"
        ) from error
    except (ImportError, optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
        # the URL may hold a password: it is not repeated
        raise UsageError(f"the storage cannot be used ({type(error).__name__}); give a URL of a database "
                         "whose driver is installed, such as sqlite:///trials.db") from error  # fmt: skip
    record = {**request.file.record(), "cost": request.cost, "target": request.target}
    record["search"] = {key: value for key, value in record["search"].items() if key != "trials"}
    stored = study.user_attrs.get("search")
    if stored is not None and stored != record:
        changed = sorted(key for key in {*stored, *record} if stored.get(key) != record.get(key))
        raise UsageError(f"the storage holds another search (different: {', '.join(changed)})")
    study.set_user_attr("search", record)
    return study


def _count(study: "optuna.Study") -> int:
    """Trials that were trained, to the end or until they were stopped early."""
    return sum(trial.value is not None or "trained" in trial.user_attrs for trial in _ended(study))


def _ended(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def _affordable(
    request: TrialsRequest, study: "optuna.Study", optuna: Any
) -> tuple["optuna.Trial", dict[str, int]]:
    """A trial within the target; those over it are told as such and left untrained."""
    for _ in range(MOST_REFUSED):
        trial = study.ask()
        choices = {
            slot.name: slot.options.index(str(trial.suggest_categorical(slot.name, slot.options)))
            for slot in request.file.space.slots
        }
        cost = request.costs.of(choices)
        trial.set_user_attr("cost", cost)
        if cost <= request.target:
            return trial, choices
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    raise LexomeError(
        f"{MOST_REFUSED} networks in a row cost more than the target of {request.target:,.6g} "
        f"{request.costs.unit}; raise --target, or leave out the largest options"
    )


def _run(
    request: TrialsRequest, version: str, study: "optuna.Study", trial: "optuna.Trial", choices: Choices,
    on_trial: Callable[[dict[str, Any]], None], optuna: Any,
) -> None:  # fmt: skip
    """Trains the network of a trial, or takes the result of an earlier trial of the same one."""
    states = optuna.trial.TrialState
    known = [t.value for t in _ended(study) if t.state == states.COMPLETE and t.params == trial.params]
    state, value = states.COMPLETE, known[0] if known else None

    def log(row: dict[str, Any]) -> None:
        nonlocal value
        if "validation" not in row:
            return
        found = row["validation"][BasecallTask.primary_metric]
        value = found if value is None else max(value, found)
        trial.report(found, row["step"])
        if trial.should_prune():
            raise optuna.TrialPruned

    trial.set_user_attr("trained", not known)
    try:
        if not known:
            train_recipe(
                _recipe(request, choices), request.folder / TRIALS / str(trial.number), version, on_log=log
            )
    except optuna.TrialPruned:
        state = states.PRUNED
    except BaseException:
        study.tell(trial, state=states.FAIL)
        raise
    study.tell(trial, value if state == states.COMPLETE else None, state=state)
    on_trial(
        {
            "trial": trial.number, "state": state.name.lower(), "value": value,
            "cost": request.costs.of(choices), "choices": dict(trial.params),
        }
    )  # fmt: skip


def _recipe(request: TrialsRequest, choices: Choices) -> TrialRecipe:
    search, file = request.file.config, request.file
    plain = file.recipe(choices, {
        "steps": search.steps, "validate_every": min(search.validate_every, search.steps), "minutes": 0.0,
        "processes": 1, "patience": 0,
    })  # fmt: skip
    loop = from_dict(LoopConfig, plain.data["loop"], file.where)
    return TrialRecipe(plain.name, {**plain.data, "loop": to_dict(loop)}, loop)


def _best(study: "optuna.Study") -> "optuna.trial.FrozenTrial":
    try:
        return study.best_trial
    except ValueError as error:
        raise LexomeError(
            "no trial came to its end; look at its log, or give the search more trials"
        ) from error


def _choices(file: SearchFile, params: dict[str, Any]) -> dict[str, int]:
    return {slot.name: slot.options.index(str(params[slot.name])) for slot in file.space.slots}


def _figures(
    request: TrialsRequest, study: "optuna.Study", best: "optuna.trial.FrozenTrial"
) -> dict[str, Any]:
    ended = _ended(study)
    shares = {
        slot.name: [
            sum(t.params.get(slot.name) == option for t in ended) / len(ended) for option in slot.options
        ]
        for slot in request.file.space.slots
    }
    rows = [
        {
            "trial": t.number, "state": t.state.name.lower(), "value": t.value,
            "cost": t.user_attrs.get("cost"), "choices": dict(t.params),
        }
        for t in ended
    ]  # fmt: skip
    more = {
        "steps": request.file.config.steps, "metric": BasecallTask.primary_metric, "value": best.value,
        "trials": rows,
    }  # fmt: skip
    choices = _choices(request.file, best.params)
    return found_figures(request.file, request.costs, request.target, choices, shares, more)
