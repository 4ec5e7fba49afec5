"""The steps of the optimisers as loops over flat vectors: formulas in `spec.optimizers`."""

from __future__ import annotations

import math
from typing import Any

from workers.engine.kernels.source.jit import cast, inlined


@inlined
def decay(w: Any, keep: Any) -> None:
    """W *= keep."""
    keep = cast(keep, w[0])
    for i in range(w.size):
        w[i] *= keep


@inlined
def descend(w: Any, g: Any, rate: Any) -> None:
    """W -= rate g."""
    rate = cast(rate, w[0])
    for i in range(w.size):
        w[i] -= rate * g[i]


@inlined
def descend_with_momentum(w: Any, g: Any, b: Any, rate: Any, mu: Any, nesterov: Any) -> None:
    """B = mu b + g, then w -= rate b; with Nesterov's look-ahead w -= rate (g + mu b)."""
    rate, mu = cast(rate, w[0]), cast(mu, w[0])
    if nesterov:
        for i in range(w.size):
            b[i] = mu * b[i] + g[i]
            w[i] -= rate * (g[i] + mu * b[i])
    else:
        for i in range(w.size):
            b[i] = mu * b[i] + g[i]
            w[i] -= rate * b[i]


@inlined
def adam(  # noqa: PLR0913 - four vectors, four numbers
    w: Any, g: Any, m: Any, v: Any, betas: Any, rate: Any, epsilon: Any
) -> None:
    """M = beta1 m + g, v = beta2 v + g^2, then w -= rate m / (sqrt(v) + epsilon)."""
    beta1, beta2 = cast(betas[0], w[0]), cast(betas[1], w[0])
    rate, epsilon = cast(rate, w[0]), cast(epsilon, w[0])
    for i in range(w.size):
        m[i] = beta1 * m[i] + g[i]
        v[i] = beta2 * v[i] + g[i] * g[i]
        w[i] -= rate * (m[i] / (math.sqrt(v[i]) + epsilon))
