"""First weights of T5's layers: how far they spread."""

import torch

from lexome.nn.t5_weights import draw_t5_weights
from lexome.nn.text_decoder import Attention, TextConfig, TextDecoder
from lexome.nn.window_attention import BiasesOfTokens


def test_weights_spread_as_t5_says() -> None:
    torch.manual_seed(0)
    attention = Attention(400, 8, 25, 0.0)
    draw_t5_weights(attention, 400)
    spread = {name: float(p.detach().std()) for name, p in attention.named_parameters()}
    assert abs(spread["q.weight"] / (400 * 25) ** -0.5 - 1) < 0.02
    assert abs(spread["k.weight"] / 400**-0.5 - 1) < 0.02
    assert abs(spread["out.weight"] / 200**-0.5 - 1) < 0.02
    embedding = torch.nn.Embedding(300, 400)
    draw_t5_weights(embedding, 400)
    assert abs(float(embedding.weight.detach().std()) - 1) < 0.02
    biases = BiasesOfTokens(50, 32, 128, has_global=True)
    draw_t5_weights(biases, 400)
    assert abs(float(biases.near.table_BH.detach().std()) * 20 - 1) < 0.1


def test_a_new_decoder_gives_scores_of_about_one() -> None:
    torch.manual_seed(0)
    config = TextConfig(vocab_size=90, num_layers=3, num_heads=4, head_size=8, hidden=64, dropout=0.0)
    decoder = TextDecoder(48, config)
    scores = decoder(torch.randint(0, 90, (4, 30)), torch.randn(90, 48), torch.randn(4, 20, 48))
    assert 0.5 < float(scores.detach().std()) < 2
