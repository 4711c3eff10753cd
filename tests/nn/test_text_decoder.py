"""The decoder of text: numbers of transformers' T5, one step after the other as all at once, causality."""

from typing import Any

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.text_decoder import TextDecoder

ENCODER: dict[str, Any] = {
    "vocab_size": 40, "size": 24, "num_layers": 2, "num_heads": 3, "head_size": 5, "hidden": 20,
    "attention": "dense", "num_global": 0, "dropout": 0.0, "num_buckets": 8, "max_distance": 20,
}  # fmt: skip
DECODER: dict[str, Any] = {
    "vocab_size": 40, "num_layers": 3, "num_heads": 3, "head_size": 5, "hidden": 20, "dropout": 0.0,
    "num_buckets": 8, "max_distance": 20,
}  # fmt: skip


def network(encoder: dict[str, Any] | None = None, **decoder: Any) -> LanguageNetwork:
    torch.manual_seed(0)
    return new_language_network(
        {"name": "enbed", "config": ENCODER | (encoder or {})},
        {"name": "text", "config": DECODER | decoder},
    ).eval()


def theirs_with_the_weights_of(ours: LanguageNetwork) -> T5ForConditionalGeneration:
    values: dict[str, Any] = dict(
        vocab_size=40, d_model=24, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=3, num_heads=3,
        relative_attention_num_buckets=8, relative_attention_max_distance=20, dropout_rate=0.0,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0,
    )  # fmt: skip
    config = T5Config(**values)
    config.dense_act_fn = "gelu"
    made = T5ForConditionalGeneration(config).eval()
    made.lm_head = torch.nn.Linear(24, 40, bias=False)  # transformers 5 ties it all the same
    own, weights = ours.state_dict(), {}

    def copy(theirs: str, name: str) -> None:
        weights[theirs] = own[name]

    copy("shared.weight", "encoder.embeddings.word_embeddings.weight")
    copy("encoder.embed_tokens.weight", "encoder.embeddings.word_embeddings.weight")
    copy("decoder.embed_tokens.weight", "encoder.embeddings.word_embeddings.weight")
    copy("lm_head.weight", "scorer.scores.weight")
    for side, prefix, bias in (
        ("encoder", "encoder.encoder", "biases.near.table_BH"), ("decoder", "scorer", "bias.table_BH"),
    ):  # fmt: skip
        copy(f"{side}.final_layer_norm.weight", f"{prefix}.norm.weight")
        first = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        copy(first, f"{prefix}.{bias}")
        blocks = [("attention", "SelfAttention")] if side == "encoder" else [
            ("written", "SelfAttention"), ("source", "EncDecAttention")
        ]  # fmt: skip
        for layer in range(2 if side == "encoder" else 3):
            there, here = f"{side}.block.{layer}.layer", f"{prefix}.layer.{layer}"
            for i, (name, attention) in enumerate(blocks):
                copy(f"{there}.{i}.layer_norm.weight", f"{here}.{name}_norm.weight")
                for t, o in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "out")):
                    copy(f"{there}.{i}.{attention}.{t}.weight", f"{here}.{name}.{o}.weight")
            last = f"{there}.{len(blocks)}"
            copy(f"{last}.layer_norm.weight", f"{here}.mlp_norm.weight")
            gates, values = own[f"{here}.mlp.gated_layers.weight"].chunk(2)
            weights[f"{last}.DenseReluDense.wi_0.weight"] = gates
            weights[f"{last}.DenseReluDense.wi_1.weight"] = values
            copy(f"{last}.DenseReluDense.wo.weight", f"{here}.mlp.wo.weight")
    made.load_state_dict(weights, strict=True)
    return made


def test_encoder_and_decoder_give_the_numbers_of_transformers() -> None:
    ours = network()
    for parameter in ours.parameters():
        parameter.data *= 1 + 0.3 * torch.rand_like(parameter)
    theirs = theirs_with_the_weights_of(ours)
    tokens, written = torch.randint(0, 40, (3, 37)), torch.randint(0, 40, (3, 29))
    visible = torch.ones(3, 37, dtype=torch.bool)
    visible[1, 20:] = False
    with torch.no_grad():
        expected = theirs(
            input_ids=tokens, attention_mask=visible.long(), decoder_input_ids=written, use_cache=False
        )
        found = ours(tokens, visible, written)
        features = ours.encoder(tokens, visible)
    shown = visible[..., None]
    torch.testing.assert_close(features, expected.encoder_last_hidden_state * shown, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found, expected.logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cross_attention", [True, False])
def test_step_by_step_is_all_at_once(cross_attention: bool) -> None:
    ours = network(cross_attention=cross_attention)
    decoder = ours.scorer
    assert isinstance(decoder, TextDecoder)
    tokens, written = torch.randint(0, 40, (2, 17)), torch.randint(0, 40, (2, 12))
    visible = torch.ones(2, 17, dtype=torch.bool)
    visible[0, 9:] = False
    with torch.no_grad():
        expected = ours(tokens, visible, written)
        memory = decoder.begin(ours.source(tokens, visible), visible)
        steps = [written[:, :5], *written[:, 5:].split(1, dim=1)]
        found = torch.cat([decoder.step(one, memory, ours.tokens.token_vectors) for one in steps], 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert memory.written == 12


def test_what_comes_later_is_not_seen() -> None:
    ours = network()
    tokens, written = torch.randint(0, 40, (1, 17)), torch.randint(0, 40, (1, 12))
    other = written.clone()
    other[0, 6] = (other[0, 6] + 1) % 40
    with torch.no_grad():
        change = (ours(tokens, None, written) - ours(tokens, None, other))[0].abs().amax(-1)
    assert not change[:6].any()
    assert change[6:].gt(1e-6).all()


def test_padding_of_the_source_changes_nothing() -> None:
    ours = network({"attention": "window", "narrow_radius": 2, "radius": 3, "num_global": 3})
    tokens, written = torch.randint(0, 40, (1, 17)), torch.randint(0, 40, (1, 12))
    padded = torch.cat([tokens, torch.full((1, 6), 7)], 1)
    visible = torch.arange(23)[None] < 17
    with torch.no_grad():
        torch.testing.assert_close(ours(padded, visible, written), ours(tokens, None, written))


def test_a_memory_is_picked_by_rows() -> None:
    ours = network()
    decoder = ours.scorer
    assert isinstance(decoder, TextDecoder)
    tokens, written = torch.randint(0, 40, (3, 9)), torch.randint(0, 40, (3, 4))
    visible = torch.arange(9) < torch.tensor([[9], [5], [7]])
    rows = torch.tensor([2, 2, 0, 1])
    with torch.no_grad():
        memory = decoder.begin(ours.source(tokens, visible), visible)
        decoder.step(written[:, :3], memory, ours.tokens.token_vectors)
        found = decoder.step(written[rows, 3:], memory.pick(rows), ours.tokens.token_vectors)
        expected = ours(tokens, visible, written)[rows, 3:]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_weight() -> None:
    ours = network({"attention": "window", "narrow_radius": 2, "radius": 3, "num_global": 3}).train()
    scores = ours(torch.randint(0, 40, (2, 30)), None, torch.randint(0, 40, (2, 12)))
    scores.square().mean().backward()
    without = [n for n, p in ours.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="written_NU is missing"):
        network()(torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(UsageError, match="vocab_size is 41"):
        network(vocab_size=41)
    with pytest.raises(UsageError, match="start_id 40 is no token"):
        network(start_id=40)
    decoder = network().scorer
    assert isinstance(decoder, TextDecoder)
    with pytest.raises(ValueError, match="a source, which is missing"):
        decoder.begin(None)
