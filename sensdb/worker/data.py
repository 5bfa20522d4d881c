"""The data sets a worker has loaded: read and checked once, prepared once a crop and dtype."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from sensdb.datasets.prepare import Dataset, load_dataset
from sensdb.definitions.spec import Spec, TrainingSpec
from sensdb.jobs.queue import Queue
from sensdb.measurement.summary import MeasurementData
from sensdb.results.writer import record_dataset
from sensdb.training.data import TrainingData

KEPT = 2

K = TypeVar("K")
V = TypeVar("V")


class LoadedData:
    """Data sets by name, and their tensors by (name, crop, dtype); the `KEPT` used last stay in memory.

    Raises, from every method: DataError where a data set is missing, truncated or altered on this host, which is a
    fault of the worker and not of the job.
    """

    def __init__(self, queue: Queue, search: Sequence[Path], device: torch.device) -> None:
        self._queue = queue
        self._search = tuple(search)
        self._device = device
        self._datasets: OrderedDict[str, Dataset] = OrderedDict()
        self._training: OrderedDict[tuple[str, int | None, str], TrainingData] = OrderedDict()
        self._measurement: OrderedDict[tuple[str, int | None, str], MeasurementData] = OrderedDict()

    def dataset(self, name: str) -> Dataset:
        """The data set of this name, its sizes and labels noted in the database the first time."""
        return _kept(self._datasets, name, lambda: self._load(name))

    def training(self, spec: TrainingSpec) -> TrainingData:
        """All training points of the spec's data set on the device, [N, d] standardised, with their labels."""
        key = (spec.dataset, spec.crop, spec.dtype)
        return _kept(
            self._training,
            key,
            lambda: TrainingData.build(self.dataset(spec.dataset), spec.crop, spec.dtype, self._device),
        )

    def measurement(self, spec: Spec) -> MeasurementData:
        """The test points and the fixed training sample that every model of this data set is measured at."""
        key = (spec.dataset, spec.crop, spec.dtype)
        return _kept(
            self._measurement,
            key,
            lambda: MeasurementData.build(self.dataset(spec.dataset), spec.crop, spec.dtype, self._device),
        )

    def _load(self, name: str) -> Dataset:
        dataset = load_dataset(name, self._search, last_path=self._queue.dataset_path(name))
        record_dataset(self._queue.engine, dataset.info, dataset.checksum, dataset.y_train, dataset.y_test)
        return dataset


def _kept(cache: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    if key not in cache:
        cache[key] = make()
        while len(cache) > KEPT:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]
