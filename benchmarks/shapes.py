"""The shapes of the training benchmark, and what a step of each has to multiply."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Shape:
    """Widths from input to output, ReLU between them; the rows are whole batches."""

    widths: tuple[int, ...]
    batch_size: int
    rows: int

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return self.rows // self.batch_size

    @property
    def flops_per_row(self) -> int:
        """Of a step's products alone: X W, X' dZ and dZ W' for every layer, but no dX of the first.

        A multiply-add is two operations.
        """
        products = [2 * n_in * n_out for n_in, n_out in pairwise(self.widths)]
        return 3 * sum(products) - products[0]


SHAPES = {
    "tiny": Shape((4, 16, 3), batch_size=32, rows=16_384),
    "small": Shape((30, 64, 32, 2), batch_size=128, rows=20_480),
    "medium": Shape((784, 256, 128, 10), batch_size=128, rows=10_240),
    "medium-512": Shape((784, 256, 128, 10), batch_size=512, rows=10_240),
    "large": Shape((512, 2048, 2048, 10), batch_size=1024, rows=8_192),
}

STACK_SHAPES = {
    "tiny": SHAPES["tiny"],
    "tiny, 160 rows": Shape((4, 16, 3), batch_size=32, rows=160),
}
"""Where many networks train at once: on a long table, and on one as short as they often are."""
