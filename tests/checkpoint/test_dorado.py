"""Models in dorado's layout, against bonito's outputs and torch's own reader."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.dorado import read_tensor
from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4"])
def test_scores_are_those_of_bonito(shared: Path, name: str) -> None:
    folder = shared / "golden" / "bonito" / name
    golden = np.load(folder / "golden.npz")
    network = build_network(load(folder / "tensors"))
    with torch.inference_mode():
        scores_NTK = network(torch.from_numpy(golden["signal"])).numpy()
    np.testing.assert_allclose(scores_NTK.transpose(1, 0, 2), golden["scores"], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_tensors_are_those_that_torch_reads(shared: Path) -> None:
    files = sorted((shared / "golden" / "bonito").glob("*/tensors/*.tensor"))
    assert len(files) > 50
    for file in files:
        (expected,) = torch.jit.load(file).parameters()
        found = read_tensor(file)
        assert found.dtype == np.float32
        assert np.array_equal(found, expected.detach().float().numpy()), file


def archive(
    path: Path,
    numbers: bytes = struct.pack("<6f", *range(6)),
    *,
    storage: str = "FloatStorage",
    rebuild: str = "torch._utils _rebuild_tensor_v2",
    description: bytes | None = None,
    shape: tuple[int, int] = (2, 3),
    strides: tuple[int, int] = (3, 1),
    offset: int = 0,
    count: int = 6,
    compression: int = zipfile.ZIP_STORED,
    byteorder: bytes = b"little",
) -> Path:
    """Writes an archive as TorchScript does, opcode by opcode, with whatever is wrong in it."""

    def ints(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    if description is None:
        module, name = rebuild.split()
        description = (
            b"\x80\x02c__torch__\nModule\n)\x81}("
            + text("0")
            + f"c{module}\n{name}\n".encode()
            + b"(("
            + text("storage")
            + f"ctorch\n{storage}\n".encode()
            + text("0")
            + text("cpu")
            + b"J"
            + struct.pack("<i", count)
            + b"tQ"
            + b"J"
            + struct.pack("<i", offset)
            + ints(shape)
            + ints(strides)
            + b"\x89}tR"
            + text("training")
            + b"\x88ub."
        )
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("w/data.pkl", description)
        file.writestr("w/data/0", numbers)
        file.writestr("w/byteorder", byteorder)
        file.writestr("w/code/__torch__.py", "raise SystemExit")
    return path


def test_a_plain_archive_is_read(tmp_path: Path) -> None:
    expected = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(read_tensor(archive(tmp_path / "a")), expected)
    halves = np.arange(6, dtype="<f2").tobytes()
    assert np.array_equal(read_tensor(archive(tmp_path / "b", halves, storage="HalfStorage")), expected)


class Runs:
    """Something that, unpickled the ordinary way, would call a function."""

    def __reduce__(self) -> tuple:
        return (print, ("executed",))


def test_nothing_in_the_archive_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = pickle.dumps({"0": Runs()}, protocol=2)
    with pytest.raises(BadInputError, match=r"it refers to (__builtin__|builtins)\.print"):
        read_tensor(archive(tmp_path / "a", description=hostile))
    assert "executed" not in capsys.readouterr().out
    pickle.load(io.BytesIO(hostile))
    assert "executed" in capsys.readouterr().out  # so the archive would have done it


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"rebuild": "os system"}, r"it refers to os\.system"),
        ({"rebuild": "torch.jit load"}, r"it refers to torch\.jit\.load"),
        ({"rebuild": "builtins getattr"}, r"it refers to builtins\.getattr"),
        ({"storage": "LongStorage"}, r"torch\.LongStorage"),
        ({"count": 2**31 - 1, "shape": (2**15, 2**15)}, "cut short"),
        ({"numbers": b"\0" * 20}, "cut short"),
        ({"offset": 1}, "view"),
        ({"strides": (1, 2)}, "view"),
        ({"shape": (3, 3)}, "view"),
        ({"shape": (-2, -3), "strides": (-3, 1)}, "view"),
        ({"compression": zipfile.ZIP_DEFLATED}, "compressed"),
        ({"byteorder": b"big"}, "little-endian"),
        ({"description": b""}, "not an archive of one plain tensor"),
        ({"description": b"\x80\x02]."}, "not an archive of one plain tensor"),
        ({"description": b"\x80\x02c__torch__\nModule\n)\x81}b."}, "holds 0 tensors"),
        ({"description": b"\x80\x02N0" * 40_000}, "too long"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, wrong: dict, complaint: str) -> None:
    with pytest.raises(BadInputError, match=complaint):
        read_tensor(archive(tmp_path / "a", **wrong))


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.tensor").write_bytes(b"nothing")
    with pytest.raises(BadInputError, match=r"w\.tensor: not a TorchScript archive"):
        read_tensor(tmp_path / "w.tensor")
    with zipfile.ZipFile(tmp_path / "empty.tensor", "w"):
        pass
    with pytest.raises(BadInputError, match=r"empty\.tensor"):
        read_tensor(tmp_path / "empty.tensor")
