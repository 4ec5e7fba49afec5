"""The losses as loops over a batch: formulas in `spec.losses`.

`share` (B,) is what each row counts for: its weight over the sum of the weights. A mean is summed
in float64 whatever the run computes in, row by row. Scores, targets and gradient are (B, K).
"""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.source.jit import cast, constant, inlined, vector
from workers.engine.kernels.source.special import exp, log, logistic, softplus

_zero = constant(0.0)
_half = constant(0.5)
_one = constant(1.0)
_two = constant(2.0)


@inlined
def set_shares(weights: Any, share: Any) -> Any:
    """Fill share (B,) from weights (B,), or evenly where there are none (0,); return their sum."""
    rows = share.size
    if weights.size == 0:
        even = cast(1.0 / rows, share[0])
        for r in range(rows):
            share[r] = even
        return float(rows)
    total = 0.0
    for r in range(rows):
        total += weights[r]
    # A batch whose weights are all 0 counts nothing at all: its loss is 0, not 0 / 0.
    divisor = total if total > 0.0 else 1.0
    for r in range(rows):
        share[r] = weights[r] / divisor
    return total


@inlined
def mean_squared_error(scores: Any, targets: Any, share: Any, gradient: Any) -> Any:
    """Return the mean of (y - t)^2; leave its gradient."""
    rows, columns = scores.shape
    part = cast(1.0 / columns, share[0])
    total = 0.0
    for r in range(rows):
        scale = share[r] * part
        for k in range(columns):
            error = scores[r, k] - targets[r, k]
            gradient[r, k] = _two(error) * error * scale
            total += error * error * scale
    return total


@inlined
def binary_cross_entropy(
    scores: Any, targets: Any, smoothing: Any, share: Any, gradient: Any, scratch: Any
) -> Any:
    """Return the mean of max(z, 0) - z t + log(1 + exp(-|z|)); leave its gradient."""
    rows, columns = scores.shape
    part = cast(1.0 / columns, share[0])
    kept = cast(1.0 - smoothing, share[0])
    even = cast(0.5 * smoothing, share[0])
    for r in range(rows):
        for k in range(columns):
            z = scores[r, k]
            t = kept * targets[r, k] + even
            gradient[r, k] = logistic(z) - t
            # The small logarithm last: beside a large score it would lose its digits.
            above = z if z > _zero(z) else _zero(z)
            scratch[r, k] = (above - z * t) + softplus(-abs(z))
    total = 0.0
    for r in range(rows):
        scale = share[r] * part
        for k in range(columns):
            gradient[r, k] *= scale
            total += scratch[r, k] * scale
    return total


@inlined
def softmax_cross_entropy(
    scores: Any, labels: Any, smoothing: Any, share: Any, gradient: Any, scratch: Any
) -> Any:
    """Return the mean of log(sum of exp(z)) - z_label; leave its gradient. scratch (K + 2, B).

    Every row is shifted by its largest score (Goodfellow et al. 2016, 4.1). Classes are few and
    rows are many, so it is done class by class: a processor then takes many rows at once.
    """
    rows, columns = scores.shape
    kept = cast(1.0 - smoothing, share[0])
    even = cast(smoothing / columns, share[0])
    sums = vector(scratch, columns * rows, rows)
    along = vector(scratch, (columns + 1) * rows, rows)
    _shift_classes(scores, scratch, sums, along)
    for r in range(rows):
        along[r] = kept * scratch[labels[r], r] + even * sums[r]
    _exponentiate(vector(scratch, 0, rows * columns))
    _sum_classes(scratch, columns, sums)
    for r in range(rows):
        along[r] = share[r] * (log(sums[r]) - along[r])
        sums[r] = share[r] / sums[r]
    for k in range(columns):
        for r in range(rows):
            gradient[r, k] = scratch[k, r] * sums[r] - even * share[r]
    for r in range(rows):
        gradient[r, labels[r]] -= kept * share[r]
    total = 0.0
    for r in range(rows):
        total += along[r]
    return total


@inlined
def _shift_classes(scores: Any, shifted: Any, sums: Any, largest: Any) -> None:
    """Leave z less its row's largest in `shifted` (K, B), and its sums over the classes."""
    rows, columns = scores.shape
    for k in range(columns):
        for r in range(rows):
            shifted[k, r] = scores[r, k]
    for r in range(rows):
        largest[r] = shifted[0, r]
        sums[r] = _zero(sums[r])
    for k in range(1, columns):
        for r in range(rows):
            largest[r] = max(largest[r], shifted[k, r])
    for k in range(columns):
        for r in range(rows):
            shifted[k, r] -= largest[r]
            sums[r] += shifted[k, r]


@inlined
def _exponentiate(z: Any) -> None:
    for i in range(z.size):
        z[i] = exp(z[i])


@inlined
def _sum_classes(z: Any, columns: Any, sums: Any) -> None:
    for r in range(sums.size):
        sums[r] = z[0, r]
    for k in range(1, columns):
        for r in range(sums.size):
            sums[r] += z[k, r]
