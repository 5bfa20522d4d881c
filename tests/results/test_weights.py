"""A network's safetensors file: it reads back bit for bit, and what is no such network is refused by name."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from sensdb.errors import ArtifactError, SensdbError, ShapeError
from sensdb.results.weights import Weights, read_weights, weights_bytes

FORM = "a network is weights.0, weights.1, ... of shape [fan_out, fan_in], and biases.0, ... for all layers or none."


def a_network(*sizes: int, biases: bool = False, dtype: str = "float32", spec_sha256: str | None = None) -> Weights:
    """Random numbers in layers of these sizes."""
    draw = np.random.default_rng(0)
    pairs = list(itertools.pairwise(sizes))
    weights = tuple(draw.normal(size=(fan_out, fan_in)).astype(dtype) for fan_in, fan_out in pairs)
    with_biases = tuple(draw.normal(size=fan_out).astype(dtype) for _, fan_out in pairs) if biases else None
    return Weights(weights, with_biases, spec_sha256)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("sizes", [(3, 2), (4, 7, 5, 2)])
def test_a_network_reads_back_bit_for_bit(sizes, biases, dtype):
    written = a_network(*sizes, biases=biases, dtype=dtype, spec_sha256="a" * 64)

    read = read_weights(weights_bytes(written), "x")

    assert (read.sizes, read.dtype, read.spec_sha256) == (sizes, dtype, "a" * 64)
    for kind in ("weights", "biases"):
        tensors = zip(getattr(read, kind) or (), getattr(written, kind) or (), strict=True)
        assert all(one.tobytes() == other.tobytes() for one, other in tensors)
    assert (read.biases is None) == (not biases)


def test_tensors_have_the_names_and_shapes_that_import_takes(tmp_path: Path):
    (tmp_path / "net.safetensors").write_bytes(weights_bytes(a_network(4, 7, 2, biases=True)))

    stored = load_file(tmp_path / "net.safetensors")

    shapes = {name: tensor.shape for name, tensor in stored.items()}
    assert shapes == {"weights.0": (7, 4), "biases.0": (7,), "weights.1": (2, 7), "biases.1": (2,)}


def test_equal_networks_give_equal_bytes_whatever_their_strides():
    network = a_network(4, 7, 2, spec_sha256="b" * 64)
    strided = Weights(tuple(np.asfortranarray(weight) for weight in network.weights), None, "b" * 64)

    assert weights_bytes(strided) == weights_bytes(network)


def test_numbers_that_are_not_finite_are_told():
    network = a_network(3, 2, biases=True)
    network.weights[0][1, 2] = np.inf

    assert not network.finite
    assert a_network(3, 2, biases=True).finite


def zeros(**shapes: tuple[int, ...]) -> bytes:
    """A file of zeros; `_` in a name stands for its dot."""
    return save({name.replace("_", "."): np.zeros(shape, np.float32) for name, shape in shapes.items()})


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (zeros(weights_0=(5, 3), weights_1=(2, 4)), ShapeError, "x: weights.1 is [2, 4], and weights.0 has 5 outputs."),
        (zeros(weights_0=(5,)), ShapeError, "x: weights.0 is [5], not [fan_out, fan_in]."),
        (zeros(weights_0=(0, 3)), ShapeError, "x: weights.0 is [0, 3], not [fan_out, fan_in]."),
        (
            zeros(weights_0=(5, 3), biases_0=(3,)),
            ShapeError,
            "x: biases.0 is [3], and weights.0 has 5 outputs.",
        ),
        (zeros(), ArtifactError, "x lacks the tensor weights.0."),
        (zeros(biases_0=(3,)), ArtifactError, "x lacks the tensor weights.0."),
        (zeros(weights_0=(5, 3), weights_2=(2, 4)), ArtifactError, "x lacks the tensor weights.1."),
        (
            zeros(weights_0=(5, 3), weights_1=(2, 5), biases_1=(2,)),
            ArtifactError,
            "x lacks the tensor biases.0.",
        ),
        (
            save({"0.weight": np.zeros((5, 3), np.float32)}),
            ArtifactError,
            "x holds a tensor '0.weight', which is none of weights.0, biases.0, weights.1, ...",
        ),
        (
            save({"weights.0": np.zeros((5, 3), np.float16)}),
            ArtifactError,
            "x: weights.0 is of type F16, not F32 or F64.",
        ),
        (
            save({"weights.0": np.zeros((5, 3)), "biases.0": np.zeros(5, np.float32)}),
            ArtifactError,
            "x holds tensors of types F32 and F64: one for all is allowed.",
        ),
    ],
)
def test_what_is_no_network_is_refused_by_name(data, error, message):
    with pytest.raises(error) as raised:
        read_weights(data, "x")

    assert raised.value.message == message


def test_bytes_that_are_no_safetensors_file_are_refused():
    with pytest.raises(ArtifactError, match=r"^net\.bin is not a safetensors file: ") as raised:
        read_weights(b"PK\x03\x04 anything but weights", "net.bin")

    assert raised.value.hint == FORM


@given(st.data())
def test_no_damage_to_a_file_raises_anything_but_our_errors(data):
    whole = bytearray(weights_bytes(a_network(3, 4, 2, biases=True, spec_sha256="c" * 64)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))

    with suppress(SensdbError):
        read_weights(bytes(whole[:cut] if cut % 2 else whole), "x")
