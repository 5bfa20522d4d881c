"""The plain way to train: nn.Sequential, autograd and torch.optim, one model at a time, as anyone would write it."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec, n_train_points
from sensdb.training.augment import Augmentation
from sensdb.training.data import TrainingData
from sensdb.training.random import initial_weights, noisy_labels, permutation


class HardSigmoid(nn.Module):
    """The paper's: slope 1, kinks at -1/2 and 1/2."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.clamp(z + 0.5, 0.0, 1.0)


MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "tanh": nn.Tanh,
    "hard_tanh": nn.Hardtanh,
    "hard_sigmoid": HardSigmoid,
}


def train_reference(spec: TrainingSpec, data: TrainingData) -> list[Tensor]:
    """The plain loop on the batches of the spec; its final parameters, each layer's weight and then its bias."""
    n = n_train_points(spec, data.info)
    x, y = data.x[:n], noisy_labels(spec.seed, spec.label_noise, data.labels[:n], data.info.n_classes)
    model = reference_model(spec, data.info)
    optimizer = reference_optimizer(spec, model)
    augmentation = None
    if spec.augmentation is not None:
        augmentation = Augmentation(spec.augmentation, data.image_shape, "cpu")
    batch = spec.batch_rows(n)
    an_epoch = n // batch
    for step in range(spec.max_steps):
        if (
            spec.learning_rate_drop_epochs is not None
            and step
            and step % (spec.learning_rate_drop_epochs * an_epoch) == 0
        ):
            for group in optimizer.param_groups:
                group["lr"] *= 0.1
        epoch, place = divmod(step, an_epoch)
        if place == 0:
            order = torch.arange(n) if spec.full_batch else permutation(spec.seed, epoch, n)
        rows = order[place * batch :][:batch]
        points = x[rows]
        if augmentation is not None:
            variants = augmentation.variants(torch.tensor([spec.seed]), torch.tensor([[step]]), batch)[0, 0]
            points = points.gather(1, augmentation.sources[variants])
        optimizer.zero_grad()
        reference_loss(spec, model(points), y[rows]).backward()
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def reference_model(spec: TrainingSpec, info: DatasetInfo) -> nn.Sequential:
    sizes = (info.input_size, *spec.widths, info.n_classes)
    layers: list[nn.Module] = []
    weights = initial_weights(spec.seed, spec.weight_scale, spec.nonlinearity, sizes)
    for (fan_in, fan_out), weight in zip(itertools.pairwise(sizes), weights, strict=True):
        layer = nn.Linear(fan_in, fan_out, bias=spec.biases, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(weight)
            if spec.biases:
                layer.bias.zero_()
        layers += [layer, MODULES[spec.nonlinearity]()]
    return nn.Sequential(*layers[:-1])


def reference_optimizer(spec: TrainingSpec, model: nn.Module) -> torch.optim.Optimizer:
    rate = spec.learning_rate
    assert rate is not None
    if spec.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.999), eps=1e-8)
    if spec.optimizer == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), rate, alpha=0.9, eps=1e-8)
    return torch.optim.SGD(model.parameters(), rate, momentum=spec.momentum or 0.0)


def reference_loss(spec: TrainingSpec, logits: Tensor, labels: Tensor) -> Tensor:
    if spec.loss == "cross_entropy":
        return nn.functional.cross_entropy(logits, labels)
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (logits - one_hot).square().sum(1).mean() / 2
