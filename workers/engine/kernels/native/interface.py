"""What compiled code and Python know of each other: names, and the kinds of arguments."""

from __future__ import annotations

from typing import NamedTuple

SGEMM, DGEMM = "slope_sgemm", "slope_dgemm"
"""The names by which compiled code calls the matrix products of BLAS."""

PRECISIONS = ("float32", "float64")


class Kind(NamedTuple):
    """Arguments in order, and the result: i a whole number or an address, d a float64, v none."""

    arguments: str
    result: str


ENTRIES = {
    "activate": Kind("iiii", "v"),  # code, size, z, slope
    "deactivate": Kind("iiiii", "v"),  # code, size, outputs, slope, error
    "set_shares": Kind("iii", "d"),  # B, weights or 0, share
    "mean_squared_error": Kind("iiiiii", "d"),  # B, K, scores, targets, share, gradient
    "binary_cross_entropy": Kind("iiiidiii", "d"),  # smoothing too, share, gradient, scratch (B, K)
    "softmax_cross_entropy": Kind("iiiidiii", "d"),  # with labels, scratch (K + 2, B)
    "decay": Kind("iid", "v"),  # size, w, keep
    "descend": Kind("iiid", "v"),  # size, w, g, rate
    "descend_with_momentum": Kind("iiiiddi", "v"),  # size, w, g, b, rate, mu, Nesterov
    "adam": Kind("iiiiidddd", "v"),  # size, w, g, m, v, betas, rate, epsilon
    "fill_mask": Kind("iidiii", "v"),  # size, mask, rate, seed, batch, layer
    "run_steps": Kind("iii", "v"),  # as `chunk.call` packs them
}
"""Every kernel that Python calls, each compiled for both precisions."""
