"""Expansion: the specs a sweep stands for, their order, and what changes none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import TrainingSpec
from sensdb.definitions.sweep import Expansion, expand_sweep, load_sweep
from sensdb.errors import SpecError

FIXED = "fixed: {dataset: digits, hidden_layers: 2, width: 16, learning_rate: 0.01, batch_size: 32}\n"


def expand(text: str, **options: Any) -> Expansion:
    """The expansion of FIXED and some more text."""
    return expand_sweep(load_sweep(FIXED + text, source="x.yaml", **options), dataset_info)


def values(expansion: Expansion, *fields: str) -> list[Any]:
    """One field of each spec, or a tuple of several."""
    rows = [tuple(getattr(spec, field) for field in fields) for spec in expansion.specs]
    return [row[0] for row in rows] if len(fields) == 1 else rows


def test_a_sweep_of_fixed_alone_is_one_spec():
    expansion = expand("")

    assert len(expansion.specs) == 1
    assert (expansion.axes, expansion.n_combinations) == ([], 1)
    assert expansion.specs[0].seed == 0


def test_the_first_axis_changes_slowest_and_seeds_innermost():
    expansion = expand("seeds: 2\ngrid: {label_noise: [0, 1], weight_scale: [1, 2]}\n")

    assert values(expansion, "label_noise", "weight_scale", "seed") == [
        (0, 1, 0),
        (0, 1, 1),
        (0, 2, 0),
        (0, 2, 1),
        (1, 1, 0),
        (1, 1, 1),
        (1, 2, 0),
        (1, 2, 1),
    ]
    assert expansion.axes == [("label_noise", 2), ("weight_scale", 2), ("seeds", 2)]


def test_zip_goes_through_its_rows_side_by_side():
    expansion = expand("zip: {weight_scale: [1, 2], max_steps: [10, 20]}\ngrid: {label_noise: [0, 1]}\n")

    assert values(expansion, "weight_scale", "max_steps", "label_noise") == [
        (1, 10, 0),
        (1, 10, 1),
        (2, 20, 0),
        (2, 20, 1),
    ]
    assert expansion.axes == [("weight_scale, max_steps", 2), ("label_noise", 2)]


def test_seeds_may_be_listed():
    assert values(expand("seeds: [7, 3]\n"), "seed") == [7, 3]


def test_a_list_of_widths_is_one_value_of_a_grid():
    text = FIXED.replace("width: 16, ", "") + "grid: {width: [[8, 4], 16]}\n"

    expansion = expand_sweep(load_sweep(text, source="x.yaml"), dataset_info)

    assert values(expansion, "width") == [(8, 4), 16]


def test_rules_apply_in_order_and_see_what_earlier_ones_set():
    expansion = expand(
        "grid: {optimizer: [momentum, lbfgs]}\n"
        "when:\n"
        "  - {if: \"optimizer == 'lbfgs'\", set: {batch_size: full, dtype: float64}}\n"
        "  - {if: \"dtype == 'float64'\", set: {max_steps: 100}}\n"
    )

    assert values(expansion, "optimizer", "batch_size", "dtype", "max_steps") == [
        ("momentum", 32, "float32", 2**18),
        ("lbfgs", "full", "float64", 100),
    ]


def test_the_first_condition_that_holds_counts_what_it_excludes():
    expansion = expand(
        "seeds: 3\n"
        "grid: {label_noise: [0, 0.5, 1], weight_scale: [1, 2]}\n"
        'exclude: ["label_noise == 1", "label_noise > 0 and weight_scale > 1"]\n'
    )

    assert values(expansion, "label_noise", "weight_scale")[::3] == [(0, 1), (0, 2), (0.5, 1)]
    assert expansion.n_excluded == {"label_noise == 1": 6, "label_noise > 0 and weight_scale > 1": 3}
    assert expansion.n_combinations == 18


def test_a_condition_may_look_at_the_seed():
    expansion = expand('seeds: 4\nexclude: ["seed == 2"]\nwhen: [{if: "seed > 2", set: {label_noise: 1}}]\n')

    assert values(expansion, "seed", "label_noise") == [(0, 0), (1, 0), (3, 1)]


def test_a_list_of_widths_compares_by_its_largest():
    text = FIXED.replace("width: 16, ", "") + 'grid: {width: [[8, 64], [8, 16]]}\nexclude: ["width > 32"]\n'

    expansion = expand_sweep(load_sweep(text, source="x.yaml"), dataset_info)

    assert values(expansion, "width") == [(8, 16)]


def test_equal_specs_collapse_to_the_first():
    expansion = expand("grid: {optimizer: [sgd, adam], momentum: [0.5, 0.9]}\n")

    assert values(expansion, "optimizer") == ["sgd", "adam"]
    assert expansion.n_collapsed == 2


def test_blocks_stand_beside_the_sweeps_own_grid_and_inherit_the_rest():
    expansion = expand(
        "seeds: 2\n"
        "grid: {label_noise: [0, 1]}\n"
        'exclude: ["weight_scale == 3"]\n'
        "blocks:\n"
        "  - grid: {weight_scale: [2, 3]}\n"
        "  - fixed: {nonlinearity: tanh}\n"
        "    seeds: [5]\n"
    )

    assert values(expansion, "label_noise", "weight_scale", "nonlinearity", "seed") == [
        (0, 1, "relu", 0),
        (0, 1, "relu", 1),
        (1, 1, "relu", 0),
        (1, 1, "relu", 1),
        (0, 2, "relu", 0),
        (0, 2, "relu", 1),
        (0, 1, "tanh", 5),
    ]
    assert expansion.axes == [
        ("label_noise", 2),
        ("seeds", 2),
        ("block 1: weight_scale", 2),
        ("block 1: seeds", 2),
        ("block 2: seeds", 1),
    ]


def test_blocks_stand_instead_where_the_sweep_varies_nothing_itself():
    assert values(expand("blocks: [{fixed: {label_noise: 1}}, {fixed: {label_noise: 0.5}}]\n"), "label_noise") == [
        1,
        0.5,
    ]


def test_a_block_varies_what_it_would_inherit_as_fixed():
    assert values(expand("blocks: [{grid: {width: [8, 4]}}]\n"), "width") == [8, 4]


def test_a_block_measures_as_the_sweep_does_but_for_its_own_keys():
    expansion = expand(
        "measure: {points: 10, transitions: {points: 5}}\n"
        "blocks:\n"
        "  - fixed: {label_noise: 0}\n"
        "  - fixed: {label_noise: 1}\n"
        "    measure: {spectral: false, transitions: {method: sampled}}\n"
    )

    assert expansion.measures == [
        MeasureSettings(points=10, transitions_points=5),
        MeasureSettings(points=10, transitions_points=5, transitions_method="sampled", spectral=False),
    ]


def test_a_spec_of_two_blocks_is_measured_for_both():
    expansion = expand("blocks: [{measure: {points: 5}}, {measure: {points: 7, keep_weights: true}}]\n")

    assert expansion.measures == [MeasureSettings(points=7, keep_weights=True)]


def test_set_wins_over_fixed_of_every_block_and_enters_the_text():
    text = FIXED + "blocks: [{fixed: {label_noise: 1}}, {fixed: {label_noise: 0.5}}]\n"

    sweep = load_sweep(text, source="x.yaml", overrides={"label_noise": "0.1", "width": "[8, 4]"})

    assert values(expand_sweep(sweep, dataset_info), "label_noise", "width") == [(0.1, (8, 4))]
    assert sweep.text.endswith("# --set label_noise=0.1\n# --set width=[8, 4]")
    assert sweep.definition_sha256 != load_sweep(text, source="x.yaml").definition_sha256


def test_set_changes_the_seeds_of_every_block():
    text = FIXED + "seeds: 3\nblocks: [{grid: {label_noise: [0, 1]}}, {fixed: {label_noise: 0.5}, seeds: 2}]\n"

    fewer = load_sweep(text, source="x.yaml", overrides={"seeds": "1"})
    listed = load_sweep(text, source="x.yaml", overrides={"seeds": "[4, 7]"})

    assert values(expand_sweep(fewer, dataset_info), "label_noise", "seed") == [(0.0, 0), (1.0, 0), (0.5, 0)]
    assert [spec.seed for spec in expand_sweep(listed, dataset_info).specs] == [4, 7] * 3


def test_a_sweep_is_named_by_its_file_or_by_itself():
    assert load_sweep(FIXED, source="some/folder/depth-1.yaml").name == "depth-1"
    assert load_sweep("name: other\n" + FIXED, source="some/folder/depth-1.yaml").name == "other"
    assert load_sweep("name: piped\n" + FIXED, source="-").name == "piped"


def test_priority_and_description_are_kept():
    sweep = load_sweep("priority: -3\ndescription: Über 10 €\n" + FIXED, source="x.yaml")

    assert (sweep.priority, sweep.description) == (-3, "Über 10 €")


def write_npz(path: Path) -> None:
    arrays = {
        "x_train": np.zeros((6, 4, 4), np.uint8),
        "y_train": np.arange(6) % 3,
        "x_test": np.zeros((3, 4, 4), np.uint8),
        "y_test": np.arange(3),
    }
    np.savez(path, **arrays)


def test_an_npz_is_named_by_its_content_and_found_by_its_path(tmp_path: Path):
    write_npz(tmp_path / "mine.npz")
    text = FIXED.replace("digits", "mine.npz").replace("32", "2")
    text += "exclude: [\"dataset == 'mine.npz' and label_noise == 1\"]\ngrid: {label_noise: [0, 1]}\n"

    sweep = load_sweep(text, source="x.yaml", folder=tmp_path)
    expansion = expand_sweep(sweep, lambda name: dataset_info(name, last_path=sweep.npz_paths[name]))

    (spec,) = expansion.specs
    assert spec.dataset.startswith("npz:")
    assert expansion.npz_paths == {spec.dataset: tmp_path / "mine.npz"}


def test_the_path_of_an_override_starts_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "here").mkdir()
    write_npz(tmp_path / "mine.npz")
    monkeypatch.chdir(tmp_path / "here")

    sweep = load_sweep(FIXED, source="x.yaml", folder=tmp_path / "sweeps", overrides={"dataset": "../mine.npz"})

    assert list(sweep.npz_paths.values()) == [tmp_path / "mine.npz"]


def drawn(random: str, grid: str = "{label_noise: [0, 1]}") -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """(learning rate, weight scale) of each draw, by label noise."""
    fixed = FIXED.replace("learning_rate: 0.01, ", "")
    text = f"{fixed}grid: {grid}\nrandom: {random}\n"
    rows: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for spec in expand_sweep(load_sweep(text, source="x.yaml"), dataset_info).specs:
        rows.setdefault((spec.label_noise,), []).append((spec.learning_rate, spec.weight_scale))
    return rows


RATE = "learning_rate: {log_uniform: [1e-3, 1e-1]}"
SCALE = "weight_scale: {uniform: [1, 2]}"


def test_draws_differ_between_rows_fields_and_streams():
    rows = drawn(f"{{count: 4, {RATE}}}")
    other_stream = drawn(f"{{count: 4, stream: 1, {RATE}}}")

    rates = [rate for draws in (*rows.values(), *other_stream.values()) for rate, _ in draws]
    assert len(set(rates)) == 16


def test_raising_count_changes_no_earlier_draw():
    few, many = drawn(f"{{count: 4, {RATE}}}"), drawn(f"{{count: 9, {RATE}}}")

    assert {row: draws[:4] for row, draws in many.items()} == few


def test_adding_a_random_field_changes_no_draw_of_the_others():
    one, two = drawn(f"{{count: 4, {RATE}}}"), drawn(f"{{count: 4, {SCALE}, {RATE}}}")

    assert {row: [rate for rate, _ in draws] for row, draws in two.items()} == {
        row: [rate for rate, _ in draws] for row, draws in one.items()
    }


def test_adding_a_value_to_an_axis_changes_no_draw_of_the_others():
    narrow = drawn(f"{{count: 4, {RATE}}}")
    wide = drawn(f"{{count: 4, {RATE}}}", "{label_noise: [0.5, 0, 0.2, 1]}")

    assert {row: wide[row] for row in narrow} == narrow


axes = st.lists(
    st.sampled_from(
        [
            ("label_noise", ["0", "0.25", "1"]),
            ("weight_scale", ["1", "2"]),
            ("width", ["8", "[8, 8]", "[8, 4]"]),
            ("optimizer", ["sgd", "momentum"]),
            ("momentum", ["0.5", "0.9"]),
            ("biases", ["true", "false"]),
        ]
    ),
    unique_by=lambda axis: axis[0],
)


@given(axes, st.integers(1, 3))
def test_every_combination_appears_once_or_equals_another(grid, seeds):
    fixed = FIXED.replace("width: 16, ", "") if "width" in dict(grid) else FIXED
    written = ", ".join(f"{name}: [{', '.join(entries)}]" for name, entries in grid)
    text = f"seeds: {seeds}\n{fixed}grid: {{{written}}}\n"

    expansion = expand_sweep(load_sweep(text, source="x.yaml"), dataset_info)

    product = seeds
    for _, entries in grid:
        product *= len(entries)
    assert expansion.n_combinations == product == len(expansion.specs) + expansion.n_collapsed
    assert len({spec.spec_sha256 for spec in expansion.specs}) == len(expansion.specs)
    assert [spec.seed for spec in expansion.specs[:seeds]] == list(range(seeds))


@given(axes.filter(bool), st.randoms())
def test_the_order_of_axes_changes_the_order_of_specs_alone(grid, random):
    fixed = FIXED.replace("width: 16, ", "") if "width" in dict(grid) else FIXED
    shuffled = list(grid)
    random.shuffle(shuffled)

    def specs(axes: list[tuple[str, list[str]]]) -> set[TrainingSpec]:
        written = ", ".join(f"{name}: [{', '.join(entries)}]" for name, entries in axes)
        return set(expand_sweep(load_sweep(f"{fixed}grid: {{{written}}}", source="x.yaml"), dataset_info).specs)

    assert specs(grid) == specs(shuffled)


def test_more_models_than_max_models_are_refused():
    with pytest.raises(SpecError) as error:
        expand("seeds: 20\nmax_models: 19\n")

    assert error.value.message == "x.yaml: more than max_models = 19 models (20 combinations before exclude)."
    assert len(expand("seeds: 20\nmax_models: 20\n").specs) == 20
