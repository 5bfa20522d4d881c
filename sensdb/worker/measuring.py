"""From one job's network to the result that is stored of it, whether it was trained just now or long ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sensdb.definitions.spec import TrainingSpec
from sensdb.jobs.queue import Job
from sensdb.measurement.slices import slice_arrays
from sensdb.measurement.summary import Measured, MeasurementData, measure_models
from sensdb.results.artifacts import Artifact
from sensdb.results.pictures import REGIONS, SUFFIX, pictures_bytes
from sensdb.results.writer import Result
from sensdb.training.network import StackedNetwork
from sensdb.training.packing import ENGINE_VERSION

if TYPE_CHECKING:
    from sensdb.worker.loop import Worker


def measure_job(
    worker: Worker,
    job: Job,
    network: StackedNetwork,
    data: MeasurementData,
    trained: Mapping[str, object],
    artifacts: Sequence[Artifact] = (),
    engine_version: str = ENGINE_VERSION,
) -> Result:
    """Measure a job's network (M = 1) as its sweeps ask.

    Args:
        data: the points to measure at.
        trained: columns of model_metrics that training determines; of a model that is measured again none, for the
            writer carries over the stored ones.
        artifacts: files stored of the model just now.
        engine_version: of what trained it.
    """
    specs = [job.spec] if isinstance(job.spec, TrainingSpec) else None
    (measured,) = measure_models(network, data, job.measure, specs)
    metrics = {**measured.metrics, **trained}
    train, test = metrics.get("train_accuracy"), metrics["test_accuracy"]
    if isinstance(train, float) and isinstance(test, float):
        metrics["generalization_gap"] = train - test
    return Result(
        model_id=job.model_id,
        attempt=job.attempt,
        metrics=metrics,
        engine_version=engine_version,
        device_class=worker.device_class,
        points=measured.points,
        trajectories=measured.trajectories,
        regions=None if measured.slices is None else [row for one in measured.slices for row in one.rows()],
        artifacts=[*artifacts, *_pictures(worker, measured)],
        measure=job.measure.canonical(),
    )


def _pictures(worker: Worker, measured: Measured) -> list[Artifact]:
    """What was seen on the model's plane, stored as a file; nothing where there was nothing to see."""
    if measured.slices is None:
        return []
    return [worker.artifacts.put(REGIONS, pictures_bytes(slice_arrays(measured.slices)), SUFFIX)]
