"""Rotary positions."""

import numpy as np
import torch

from lexome.nn.position import rotate, rotation

CPU = torch.device("cpu")


def test_a_rotation_is_a_product_of_complex_numbers() -> None:
    """Feature f and feature F + f are one complex number, turned by t * theta ** (-f / F)."""
    steps, heads, size, theta = 9, 2, 6, 50.0
    x = np.random.default_rng(0).standard_normal((3, steps, heads, size)).astype(np.float32)
    turned = rotate(torch.from_numpy(x), *rotation(steps, size, theta, CPU)).numpy()
    angles = np.arange(steps)[:, None] * theta ** (-np.arange(size // 2) / (size // 2))
    expected = (x[..., : size // 2] + 1j * x[..., size // 2 :]) * np.exp(1j * angles)[:, None]
    np.testing.assert_allclose(turned, np.concatenate([expected.real, expected.imag], -1), rtol=0, atol=1e-5)


def test_products_see_only_the_distance() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 8, generator=generator)
    tables = rotation(3000, 8, 10_000.0, CPU)
    everywhere = [rotate(x.expand(1, 3000, 1, 8), *tables)[0, :, 0].double() for x in (q, k)]
    for distance in (0, 1, 17):
        products = (everywhere[0][: 3000 - distance] * everywhere[1][distance:]).sum(-1)
        assert float(products.max() - products.min()) < 1e-5
    assert abs(float((everywhere[0][0] - everywhere[0][17]).abs().max())) > 0.1


def test_angles_of_far_steps_are_exact() -> None:
    """In float32 the angles of step 100,000 would be off by some thousandths."""
    step = 100_003
    cos, sin = rotation(step + 1, 64, 10_000.0, CPU)
    angles = step * 10_000.0 ** (-np.arange(32) / 32)
    np.testing.assert_allclose(cos[step].numpy(), np.cos(angles), rtol=0, atol=1e-6)
    np.testing.assert_allclose(sin[step].numpy(), np.sin(angles), rtol=0, atol=1e-6)
