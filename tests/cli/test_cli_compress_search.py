"""`lexome compress search` and `lexome compress measure`: errors in a line, results on stdout."""

from collections.abc import Callable
from pathlib import Path

from lexome.cli.compress_measure import By
from lexome.cli.compress_search import By as Method

RECIPES = Path(__file__).parents[2] / "recipes" / "rubicon"
TINY = """
task_kind = "basecall"
name = "found"
head = { name = "ctc", config = {} }
signal = { chunk_size = 200, overlap = 20 }
loop = { steps = 2, batch_size = 2, log_every = 1, device = "cpu" }
search = { steps = 2, warm_up = 0.0 }
space = { kind = "convolutions", stages = [{ channels = [2], kernels = [3, 9], stride = 5 }] }
"""


def test_search_and_measure(lexome: Callable, tiny_store: Path, tmp_path: Path) -> None:
    assert {By.cpu, By.wall} == {"cpu", "wall"}
    assert {one.value for one in Method} == {"proxyless", "darts", "optuna"}
    space, table = tmp_path / "space.toml", tmp_path / "costs.json"
    space.write_text(TINY)
    code, out, err = lexome(
        "compress", "measure", "--space", space, "-o", table, "--rounds", "1", "--by", "wall"
    )
    assert (code, out) == (0, ""), err
    options = ("--store", tiny_store, "-o", tmp_path / "out")
    code, out, err = lexome("compress", "search", space, *options, "--cost", table, "--target", "1e9")
    assert code == 0, err
    assert "stage0.layer0.operator" in out
    assert "cost, ns per sample" in out
    assert err.splitlines()[-1].endswith("recipe.toml")
    code, out, err = lexome("compress", "search", space, *options, "--cost", "macs", "--target", "0.001")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "the least possible is" in err
    other = RECIPES / "search_small.toml"
    code, out, err = lexome("compress", "search", other, *options, "--cost", table, "--target", "100")
    assert code == 1
    assert "no cost of" in err
    code, _, err = lexome("compress", "search", space, *options, "--cost", "macs", "--target", "nan")
    assert code == 2
    assert "must be above 0" in err
