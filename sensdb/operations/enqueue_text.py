"""What `sensdb enqueue` says: the report of --dry-run, and the lines after queueing."""

from __future__ import annotations

from sensdb.jobs.records import Enqueued
from sensdb.operations.enqueue import Plan
from sensdb.operations.pace import Pace
from sensdb.worker.identity import usable_cores
from sensdb.worker.progress import duration_text


def foretell(plan: Plan, found: Enqueued, pace: Pace | None = None) -> str:
    """The report of --dry-run: sizes of the axes, what was left out, what is there already, cost, sample specs.

    Args:
        pace: of models that were trained on this machine, where that is known.
    """
    expansion, cost, cores = plan.expansion, plan.cost, usable_cores()
    axes = ", ".join(f"{name} {size}" for name, size in expansion.axes) or "none"
    n_excluded = sum(expansion.n_excluded.values())
    lines = [
        f"{plan.sweep.name}: {_product(plan)}; {found.n_done_already} already trained, {found.n_new} new. "
        "Nothing queued (--dry-run).",
        f"axes: {axes}",
        f"combinations: {expansion.n_combinations}; {n_excluded} excluded, {expansion.n_collapsed} equal to another",
        *(f"  excluded by {condition}: {n}" for condition, n in expansion.n_excluded.items()),
        f"already there: {found.n_queued_already} queued or running, {found.n_done_already} done, "
        f"{found.n_dead} dead, {found.n_cancelled} cancelled",
        f"trains all {cost.n_models} in at most {cost.training_flops:.2g} operations; with measuring that is about "
        f"{duration_text(cost.core_seconds)} of one CPU core, {duration_text(cost.core_seconds / cores)} on the "
        f"{cores} here",
        *([] if pace is None else [_at_pace(pace, cost.core_seconds / cores)]),
        f"stores {cost.point_rows:,} point rows, {cost.database_bytes / 1e9:.2g} GB",
    ]
    specs = expansion.specs
    samples = {"first": specs[:1], "middle": specs[len(specs) // 2 : len(specs) // 2 + 1], "last": specs[-1:]}
    for name, (spec,) in samples.items() if len(specs) > 2 else {"first": specs[:1], "last": specs[-1:]}.items():
        lines.append(f"{name}: {spec.canonical}")
    return "\n".join(lines)


def tell(name: str, done: Enqueued) -> list[str]:
    """What was queued, what was not and why, and the command to try next.

    Args:
        name: the sweep's.
        done: what `Queue.enqueue` counted.
    """
    n_queued = done.n_new + done.n_measured_again
    if n_queued:
        lines = [f"queued {_counted(n_queued, 'job')} of sweep {name}. Next: sensdb worker --drain"]
    else:
        lines = [f"queued nothing: all {done.n_specs} models of sweep {name} are known."]
    told = [
        (done.n_queued_already, "{} are queued or running already."),
        (done.n_done_already, "{} are trained already."),
        (done.n_measured_again, "{} trained ones are measured further, from their stored weights."),
        (done.n_without_weights, "{} trained ones cannot be measured further: no weights are kept."),
        (done.n_running_with_less, "{} run with less measuring than asked for; enqueue again when they are done."),
        (done.n_dead, f"{{}} are dead: sensdb retry --sweep {name} --state dead"),
        (done.n_cancelled, f"{{}} are cancelled: sensdb retry --sweep {name} --state cancelled"),
        (done.n_joined, "{} came from other sweeps and belong to this one too."),
        (done.n_earlier, "{} models of earlier texts of this sweep remain."),
        (done.n_held, f"{{}} wait, for the sweep is paused: sensdb resume --sweep {name}"),
    ]
    return lines + [f"  {text.format(n)}" for n, text in told if n]


def _at_pace(pace: Pace, seconds: float) -> str:
    """What the time of rates.py, another machine's, comes to on this one."""
    return (
        f"the last {pace.n_models} models trained on this machine took {pace.factor:.2g} times as long as that says: "
        f"about {duration_text(pace.factor * seconds)}"
    )


def _product(plan: Plan) -> str:
    """The models as configurations times seeds, where each configuration has as many."""
    specs = plan.expansion.specs
    n_models, n_configurations = len(specs), len({spec.configuration_sha256 for spec in specs})
    configurations = _counted(n_configurations, "configuration")
    if n_configurations and n_models % n_configurations == 0:
        seeds = n_models // n_configurations
        return f"{configurations} x {_counted(seeds, 'seed')} = {_counted(n_models, 'model')}"
    return f"{_counted(n_models, 'model')} of {configurations}"


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
