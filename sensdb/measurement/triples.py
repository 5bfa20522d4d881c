"""Triples of training points for ellipses and planes: a fixed list a data set, the same for all models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

from sensdb.datasets.arrays import point_order

Triple = tuple[int, int, int]


def class_triples(labels: Sequence[int], n_triples: int, *, same_class: bool, name: str) -> list[Triple]:
    """The first n_triples triples of points of one class, or of three classes.

    Walks the points in the order given and closes a triple as soon as it can: so the first ones hold the earliest
    points, which models trained on few points have too, and a longer list begins with the shorter one. Points that do
    not fit the open triple are passed over. When all points have been walked, a new walk begins in another fixed
    order, so that triples never run out where there are any.

    Args:
        labels: of training points in training order; classes are the true ones, whatever a model was trained on.
        same_class: three points of one class (one open triple a class) instead of three points of three.
        name: of the data set; decides the order of the later walks (`point_order`).

    Returns:
        Places in `labels`, three different ones a triple. Empty where no three points fit.
    """
    return list(islice(_walks(labels, same_class, name), n_triples))


def _walks(labels: Sequence[int], same_class: bool, name: str) -> Iterator[Triple]:
    for walk in count():
        order = range(len(labels)) if walk == 0 else point_order(f"{name} triples {walk}", len(labels)).tolist()
        n_found = 0
        for triple in _walk(labels, order, same_class):
            yield triple
            n_found += 1
        if n_found == 0:
            return


def _walk(labels: Sequence[int], order: Sequence[int], same_class: bool) -> Iterator[Triple]:
    waiting: dict[int, list[int]] = {}
    for place in order:
        triple = waiting.setdefault(labels[place] if same_class else 0, [])
        if same_class or all(labels[place] != labels[other] for other in triple):
            triple.append(place)
        if len(triple) == 3:
            yield triple[0], triple[1], triple[2]
            triple.clear()
