"""Convolutions of packed tokens: as of each sequence alone."""

import torch

from lexome.nn.ragged import joined
from lexome.nn.token_convolutions import TokenConvolutions


def test_every_sequence_is_convolved_by_itself() -> None:
    torch.manual_seed(0)
    layers = TokenConvolutions(6, (5, 3), 1e-5, 0.0).eval()
    lengths = [4, 9, 1, 4]
    sequences = [torch.randn(length, 6) for length in lengths]
    ragged = joined(lengths, torch.device("cpu"))
    together = ragged.unpack(layers(ragged.pack(torch.cat(sequences)), ragged)).split(lengths)
    for one, got in zip(sequences, together, strict=True):
        alone = joined([len(one)], torch.device("cpu"))
        torch.testing.assert_close(got, layers(one, alone))
        first = layers.kernels[0](one.T[None])[0].T
        first = torch.nn.functional.gelu(layers.norms[0](first))
        second = layers.kernels[1](first.T[None])[0].T
        torch.testing.assert_close(got, first + torch.nn.functional.gelu(layers.norms[1](second)))


def test_order_matters() -> None:
    torch.manual_seed(0)
    layers = TokenConvolutions(6, (3,), 1e-5, 0.0).eval()
    x = torch.randn(7, 6)
    ragged = joined([7], torch.device("cpu"))
    assert not torch.allclose(layers(x.flip(0), ragged).flip(0), layers(x, ragged))


def test_no_tokens() -> None:
    layers = TokenConvolutions(6, (3,), 1e-5, 0.0)
    assert layers(torch.zeros(0, 6), joined([0], torch.device("cpu"))).shape == (0, 6)
