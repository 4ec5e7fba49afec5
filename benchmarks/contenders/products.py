"""Nothing but matrix products by NumPy's BLAS: what the processor can do in this very run.

Both tell the time in which the multiplications of a training would be done.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.contenders.stopwatch import TimedEpochs, timed

if TYPE_CHECKING:
    from benchmarks.shapes import Shape

SQUARES = (512, 1024, 2048)


def squares(shape: Shape, X: Any, y: Any) -> TimedEpochs:  # noqa: ARG001 - as all contenders
    """The best of three square products: the peak."""
    rng = np.random.default_rng(0)
    trials = [(2 * n**3, timed(_square(n, rng))) for n in SQUARES]

    def run(epochs: int) -> float:
        flops = shape.flops_per_row * shape.rows * epochs
        found = []
        for flops_each, multiply in trials:
            count = max(1, round(flops / len(trials) / flops_each))
            found.append(multiply(count) * flops / (count * flops_each))
        return min(found)

    return run


def of_the_step(shape: Shape, X: Any, y: Any) -> TimedEpochs:  # noqa: ARG001 - as all contenders
    """The products of the shape's own step: X W, X' dZ and, but for the first layer, dZ W'."""
    rng = np.random.default_rng(0)
    B = shape.batch_size
    products = []
    for index, (n_in, n_out) in enumerate(pairwise(shape.widths)):
        X, W, dZ = (rng.random(s, np.float32) for s in ((B, n_in), (n_in, n_out), (B, n_out)))
        products += [(X, W, np.empty_like(dZ)), (X.T, dZ, np.empty_like(W))]
        if index > 0:
            products.append((dZ, W.T, np.empty_like(X)))

    def multiply(epochs: int) -> None:
        for _ in range(epochs * shape.steps):
            for left, right, result in products:
                np.dot(left, right, out=result)

    return timed(multiply)


def _square(n: int, rng: np.random.Generator) -> Any:
    left, right, result = (rng.random((n, n), np.float32) for _ in range(3))

    def multiply(times: int) -> None:
        for _ in range(times):
            np.dot(left, right, out=result)

    return multiply
