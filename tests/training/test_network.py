"""The stacked network: nonlinearities as the paper has them, layers as nn.Sequential, bits free of the stack."""

from __future__ import annotations

import itertools

import pytest
import torch

from sensdb.errors import ShapeError
from sensdb.training.network import KINKS, StackedNetwork, activation, activation_slope, stacked_product

Z = torch.tensor([-9.0, -1.5, -0.75, -0.25, 0.25, 0.75, 1.5, 9.0], dtype=torch.float64)


def a_stack(n_models: int = 3, *, biases: bool = False, sizes: tuple[int, ...] = (6, 5, 4, 3)) -> StackedNetwork:
    generator = torch.Generator().manual_seed(1)
    layers = list(itertools.pairwise(sizes))

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(n_models, *shape, generator=generator, dtype=torch.float64)

    return StackedNetwork(
        [normal(fan_out, fan_in) for fan_in, fan_out in layers],
        [normal(fan_out) for _, fan_out in layers] if biases else None,
        "relu",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [0, 0, 0, 0, 0.25, 0.75, 1.5, 9]),
        ("relu6", [0, 0, 0, 0, 0.25, 0.75, 1.5, 6]),
        ("hard_tanh", [-1, -1, -0.75, -0.25, 0.25, 0.75, 1, 1]),
        ("hard_sigmoid", [0, 0, 0, 0.25, 0.75, 1, 1, 1]),
    ],
)
def test_piecewise_linear_nonlinearities_are_the_papers(name: str, expected: list[float]) -> None:
    assert activation(name, Z).tolist() == expected


def test_tanh_is_tanh() -> None:
    assert torch.equal(activation("tanh", Z), torch.tanh(Z))


@pytest.mark.parametrize("name", KINKS)
def test_slopes_match_finite_differences_off_the_kinks(name: str) -> None:
    step = 1e-6
    difference = (activation(name, Z + step) - activation(name, Z - step)) / (2 * step)

    assert activation_slope(name, Z).tolist() == pytest.approx(difference.tolist(), abs=1e-8)


@pytest.mark.parametrize("name", ["relu", "relu6", "hard_tanh", "hard_sigmoid"])
def test_the_slope_on_a_kink_is_zero(name: str) -> None:
    assert activation_slope(name, torch.tensor(KINKS[name])).abs().sum() == 0


@pytest.mark.parametrize("name", KINKS)
def test_nan_stays_nan(name: str) -> None:
    assert torch.isnan(activation(name, torch.tensor([float("nan")]))).all()


@pytest.mark.parametrize("biases", [False, True])
def test_forward_equals_a_plain_loop_over_models_and_layers(biases: bool) -> None:
    network = a_stack(biases=biases)
    x = torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    logits = network.forward(x)

    for model in range(3):
        h = x
        for layer, weight in enumerate(network.weights):
            h = torch.relu(h) if layer else h
            h = h @ weight[model].T + (network.biases[layer][model] if network.biases else 0.0)
        assert torch.allclose(logits[model], h, atol=1e-12)


def test_preactivations_hold_every_layer_with_the_logits_last() -> None:
    network = a_stack()
    x = torch.ones(2, 6, dtype=torch.float64)

    z = network.preactivations(x)

    assert [tuple(layer.shape) for layer in z] == [(3, 2, 5), (3, 2, 4), (3, 2, 3)]
    assert torch.equal(z[-1], network.forward(x))


def test_each_model_may_have_its_own_inputs() -> None:
    network = a_stack()
    x = torch.randn(3, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    logits = network.forward(x)

    assert torch.equal(logits[1], network.select(1).forward(x[1])[0])


def test_sizes_and_models_are_read_off_the_weights() -> None:
    network = a_stack(4)

    assert (network.n_models, network.sizes) == (4, (6, 5, 4, 3))


def test_a_selected_network_shares_memory_and_a_stack_of_selections_is_the_whole() -> None:
    network = a_stack(biases=True)

    parts = [network.select(model) for model in range(3)]
    again = StackedNetwork.stack(parts)

    assert parts[2].weights[0].data_ptr() == network.weights[0][2].data_ptr()
    assert all(torch.equal(a, b) for a, b in zip(again.weights, network.weights, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(again.biases or [], network.biases or [], strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 2, 13, 100])
@pytest.mark.parametrize("columns", [1, 2, 10, 33])
def test_a_product_in_a_stack_has_the_bits_of_the_product_alone(rows: int, columns: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(4)
    a = torch.randn(16, rows, 64, generator=generator, dtype=dtype)
    b = torch.randn(16, columns, 64, generator=generator, dtype=dtype)

    whole = stacked_product(a, b.mT)

    for model in (0, 7, 15):
        one = slice(model, model + 1)
        assert torch.equal(stacked_product(a[one].clone(), b[one].clone().mT), whole[one])


def test_inputs_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"^inputs of size 5 for networks of input size 6 \(3 models\)\.$"):
        a_stack().forward(torch.ones(2, 5, dtype=torch.float64))


def test_weights_that_do_not_chain_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"^weights\.1 is \[2, 3, 7\], not \[2, fan_out, 5\]\.$"):
        StackedNetwork([torch.zeros(2, 5, 6), torch.zeros(2, 3, 7)], None, "relu")


def test_networks_of_two_shapes_cannot_be_stacked() -> None:
    with pytest.raises(ShapeError, match=r"^cannot stack networks 6-5-4-3 relu and 6-4-3 relu with biases\.$"):
        StackedNetwork.stack([a_stack(1), a_stack(1, sizes=(6, 4, 3), biases=True)])
