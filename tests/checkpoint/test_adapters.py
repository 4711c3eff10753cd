"""Adapters as PEFT keeps them: against PEFT itself, and both ways."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from lexome.checkpoint.adapters import read_adapters, write_adapters
from lexome.checkpoint.build import weights_of
from lexome.checkpoint.export_huggingface import export_huggingface
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.lora import LoraConfig, adapters, add_adapters

SMALL: dict[str, Any] = {"vocab_size": 11, "size": 12, "num_layers": 2, "num_heads": 3, "hidden": 8}
SEQUENCE = {"num_outputs": 3, "pooling": "mean"}
IDS = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(2))


def network() -> LanguageNetwork:
    torch.manual_seed(0)
    made = new_language_network(
        {"name": "dnabert2", "config": SMALL | {"initial_std": 0.3}}, {"name": "sequence", "config": SEQUENCE}
    )
    return made.eval()


def adapted(**changes: Any) -> LanguageNetwork:
    made = network()
    add_adapters(made, LoraConfig(**({"rank": 4, "alpha": 6.0} | changes)))
    for _, layer in adapters(made):
        nn.init.normal_(layer.lora_B.weight, std=0.3)
    nn.init.normal_(made.scorer.get_parameter("classifier.weight"))
    return made


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    made, back = adapted(), network()
    write_adapters(made, tmp_path / "a", "small")
    assert (back(IDS) - made(IDS)).abs().max() > 0.1
    names = read_adapters(back, tmp_path / "a")
    assert names == sorted(name for name, _ in adapters(made))
    assert torch.equal(back(IDS), made(IDS))
    write_adapters(back, tmp_path / "b", "small")
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.fixture
def peft(tmp_path: Path) -> tuple[Any, Any]:
    """PEFT, and transformers' view of `network()`."""
    peft = pytest.importorskip("peft", reason="needs peft")
    transformers = pytest.importorskip("transformers", reason="needs transformers (the extra lm)")
    import lexome.hf  # noqa: F401  registers the classes

    transformers.logging.disable_progress_bar()
    architecture = Component("dnabert2", SMALL | {"initial_std": 0.3})
    weights = weights_of(network())
    checkpoint = Checkpoint("language", architecture, Component("sequence", SEQUENCE), {}, weights=weights)
    export_huggingface(checkpoint, tmp_path / "base")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    return peft, model.eval()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # of PEFT
def test_peft_reads_what_lexome_wrote(peft: tuple[Any, Any], tmp_path: Path) -> None:
    library, model = peft
    made = adapted()
    write_adapters(made, tmp_path / "a", str(tmp_path / "base"))
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, network()(IDS))
        read = library.PeftModel.from_pretrained(model, tmp_path / "a").eval()
        torch.testing.assert_close(read(IDS).logits, made(IDS))


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # of PEFT
def test_lexome_reads_what_peft_wrote(peft: tuple[Any, Any], tmp_path: Path) -> None:
    library, model = peft
    config = library.LoraConfig(
        task_type="SEQ_CLS", r=3, lora_alpha=12, target_modules=["Wqkv", "dense", "gated_layers", "wo"]
    )
    torch.manual_seed(1)
    theirs = library.get_peft_model(model, config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        theirs.save_pretrained(tmp_path / "theirs")
        back = network()
        assert len(read_adapters(back, tmp_path / "theirs")) == 8
        torch.testing.assert_close(back(IDS), theirs(IDS).logits)


@pytest.mark.parametrize(
    ("config", "weights", "complaint"),
    [
        ({"peft_type": "IA3"}, {}, "peft_type LORA"),
        ({"use_dora": True}, {}, "use_dora is True"),
        ({"rank_pattern": {"wo": 2}}, {}, "only plain LoRA"),
        ({"r": "x"}, {}, "make no sense"),
        ({"r": 0}, {}, "make no sense"),
        ({"r": 5}, {}, r"do not fit .*attention\.output\.dense"),
        ({}, {"base_model.model.bert.other.lora_A.weight": np.zeros((4, 12))}, r"encoder\.other"),
        ({}, {"base_model.model.classifier.bias": np.zeros(4, np.float32)}, r"scorer\.classifier\.bias"),
        ({}, {"something": np.zeros(4, np.float32)}, "layers: something"),
    ],
)
def test_adapters_of_other_networks_are_refused(
    tmp_path: Path, config: dict[str, Any], weights: dict[str, Any], complaint: str
) -> None:
    write_adapters(adapted(), tmp_path / "a", "small")
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(settings | config))
    kept = load_file(tmp_path / "a" / "adapter_model.safetensors")
    save_file(
        {k: np.asarray(w, np.float32) for k, w in (kept | weights).items()},
        tmp_path / "a" / "adapter_model.safetensors",
    )
    made = network()
    with pytest.raises(BadInputError, match=complaint):
        read_adapters(made, tmp_path / "a")
    assert not list(adapters(made))
    assert all(p.requires_grad for p in made.parameters())


def test_files_that_are_no_adapters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(BadInputError, match="cannot be read"):
        read_adapters(network(), tmp_path / "a")
    (tmp_path / "a" / "adapter_config.json").write_text("{")
    with pytest.raises(BadInputError, match="not valid JSON"):
        read_adapters(network(), tmp_path / "a")


def test_nothing_is_replaced_or_half_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no adapters"):
        write_adapters(network(), tmp_path / "a", "small")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_adapters(adapted(), tmp_path / "file", "small")
    with pytest.raises(LexomeError, match="cannot be written"):
        write_adapters(adapted(), tmp_path / "file" / "a", "small")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
