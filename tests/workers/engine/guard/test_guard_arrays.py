"""The guard refuses what CuPy refuses, and what CuPy would do by waiting for the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine.guard.arrays import GuardArray, HostAccessError, MixedArraysError
from tests.workers.engine.guard.kernels import Transfers
from tests.workers.engine.guard.module import GuardModule

if TYPE_CHECKING:
    from collections.abc import Callable

xp = GuardModule()


def _there(*numbers: float) -> GuardArray:
    return Transfers().to_device(np.array(numbers))


READINGS: dict[str, Callable[[Any], object]] = {
    "float": float,
    "int": int,
    "bool": bool,
    "condition": lambda a: 1 if a else 0,
    "item": lambda a: a.item(),
    "tolist": lambda a: a.tolist(),
    "iteration": list,
    "membership": lambda a: 1.0 in a,
    "as an index": lambda a: [1, 2][a],
    "asarray": np.asarray,
    "array": np.array,
    "function of NumPy": np.exp,
    "reduction of NumPy": np.sum,
    "product of NumPy": lambda a: np.dot(a, a),
    "format": lambda a: f"{a:.3f}",
    "copy into the host": lambda a: np.copyto(np.zeros(1), a),
    "mask": lambda a: a[a > 0.0],
}
MIXTURES: dict[str, Callable[[Any, Any], object]] = {
    "sum": lambda a, h: a + h,
    "sum the other way": lambda a, h: h + a,
    "in place": lambda a, h: a.__iadd__(h),
    "into the host": lambda a, h: xp.add(a, a, out=h),
    "ufunc": xp.add,
    "dot": xp.dot,
    "copy": xp.copyto,
    "assignment": lambda a, h: a.__setitem__(0, h),
    "index": lambda a, h: a[h.astype(np.intp)],
    "indices": lambda a, h: xp.take(a, h.astype(np.intp)),
    "number as an array": lambda a, h: xp.multiply(a, h[0, ...]),
}


@pytest.mark.parametrize("reading", READINGS)
def test_no_number_is_read_in_passing(reading: str) -> None:
    with pytest.raises((HostAccessError, TypeError)):
        READINGS[reading](_there(1.0))


@pytest.mark.parametrize("mixture", MIXTURES)
def test_arrays_of_host_and_device_do_not_meet(mixture: str) -> None:
    with pytest.raises((MixedArraysError, HostAccessError, TypeError)):
        MIXTURES[mixture](_there(1.0, 2.0), np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    "name", ["newaxis", "errstate", "vecdot", "add_at", "__array_interface__", "__wrapped__"]
)
def test_what_cupy_does_not_have_is_not_there(name: str) -> None:
    assert not hasattr(xp, name)
    assert not hasattr(_there(1.0), "__array_interface__")


def test_parameters_that_only_numpy_has_are_refused() -> None:
    a = _there(1.0, 2.0)
    with pytest.raises(TypeError):
        xp.take(a, xp.arange(2), axis=0, mode="clip")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        xp.add(a, a, where=a > 1.0)
    with pytest.raises(NotImplementedError):
        xp.maximum.reduce(a)
    with pytest.raises(ValueError, match="contiguous"):
        xp.dot(xp.ones((2, 2)), xp.ones((2, 2)), out=xp.empty((2, 4))[:, ::2])


def test_views_are_written_through() -> None:
    transfers = Transfers()
    a = transfers.to_device(np.zeros((2, 3)))
    a[0][...] = 1.0
    a[1, 2] = 5.0
    row = a[1, :2]
    xp.add(row, 2.0, out=row)
    np.testing.assert_array_equal(transfers.to_host(a), [[1.0, 1.0, 1.0], [2.0, 2.0, 5.0]])


def test_memory_that_nobody_wrote_is_not_0() -> None:
    assert np.isnan(Transfers().to_host(xp.empty(4))).all()


def test_copies_are_copies_and_counted() -> None:
    transfers, numbers = Transfers(), np.zeros(2)
    a = transfers.to_device(numbers)
    numbers[0] = 1.0
    copy = transfers.to_host(a)
    copy[1] = 1.0
    np.testing.assert_array_equal(transfers.to_host(a), [0.0, 0.0])
    assert (transfers.to_device_count, transfers.to_host_count) == (1, 2)
