"""Embeddings read back from a folder or an .npz (see `embed_files`).

Legend: N sequences, R rows, D features.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError


@dataclass(frozen=True, eq=False)
class EmbeddingSet:
    """Embeddings read back; `set["chr1"]` are the rows of a sequence, a vector where there is one only.

    Attributes:
        ids: of the sequences.
        embeddings_RD: all rows.
        offsets: (N + 1,) where the rows of each sequence begin; None: one row each.
        spans_R2: bases of each row; None if they were not kept.
        about: the model and the settings.
    """

    ids: list[str]
    embeddings_RD: np.ndarray
    offsets: np.ndarray | None
    spans_R2: np.ndarray | None
    about: dict[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", {id_: i for i, id_ in enumerate(self.ids)})

    def __getitem__(self, id_: str) -> np.ndarray:
        i = self._place[id_]  # type: ignore[attr-defined]
        if self.offsets is None:
            return self.embeddings_RD[i]
        return self.embeddings_RD[self.offsets[i] : self.offsets[i + 1]]


def read_embeddings(path: str | Path) -> EmbeddingSet:
    """Opens a folder, mapped into memory, or an .npz, read into it.

    Raises:
        BadInputError: if it is neither, or damaged.
    """
    path = Path(path)
    try:
        if path.is_dir():
            names = [name for name in ("embeddings", "offsets", "spans") if (path / f"{name}.npy").exists()]
            arrays = {n: np.load(path / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in names}
            ids = (path / "ids.txt").read_text(encoding="utf-8").split("\n")[:-1]
            about = (path / "about.json").read_text(encoding="utf-8")
        else:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            ids, about = arrays["ids"].tolist(), str(arrays["about"])
        offsets = arrays.get("offsets")
        rows = len(arrays["embeddings"])
        if (len(ids) if offsets is None else int(offsets[-1])) != rows:
            raise ValueError(f"{rows} rows do not fit {len(ids)} ids")
        return EmbeddingSet(ids, arrays["embeddings"], offsets, arrays.get("spans"), json.loads(about))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInputError(f"{path}: no embeddings that can be read ({error})") from error
