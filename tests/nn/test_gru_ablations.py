"""The rows of the table of ablations, each against its own equations written out."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.nn.gru_ablations import CODES, AblatedGru, GruOptions
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer

SIZE = 4


def sigmoid(v: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-v))


def relu(v: np.ndarray) -> np.ndarray:
    return np.maximum(v, 0)


def filled(code: str) -> AblatedGru:
    torch.manual_seed(0)
    layer = AblatedGru(SIZE, SIZE, bias=True, options=CODES[code]).double().eval()
    for name, parameter in layer.named_parameters():
        if not name.startswith("replacement.norm"):
            # without any bound the state is a polynomial of the inputs, of a degree that doubles every step
            parameter.data = (0.2 if code == "6.1" else 0.6) * torch.randn_like(parameter)
    return layer


def replacement(layer: AblatedGru, code: str, x_TC: np.ndarray) -> np.ndarray | None:
    """What h[t-1] is at all steps, if it is not the state."""
    zero = np.zeros((1, SIZE))
    if code == "5.1":
        return np.zeros_like(x_TC)
    if code == "5.3":
        return np.concatenate([zero, x_TC[:-1]])
    if code.startswith("5.4."):
        width = 2 ** int(code[-1])
        assert layer.replacement is not None
        weight, bias = (p.detach().numpy() for p in layer.replacement.parameters())
        out = []
        for t in range(len(x_TC)):
            seen = [x_TC[t - width + 1 + k] if t - width + 1 + k >= 0 else zero[0] for k in range(width)]
            out.append(sum(weight[:, :, k] @ seen[k] for k in range(width)) + bias)
        return np.concatenate([zero, np.stack(out)[:-1]])
    if code == "5.5":
        assert layer.replacement is not None
        made = layer.replacement(torch.from_numpy(x_TC)[None])[0].detach().numpy()
        return np.concatenate([zero, made[:-1]])
    return None


def by_hand(layer: AblatedGru, code: str, x_TC: np.ndarray) -> np.ndarray:
    """Equations 2.13 to 2.16 with the change that the table's description of a code says."""
    if code == "5.2":
        return x_TC
    if code == "alt_baseline":
        assert layer.replacement is not None
        return layer.replacement(torch.from_numpy(x_TC)[None])[0].detach().numpy()
    weights = (layer.weight_ih_l0, layer.weight_hh_l0)
    (w_r, w_z, w_h), (u_r, u_z, u_h) = (np.split(w.detach().numpy(), 3) for w in weights)
    if code == "6.2":
        w_r, w_z, w_h, u_r, u_z, u_h = (np.diag(np.diag(m)) for m in (w_r, w_z, w_h, u_r, u_z, u_h))
    assert layer.bias_ih_l0 is not None
    b_r, b_z, b_h = np.split(layer.bias_ih_l0.detach().numpy(), 3)
    instead = replacement(layer, code, x_TC)
    h, out = np.zeros(SIZE), []
    for t, x in enumerate(x_TC):
        if instead is not None:
            h = instead[t]
        z, r = w_z @ x + u_z @ h + b_z, w_r @ x + u_r @ h + b_r
        z = {"2.1": w_z @ x + b_z, "2.2": u_z @ h + b_z}.get(code, z)
        r = {"4.1": w_r @ x + b_r, "4.2": u_r @ h + b_r}.get(code, r)
        z = z if code in ("2.3", "6.1") else sigmoid(z)
        r = {"4.3": r, "6.1": r, "4.4": relu(r)}.get(code, sigmoid(r))
        if code.startswith("2.4."):
            z = np.full(SIZE, [1.0, 0.75, 0.5, 0.25, 0.0][int(code[-1])])
        if code.startswith("4.5."):
            r = np.full(SIZE, [0.0, 0.25, 0.5, 0.75, 1.0][int(code[-1])])
        candidate = {
            "3.3": w_h @ x + b_h,
            "3.4": u_h @ (r * h) + b_h,
            "3.5": u_h @ h + b_h,
        }.get(code, w_h @ x + u_h @ (r * h) + b_h)
        candidate = {"3.1": candidate, "6.1": candidate, "3.2": relu(candidate)}.get(code, np.tanh(candidate))
        h = z * candidate if code == "1" else (1 - z) * h + z * candidate
        out.append(h)
    return np.stack(out)


def test_there_are_33_ablations_and_two_baselines() -> None:
    assert len(set(CODES) - {"baseline", "alt_baseline"}) == 33
    assert len(CODES) == 35
    assert [code for code in CODES if CODES[code] == GruOptions()] == ["baseline"]
    assert len(set(CODES.values())) == 35


@pytest.mark.parametrize("code", list(CODES))
def test_every_row_follows_its_description(code: str) -> None:
    layer = filled(code)
    x_NTC = 0.5 * np.random.default_rng(1).standard_normal((2, 7, SIZE))
    made = layer(torch.from_numpy(x_NTC))[0].detach().numpy()
    expected = np.stack([by_hand(layer, code, x_TC) for x_TC in x_NTC])
    np.testing.assert_allclose(made, expected, rtol=1e-9, atol=1e-10)
    if code != "baseline":
        whole = np.stack([by_hand(filled("baseline"), "baseline", x_TC) for x_TC in x_NTC])
        assert np.abs(made - whole).max() > 1e-3


def test_with_a_diagonal_recurrence_the_baseline_is_torchs_gru() -> None:
    """There it does not matter on which side of the product the reset gate stands; z is turned round."""
    layer = filled("baseline")
    with torch.no_grad():
        candidate = layer.weight_hh_l0[2 * SIZE :]
        candidate.copy_(torch.diag(candidate.diagonal()))
    gru = torch.nn.GRU(SIZE, SIZE, batch_first=True).double()
    turned = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64).repeat_interleave(SIZE)
    assert layer.bias_ih_l0 is not None
    gru.load_state_dict(
        {
            "weight_ih_l0": layer.weight_ih_l0 * turned[:, None],
            "weight_hh_l0": layer.weight_hh_l0 * turned[:, None],
            "bias_ih_l0": layer.bias_ih_l0 * turned,
            "bias_hh_l0": torch.zeros_like(turned),
        }
    )
    x = torch.randn(2, 9, SIZE, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], gru(x)[0])


@pytest.mark.parametrize("code", list(CODES))
def test_every_row_is_a_layer_that_can_be_trained(code: str) -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(8, RecurrentConfig(8, reverse=True, kind="gru_ablation", ablation=code))
    x = (0.1 if code == "6.1" else 1.0) * torch.randn(2, 6, 8)
    y = layer(x.requires_grad_())
    y.square().sum().backward()
    assert y.shape == (2, 6, 8)
    grads = [p.grad for p in (x, *layer.parameters()) if p.grad is not None]
    assert grads
    assert all(grad.isfinite().all() for grad in grads)


def test_new_layers_keep_more_than_they_take() -> None:
    layer = RecurrentLayer(8, RecurrentConfig(8, reverse=False, kind="gru_ablation"))
    assert [b.unique().tolist() for b in layer.rnn.get_parameter("bias_ih_l0").chunk(3)] == [[0], [-1], [0]]
    vectors = RecurrentLayer(8, RecurrentConfig(8, reverse=False, kind="gru_ablation", ablation="6.2"))
    for gate in vectors.rnn.get_parameter("weight_ih_l0").detach().chunk(3):
        assert torch.equal(gate.abs(), torch.eye(8))


def test_what_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "gru_ablation", "ablation": "2.9"}, "unknown ablation '2.9'"),
        ({"kind": "gru", "ablation": "2.1"}, "for recurrent layers of the kind gru_ablation"),
    ]
    for config, message in wrong:
        with pytest.raises(ValueError, match=message):
            RecurrentConfig(4, reverse=True, **config)
    with pytest.raises(ValueError, match="as many features in"):
        AblatedGru(3, 4, bias=True, options=CODES["5.3"])
    monkeypatch.setattr("lexome.nn.gru_ablations.in_export", lambda: True)
    with pytest.raises(UsageError, match="torch engine"):
        AblatedGru(3, 4, bias=True, options=CODES["baseline"])(torch.zeros(1, 2, 3))
