"""`sensdb import`: a network trained elsewhere becomes a model with stored weights and a job that measures them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from sensdb.datasets.catalogue import DatasetInfo, dataset_info
from sensdb.definitions.imported import ImportedSpec, make_imported_spec
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.sweep import SWEEP_NAME
from sensdb.errors import DataError, SensdbError, UsageError
from sensdb.jobs.enqueuing import Wanted, enqueue_batch, make_ready, open_sweep
from sensdb.jobs.queue import Queue
from sensdb.jobs.records import SweepRecord
from sensdb.jobs.transactions import inspect, transact
from sensdb.results.artifacts import WEIGHTS, ArtifactStore, note_artifacts
from sensdb.results.weights import SUFFIX, weights_bytes
from sensdb.settings import Settings
from sensdb.worker.import_networks import measure_now, read_network
from sensdb.worker.options import WorkerOptions

DEFAULT_SWEEP = "imported"
INTERRUPTED = 130


@dataclass(frozen=True)
class Imported:
    """The model of a network's file: new, or there since an earlier import.

    shape: its layer sizes joined by "-". state: of its job. error: of its last attempt, None without one.
    test_accuracy, jacobian_norm_mean: None before it is measured.
    """

    model_id: int
    shape: str
    is_new: bool
    state: str
    error: str | None
    test_accuracy: float | None
    jacobian_norm_mean: float | None


def import_network(
    queue: Queue, settings: Settings, path: Path, *, dataset: str, nonlinearity: str, sweep: str = DEFAULT_SWEEP
) -> Imported:
    """Take in one network; the same file with the same data set and nonlinearity is one model, however often.

    Args:
        path: a safetensors file of weights.0, biases.0, weights.1, ...
        dataset: a built-in name or the path of an .npz; the network was trained on its standardised points.
        nonlinearity: after every layer but the last.
        sweep: the sweep the model belongs to, made if it is not there.

    Raises:
        ArtifactError, ShapeError: the file is no such network, or does not fit the data set.
        DataError: there is no such data set.
        UsageError: the sweep's name is none.
    """
    if not SWEEP_NAME.fullmatch(sweep):
        raise UsageError(f"--name: {sweep[:100]!r} is not 1 to 100 letters, digits, - and _.")
    network, source_sha256 = read_network(path)
    info, npz_paths = _find_dataset(dataset, settings.data_paths)
    spec = make_imported_spec(
        network.sizes,
        info,
        nonlinearity=nonlinearity,
        biases=network.biases is not None,
        dtype=network.dtype,
        source_sha256=source_sha256,
    )
    data = weights_bytes(replace(network, spec_sha256=spec.spec_sha256))
    # Before the transaction that names it, like every artifact.
    artifact = ArtifactStore(settings.artifacts_url, queue.identity).put(WEIGHTS, data, SUFFIX)

    infos = {spec.dataset: info}
    ready = make_ready(queue.engine, queue.dialect, [Wanted(spec, MeasureSettings())], infos)

    def work(connection: sa.Connection) -> tuple[int, bool]:
        record = _sweep_record(connection, sweep, spec)
        sweep_id = open_sweep(connection, queue.dialect, record, 1, [info], npz_paths)
        done = enqueue_batch(connection, queue.dialect, sweep_id, ready, infos)
        query = sa.text("select model_id from models where spec_sha256 = :sha256")
        model_id = int(connection.execute(query, {"sha256": spec.spec_sha256}).scalar_one())
        note_artifacts(connection, {model_id: [artifact]})
        return model_id, done.n_new == 1

    model_id, is_new = transact(queue.engine, work)
    return _look_up(queue, model_id, "-".join(map(str, network.sizes)), is_new=is_new)


def measure_imported(queue: Queue, settings: Settings, imported: Imported) -> Imported:
    """Measure an imported network at once, in a worker process of its own.

    Returns:
        The same model with what was measured, unless another worker has it or its sweeps are paused.

    Raises:
        SensdbError: measuring failed, with the attempt's error; or this machine cannot do it.
    """
    if imported.state == "queued":
        if find_spec("torch") is None:
            raise SensdbError(
                f"model {imported.model_id} is queued; measuring it needs torch, which is not installed here.",
                "pip install 'sensdb[worker]', or leave it to a worker elsewhere.",
            )
        options = WorkerOptions(
            settings.database_url,
            settings.data_paths,
            settings.artifacts_url,
            settings.cache_path,
            model_id=imported.model_id,
        )
        code = measure_now(options)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise SensdbError(
                f"model {imported.model_id} is queued, but cannot be measured here, for the reason above."
            )
    found = _look_up(queue, imported.model_id, imported.shape, is_new=imported.is_new)
    if found.state == "dead":
        raise SensdbError(
            f"model {found.model_id} could not be measured: {found.error}", f"sensdb retry {found.model_id}"
        )
    return found


def tell(path: Path, sweep: str, imported: Imported, *, now: bool) -> str:
    """What became of an import, in a line, with the next command.

    Args:
        now: whether it was to be measured at once.
    """
    model = f"model {imported.model_id} ({imported.shape})"
    line = f"imported {path} as {model} of sweep {sweep}" if imported.is_new else f"{path} is {model} already"
    if imported.state == "done":
        accuracy, norm = (
            "none" if number is None else f"{number:.4g}"
            for number in (imported.test_accuracy, imported.jacobian_norm_mean)
        )
        return f"{line}: test accuracy {accuracy}, mean Jacobian norm {norm}."
    if imported.state == "dead":
        return f"{line}, and could not be measured: {imported.error} Next: sensdb retry {imported.model_id}"
    if now or imported.state == "running":
        return f"{line}; another worker measures it, or its sweeps are paused. Next: sensdb status"
    return f"{line}; it waits to be measured. Next: sensdb worker --drain"


def _find_dataset(dataset: str, data_paths: Sequence[Path]) -> tuple[DatasetInfo, dict[str, Path]]:
    """The sizes of a data set named as in a sweep file, and where it lies if it is an .npz."""
    if not dataset.endswith(".npz"):
        return dataset_info(dataset, data_paths), {}
    from sensdb.datasets.npz import npz_info

    path = Path(dataset).resolve()
    if not path.is_file():
        raise DataError(f"--dataset: no file {dataset}.")
    info = npz_info(path)
    return info, {info.name: path}


def _sweep_record(connection: sa.Connection, name: str, spec: ImportedSpec) -> SweepRecord:
    """The sweep as it stands, or a new one; its text names the network."""
    query = sa.text("select description, priority from sweeps where name = :name")
    row = connection.execute(query, {"name": name}).one_or_none()
    description, priority = ("Networks trained elsewhere.", 0) if row is None else (row.description, row.priority)
    definition = f"# sensdb import\n{spec.canonical}\n"
    return SweepRecord(name, description, priority, definition, hashlib.sha256(definition.encode()).hexdigest())


def _look_up(queue: Queue, model_id: int, shape: str, *, is_new: bool) -> Imported:
    query = sa.text(
        "select j.state, a.error_message, r.test_accuracy, r.jacobian_norm_mean from jobs j"
        " left join attempts a on a.model_id = j.model_id and a.attempt = j.attempt"
        " left join model_metrics r on r.model_id = j.model_id where j.model_id = :model_id"
    )
    row = inspect(queue.engine, lambda connection: connection.execute(query, {"model_id": model_id}).one())
    return Imported(model_id, shape, is_new, row.state, row.error_message, row.test_accuracy, row.jacobian_norm_mean)
