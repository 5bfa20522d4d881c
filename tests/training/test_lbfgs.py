"""L-BFGS: step by step torch's, each model's search its own, and sound ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import TrainingError
from sensdb.training.lbfgs import MOST_EVALUATIONS, minimise
from sensdb.training.trainer import Trainer, train_alone
from tests.training.models import a_spec, made_up_data, made_up_info, train_pack
from tests.training.reference import reference_loss, reference_model

INFO = made_up_info(200)
Problem = Callable[[Tensor], tuple[float, Tensor]]


def rosenbrock(x: Tensor) -> tuple[float, Tensor]:
    """Value and gradient of the valley with its minimum 0 at (1, 1)."""
    a, b = x.tolist()
    gradient = [-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]
    return (1 - a) ** 2 + 100 * (b - a * a) ** 2, torch.tensor(gradient, dtype=x.dtype)


def run_course(problem: Problem, x: Tensor, most_iterations: int = 1000) -> tuple[str | None, int, list[int]]:
    """Drive one course; how it ended (None: it did not), iterations, and evaluations of each iteration."""
    course = minimise(x)
    at_iterate, evaluations = next(course), [0]
    while True:
        if at_iterate and len(evaluations) == most_iterations:
            return None, most_iterations, evaluations
        if at_iterate:
            evaluations.append(0)
            message = (0.0, x)
        else:
            evaluations[-1] += 1
            message = problem(x)
        try:
            at_iterate = course.send(message)
        except StopIteration as end:
            return end.value, len(evaluations) - 1, evaluations


def test_a_quadratic_bowl_converges_to_its_bottom() -> None:
    weights = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    x = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)

    end, n_iterations, _ = run_course(lambda x: (float((weights * x * x).sum() / 2), weights * x), x)

    assert end == "converged"
    assert n_iterations < 30
    assert float(x.abs().max()) < 1e-9


def test_rosenbrocks_valley_is_followed_to_its_minimum_from_many_starts() -> None:
    starts = 4 * torch.rand(25, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 2

    ends = [run_course(rosenbrock, x) for x in starts]

    assert [end for end, _, _ in ends] == ["converged"] * 25
    assert torch.allclose(starts, torch.ones(25, 2, dtype=torch.float64), atol=1e-6)


def test_problems_side_by_side_take_the_same_steps_as_alone() -> None:
    """One state shared by a batch of problems would ruin most of them."""
    starts = 4 * torch.rand(25, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 2
    alone = starts.clone()
    for x in alone:
        run_course(rosenbrock, x, most_iterations=12)

    together = starts.clone()
    courses = [minimise(x) for x in together]
    at_iterate = [next(course) for course in courses]
    n_iterations = [0] * 25
    while min(n_iterations) < 12:
        for place, (course, x) in enumerate(zip(courses, together, strict=True)):
            if n_iterations[place] < 12:
                at_iterate[place] = course.send(rosenbrock(x) if not at_iterate[place] else (0.0, x))
                n_iterations[place] += at_iterate[place] is not None

    assert torch.equal(together, alone)


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_twenty_iterations_equal_torchs(nonlinearity: str, loss: str) -> None:
    fields = {
        "optimizer": "lbfgs",
        "batch_size": "full",
        "dtype": "float64",
        "loss": loss,
        "nonlinearity": nonlinearity,
    }
    spec = a_spec(INFO, **fields, biases=True, max_steps=20, seed=3)
    data = made_up_data(INFO, "float64")

    trained = train_pack([a_spec(INFO, **fields, biases=True, max_steps=9), spec], data)[1]

    reference = train_with_torch(spec, 20, 1e-9)
    ours = [
        tensor[0] for pair in zip(trained.network.weights, trained.network.biases or [], strict=True) for tensor in pair
    ]
    assert trained.steps == 20
    assert max(float((a - b).abs().max()) for a, b in zip(ours, reference, strict=True)) < 1e-8


def train_with_torch(spec: TrainingSpec, n_iterations: int, least_change: float) -> list[Tensor]:
    """torch.optim.LBFGS with strong Wolfe on all points at once; parameters in order."""
    data = made_up_data(INFO, "float64")
    model = reference_model(spec, INFO)
    optimizer = torch.optim.LBFGS(
        model.parameters(),
        max_iter=n_iterations,
        max_eval=10_000,
        tolerance_grad=0.0,
        tolerance_change=least_change,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = reference_loss(spec, model(data.x), data.labels)
        value.backward()
        return value

    optimizer.step(closure)
    return [parameter.detach() for parameter in model.parameters()]


def test_it_ends_at_the_same_loss_as_torch() -> None:
    """The squared loss of a linear model has one minimum, which both must find."""
    fields = {"optimizer": "lbfgs", "batch_size": "full", "dtype": "float64", "loss": "squared", "hidden_layers": 0}
    spec = a_spec(INFO, **fields, width=None, max_steps=500)

    trained = train_alone(spec, made_up_data(INFO, "float64"))

    reference = train_with_torch(spec, 500, 1e-14)
    assert trained.stop_reason == "converged"
    assert torch.allclose(trained.network.weights[0][0], reference[0], atol=1e-6)


def test_a_fitted_classifier_converges_before_its_budget() -> None:
    spec = a_spec(INFO, optimizer="lbfgs", batch_size="full", width=30, max_steps=3000)

    trained = train_alone(spec, made_up_data(INFO))

    assert trained.stop_reason == "converged"
    assert trained.fitted
    assert trained.steps < 3000


def test_stop_rules_hold_at_iterates() -> None:
    spec = a_spec(INFO, optimizer="lbfgs", batch_size="full", width=30, max_steps=3000, stop="loss < 0.1")

    trained = train_alone(spec, made_up_data(INFO))

    assert trained.stop_reason == "loss"
    assert trained.steps % 10 == 0  # the check grid of a full batch
    assert trained.train_loss is not None
    assert trained.train_loss < 0.1


def test_a_loss_that_is_not_finite_at_the_start_diverges_at_step_1() -> None:
    spec = a_spec(INFO, optimizer="lbfgs", batch_size="full", weight_scale=1e30)

    trained = train_alone(spec, made_up_data(INFO))

    assert (trained.stop_reason, trained.steps, trained.train_loss) == ("diverged", 1, None)


def test_a_trial_beyond_the_range_of_numbers_is_turned_back_from() -> None:
    def steep(x: Tensor) -> tuple[float, Tensor]:
        value = float(x[0])
        if value < -1.0:
            return math.nan, torch.full_like(x, math.nan)
        return (value - 0.5) ** 2 + 10 * value, torch.tensor([2 * (value - 0.5) + 10], dtype=x.dtype)

    x = torch.tensor([4.0], dtype=torch.float64)
    end, _, evaluations = run_course(steep, x)

    assert end == "converged"
    assert -1.0 <= float(x[0]) < -0.9
    assert max(evaluations) <= MOST_EVALUATIONS + 1


def test_no_lower_point_leaves_the_last_iterate() -> None:
    def cusp(x: Tensor) -> tuple[float, Tensor]:
        """A gradient that promises what the value does not keep."""
        return 1.0 + float(x.abs()[0]), torch.ones_like(x)

    x = torch.zeros(1, dtype=torch.float64)
    end, n_iterations, evaluations = run_course(cusp, x)

    assert (end, n_iterations, float(x[0])) == ("converged", 0, 0.0)
    assert sum(evaluations) <= MOST_EVALUATIONS + 1


def test_a_stored_spec_of_lbfgs_with_augmentation_is_refused() -> None:
    # make_spec lets none through; databases may hold one from before it did.
    spec = replace(a_spec(INFO, optimizer="lbfgs", batch_size="full"), augmentation=("flip",))

    with pytest.raises(
        TrainingError, match=r"^optimizer lbfgs with augmentation flip: a line search needs a fixed loss\.$"
    ):
        Trainer(spec, 1, made_up_data(INFO))
