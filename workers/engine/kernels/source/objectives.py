"""The losses of a batch: formulas in `spec.losses`.

Classes or targets are few and rows are many: scores, targets and gradient are (K, B), and a
register of rows is taken at a time. The gradient may take the place of the scores. `share` (B,) is
what each row counts for: its weight over the sum of the weights. A mean is summed in float64
whatever the run computes in.
"""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.source.jit import cast, constant, inlined, line
from workers.engine.kernels.source.lanes import choose, larger, magnitude, total
from workers.engine.kernels.source.registers import load, splat, store, width
from workers.engine.kernels.source.special import exp, log, logistic, softplus

_zero = constant(0.0)
_two = constant(2.0)


@inlined
def set_shares(weights: Any, share: Any) -> Any:
    """Fill share (B,) from weights (B,), or evenly where there are none (0,); return their sum."""
    rows = share.size
    if weights.size == 0:
        even = cast(1.0 / rows, share[0])
        for r in range(0, rows, width(share)):
            store(share, r, splat(even))
        return float(rows)
    whole = 0.0
    for r in range(rows):
        whole += weights[r]
    # A batch whose weights are all 0 counts nothing at all: its loss is 0, not 0 / 0.
    divisor = whole if whole > 0.0 else 1.0
    for r in range(rows):
        share[r] = weights[r] / divisor
    return whole


@inlined
def mean_squared_error(scores: Any, targets: Any, share: Any, gradient: Any) -> Any:
    """Return the mean of (y - t)^2; leave its gradient."""
    columns, rows = scores.shape
    part = splat(cast(1.0 / columns, share[0]))
    mean = 0.0
    for k in range(columns):
        for r in range(0, rows, width(share)):
            scale = load(share, r) * part
            error = load(line(scores, k), r) - load(line(targets, k), r)
            store(line(gradient, k), r, _two(error) * error * scale)
            mean += total(error * error * scale)
    return mean


@inlined
def binary_cross_entropy(
    scores: Any, targets: Any, smoothing: Any, share: Any, gradient: Any
) -> Any:
    """Return the mean of max(z, 0) - z t + log(1 + exp(-|z|)); leave its gradient."""
    columns, rows = scores.shape
    part = splat(cast(1.0 / columns, share[0]))
    kept = splat(cast(1.0 - smoothing, share[0]))
    even = splat(cast(0.5 * smoothing, share[0]))
    mean = 0.0
    for k in range(columns):
        for r in range(0, rows, width(share)):
            scale = load(share, r) * part
            z = load(line(scores, k), r)
            t = kept * load(line(targets, k), r) + even
            store(line(gradient, k), r, (logistic(z) - t) * scale)
            # The small logarithm last: beside a large score it would lose its digits.
            above = choose(z > _zero(z), z, _zero(z))
            mean += total(((above - z * t) + softplus(-magnitude(z))) * scale)
    return mean


@inlined
def softmax_cross_entropy(
    scores: Any, labels: Any, smoothing: Any, share: Any, gradient: Any
) -> Any:
    """Return the mean of log(sum of exp(z)) - z_label; leave its gradient. labels (B,): numbers.

    Every row is shifted by its largest score (Goodfellow et al. 2016, 4.1).
    """
    columns, rows = scores.shape
    kept = splat(cast(1.0 - smoothing, share[0]))
    even = splat(cast(smoothing / columns, share[0]))
    mean = 0.0
    for r in range(0, rows, width(share)):
        of_row, label = load(share, r), load(labels, r)
        largest = load(line(scores, 0), r)
        for k in range(1, columns):
            largest = larger(load(line(scores, k), r), largest)
        of_all = along = _zero(label)
        for k in range(columns):
            z = load(line(scores, k), r) - largest
            is_label = label == splat(cast(k, share[0]))
            along = along + choose(is_label, kept + even, even) * z
            exponential = exp(z)
            store(line(gradient, k), r, exponential)
            of_all = of_all + exponential
        mean += total(of_row * (log(of_all) - along))
        scale = of_row / of_all
        for k in range(columns):
            is_label = label == splat(cast(k, share[0]))
            expected = choose(is_label, kept + even, even) * of_row
            store(line(gradient, k), r, load(line(gradient, k), r) * scale - expected)
    return mean
