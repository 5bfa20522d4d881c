"""From a sweep's name to jobs in the queue: read, expand, then look (`preview`) or write."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from sensdb.datasets.catalogue import DatasetInfo, dataset_info
from sensdb.definitions.cost import Cost, total_cost
from sensdb.definitions.sweep import Expansion, Sweep, builtin_sweeps, expand_sweep, load_sweep
from sensdb.errors import SpecError, did_you_mean
from sensdb.jobs.queue import Queue, SweepRecord
from sensdb.jobs.records import Enqueued
from sensdb.operations.opening import open_queue
from sensdb.worker.identity import usable_cores
from sensdb.worker.progress import duration_text

STDIN = "-"
BUILTIN_COLUMNS = ("sweep", "n_models", "core_seconds", "time_here", "description")


@dataclass(frozen=True)
class Plan:
    """A sweep and all it stands for, with the sizes of its data sets; nothing is queued yet."""

    sweep: Sweep
    expansion: Expansion
    infos: Mapping[str, DatasetInfo]

    @cached_property
    def cost(self) -> Cost:
        """What training, measuring and storing all of its models costs at most, trained or not."""
        specs, measures = self.expansion.specs, self.expansion.measures
        infos = (self.infos[spec.dataset] for spec in specs)
        return total_cost(zip(specs, measures, infos, strict=True))

    def preview(self, queue: Queue) -> Enqueued:
        """What `enqueue` would find in this queue; writes nothing."""
        return queue.preview(self.expansion.specs, sweep=self.sweep.name, measure=self.expansion.measures)

    def enqueue(self, queue: Queue, priority: int | None = None) -> Enqueued:
        """Put every spec that is not there yet into the queue.

        Args:
            queue: where to.
            priority: in place of the sweep's own; higher first.
        """
        sweep = self.sweep
        record = SweepRecord(
            name=sweep.name,
            description=sweep.description,
            priority=sweep.priority if priority is None else priority,
            definition=sweep.text,
            definition_sha256=sweep.definition_sha256,
        )
        return queue.enqueue(
            self.expansion.specs,
            sweep=record,
            measure=self.expansion.measures,
            infos=self.infos,
            npz_paths=self.expansion.npz_paths,
        )


def read_sweep(name: str, overrides: Mapping[str, str] | None = None) -> Sweep:
    """Read a sweep file, a built-in sweep, or stdin.

    Args:
        name: a path, else the name of a built-in sweep, or `-`.
        overrides: field to YAML text, in place of what the sweep says under `fixed`.

    Raises:
        SpecError: there is no such file or sweep, with the nearest; or the first mistake in it, with its line.
    """
    path = Path(name)
    builtin = builtin_sweeps()
    if name != STDIN and not path.is_file():
        if name not in builtin:
            near = [*builtin, *(str(file) for file in path.parent.glob("*.y*ml"))]
            hint = did_you_mean(name, near, "sensdb enqueue --list shows the built-in sweeps.")
            raise SpecError(f"{name} is neither a file nor a built-in sweep.", hint)
        path = builtin[name]
    try:
        text = sys.stdin.read() if name == STDIN else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{name} is not UTF-8 text: byte {error.start} cannot be read.") from None
    except OSError as error:
        raise SpecError(f"{name} cannot be read: {error.strerror}.") from None
    source = STDIN if name == STDIN else path.name if name in builtin else name
    return load_sweep(text, source=source, folder=None if name == STDIN else path.parent, overrides=overrides)


def plan_sweep(sweep: Sweep, data_paths: Sequence[Path]) -> Plan:
    """Expand a sweep to its specs.

    Args:
        sweep: from `read_sweep`.
        data_paths: where .npz files are looked for by content (`Settings.data_paths`).

    Raises:
        SpecError: two fields of a combination do not go together, or there are too many models.
    """

    @cache
    def sizes(name: str) -> DatasetInfo:
        return dataset_info(name, data_paths, last_path=sweep.npz_paths.get(name))

    expansion = expand_sweep(sweep, sizes)
    return Plan(sweep, expansion, {spec.dataset: sizes(spec.dataset) for spec in expansion.specs})


def enqueue_file(
    name: str,
    database_url: str,
    data_paths: Sequence[Path],
    *,
    priority: int | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Enqueued:
    """Read, expand and enqueue one sweep; `read_sweep`, `plan_sweep` and `Plan.enqueue` say what can go wrong."""
    plan = plan_sweep(read_sweep(name, overrides), data_paths)
    with open_queue(database_url) as queue:
        return plan.enqueue(queue, priority)


def list_builtin_sweeps() -> list[dict[str, object]]:
    """The sweeps that come with sensdb, with the number of their models and what these cost.

    core_seconds: about, of one CPU core (definitions/rates.py); time_here: on all cores of this machine, in words.
    """
    rows: list[dict[str, object]] = []
    for name in builtin_sweeps():
        plan = plan_sweep(read_sweep(name), ())
        rows.append(
            {
                "sweep": name,
                "n_models": len(plan.expansion.specs),
                "core_seconds": round(plan.cost.core_seconds),
                "time_here": duration_text(plan.cost.core_seconds / usable_cores()),
                "description": plan.sweep.description,
            }
        )
    return rows
