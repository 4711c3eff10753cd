"""What stores of windows must have in common, and must not, to be trained on together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.features.pileup import PileupConfig
from lexome.io.windows import WindowStore


def common_pileup(stores: Sequence[WindowStore]) -> PileupConfig:
    """How the windows of all stores were made.

    Raises:
        BadInputError: if a store does not say it, or something else than it holds.
        UsageError: if they were made in different ways.
    """
    configs = []
    for store in stores:
        table = store.meta.get("pileup")
        try:
            if not isinstance(table, Mapping):
                raise UsageError("no table 'pileup'")
            config = from_dict(PileupConfig, table, f"{store.path}, pileup")
        except (UsageError, ValueError) as error:
            raise BadInputError(f"{store.path}: does not say how its windows were made ({error})") from error
        if store.rows_NRL.shape[1:] != (config.num_rows, config.width):
            raise BadInputError(f"{store.path}: its windows are not those that meta.json speaks of")
        configs.append(config)
    for store, config in zip(stores, configs, strict=True):
        if config != configs[0]:
            raise UsageError(
                f"the windows of {store.path} and {stores[0].path} were made in different ways: prepare them "
                "with the same options"
            )
    return configs[0]


def check_rows(pileup: PileupConfig, architecture: Mapping[str, Any]) -> None:
    """Refuses an architecture that takes other rows than the stores have.

    Raises:
        UsageError: with both.
    """
    rows = architecture["config"].get("pileup", {})
    wanted = {"passes": pileup.max_passes, "ccs_qualities": pileup.with_qualities}
    given = {"passes": 20, "ccs_qualities": False} | {k: v for k, v in dict(rows).items() if k in wanted}
    if given != wanted:
        raise UsageError(
            f"the stores have windows for {wanted}, the architecture takes {given}; change "
            "architecture.config.pileup, or prepare again"
        )


def check_disjoint(stores: Sequence[WindowStore]) -> None:
    """Refuses stores of which one trains on a CCS read that another (or the same one) holds out.

    Raises:
        UsageError: naming a store and the read.
    """
    training = {name for store in stores for name in np.unique(store.source_N["ccs"][store.split_N == 0])}
    for store in stores:
        both = training & set(np.unique(store.source_N["ccs"][store.split_N != 0]))
        if both:
            raise UsageError(
                f"{store.path} holds out {min(both).decode()}, which is trained on too; leave one store out, "
                "or prepare again"
            )
