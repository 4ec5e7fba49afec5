"""The fingerprint says what the bits of a run depend on."""

from __future__ import annotations

import json

import numpy as np

from workers.engine.fingerprint import numerics_fingerprint


def test_the_fingerprint_is_plain_data_and_the_same_when_asked_again() -> None:
    found = numerics_fingerprint(np.float32)
    assert json.loads(json.dumps(found)) == found == numerics_fingerprint(np.float32)


def test_it_names_library_kernel_threads_and_precision() -> None:
    found = numerics_fingerprint(np.float64)
    assert found["numpy"] == np.__version__
    assert found["dtype"] == "float64"
    assert found["simd"]
    (blas,) = found["blas"]
    assert blas["kernel"]
    assert blas["threads"] >= 1
    assert found != numerics_fingerprint(np.float32)
