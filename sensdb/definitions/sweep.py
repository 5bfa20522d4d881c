"""Sweeps: a YAML file of what to train, and the list of specs it stands for.

`load_sweep` reads and checks the text, `expand_sweep` goes through its combinations. The order of specs is that of the
file: blocks one after the other, the axis written first changes slowest, then the random draws, seeds innermost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from sensdb.datasets.catalogue import NPZ_PREFIX
from sensdb.definitions.blocks import Block, BlockReader
from sensdb.definitions.document import Node, read_document
from sensdb.definitions.draws import draw_stream
from sensdb.definitions.expressions import Expression
from sensdb.definitions.fields import FieldError, canonical_json, show
from sensdb.definitions.measure import MeasureSettings, union
from sensdb.definitions.operators import FullBatch
from sensdb.definitions.spec import Sizes, TrainingSpec, finish_spec
from sensdb.definitions.spec_fields import DEFAULTS, FIELDS, Value, check_field
from sensdb.errors import SpecError, did_you_mean

DEFAULT_MOST_MODELS = 10_000
# Beyond this many the expansion would take minutes, whatever max_models allows.
MOST_COMBINATIONS = 5_000_000
MOST_PRIORITY = 1_000_000
LONGEST_DESCRIPTION = 10_000
SWEEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True)
class Sweep:
    """A sweep file, read and checked value by value.

    text: what was read, with a comment for each --set; definition_sha256 is of it.
    measure: the largest demand of all blocks.
    npz_paths: where the .npz files lie that the sweep names, by their name in the spec.
    source: how errors call the file.
    """

    name: str
    description: str
    priority: int
    text: str
    definition_sha256: str
    measure: MeasureSettings
    blocks: tuple[Block, ...]
    max_models: int
    npz_paths: Mapping[str, Path]
    source: str


@dataclass(frozen=True)
class Expansion:
    """What a sweep stands for.

    specs: each once, in order; measures: how each is to be measured, beside it.
    axes: (name, number of values) of every loop, `seeds` last; with blocks the name says which.
    n_combinations: before anything was left out; n_excluded: of those, by condition, the first that holds counts;
    n_collapsed: equal to an earlier one.
    """

    specs: list[TrainingSpec]
    measures: list[MeasureSettings]
    axes: list[tuple[str, int]]
    n_combinations: int
    n_excluded: dict[str, int]
    n_collapsed: int
    npz_paths: Mapping[str, Path] = field(default_factory=dict)


def builtin_sweeps() -> dict[str, Path]:
    """The sweeps that come with sensdb: name to file."""
    paths = (Path(__file__).parent / "builtin").glob("*.yaml")
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


def load_sweep(
    text: str, *, source: str, folder: Path | None = None, overrides: Mapping[str, str] | None = None
) -> Sweep:
    """Read a sweep and check every value that can be checked alone.

    Args:
        text: the YAML.
        source: the file's name, for errors and for the sweep's name where it has none of its own; "-" for stdin.
        folder: where relative paths of .npz files in the text start; None for the working folder.
        overrides: `--set` of the command line, field to YAML text; they win over `fixed` of every block, and seeds
            over those of every block. Paths in them start in the working folder, as anything typed at a prompt does.

    Raises:
        SpecError: the first mistake, with its line, what is allowed and the nearest match.
        DataError: an .npz that the sweep names cannot be read.
    """
    npz = _NpzFiles(folder or Path())
    shown = "standard input" if source == "-" else source
    document = read_document(text, shown)
    reader = BlockReader(shown, npz.name)
    own = reader.read(document, "")
    keys = reader.mapping(document, "the sweep", ())
    blocks = [own] if own.axes or own.draws or not keys.get("blocks") else []
    for number, node in enumerate(reader.listed(keys.get("blocks"), "blocks"), 1):
        blocks.append(reader.read(node, f"block {number}", own))
    blocks = blocks or [own]
    for name, value in (overrides or {}).items():
        if name == "seeds":
            blocks = _override_seeds(blocks, value)
        else:
            checked = _override(name, value, npz)
            blocks = [_override_block(block, name, checked) for block in blocks]
        text += f"\n# --set {name}={' '.join(value.split())}"
    measure = blocks[0].measure
    for block in blocks:
        measure = union(measure, block.measure)
    return Sweep(
        name=_sweep_name(keys.get("name"), source, reader),
        description=_description(keys.get("description"), reader),
        priority=_whole(reader, keys, "priority", 0, -MOST_PRIORITY, MOST_PRIORITY),
        text=text,
        definition_sha256=hashlib.sha256(text.encode()).hexdigest(),
        measure=measure,
        blocks=tuple(blocks),
        max_models=_whole(reader, keys, "max_models", DEFAULT_MOST_MODELS, 1, MOST_COMBINATIONS),
        npz_paths=npz.paths,
        source=shown,
    )


def expand_sweep(sweep: Sweep, sizes: Sizes) -> Expansion:
    """Every spec of a sweep, each once.

    Args:
        sweep: from `load_sweep`.
        sizes: the sizes of a data set by its name in the spec; `sweep.npz_paths` says where its .npz lie.

    Raises:
        SpecError: two fields of a combination do not go together, a condition cannot be computed, or there are more
            models than `max_models`, or none.
    """
    n_combinations = sum(block.n_combinations for block in sweep.blocks)
    if n_combinations > MOST_COMBINATIONS:
        raise SpecError(
            f"{sweep.source}: {n_combinations} combinations are more than the {MOST_COMBINATIONS} a sweep may have.",
            "split it, or draw with random instead of a grid.",
        )
    known_sizes = lru_cache(maxsize=None)(sizes)
    expansion = Expansion([], [], _axes(sweep), n_combinations, {}, 0, sweep.npz_paths)
    positions: dict[TrainingSpec, int] = {}
    n_collapsed = 0
    for block in sweep.blocks:
        for spec in _BlockExpansion(block, known_sizes, expansion.n_excluded).specs():
            position = positions.setdefault(spec, len(expansion.specs))
            if position < len(expansion.specs):
                n_collapsed += 1
                expansion.measures[position] = union(expansion.measures[position], block.measure)
                continue
            if position == sweep.max_models:
                raise SpecError(
                    f"{sweep.source}: more than max_models = {sweep.max_models} models "
                    f"({n_combinations} combinations before exclude).",
                    "raise max_models in the sweep if that many are meant.",
                )
            expansion.specs.append(spec)
            expansion.measures.append(block.measure)
    if not expansion.specs:
        raise SpecError(f"{sweep.source}: exclude leaves none of {n_combinations} combinations.")
    _check_samples(sweep, expansion, known_sizes)
    return replace(expansion, n_collapsed=n_collapsed)


class _BlockExpansion:
    """One block's combinations, in order."""

    def __init__(self, block: Block, sizes: Sizes, n_excluded: dict[str, int]) -> None:
        self.block = block
        self.sizes = sizes
        self.n_excluded = n_excluded
        conditions = [rule.condition for rule in block.rules] + [item.condition for item in block.exclusions]
        read_fields = {name for condition in conditions for name in condition.fields}
        # Where nothing looks at the seed, replicas differ in nothing else and share all the work.
        self.by_seed = "seed" in read_fields or any("seed" in rule.values for rule in block.rules)

    def specs(self) -> Iterator[TrainingSpec]:
        seeds = self.block.seeds
        for values in self.combinations():
            if seeds is None:
                spec = self.settle(values, 1)
                if spec is not None:
                    yield spec
            elif self.by_seed:
                for seed in seeds:
                    spec = self.settle({**values, "seed": seed}, 1)
                    if spec is not None:
                        yield spec
            else:
                spec = self.settle(values, len(seeds))
                if spec is not None:
                    for seed in seeds:
                        yield replace(spec, seed=seed)

    def combinations(self) -> Iterator[dict[str, Value]]:
        """Values of every field, one dict a grid x zip x random combination, before `when`."""
        block = self.block
        names = [name for axis in block.axes for name in axis.fields]
        base = {**DEFAULTS, **block.fixed}
        for rows in product(*(axis.rows for axis in block.axes)):
            varied: dict[str, Value] = dict(zip(names, (value for row in rows for value in row), strict=True))
            values = {**base, **varied}
            if block.draws is None:
                yield values
                continue
            row = canonical_json(varied)
            streams = [
                (name, distribution, draw_stream(block.draws.stream, name, row))
                for name, distribution in block.draws.distributions.items()
            ]
            for index in range(block.draws.count):
                yield {**values, **{name: distribution.value(draw(index)) for name, distribution, draw in streams}}

    def settle(self, values: dict[str, Value], n_specs: int) -> TrainingSpec | None:
        """Apply `when` and `exclude` to one combination; None where it is excluded, for n_specs specs at once."""
        applied = []
        for rule in self.block.rules:
            if self.holds(rule.condition, values, "when", rule.place):
                values.update(rule.values)
                applied.append(rule)
        for exclusion in self.block.exclusions:
            if self.holds(exclusion.condition, values, "exclude", exclusion.place):
                text = exclusion.condition.text
                self.n_excluded[text] = self.n_excluded.get(text, 0) + n_specs
                return None
        try:
            return finish_spec(values, self.sizes)
        except FieldError as error:
            places = [rule.place for rule in applied if error.field in rule.values]
            raise error.at(places[-1] if places else self.block.places.get(error.field, self.block.place)) from None

    def holds(self, condition: Expression, values: Mapping[str, Value], key: str, place: str) -> bool:
        try:
            return condition.holds(self.seen(condition, values))
        except SpecError as error:
            raise SpecError(f"{key} in {place}: {error.message}", error.hint) from None

    def seen(self, condition: Expression, values: Mapping[str, Value]) -> dict[str, Any]:
        """The fields as a condition sees them (expressions.py)."""
        seen: dict[str, Any] = {}
        for name in condition.fields:
            value: Any = values[name]
            if name == "width" and isinstance(value, tuple):
                value = max(value, default=None)
            elif name == "augmentation":
                value = value or ()
            elif name == "n_train":
                value = self.points(values)
            elif name == "batch_size" and value == "full":
                value = FullBatch(self.points(values))
            seen[name] = value
        return seen

    def points(self, values: Mapping[str, Value]) -> int:
        n_train, dataset = values["n_train"], values["dataset"]
        if isinstance(n_train, int):
            return n_train
        if not isinstance(dataset, str):
            raise SpecError("n_train is not known before the dataset is given.")
        return self.sizes(dataset).n_train


def _check_samples(sweep: Sweep, expansion: Expansion, sizes: Sizes) -> None:
    """Sampled transitions need whole numbers of samples between neighbouring shifts of the image."""
    for dataset, crop, measure in {
        (spec.dataset, spec.crop, measure) for spec, measure in zip(expansion.specs, expansion.measures, strict=True)
    }:
        shifts = crop or sizes(dataset).width
        if measure.transitions_samples is not None and measure.transitions_samples % shifts:
            raise SpecError(
                f"measure.transitions.samples in {sweep.source}: {measure.transitions_samples} is not a multiple of "
                f"{shifts}, the pixels of a row."
            )


def _axes(sweep: Sweep) -> list[tuple[str, int]]:
    axes: list[tuple[str, int]] = []
    for block in sweep.blocks:
        prefix = f"{block.label}: " if block.label else ""
        axes += [(prefix + axis.name, len(axis.rows)) for axis in block.axes]
        if block.draws is not None:
            axes.append((prefix + f"random {', '.join(block.draws.distributions)}", block.draws.count))
        if block.seeds is not None:
            axes.append((prefix + "seeds", len(block.seeds)))
    return axes


class _NpzFiles:
    """Names of the .npz files that a sweep mentions: by content, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.names: dict[Path, str] = {}

    def name(self, written: str) -> str:
        """The name of a file that the sweep writes of, relative to its folder."""
        return self.name_of(self.folder / written)

    def name_of(self, file: Path) -> str:
        path = file.resolve()
        if path not in self.names:
            from sensdb.datasets.npz import npz_digest

            self.names[path] = NPZ_PREFIX + npz_digest(path)
            self.paths[self.names[path]] = path
        return self.names[path]


def _override(name: str, value: str, npz: _NpzFiles) -> Value:
    if name not in FIELDS:
        raise SpecError(f"--set: no spec field {show(name)}.", did_you_mean(name, [*FIELDS, "seeds"]))
    written = read_document(value, f"--set {name}").plain()
    if name == "dataset" and isinstance(written, str) and written.endswith(".npz"):
        written = npz.name_of(Path(written))
    try:
        return check_field(name, written)
    except FieldError as error:
        raise error.at("--set") from None


def _override_seeds(blocks: Sequence[Block], value: str) -> list[Block]:
    for block in blocks:
        if "seed" in block.places:
            raise SpecError(
                f"--set seeds: seed is given in {block.places['seed']}.", "--set seed=N replaces it where it is fixed."
            )
    where = "--set seeds"
    seeds = BlockReader(where, str).seeds(read_document(value, where))
    return [replace(block, seeds=seeds) for block in blocks]


def _override_block(block: Block, name: str, value: Value) -> Block:
    varied = [field for axis in block.axes for field in axis.fields]
    if name in varied or (block.draws is not None and name in block.draws.distributions):
        raise SpecError(
            f"--set {name}: the sweep varies it in {block.places[name]}.", "--set replaces a value of fixed alone."
        )
    if name == "seed" and block.seeds is not None:
        raise SpecError("--set seed: the sweep has seeds.", "take seeds out of the sweep to train a single seed.")
    return replace(block, fixed={**block.fixed, name: value}, places={**block.places, name: "--set"})


def _sweep_name(node: Node | None, source: str, reader: BlockReader) -> str:
    if node is None and source == "-":
        raise SpecError("name in standard input: missing.", "a sweep without a file needs name: in its text.")
    given = Path(source).stem if node is None else node.plain()
    if not isinstance(given, str) or not SWEEP_NAME.fullmatch(given):
        place = reader.source if node is None else reader.at(node.line)
        hint = "the file's stem is its name; write name: in the sweep." if node is None else None
        raise SpecError(f"name in {place}: {show(given)} is not 1 to 100 letters, digits, - and _.", hint)
    return given


def _description(node: Node | None, reader: BlockReader) -> str:
    if node is None or node.value is None:
        return ""
    given = node.value
    if not isinstance(given, str) or len(given) > LONGEST_DESCRIPTION:
        raise SpecError(
            f"description in {reader.at(node.line)}: {show(node.plain())} is not text of at most "
            f"{LONGEST_DESCRIPTION} characters."
        )
    # What PostgreSQL cannot store: NUL, and halves of a surrogate pair that YAML escapes can write.
    if "\0" in given or any("\ud800" <= letter <= "\udfff" for letter in given):
        raise SpecError(f"description in {reader.at(node.line)}: holds a character that no database stores.")
    return given


def _whole(reader: BlockReader, keys: Mapping[str, Node], name: str, default: int, low: int, high: int) -> int:
    node = keys.get(name)
    return default if node is None else reader.whole(name, node, low, high)
