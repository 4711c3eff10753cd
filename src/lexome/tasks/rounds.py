"""Distillation again and again: each student is the next one's teacher.

Source: Ordonez Cardenas 2024, section 4.2.4 (self-distillation, repeated). What differs: the first teacher
may be any that can teach the student, a larger one too.
"""

from pathlib import Path

from lexome.core.errors import UsageError
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.train.best import MODEL
from lexome.train.state import RECORD


def rounds_of(recipe: Recipe, rounds: int, folder: Path, *, resume: bool) -> list[tuple[Recipe, Path, bool]]:
    """What is to be trained, one after the other; all rounds begin with the same weights and see the same.

    Args:
        recipe: of the students, with the first one's teacher.
        rounds: how many students.
        folder: gets round_1, round_2 ...
        resume: go on with what is there; what is done already ends at once.

    Returns:
        For each round its recipe, its folder, and whether it goes on from a state there.

    Raises:
        UsageError: if a round's folder holds a training, and `resume` is not set.
    """
    plans, teacher = [], recipe.data["distill"]["teacher"]
    for number in range(1, rounds + 1):
        place = folder / f"round_{number}"
        is_begun = (place / RECORD).exists()
        if is_begun and not resume:
            raise UsageError(f"{place} holds a training already; add --resume, or choose another folder")
        table = {**recipe.data["distill"], "teacher": teacher}
        named = {**recipe.data, "name": f"{recipe.name}_round_{number}", "distill": table}
        plans.append((resolve_recipe(named, recipe.name), place, resume and (is_begun or number == 1)))
        teacher = str(place / MODEL)
    return plans
