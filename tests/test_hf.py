"""lexome.hf: what lexome saves, transformers opens, with the same numbers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.checkpoint.build import build_language_network, weights_of
from lexome.checkpoint.export_huggingface import export_huggingface
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork

transformers = pytest.importorskip("transformers", reason="needs transformers (the extra lm)")

ARCHITECTURE: dict[str, Any] = {
    "vocab_size": 19,
    "size": 12,
    "num_layers": 2,
    "num_heads": 3,
    "hidden": 10,
    "pad_id": 3,
    "initial_std": 0.3,
}


@pytest.fixture(autouse=True)
def registered() -> Any:
    """The module under test; transformers' reports on loading stay out of the tests' output."""
    import lexome.hf as hf

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return hf


def saved(folder: Path, head: str, config: dict[str, Any], **changes: Any) -> LanguageNetwork:
    torch.manual_seed(4)
    architecture = ARCHITECTURE | changes
    network = new_language_network(
        {"name": "dnabert2", "config": architecture}, {"name": head, "config": config}
    )
    for parameter in network.scorer.parameters():
        torch.nn.init.normal_(parameter)
    checkpoint = Checkpoint(
        "language", Component("dnabert2", architecture), Component(head, config), {}, None,
        {"name": "small"}, weights_of(network),
    )  # fmt: skip
    export_huggingface(checkpoint, folder)
    return network.eval()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, 19, (3, 11), generator=torch.Generator().manual_seed(9))
    mask = torch.ones_like(ids)
    mask[0, :4] = mask[2, 7:] = 0
    return ids, mask


def opened(auto: Any, folder: Path, **options: Any) -> Any:
    model, report = auto.from_pretrained(folder, output_loading_info=True, **options)
    return model.eval(), {key: set(names) for key, names in report.items() if names}


def test_masked_language_models_open_with_the_same_scores(tmp_path: Path) -> None:
    network, (ids, mask) = saved(tmp_path / "m", "masked_lm", {"vocab_size": 19}), batch()
    model, report = opened(transformers.AutoModelForMaskedLM, tmp_path / "m")
    assert report == {}
    assert model.config_class is type(model.config)
    assert model.config.pad_token_id == 3
    labels = torch.where(mask.bool() & (ids % 3 == 0), ids, -100)
    with torch.no_grad():
        output, scores = model(ids, mask, labels=labels), network(ids, mask.bool())
    assert torch.equal(output.logits, scores)
    kept = labels != -100
    expected = -scores.log_softmax(-1)[kept].gather(1, labels[kept][:, None]).mean()
    torch.testing.assert_close(output.loss, expected)
    torch.testing.assert_close(model(ids, mask, return_dict=False)[0], scores)


def test_encoders_open_alone_and_come_back(tmp_path: Path) -> None:
    network, (ids, mask) = saved(tmp_path / "m", "masked_lm", {"vocab_size": 19}), batch()
    model, report = opened(transformers.AutoModel, tmp_path / "m")
    assert set(report) == {"unexpected_keys"}
    model.save_pretrained(tmp_path / "again")
    again, report = opened(transformers.AutoModel, tmp_path / "again")
    assert report == {}
    with torch.no_grad():
        expected = network.encoder(ids, mask.bool())
        for found in (model, again):
            output = found(ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
            assert torch.equal(output.last_hidden_state, expected)
            assert output.pooler_output is None
            assert len(output.hidden_states) == 3
            assert torch.equal(output.hidden_states[-1], expected)
            maps = network.encoder.attention_maps(ids, mask.bool())  # type: ignore[operator]
            assert all(torch.equal(a, b) for a, b in zip(output.attentions, maps, strict=True))
        plain = model(ids, mask)
        assert plain.hidden_states is None
        assert plain.attentions is None
        types = mask.clone()
        assert torch.equal(
            model(ids, mask, token_type_ids=types).last_hidden_state,
            network.encoder(ids, mask.bool(), types),
        )


@pytest.mark.parametrize("pooling", ["mean", "first", "max", "pooler"])
def test_classifiers_open_with_the_same_scores(tmp_path: Path, pooling: str) -> None:
    config = {"num_outputs": 4, "pooling": pooling}
    network = saved(tmp_path / "m", "sequence", config, pooler=pooling == "pooler")
    ids, mask = batch()
    model, report = opened(transformers.AutoModelForSequenceClassification, tmp_path / "m")
    assert report == {}
    with torch.no_grad():
        assert torch.equal(model(ids, mask).logits, network(ids, mask.bool()))
        assert (model.bert(ids, mask).pooler_output is not None) == (pooling == "pooler")


def test_what_transformers_saves_lexome_opens(tmp_path: Path) -> None:
    saved(tmp_path / "m", "masked_lm", {"vocab_size": 19})
    ids, mask = batch()
    for auto, head in (
        (transformers.AutoModelForMaskedLM, "masked_lm"),
        (transformers.AutoModelForSequenceClassification, "sequence"),
    ):
        model, _ = opened(auto, tmp_path / "m")
        model.save_pretrained(tmp_path / head)
        checkpoint = load(tmp_path / head)
        assert checkpoint.head.name == head
        with torch.no_grad():
            found = build_language_network(checkpoint)(ids, mask.bool())
            assert torch.equal(found, model(ids, mask).logits)


def test_new_layers_are_drawn_and_the_others_kept(tmp_path: Path) -> None:
    network, (ids, mask) = saved(tmp_path / "m", "masked_lm", {"vocab_size": 19}), batch()
    model, report = opened(transformers.AutoModelForSequenceClassification, tmp_path / "m", num_labels=5)
    assert report["missing_keys"] == {"classifier.weight", "classifier.bias"}
    with torch.no_grad():
        assert torch.equal(model.bert(ids, mask).last_hidden_state, network.encoder(ids, mask.bool()))
    assert 0.1 < float(model.classifier.weight.detach().std()) < 0.5
    assert not model.classifier.bias.any()
    encoder, _ = opened(transformers.AutoModel, tmp_path / "m")
    encoder.save_pretrained(tmp_path / "encoder")
    with_head, report = opened(transformers.AutoModelForMaskedLM, tmp_path / "encoder")
    assert len(report["missing_keys"]) == 5
    assert not with_head.cls.predictions.decoder.bias.any()
    assert bool((with_head.cls.predictions.transform.LayerNorm.weight == 1).all())
    assert torch.equal(with_head.bert.embeddings.word_embeddings.weight, network.tokens.token_vectors)


def test_published_folders_open_by_class(shared: Path, registered: Any) -> None:
    folder = shared / "golden/dnabert2"
    model, report = opened(registered.Dnabert2ForMaskedLM, folder)
    assert report == {}
    ids = torch.randint(0, 4096, (2, 30))
    with torch.no_grad():
        assert torch.equal(model(ids).logits, build_language_network(load(folder))(ids))


@pytest.mark.parametrize(
    ("count", "labels", "problem"),
    [
        (4, torch.tensor([0, 3, 1]), "single_label_classification"),
        (4, torch.tensor([[0.0, 1, 1, 0]] * 3), "multi_label_classification"),
        (1, torch.tensor([0.5, -1, 2]), "regression"),
    ],
)
def test_losses_of_classifiers(registered: Any, count: int, labels: torch.Tensor, problem: str) -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = registered.Dnabert2HfConfig(**sizes, intermediate_size=10, num_labels=count)
    model = registered.Dnabert2ForSequenceClassification(config).eval()
    ids, mask = batch()
    output = model(ids, mask, labels=labels)
    logits = output.logits
    expected = {
        "single_label_classification": lambda: -logits.log_softmax(-1)[range(3), labels].mean(),
        "multi_label_classification": lambda: (
            -(labels * logits.sigmoid().log() + (1 - labels) * (-logits).sigmoid().log()).mean()
        ),
        "regression": lambda: (logits[:, 0] - labels).square().mean(),
    }[problem]()
    torch.testing.assert_close(output.loss, expected)
    model.config.problem_type = problem
    torch.testing.assert_close(model(ids, mask, labels=labels).loss, expected)


def test_the_tree_of_layers_is_the_published_one(registered: Any) -> None:
    with torch.device("meta"):
        model = registered.Dnabert2ForMaskedLM(registered.Dnabert2HfConfig())
    names = model.state_dict().keys()
    assert len(names) == 142 - 1
    assert sum(p.numel() for p in model.parameters()) == 117_074_176


def test_embedded_input_is_refused(registered: Any) -> None:
    sizes = {"vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3}
    model = registered.Dnabert2Model(registered.Dnabert2HfConfig(**sizes, intermediate_size=10))
    ids, _ = batch()
    with pytest.raises(ValueError, match="give input_ids"):
        model(ids, inputs_embeds=torch.zeros(3, 11, 12))


def test_without_transformers_the_extra_is_named() -> None:
    code = "import sys; sys.modules['transformers'] = None; import lexome.hf"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'lexome[lm]'" in run.stderr
