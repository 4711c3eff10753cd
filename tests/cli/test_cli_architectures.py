"""`lexome models` of architectures, and `lexome new`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli import architectures, new
from lexome.models import reference

Run = Callable[..., tuple[int, str, str]]
SMALL = """
[architecture]
name = "bonito"
[architecture.config]
convs = [{ size = 4, kernel = 5, stride = 5, padding = 0 }]
lstms = [{ size = 4, reverse = false }]
"""


def test_the_list_goes_on_behind_a_broken_one(lexome: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    good = reference.reference("causalcall")
    broken = reference.Reference("wreck", "", "broken 1.5", {"name": "wreck", "config": {}}, "it is broken")
    unknown = reference.Reference("gone", "what", "here", {"name": "gone", "config": {}})
    monkeypatch.setattr(reference, "references", lambda: [broken, unknown, good])
    code, out, err = lexome("models", "list", "--architectures")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["name", "encoder", "what", "origin", "parameters", "mac_per_sample", "stride"]
    assert [line.split()[-3:] for line in lines[1:3]] == [["-", "-", "-"]] * 2
    assert lines[3].split()[-3:] == ["900,741", "894,144", "1"]
    assert "lexome: note: it is broken" in err
    assert "unknown architecture 'gone'" in err


def test_an_architecture_is_checked_with_a_configuration_of_ones_own(lexome: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(SMALL)
    code, out, _ = lexome("models", "check", "bonito_gru", "--config", tmp_path / "c.toml")
    table = {line[:17].strip(): line[17:] for line in out.splitlines()}
    assert code == 0
    convolution, lstm, head = 4 * 5 + 4, 4 * 4 * 8 + 2 * 16, 4 * 5 + 5
    assert table["parameters"].split()[-1] == str(convolution + lstm + head)
    assert table["products"].split()[1] == str(round((4 * 5 + 128 + 20) / 5))
    assert table["looks ahead"].endswith(" 0 samples")
    assert "the whole chunk" in table["receptive field"]
    assert table["causality"].split() == ["pass", "causal"]
    assert "FAIL" not in out


def test_a_broken_promise_ends_with_1(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text(SMALL)
    monkeypatch.setattr("lexome.models.bonito.stack_is_causal", lambda convs: False)
    code, out, err = lexome("models", "check", "bonito", "--config", tmp_path / "c.toml")
    assert code == 1
    assert "it looks ahead: False, but causal is False" in out
    assert "1 of 13 checks failed" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["bonto"],
            "no model or architecture 'bonto'; did you mean 'bonito'",
        ),
        (["bonito", "--reads", "x"], "--reads is for models"),
        (["r9.4.1_turbo", "--config", "x"], "--config is for architectures"),
        (["bonito", "--config", "none.toml"], "cannot be read"),
        (["mamba", "--config", "c.toml"], 'needs [architecture] with name = "mamba"'),
    ],
)
def test_wrong_use(
    arguments: list[str], message: str, lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(SMALL)
    code, out, err = lexome("models", "check", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_new_model_says_what_to_do(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = lexome("new", "model", "my_net")
    assert (code, out) == (0, "")
    assert "pip install -e my_net" in err
    assert len(list((tmp_path / "my_net").iterdir())) == 4
    assert lexome("new", "model", "my_net")[0] == 2
    assert new.app.info.name == "new"
    assert architectures.LISTED_SAMPLES == 1000
