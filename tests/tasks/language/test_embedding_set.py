"""Embeddings that cannot be read back."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.embedding_set import EmbeddingSet, read_embeddings


def test_rows_by_name() -> None:
    rows = np.arange(8.0).reshape(4, 2)
    one_each = EmbeddingSet(["a", "b", "c", "d"], rows, None, None, {})
    assert one_each["c"].tolist() == [4, 5]
    many = EmbeddingSet(["a", "b"], rows, np.array([0, 3, 4]), None, {})
    assert many["b"].tolist() == [[6, 7]]
    with pytest.raises(KeyError):
        many["z"]


def test_what_is_no_set(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "short.npz", ids=np.array(["a"]), embeddings=np.zeros((2, 3)), about=np.array("{}"))
    (tmp_path / "folder").mkdir()
    np.savez(tmp_path / "pickle.npz", ids=np.array([object()]), embeddings=np.zeros((1, 1)), about="{}")
    for name in ("none", "text.npz", "other.npz", "short.npz", "folder", "pickle.npz"):
        with pytest.raises(BadInputError, match=name):
            read_embeddings(tmp_path / name)
