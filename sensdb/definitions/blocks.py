"""One block of a sweep: fixed, grid, zip, random, when, exclude, measure, seeds, read and checked value by value.

Every value is checked where it is written, so that an error names its line; what depends on two fields or on a data
set's size is checked when the block is expanded (sweep.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sensdb.definitions.document import Node
from sensdb.definitions.draws import Distribution, make_distribution
from sensdb.definitions.expressions import Expression, parse_expression
from sensdb.definitions.fields import FieldError, integer, show
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec_fields import FIELDS, MOST_SEED, Value, check_field
from sensdb.errors import SpecError, did_you_mean

BLOCK_KEYS = ("seeds", "fixed", "grid", "zip", "random", "when", "exclude", "measure")
SWEEP_KEYS = ("name", "description", "priority", *BLOCK_KEYS, "blocks", "max_models")
MOST_SEEDS = 1_000_000
MOST_DRAWS = 1_000_000
MOST_STREAM = 2**53 - 1


@dataclass(frozen=True)
class Axis:
    """Rows that one loop of the expansion goes through: a grid field alone, or the fields of `zip` together."""

    name: str
    fields: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Draws:
    """The `random:` key: `count` draws for each combination of the axes."""

    count: int
    stream: int
    distributions: Mapping[str, Distribution]


@dataclass(frozen=True)
class Rule:
    """An entry of `when:`: where the condition holds, fields get these values."""

    condition: Expression
    values: Mapping[str, Value]
    place: str


@dataclass(frozen=True)
class Exclusion:
    """An entry of `exclude:`: combinations for which the condition holds are left out."""

    condition: Expression
    place: str


@dataclass(frozen=True)
class Block:
    """One grid with all that belongs to it, inherited parts included.

    label: "" for the sweep's own, "block 1" and so on for those of `blocks:`.
    place: where it begins, for errors that no single line explains.
    places: where each field's values stand.
    """

    label: str
    place: str
    fixed: Mapping[str, Value] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    draws: Draws | None = None
    rules: tuple[Rule, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    seeds: tuple[int, ...] | None = None
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    measure_keys: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_combinations(self) -> int:
        """Specs before anything is excluded or collapses."""
        product = self.draws.count if self.draws else 1
        for axis in self.axes:
            product *= len(axis.rows)
        return product * len(self.seeds or (0,))


class BlockReader:
    """Reads blocks of one sweep file.

    Args:
        source: how errors call the file.
        datasets: from the path of an .npz, as the file writes it, to its name in the spec.
    """

    def __init__(self, source: str, datasets: Callable[[str], str]) -> None:
        self.source = source
        self.datasets = datasets

    def read(self, node: Node, label: str, parent: Block | None = None) -> Block:
        """A block; `parent` is the sweep's own, from which fixed, seeds, when, exclude and measure are inherited.

        Raises:
            SpecError: with the line of what is wrong.
        """
        keys = self.mapping(node, label or "the sweep", BLOCK_KEYS if parent else SWEEP_KEYS)
        base = parent or Block(label, "")
        fixed, fixed_lines = self.fixed(keys.get("fixed"))
        axes, axis_lines = self.axes(keys)
        draws, draw_lines = self.draws(keys.get("random"))
        own: dict[str, str] = {}
        for key, lines in (("fixed", fixed_lines), *axis_lines, ("random", draw_lines)):
            for name, line in lines.items():
                if name in own:
                    raise SpecError(f"{name} in {self.at(line)}: given in {own[name]} and in {key}.")
                own[name] = key
        # What a block varies itself takes the place of what it would inherit.
        inherited = {name: value for name, value in base.fixed.items() if name not in own}
        lines = {**fixed_lines, **draw_lines, **{name: line for _, part in axis_lines for name, line in part.items()}}
        seeds = self.seeds(keys["seeds"]) if "seeds" in keys else base.seeds
        measure_keys, measure = self.measure(keys.get("measure"), base)
        block = Block(
            label=label,
            place=self.at(node.line),
            fixed={**inherited, **fixed},
            axes=axes,
            draws=draws,
            rules=base.rules + self.rules(keys.get("when")),
            exclusions=base.exclusions + self.exclusions(keys.get("exclude")),
            seeds=seeds,
            measure=measure,
            measure_keys=measure_keys,
            places={**base.places, **{name: self.at(line) for name, line in lines.items()}},
        )
        if seeds is not None and "seed" in (*block.fixed, *own):
            raise SpecError(f"seed in {block.places['seed']}: given beside seeds.", "keep one of the two.")
        return block

    def at(self, line: int) -> str:
        return f"{self.source} line {line}"

    def check(self, name: str, node: Node) -> Value:
        """One value of a field, in its one spelling."""
        value = node.plain()
        if name == "dataset" and isinstance(value, str) and value.endswith(".npz"):
            value = self.datasets(value)
        try:
            return check_field(name, value)
        except FieldError as error:
            raise error.at(self.at(node.line)) from None

    def mapping(self, node: Node | None, what: str, allowed: tuple[str, ...]) -> dict[str, Node]:
        """The entries of a mapping, none where it is left out or empty; with `allowed`, keys are checked."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            raise SpecError(f"{what} in {self.at(node.line)}: {show(node.plain())} is not a mapping.")
        for key in node.value if allowed else ():
            if key not in allowed:
                hint = did_you_mean(key, allowed, f"allowed: {', '.join(allowed)}." if len(allowed) < 16 else None)
                kind = "spec field" if what in ("fixed", "grid", "zip", "random", "set") else "key"
                raise SpecError(f"{what} in {self.at(node.key_lines[key])}: no {kind} {show(key)}.", hint)
        return node.value

    def fixed(self, node: Node | None) -> tuple[dict[str, Value], dict[str, int]]:
        entries = self.mapping(node, "fixed", tuple(FIELDS))
        return {name: self.check(name, value) for name, value in entries.items()}, {
            name: value.line for name, value in entries.items()
        }

    def axes(self, keys: Mapping[str, Node]) -> tuple[tuple[Axis, ...], list[tuple[str, dict[str, int]]]]:
        """The loops of the expansion, outermost first: grid and zip in the order in which they are written."""
        axes: list[Axis] = []
        lines: list[tuple[str, dict[str, int]]] = []
        for key in keys:
            if key not in ("grid", "zip"):
                continue
            entries = self.mapping(keys[key], key, tuple(FIELDS))
            columns = {name: self.values(key, name, node) for name, node in entries.items()}
            lines.append((key, {name: node.line for name, node in entries.items()}))
            if key == "grid":
                axes += [Axis(name, (name,), tuple((value,) for value in values)) for name, values in columns.items()]
            elif columns:
                lengths = {name: len(values) for name, values in columns.items()}
                first = next(iter(lengths))
                for name, length in lengths.items():
                    if length != lengths[first]:
                        raise SpecError(
                            f"zip in {self.at(entries[name].line)}: {name} has {length} values, {first} has "
                            f"{lengths[first]}; zip needs as many of each."
                        )
                axes.append(Axis(", ".join(columns), tuple(columns), tuple(zip(*columns.values(), strict=True))))
        return tuple(axes), lines

    def values(self, key: str, name: str, node: Node) -> tuple[Value, ...]:
        if not isinstance(node.value, tuple) or not node.value:
            raise SpecError(
                f"{name} in {self.at(node.line)}: {key} needs a list of values, not {show(node.plain())}.",
                "one value for all belongs into fixed.",
            )
        return tuple(self.check(name, value) for value in node.value)

    def draws(self, node: Node | None) -> tuple[Draws | None, dict[str, int]]:
        entries = self.mapping(node, "random", ("count", "stream", *FIELDS))
        if node is None or not entries:
            return None, {}
        fields = {name: value for name, value in entries.items() if name not in ("count", "stream")}
        place = self.at(node.line)
        if "count" not in entries:
            raise SpecError(f"random in {place}: count is missing; needs a whole number from 1 to {MOST_DRAWS}.")
        if not fields:
            raise SpecError(
                f"random in {place}: no field to draw.", "such as learning_rate: {log_uniform: [1e-3, 0.1]}"
            )
        stream = entries.get("stream")
        draws = Draws(
            count=self.whole("count", entries["count"], 1, MOST_DRAWS),
            stream=self.whole("stream", stream, 0, MOST_STREAM) if stream else 0,
            distributions={name: self.distribution(name, value) for name, value in fields.items()},
        )
        return draws, {name: value.line for name, value in fields.items()}

    def distribution(self, name: str, node: Node) -> Distribution:
        if not isinstance(node.value, dict) or len(node.value) != 1:
            raise SpecError(
                f"{name} in {self.at(node.line)}: {show(node.plain())} is not a distribution.",
                "such as {log_uniform: [1e-3, 0.1]} or {choice: [1, 2, 4]}",
            )
        ((kind, values),) = node.value.items()
        if name == "dataset" and isinstance(values.value, tuple):
            plain: object = [self.check(name, value) for value in values.value]
        else:
            plain = values.plain()
        try:
            return make_distribution(name, kind, plain)
        except FieldError as error:
            raise error.at(self.at(node.line)) from None

    def rules(self, node: Node | None) -> tuple[Rule, ...]:
        rules = []
        for entry in self.listed(node, "when"):
            keys = self.mapping(entry, "when", ("if", "set"))
            place = self.at(entry.line)
            if set(keys) != {"if", "set"}:
                raise SpecError(
                    f"when in {place}: needs if and set.", 'such as {if: "width > 500", set: {dtype: float64}}'
                )
            entries = self.mapping(keys["set"], "set", tuple(FIELDS))
            values = {name: self.check(name, value) for name, value in entries.items()}
            if not values:
                raise SpecError(f"when in {place}: set names no field.")
            rules.append(Rule(self.condition("when", keys["if"]), values, place))
        return tuple(rules)

    def exclusions(self, node: Node | None) -> tuple[Exclusion, ...]:
        return tuple(
            Exclusion(self.condition("exclude", entry), self.at(entry.line)) for entry in self.listed(node, "exclude")
        )

    def condition(self, key: str, node: Node) -> Expression:
        if not isinstance(node.value, str):
            raise SpecError(
                f"{key} in {self.at(node.line)}: {show(node.plain())} is not a condition.",
                "conditions are text, such as \"width > 500 and optimizer == 'adam'\".",
            )
        try:
            return parse_expression(node.value, self.datasets)
        except SpecError as error:
            raise SpecError(f"{key} in {self.at(node.line)}: {error.message}", error.hint) from None

    def listed(self, node: Node | None, key: str) -> tuple[Node, ...]:
        if node is None or node.value is None:
            return ()
        if not isinstance(node.value, tuple):
            raise SpecError(f"{key} in {self.at(node.line)}: {show(node.plain())} is not a list.")
        return node.value

    def seeds(self, node: Node) -> tuple[int, ...]:
        if not isinstance(node.value, tuple):
            allowed = f"a number of seeds from 1 to {MOST_SEEDS}, or a list of them"
            return tuple(range(self.whole("seeds", node, 1, MOST_SEEDS, allowed)))
        seeds = tuple(self.whole("seeds", entry, 0, MOST_SEED) for entry in node.value)
        if not seeds or len(set(seeds)) < len(seeds):
            what = "is empty" if not seeds else "names a seed twice"
            raise SpecError(f"seeds in {self.at(node.line)}: {show(node.plain())} {what}.")
        return seeds

    def measure(self, node: Node | None, base: Block) -> tuple[dict[str, Any], MeasureSettings]:
        """The block's own keys over the inherited ones; `transitions` is replaced key by key too."""
        entries = self.mapping(node, "measure", ())
        keys: dict[str, Any] = dict(base.measure_keys)
        for name, value in entries.items():
            plain = value.plain()
            merge = name == "transitions" and isinstance(plain, dict)
            keys[name] = {**keys.get(name, {}), **plain} if merge else plain
        try:
            return keys, MeasureSettings.from_mapping(keys)
        except FieldError as error:
            raise error.at(self.at(_line_of(node, error.field))) from None

    def whole(self, name: str, node: Node, low: int, high: int, allowed: str | None = None) -> int:
        """A whole number that is no field of a spec."""
        try:
            return integer(name, node.plain(), low, high, allowed)
        except FieldError as error:
            raise error.at(self.at(node.line)) from None


def _line_of(node: Node | None, path: str) -> int:
    """The line of `measure.transitions.points` in the block that holds it, as far as it goes into it."""
    line = 1
    for key in path.split("."):
        if node is None:
            break
        line = node.line
        entries = node.value if isinstance(node.value, dict) else {}
        if key in entries:
            node, line = entries[key], node.key_lines[key]
    return line
