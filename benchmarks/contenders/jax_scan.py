"""JAX on one thread: an epoch is one compiled call, its steps a scan, its buffers donated.

The order of the rows comes from NumPy or is drawn inside: XLA sorts to permute, which for small
networks costs more than the training.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders.stopwatch import TimedEpochs, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.shapes import Shape

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def order_given(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The permutation of an epoch is drawn by NumPy."""
    rng = np.random.default_rng(0)
    return _epochs(shape, X, y, lambda _: rng.permutation(shape.rows).astype(np.int32))


def order_drawn(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The permutation of an epoch is drawn in a compiled call."""
    draw = jax.jit(lambda epoch: jax.random.permutation(jax.random.key(epoch), shape.rows))
    return _epochs(shape, X, y, draw)


def _epochs(shape: Shape, X: Any, y: Any, order: Callable[[int], Any]) -> TimedEpochs:
    features, labels = jnp.asarray(X), jnp.asarray(y, jnp.int32)
    state = _initial(shape)
    epoch = jax.jit(partial(_epoch, shape), donate_argnums=0)
    done = 0

    def run(epochs: int) -> None:
        nonlocal state, done
        for _ in range(epochs):
            state, loss = epoch(state, features, labels, order(done))
            jax.block_until_ready(loss)
            done += 1

    return timed(run)


def _initial(shape: Shape) -> Any:
    key = jax.random.key(0)
    weights = []
    for n_in, n_out in pairwise(shape.widths):
        key, own = jax.random.split(key)
        W = jax.random.normal(own, (n_in, n_out)) * jnp.sqrt(2.0 / n_in)
        weights.append((W, jnp.zeros(n_out)))
    means, squares = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    return weights, means, squares, jnp.zeros(())


def _epoch(shape: Shape, state: Any, X: Any, y: Any, order: Any) -> Any:
    def step(state: Any, rows: Any) -> Any:
        return _step(state, X[rows], y[rows])

    state, losses = jax.lax.scan(step, state, order.reshape(shape.steps, shape.batch_size))
    return state, losses.mean()


def _step(state: Any, X: Any, y: Any) -> Any:
    weights, means, squares, count = state
    loss, gradients = jax.value_and_grad(_loss)(weights, X, y)
    count = count + 1.0
    rate = RATE / (1.0 - BETA1**count)
    correction = jnp.sqrt(1.0 - BETA2**count)
    means = jax.tree.map(lambda m, g: BETA1 * m + (1.0 - BETA1) * g, means, gradients)
    squares = jax.tree.map(lambda v, g: BETA2 * v + (1.0 - BETA2) * g * g, squares, gradients)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) / correction + EPSILON),
        weights,
        means,
        squares,
    )
    return (weights, means, squares, count), loss


def _loss(weights: Any, X: Any, y: Any) -> Any:
    for W, b in weights[:-1]:
        X = jax.nn.relu(X @ W + b)
    W, b = weights[-1]
    scores = jax.nn.log_softmax(X @ W + b)
    return -jnp.take_along_axis(scores, y[:, None], axis=1).mean()
