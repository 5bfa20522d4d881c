"""A network on its way between a worker's memory and the artifact folder."""

from __future__ import annotations

import torch

from sensdb.definitions.spec import Spec
from sensdb.errors import ArtifactError
from sensdb.results.artifacts import WEIGHTS, Artifact, ArtifactStore
from sensdb.results.weights import SUFFIX, Weights, read_weights, weights_bytes
from sensdb.training.network import StackedNetwork


def keep_weights(store: ArtifactStore, spec: Spec, network: StackedNetwork) -> Artifact:
    """Store the weights of one network (M = 1), exactly as they are."""
    weights = tuple(weight[0].cpu().numpy() for weight in network.weights)
    biases = None if network.biases is None else tuple(bias[0].cpu().numpy() for bias in network.biases)
    return store.put(WEIGHTS, weights_bytes(Weights(weights, biases, spec.spec_sha256)), SUFFIX)


def load_network(store: ArtifactStore, spec: Spec, artifact: Artifact) -> StackedNetwork:
    """The network of stored weights (M = 1), on the CPU.

    Raises:
        ArtifactError: the file is missing or altered, or belongs to another spec.
        WorkerFault: the artifact folder cannot be used from here.
    """
    stored = read_weights(store.get(artifact), artifact.uri)
    if stored.spec_sha256 != spec.spec_sha256:
        raise ArtifactError(
            f"artifact {artifact.uri} is that of another model: spec_sha256 {spec.spec_sha256} expected,"
            f" {stored.spec_sha256} found."
        )
    return network_of(stored, spec.nonlinearity)


def network_of(stored: Weights, nonlinearity: str) -> StackedNetwork:
    """Weights as a network (M = 1) in memory of its own."""
    weights = [torch.tensor(weight).unsqueeze(0) for weight in stored.weights]
    biases = None if stored.biases is None else [torch.tensor(bias).unsqueeze(0) for bias in stored.biases]
    return StackedNetwork(weights, biases, nonlinearity)
