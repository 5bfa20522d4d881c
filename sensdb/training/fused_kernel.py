"""The Triton kernel of fused steps: a layer's gradient is multiplied out and its weights are moved in one pass.

A program makes a tile of one model's weights, by sums of that model alone, so its bits depend on the shape alone.
Nothing here is specialised to the place or value of what changes from step to step.
"""

# mypy: ignore-errors

import triton
import triton.language as tl

from sensdb.training.resident_kernel import updated


@triton.jit(do_not_specialize=("scales", "floors", "kept", "share"))
def update_layer(
    parameters,
    means,
    squares,
    delta,
    inputs,
    scales,
    floors,
    fan_out,
    fan_in,
    lengths,
    delta_strides,
    input_strides,
    kept,
    share,
    BATCH: tl.constexpr,
    POINTS: tl.constexpr,
    UNITS: tl.constexpr,
    COLUMNS: tl.constexpr,
    OPTIMIZER: tl.constexpr,
    BIASES: tl.constexpr,
):
    """One optimizer step of UNITS rows and COLUMNS columns of a layer's weights, and of these units' biases.

    The grid is (column tiles, unit tiles, models): programs that share inputs or deltas run close to each other.

    Args:
        parameters: pointers to the weights' block and, with BIASES, to the biases', each [M, length].
        means, squares: the optimizer's states, likewise, as in resident_kernel.py; () where there is none.
        delta: [M, fan_out, B] by its strides, the gradient of the summed loss by this layer's pre-activations.
        inputs: [M, B, fan_in] by its strides and 1, what the layer multiplies.
        scales, floors: the optimizer's coefficients of this step, [M].
        lengths: numbers from one model to the next, of each block.
        kept, share: v = kept * v + share * gradient, for momentum.
        BATCH, POINTS: B, and how many of its points are multiplied at once.
    """
    # int64 here and below: M models of a layer, or one of the widest, are more than 2^31 numbers.
    model = tl.program_id(2).to(tl.int64)
    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    known, inside = unit < fan_out, column < fan_in
    delta += model * delta_strides[0]
    inputs += model * input_strides[0]
    gradient = tl.zeros((UNITS, COLUMNS), tl.float32)
    of_bias = tl.zeros((UNITS,), tl.float32)
    for first in range(0, BATCH, POINTS):
        point = first + tl.arange(0, POINTS)
        real = point < BATCH
        places = unit[:, None] * delta_strides[1] + point[None, :] * delta_strides[2]
        d = tl.load(delta + places, known[:, None] & real[None, :], 0.0)  # [UNITS, POINTS]
        places = point[:, None] * input_strides[1] + column[None, :]
        x = tl.load(inputs + places, real[:, None] & inside[None, :], 0.0)  # [POINTS, COLUMNS]
        gradient = tl.dot(d, x, gradient, input_precision="ieee")
        if BIASES:
            of_bias += tl.sum(d, 1)

    scale = tl.load(scales + model)
    floor = tl.load(floors + model)
    places = model * lengths[0] + unit[:, None].to(tl.int64) * fan_in + column[None, :]
    _step(
        0, parameters, means, squares, places, known[:, None] & inside[None, :],
        gradient * share, scale, floor, kept, OPTIMIZER,
    )  # fmt: skip
    if BIASES:
        # Every tile of columns has summed the deltas; the first one moves the biases.
        moved = known & (tl.program_id(0) == 0)
        places = model * lengths[1] + unit
        _step(1, parameters, means, squares, places, moved, of_bias * share, scale, floor, kept, OPTIMIZER)


@triton.jit
def _step(
    block: tl.constexpr, parameters, means, squares, places, moved, gradient, scale, floor, kept,
    OPTIMIZER: tl.constexpr,
):  # fmt: skip
    """Load, move and store the numbers of a block that are `moved`."""
    w, m, s = updated(
        0,
        (tl.load(parameters[block] + places, moved, 0.0),),
        _loaded(block, means, places, moved),
        _loaded(block, squares, places, moved),
        gradient, scale, floor, kept, OPTIMIZER,
    )  # fmt: skip
    tl.store(parameters[block] + places, w, moved)
    for i in tl.static_range(len(m)):
        tl.store(means[block] + places, m[i], moved)
    for i in tl.static_range(len(s)):
        tl.store(squares[block] + places, s[i], moved)


@triton.jit
def _loaded(block: tl.constexpr, pointers, places, moved):
    numbers = ()
    if len(pointers) > 0:
        numbers = (tl.load(pointers[block] + places, moved, 0.0),)
    return numbers
