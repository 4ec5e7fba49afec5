from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy

from workers.modelling.tensor_file import tensor_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

TENSORS: dict[str, NDArray[np.floating]] = {
    "layers.10.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layers.2.bias": np.array([np.nan, -0.0, np.inf], np.float32),
    'embeddings.größe "1".weight': np.ones((1, 1), np.float32),
    "none": np.zeros((0, 3), np.float32),
    "number": np.array(2.5, np.float32),
    "wide": np.arange(3.0),
}


@pytest.mark.parametrize("metadata", [None, {"slope": '{"kind":"state","name":"größe"}'}])
def test_the_bytes_are_those_of_safetensors(metadata: dict[str, str] | None) -> None:
    assert tensor_file(TENSORS, metadata) == safetensors.numpy.save(TENSORS, metadata)


def test_a_strided_tensor_is_written_in_the_order_of_its_elements() -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = safetensors.numpy.load(tensor_file({"w": matrix.T}, None))
    assert np.array_equal(found["w"], matrix.T)


def test_one_copy_is_in_memory_at_the_peak() -> None:
    tensors = {f"layers.{i}.weight": np.zeros(2**18, np.float32) for i in range(8)}
    tracemalloc.start()
    try:
        written = tensor_file(tensors, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(written) <= peak < 1.05 * len(written)
