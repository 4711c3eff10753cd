"""Pictures by matplotlib."""

import struct
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.report import picture
from lexome.report.axes import Axis
from lexome.report.panels import Panel, Points
from lexome.report.picture import COLOURS, check_can_draw, write_png

X, Y = Axis("speed in $", 1e4, 1e7, "count", log=True), Axis("identity", 0.8, 1.0, "percent")
FRONT = Points(
    "front $_x", [1e5, 1e6], [0.95, 0.9], ["$\\alpha_1$", "b"], [(0.94, 0.96), None], is_joined=True
)
OTHERS = Points("others", [1e5, 1e5, 1e5], [0.86] * 3, ["a name of a model"] * 3, is_hollow=True)
PANEL = Panel("a $title_$", X, Y, [FRONT, OTHERS])


def pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return (imread(path)[:, :, :3] * 255).round().astype(int)


def colour_at(image: np.ndarray, panel: Panel, x: float, y: float, dpi: int) -> str:
    """The colour where a value stands; the plot is 4.95 by 3.1 inches, 0.8 and 0.65 from the corner."""
    across = (0.8 + 4.95 * panel.x.place(x)) * dpi
    up = (0.65 + 3.1 * panel.y.place(y)) * dpi
    return "#" + "".join(f"{v:02x}" for v in image[round(len(image) - up), round(across)])


def test_points_stand_where_they_belong(tmp_path: Path) -> None:
    write_png(tmp_path / "p.png", [PANEL, PANEL], dpi=100)
    assert [file.name for file in tmp_path.iterdir()] == ["p.png"]
    content = (tmp_path / "p.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    assert struct.unpack(">II", content[16:24]) == (1200, 420)
    image = pixels(tmp_path / "p.png")
    assert colour_at(image, PANEL, 1e5, 0.95, 100) == COLOURS[0]
    assert colour_at(image, PANEL, 1e6, 0.9, 100) == COLOURS[0]
    assert colour_at(image, PANEL, 10**5.5, 0.925, 100) == COLOURS[0]  # the line between them
    assert colour_at(image, PANEL, 1e5, 0.86, 100) == "#ffffff"  # a ring
    assert colour_at(image, PANEL, 3e4, 0.91, 100) == "#ffffff"


def test_the_same_panels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, [PANEL], title="both $ of % them", dpi=50)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_panel_of_nothing(tmp_path: Path) -> None:
    write_png(tmp_path / "p.png", [Panel("", X, Y, [])], dpi=40)
    assert (tmp_path / "p.png").exists()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LexomeError, match=r"p.png: cannot be written \(No such file or directory\)"):
        write_png(tmp_path / "none" / "p.png", [PANEL], dpi=40)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check_can_draw()
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"needs matplotlib, which is not installed; pip install lexome\[figures\]"
    ):
        write_png(tmp_path / "p.png", [PANEL])
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_loaded_only_to_draw() -> None:
    code = "import sys, lexome.report.picture as p; p.check_can_draw(); print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_colours_are_those_of_the_pages() -> None:
    style = files("lexome.report").joinpath("page.css").read_text("utf-8")
    for number, colour in enumerate(COLOURS, 1):
        assert f"--c{number}: {colour}" in style
    for name, colour in (("ink", picture.INK), ("soft", picture.SOFT), ("faint", picture.FAINT)):
        assert f"--{name}: {colour}" in style
