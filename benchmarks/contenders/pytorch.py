"""PyTorch on one thread: eager with fused Adam, and the whole step compiled.

Both cut their batches from a shuffled copy, which is faster than its own DataLoader.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.contenders.stopwatch import TimedEpochs, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.shapes import Shape

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def eager(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """Autograd, and Adam's update fused into one call."""
    network = _network(shape)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)

    def step(rows: Any, labels: Any) -> None:
        optimizer.zero_grad()
        cross_entropy(network(rows), labels).backward()
        optimizer.step()

    return _epochs(shape, X, y, step)


def compiled(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """Forward, backward and update as one function through torch.compile (Inductor, C++)."""
    network = _network(shape)
    parameters = [parameter.detach() for parameter in network.parameters()]
    means = [torch.zeros_like(parameter) for parameter in parameters]
    squares = [torch.zeros_like(parameter) for parameter in parameters]
    count = torch.zeros(())

    def loss_of(weights: list[Any], rows: Any, labels: Any) -> Any:
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            rows = torch.relu(torch.nn.functional.linear(rows, W, b))
        return cross_entropy(torch.nn.functional.linear(rows, *weights[-2:]), labels)

    gradient_of = torch.func.grad(loss_of)

    def step(rows: Any, labels: Any) -> None:
        gradients = gradient_of(parameters, rows, labels)
        count.add_(1.0)
        rate = RATE / (1.0 - BETA1**count)
        correction = torch.sqrt(1.0 - BETA2**count)
        for w, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m.mul_(BETA1).add_(g, alpha=1.0 - BETA1)
            v.mul_(BETA2).addcmul_(g, g, value=1.0 - BETA2)
            w.sub_(rate * m / (v.sqrt() / correction + EPSILON))

    with torch.no_grad():
        return _epochs(shape, X, y, torch.compile(step, fullgraph=True, dynamic=False))


def _network(shape: Shape) -> Any:
    torch.set_num_threads(1)
    layers: list[Any] = []
    for n_in, n_out in pairwise(shape.widths):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _epochs(shape: Shape, X: Any, y: Any, step: Callable[[Any, Any], None]) -> TimedEpochs:
    features, labels = torch.tensor(X), torch.tensor(y)

    def run(epochs: int) -> None:
        for _ in range(epochs):
            order = torch.randperm(shape.rows)
            shuffled, classes = features[order], labels[order]
            batches = zip(
                shuffled.split(shape.batch_size), classes.split(shape.batch_size), strict=True
            )
            for rows, truth in batches:
                step(rows, truth)

    return timed(run)
