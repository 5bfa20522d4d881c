"""Augmentation: at each step each image of the batch is seen moved, mirrored or turned, as its stream says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sensdb.errors import TrainingError
from sensdb.training.random import Purpose, below, words

FARTHEST = 4
"""Pixels a translation moves at most, up, down, left and right (paper.md 4); what leaves enters opposite."""

_MOVES = 2 * FARTHEST + 1

# Images whose variants are drawn at once: what a draw leaves between its rounds stays in a cache, or small on a GPU.
_CHUNK = 16384
_GPU_CHUNK = 1 << 20


class Augmentation:
    """Wrapped translation, horizontal flip with probability 1/2 and rotation by k * 90 degrees, in this order.

    All three only permute the numbers of an image, so each combination is one row of a table of sources, and an
    image standardised before is standardised after.

    Attributes:
        sources: int64 [V, d]; an augmented image is image[sources[v]], flat in the order height, width, channel.
    """

    def __init__(self, kinds: Sequence[str], image_shape: tuple[int, int, int], device: str | torch.device) -> None:
        height, width, channels = image_shape
        if "rotate" in kinds and height != width:
            raise TrainingError(
                f"augmentation rotate needs square images, and these are {height} x {width}.",
                "leave rotate out, or give a crop.",
            )
        self._counts = (
            _MOVES if "translate" in kinds else 1,
            _MOVES if "translate" in kinds else 1,
            2 if "flip" in kinds else 1,
            4 if "rotate" in kinds else 1,
        )
        image = torch.arange(height * width * channels).view(image_shape)
        rows = []
        for down in range(self._counts[0]):
            for right in range(self._counts[1]):
                for flipped in range(self._counts[2]):
                    for turns in range(self._counts[3]):
                        moved = _move(image, down, right) if "translate" in kinds else image
                        mirrored = moved.flip(1) if flipped else moved
                        rows.append(torch.rot90(mirrored, turns, (0, 1)).reshape(-1))
        self.sources = torch.stack(rows).to(device)

    def variants(self, seeds: Tensor, steps: Tensor, n_rows: int) -> Tensor:
        """Which row of `sources` each image of each step takes: int64 [k, M, n_rows], uniform.

        A word each for down, right, flip and turns, whichever are in use: the flips of a spec are the same with
        and without rotation.

        Args:
            seeds: int64 [M], of the models.
            steps: int64 [k, M], each model's own steps from 0 on; the counter, with the place in the batch.
        """
        seed, step = seeds.expand_as(steps).reshape(-1, 1), steps.reshape(-1, 1)  # [k * M, 1]
        index = torch.arange(n_rows, device=steps.device)
        variants = torch.zeros(len(step), n_rows, dtype=torch.int64, device=steps.device)
        rows = max(1, (_CHUNK if steps.is_cpu else _GPU_CHUNK) // n_rows)
        for row in range(0, len(step), rows):
            part = variants[row : row + rows]
            drawn = words(seed[row : row + rows], Purpose.AUGMENTATION, step[row : row + rows], index)
            for word, count in zip(drawn, self._counts, strict=True):
                part.mul_(count).add_(below(word, count))
        return variants.view(*steps.shape, n_rows)


def _move(image: Tensor, down: int, right: int) -> Tensor:
    return torch.roll(image, (down - FARTHEST, right - FARTHEST), (0, 1))
