"""Hypothesis strategies for specs as users may write them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sensdb.datasets.catalogue import DATASET_NAMES, dataset_info
from sensdb.definitions.spec_fields import AUGMENTATIONS, DTYPES, LOSSES, MOST_SEED, NONLINEARITIES, OPTIMIZERS

positive = st.floats(min_value=1e-300, max_value=1e300)


_AUGMENTATION = st.sampled_from(AUGMENTATIONS)


@st.composite
def spec_mappings(draw: st.DrawFn) -> dict[str, Any]:
    """A valid mapping with every field given, in no particular order."""
    dataset = draw(st.sampled_from(DATASET_NAMES))
    info = dataset_info(dataset)
    n_train = draw(st.none() | st.integers(1, info.n_train))
    hidden_layers = draw(st.integers(0, 5))
    widths = st.lists(st.integers(1, 4), min_size=hidden_layers, max_size=hidden_layers)
    optimizer = draw(st.sampled_from(OPTIMIZERS))
    augmentations = st.just("none") if optimizer == "lbfgs" else st.just("none") | st.lists(_AUGMENTATION)
    batches = st.just("full") if optimizer == "lbfgs" else st.just("full") | st.integers(1, n_train or info.n_train)
    fields = {
        "dataset": dataset,
        "n_train": n_train,
        "crop": draw(st.none() | st.integers(1, info.height)),
        "hidden_layers": hidden_layers,
        "width": draw(st.integers(1, 65536) | widths),
        "nonlinearity": draw(st.sampled_from(NONLINEARITIES)),
        "biases": draw(st.booleans()),
        "weight_scale": draw(positive),
        "label_noise": draw(st.floats(0, 1)),
        "augmentation": draw(augmentations),
        "loss": draw(st.sampled_from(LOSSES)),
        "optimizer": optimizer,
        "momentum": draw(st.none() | st.floats(0, 1, exclude_max=True)),
        "learning_rate": draw(positive),
        "learning_rate_drop_epochs": draw(st.none() | st.integers(1, 100)),
        "batch_size": draw(batches),
        "max_steps": draw(st.integers(1, 2**24)),
        "stop": draw(st.sampled_from(("never", "fitted")) | positive.map(lambda x: f"loss < {x!r}")),
        "dtype": draw(st.sampled_from(DTYPES)),
        "seed": draw(st.integers(0, MOST_SEED)),
    }
    order = draw(st.permutations(list(fields)))
    return {name: fields[name] for name in order}
