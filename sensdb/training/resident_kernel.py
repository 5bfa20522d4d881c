"""The Triton kernel of resident steps: one program trains one model, whose numbers stay on the chip from step to step.

Every product and sum is of one model and inside one program, so its bits depend on the shape alone: not on the number
of models, its place or its neighbours (training-engine.md 2.1, 4). Nothing here is specialised to the value of an
argument, for the compiler might round the special case otherwise.
"""

# ruff: noqa: RET505, RUF005
# Triton's compiler must see an else where a constant decides, and knows no unpacking.
# mypy: ignore-errors

import triton
import triton.language as tl

from sensdb.training import optimizers

LOADED_AFRESH = ("first_step", "n_steps", "n_rows", "data_row", "kept", "share")
"""Arguments whose values the compiler is not to look at."""

BETA1, BETA2 = tl.constexpr(optimizers.BETA1), tl.constexpr(optimizers.BETA2)
RMSPROP_DECAY = tl.constexpr(optimizers.RMSPROP_DECAY)


@triton.jit(do_not_specialize=LOADED_AFRESH)
def train_models(
    parameters,
    means,
    squares,
    batches,
    targets,
    data,
    variants,
    sources,
    scales,
    floors,
    sums,
    first_step,
    n_steps,
    n_rows,
    data_row,
    kept,
    share,
    ROWS: tl.constexpr,
    WIDTHS: tl.constexpr,
    PADDED_ROWS: tl.constexpr,
    PADDED_WIDTHS: tl.constexpr,
    LENGTHS: tl.constexpr,
    SIZES: tl.constexpr,
    PADDED_SIZES: tl.constexpr,
    BATCH: tl.constexpr,
    PADDED_BATCH: tl.constexpr,
    COLUMNS: tl.constexpr,
    OPTIMIZER: tl.constexpr,
    NONLINEARITY: tl.constexpr,
    LOSS: tl.constexpr,
    BIASES: tl.constexpr,
    AUGMENTED: tl.constexpr,
):
    """Train model program_id(0) for n_steps steps from position first_step of the window on.

    Padded numbers are 0 at the start and stay 0: points, classes and units beyond the true ones have no gradient.

    Args:
        parameters: a pointer a block, of the weights and then the biases, each [M, length] (layout.Parameters).
        means, squares: the optimizer's states, likewise: of momentum the velocities as means, of Adam both, of
            RMSProp the mean squares; () where there is none.
        batches: int64 [K, M, B], points of the minibatches.
        targets: int64 [K, M, B], as `pack.Targets` has them.
        data: [n, data_row], the points.
        variants, sources: int64 [K, M, B] and [V, d], of augment.Augmentation; not read unless AUGMENTED.
        scales, floors: the optimizer's coefficients, [K, M]; floors are not read for SGD and momentum.
        sums: [K, M], what losses.loss_gradient leaves of each step.
        n_rows: M, rows of the pack.
        kept, share: v = kept * v + share * gradient, for momentum.
        ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS: of each block the rows and the numbers in one, the powers of
            two above both, and the numbers from one model to the next.
        SIZES, PADDED_SIZES: (d, h1, ..., C), and the powers of two above.
        COLUMNS: between classes in the flat logits that targets point to.
    """
    model = tl.program_id(0)
    N_LAYERS: tl.constexpr = len(SIZES) - 1
    weights = _load(parameters, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)
    first_states = _load(means, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)
    second_states = _load(squares, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)
    point = tl.arange(0, PADDED_BATCH)
    real = point < BATCH
    pixel = tl.arange(0, PADDED_SIZES[0])
    label = tl.arange(0, PADDED_SIZES[N_LAYERS])
    for step in range(first_step, first_step + n_steps):
        slot = step * n_rows + model
        row = tl.load(batches + slot * BATCH + point, real, 0)
        target = tl.load(targets + slot * BATCH + point, real, 0)
        true = (target - model * (COLUMNS * SIZES[N_LAYERS]) - point) // COLUMNS
        seen = real[:, None] & (pixel[None, :] < SIZES[0])
        source = pixel[None, :]
        if AUGMENTED:
            variant = tl.load(variants + slot * BATCH + point, real, 0)
            source = tl.load(sources + variant[:, None] * SIZES[0] + pixel[None, :], seen, 0)
        hidden = (tl.load(data + row[:, None] * data_row + source, seen, 0.0),)  # [B, d]

        for layer in tl.static_range(N_LAYERS - 1):
            z = _affine(hidden[layer], weights, layer, N_LAYERS, BIASES)  # [B, h]
            unit = tl.arange(0, PADDED_SIZES[layer + 1])
            h = _activation(z, NONLINEARITY)
            hidden = hidden + (tl.where(unit[None, :] < SIZES[layer + 1], h, 0.0),)
        z = _affine(hidden[N_LAYERS - 1], weights, N_LAYERS - 1, N_LAYERS, BIASES)  # [B, C]
        is_true = label[None, :] == true[:, None]
        delta, losses = _loss(z, is_true, real[:, None], label[None, :] < SIZES[N_LAYERS], LOSS)
        tl.store(sums + slot, tl.sum(tl.where(real, losses, 0.0), 0))

        scale = tl.load(scales + slot)
        floor = tl.load(floors + slot)
        new_weights, new_firsts, new_seconds = (), (), ()
        biases, bias_firsts, bias_seconds = (), (), ()
        for layer in tl.static_range(N_LAYERS - 1, -1, -1):
            gradient = tl.dot(tl.trans(delta), hidden[layer], input_precision="ieee") * share  # [fan_out, fan_in]
            if BIASES:
                of_bias = tl.sum(delta, 0)[None, :] * share  # [1, fan_out]
                w, m, s = updated(
                    N_LAYERS + layer, weights, first_states, second_states, of_bias, scale, floor, kept, OPTIMIZER
                )
                biases, bias_firsts, bias_seconds = (w,) + biases, m + bias_firsts, s + bias_seconds
            if layer > 0:
                delta = tl.dot(delta, weights[layer], input_precision="ieee")  # [B, fan_in]
                delta = tl.where(_is_flat(hidden[layer], NONLINEARITY), 0.0, delta)
            w, m, s = updated(layer, weights, first_states, second_states, gradient, scale, floor, kept, OPTIMIZER)
            new_weights, new_firsts, new_seconds = (w,) + new_weights, m + new_firsts, s + new_seconds
        weights = new_weights + biases
        first_states = new_firsts + bias_firsts
        second_states = new_seconds + bias_seconds
    _store(parameters, weights, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)
    _store(means, first_states, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)
    _store(squares, second_states, model, ROWS, WIDTHS, PADDED_ROWS, PADDED_WIDTHS, LENGTHS)


@triton.jit
def _place(model, rows, width, padded_rows: tl.constexpr, padded_width: tl.constexpr, length):
    """Where the numbers of a model's block lie, and which of them there are, both [padded_rows, padded_width]."""
    row, column = tl.arange(0, padded_rows)[:, None], tl.arange(0, padded_width)[None, :]
    return model * length + row * width + column, (row < rows) & (column < width)


@triton.jit
def _load(
    pointers,
    model,
    ROWS: tl.constexpr,
    WIDTHS: tl.constexpr,
    PADDED_ROWS: tl.constexpr,
    PADDED_WIDTHS: tl.constexpr,
    LENGTHS: tl.constexpr,
):
    blocks = ()
    for i in tl.static_range(len(pointers)):
        place, inside = _place(model, ROWS[i], WIDTHS[i], PADDED_ROWS[i], PADDED_WIDTHS[i], LENGTHS[i])
        blocks = blocks + (tl.load(pointers[i] + place, inside, 0.0),)
    return blocks


@triton.jit
def _store(
    pointers,
    blocks,
    model,
    ROWS: tl.constexpr,
    WIDTHS: tl.constexpr,
    PADDED_ROWS: tl.constexpr,
    PADDED_WIDTHS: tl.constexpr,
    LENGTHS: tl.constexpr,
):
    for i in tl.static_range(len(pointers)):
        place, inside = _place(model, ROWS[i], WIDTHS[i], PADDED_ROWS[i], PADDED_WIDTHS[i], LENGTHS[i])
        tl.store(pointers[i] + place, blocks[i], inside)


@triton.jit
def _affine(h, weights, layer: tl.constexpr, N_LAYERS: tl.constexpr, BIASES: tl.constexpr):
    z = tl.dot(h, tl.trans(weights[layer]), input_precision="ieee")
    if BIASES:
        z += weights[N_LAYERS + layer]
    return z


@triton.jit
def _activation(z, NONLINEARITY: tl.constexpr):
    # Chosen by comparison, for the least and greatest of a number and NaN may be the number.
    if NONLINEARITY == "relu":
        return tl.where(z <= 0.0, 0.0, z)
    elif NONLINEARITY == "relu6":
        return tl.where(z <= 0.0, 0.0, tl.where(z >= 6.0, 6.0, z))
    elif NONLINEARITY == "hard_tanh":
        return tl.where(z <= -1.0, -1.0, tl.where(z >= 1.0, 1.0, z))
    else:  # hard_sigmoid
        return tl.where(z <= -0.5, 0.0, tl.where(z >= 0.5, 1.0, z + 0.5))


@triton.jit
def _is_flat(h, NONLINEARITY: tl.constexpr):
    if NONLINEARITY == "relu":
        return h <= 0.0
    elif NONLINEARITY == "relu6":
        return (h <= 0.0) | (h >= 6.0)
    elif NONLINEARITY == "hard_tanh":
        return (h <= -1.0) | (h >= 1.0)
    else:  # hard_sigmoid
        return (h <= 0.0) | (h >= 1.0)


@triton.jit
def _loss(z, is_true, real, known, LOSS: tl.constexpr):
    """The gradient by the logits [B, C], and each point's part of the step's sum [B]; real [B, 1], known [1, C]."""
    if LOSS == "cross_entropy":
        z = tl.where(known, z, float("-inf"))
        z = z - tl.max(z, 1)[:, None]
        powers = tl.exp(z)
        total = tl.sum(powers, 1)
        losses = tl.sum(tl.where(is_true, z, 0.0), 1) - tl.log(total)
        delta = powers / total[:, None] - tl.where(is_true, 1.0, 0.0)
        return tl.where(real, delta, 0.0), losses
    else:
        delta = tl.where(real & known, z - tl.where(is_true, 1.0, 0.0), 0.0)
        return delta, tl.sum(delta * delta, 1)


@triton.jit
def updated(block: tl.constexpr, weights, means, squares, g, scale, floor, kept, OPTIMIZER: tl.constexpr):
    """The block after its step, and its states, each a tuple of one or none; formulas as in optimizers.py.

    Args:
        block: which of weights, means and squares; what is there, and g, has the block's shape.
        g: the mean gradient.
        scale, floor: the optimizer's coefficients of this step, numbers; floor is not used by SGD and momentum.
        kept: of a velocity, for momentum.
    """
    w = weights[block]
    if OPTIMIZER == "sgd":
        return w + scale * g, (), ()
    elif OPTIMIZER == "momentum":
        v = kept * means[block] + g
        return w + scale * v, (v,), ()
    elif OPTIMIZER == "adam":
        mean = means[block] + (1.0 - BETA1) * (g - means[block])
        square = BETA2 * squares[block] + (1.0 - BETA2) * (g * g)
        return w - mean / (tl.sqrt_rn(square) * scale + floor), (mean,), (square,)
    else:  # rmsprop
        square = RMSPROP_DECAY * squares[block] + (1.0 - RMSPROP_DECAY) * (g * g)
        return w - g / (tl.sqrt_rn(square) * scale + floor), (), (square,)
