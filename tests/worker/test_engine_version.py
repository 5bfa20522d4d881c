"""What a worker stores of models it trained by resident or fused steps; Triton's interpreter stands where no GPU is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sensdb.training.packing import ENGINE_VERSION, FUSED_VERSION, RESIDENT_VERSION
from tests.worker.conftest import Bench
from tests.worker.test_exceptions import work as work

pytest.importorskip("triton", reason="Triton has no wheel for this kind of machine")


def test_a_result_says_by_which_steps_it_was_trained(bench: Bench, work: Callable[..., int]) -> None:
    bench.enqueue(3, max_steps=3)

    work(1, resident=True)
    work(1, fused=True)
    work(1)

    versions = [row[0] for row in bench.rows("select engine_version from model_metrics order by model_id")]
    assert versions == [RESIDENT_VERSION, FUSED_VERSION, ENGINE_VERSION]
