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
    # Losses: members, B, K, scores, targets or labels[, smoothing], weights or 0, share (B,),
    # gradient, scratch (2, B, K), values (members,).
    "mean_squared_error": Kind("iiiiiiiiii", "v"),
    "binary_cross_entropy": Kind("iiiiidiiiii", "v"),
    "softmax_cross_entropy": Kind("iiiiidiiiii", "v"),
    # Updates: members, size[, n_decayed], addresses of w, g and slots, numbers of the step, ...
    "descend": Kind("iiiidi", "v"),  # mu, Nesterov
    "adam": Kind("iiiiidd", "v"),  # betas; numbers are rate, epsilon, keep
    "fill_mask": Kind("iiidiii", "v"),  # members, size, mask, rate, seeds, batch, layer
    "shuffle": Kind("iiiiii", "v"),  # members, rows, orders, seeds, purpose, epoch
    "run_steps": Kind("iii", "v"),  # as `chunk.call` packs them
}
"""Every kernel that Python calls, each compiled for both precisions."""
