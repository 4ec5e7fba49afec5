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
    """Return the mean of log(sum of exp(z)) - z_label; leave its gradient. scratch (2, B).

    Every row is shifted by its largest score (Goodfellow et al. 2016, 4.1).
    """
    rows, columns = scores.shape
    kept = cast(1.0 - smoothing, share[0])
    even = cast(smoothing / columns, share[0])
    sums, along = scratch[0], scratch[1]
    _shift_rows(scores, labels, (kept, even), gradient, along)
    _exponentiate(vector(gradient, 0, rows * columns))
    _sum_rows(gradient, sums)
    for r in range(rows):
        scale = share[r] / sums[r]
        for k in range(columns):
            gradient[r, k] = gradient[r, k] * scale - even * share[r]
        gradient[r, labels[r]] -= kept * share[r]
        along[r] = share[r] * (log(sums[r]) - along[r])
    total = 0.0
    for r in range(rows):
        total += along[r]
    return total


@inlined
def _shift_rows(scores: Any, labels: Any, parts: Any, shifted: Any, along: Any) -> None:
    """Leave z less its row's largest in `shifted`, and its product with the targets in `along`."""
    kept, even = parts
    rows, columns = scores.shape
    for r in range(rows):
        largest = scores[r, 0]
        for k in range(1, columns):
            largest = max(largest, scores[r, k])
        total = _zero(largest)
        for k in range(columns):
            shifted[r, k] = scores[r, k] - largest
            total += shifted[r, k]
        along[r] = kept * shifted[r, labels[r]] + even * total


@inlined
def _exponentiate(z: Any) -> None:
    for i in range(z.size):
        z[i] = exp(z[i])


@inlined
def _sum_rows(z: Any, sums: Any) -> None:
    rows, columns = z.shape
    for r in range(rows):
        total = z[r, 0]
        for k in range(1, columns):
            total += z[r, k]
        sums[r] = total
