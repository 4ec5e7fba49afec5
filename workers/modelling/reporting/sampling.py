"""Some rows for all of them, where all would be too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def spread_rows(n_rows: int, n_wanted: int) -> NDArray[np.intp]:
    """At most n_wanted of n_rows, in order and at even distances."""
    if n_rows <= n_wanted:
        return np.arange(n_rows)
    return (np.arange(n_wanted) * n_rows) // n_wanted


def taken(array: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """These rows, without a copy where they are all of them."""
    return array if len(rows) == len(array) else array[rows]
