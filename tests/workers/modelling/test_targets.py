"""The most probable class, found by columns or by rows, is the same one."""

from __future__ import annotations

import numpy as np
import pytest

from workers.modelling.targets import ClassTarget


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 40])
@pytest.mark.parametrize("n_rows", [1, 999, 1000, 3001])
def test_the_most_probable_class_is_the_first_of_the_largest(n_rows: int, n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    # Of so few different numbers most rows have equals, also the largest twice.
    outputs = rng.integers(0, 4, (n_rows, n_classes)).astype(np.float32) / 4
    target = ClassTarget(tuple(map(str, range(n_classes))))
    found = target.predicted(outputs)
    expected = [row.index(max(row)) for row in outputs.tolist()]
    assert found.tolist() == expected
    assert found.dtype == np.intp
