"""The module of guard arrays: what the engine may call of CuPy, and with CuPy's parameters only.

The list was taken by hand from CuPy 14.2 (its installed functions and their signatures), so a
function or parameter that only NumPy has fails here as it would on a GPU: `take` has no `mode`,
`ufunc.reduce` is there for add and multiply alone, `newaxis` and `errstate` do not exist.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from tests.workers.engine.guard.arrays import GuardArray, HostAccessError, host_of, wrapped

UFUNCS = (
    *("abs", "absolute", "add", "bitwise_and", "bitwise_or", "bitwise_xor", "copysign", "cos"),
    *(
        "divide",
        "equal",
        "exp",
        "expm1",
        "fabs",
        "floor_divide",
        "greater",
        "greater_equal",
        "invert",
    ),
    *("isfinite", "isnan", "left_shift", "less", "less_equal", "log", "log1p", "logical_and"),
    *("logical_not", "logical_or", "maximum", "minimum", "multiply", "negative", "not_equal"),
    *("power", "reciprocal", "remainder", "right_shift", "sign", "sqrt", "square", "subtract"),
    *("sin", "tanh", "true_divide"),
)
DTYPES = ("bool_", "float32", "float64", "int32", "int64", "intp", "uint32", "uint64")
_POISON = 0x7E


class GuardUfunc:
    """A ufunc of CuPy: without NumPy's `where`, and with two reductions only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._compute = getattr(np, name)

    def __call__(
        self, *operands: Any, out: Any = None, casting: Any = "same_kind", dtype: Any = None
    ) -> Any:
        """Computes as NumPy does; the operands are arrays of the device, or plain numbers."""
        hosts = [host_of(operand) for operand in operands]
        with np.errstate(all="ignore"):
            if out is None:
                return wrapped(self._compute(*hosts, casting=casting, dtype=dtype))
            self._compute(*hosts, out=_target(out), casting=casting, dtype=dtype)
        return out

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """`cupy.ufunc.reduce` raises NotImplementedError for every other function."""
        if self._name not in ("add", "multiply"):
            raise NotImplementedError(f"cupy_{self._name}.reduce is not supported yet")
        target = None if out is None else _target(out)
        found = self._compute.reduce(host_of(array), axis, dtype, target, keepdims)
        return wrapped(found) if out is None else out

    def at(self, *_args: Any) -> NoReturn:
        """There in CuPy, by atomics that add in any order: no two runs would agree."""
        raise NotImplementedError("sums by atomics are not reproducible")


class GuardModule:
    """Stands where `cupy` would; asking it for anything else is an AttributeError."""

    def __init__(self) -> None:
        for name in UFUNCS:
            setattr(self, name, GuardUfunc(name))
        for name in DTYPES:
            setattr(self, name, getattr(np, name))

    # Without this, a name that Python or NumPy looks for in passing would read as a mistake here.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"not among what was checked to be in CuPy: {name}")

    def empty(self, shape: Any, dtype: Any = float, order: str = "C") -> GuardArray:
        """Poisoned, so that nobody lives on memory that happens to be 0."""
        numbers = np.empty(shape, dtype, order)  # type: ignore[call-overload]
        numbers.fill(np.nan if numbers.dtype.kind == "f" else _POISON)
        return wrapped(numbers)

    def empty_like(self, prototype: Any, dtype: Any = None) -> GuardArray:
        return self.empty(prototype.shape, dtype or prototype.dtype)

    def zeros(self, shape: Any, dtype: Any = float, order: str = "C") -> GuardArray:
        return wrapped(np.zeros(shape, dtype, order))  # type: ignore[call-overload]

    def zeros_like(self, a: Any, dtype: Any = None) -> GuardArray:
        return wrapped(np.zeros_like(host_of(a), dtype))

    def ones(self, shape: Any, dtype: Any = float, order: str = "C") -> GuardArray:
        return wrapped(np.ones(shape, dtype, order))  # type: ignore[call-overload]

    def full(self, shape: Any, fill_value: Any, dtype: Any = None) -> GuardArray:
        return wrapped(np.full(shape, host_of(fill_value), dtype))

    def arange(self, start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> GuardArray:
        begin, end = (0, start) if stop is None else (start, stop)
        return wrapped(np.arange(begin, end, step, dtype=dtype))

    def asarray(self, a: Any, dtype: Any = None) -> GuardArray:
        """Takes arrays of the host, too: a copy to the device that one sees in the code."""
        if isinstance(a, GuardArray):
            return a if dtype is None or a.dtype == dtype else a.astype(dtype)
        return wrapped(np.array(a, dtype))

    array = asarray

    def ascontiguousarray(self, a: Any, dtype: Any = None) -> GuardArray:
        return wrapped(np.ascontiguousarray(host_of(a), dtype))

    def copyto(self, dst: Any, src: Any, casting: Any = "same_kind", where: Any = None) -> None:
        mask = True if where is None else host_of(where)
        np.copyto(_target(dst), host_of(src), casting, mask)

    def dot(self, a: Any, b: Any, out: Any = None) -> Any:
        left, right = host_of(a), host_of(b)
        if out is None:
            return wrapped(np.dot(left, right))
        if out.dtype != np.result_type(left.dtype, right.dtype):
            raise ValueError("Not supported dtype combination.")
        if not out.flags.c_contiguous:
            raise ValueError("Output array must be C-contiguous")
        np.dot(left, right, out=_target(out))
        return out

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        if out is None:
            return wrapped(np.matmul(host_of(a), host_of(b)))
        np.matmul(host_of(a), host_of(b), out=_target(out))
        return out

    def take(self, a: Any, indices: Any, axis: Any = None, out: Any = None) -> Any:
        if not isinstance(indices, GuardArray | int | np.integer):
            raise HostAccessError("the indices are not on the device")
        target = None if out is None else _target(out)
        found = np.take(host_of(a), host_of(indices), axis, target)
        return wrapped(found) if out is None else out

    def sum(
        self, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.sum(host_of(a), axis, dtype, target, keepdims=keepdims))

    def max(self, a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.max(host_of(a), axis, target, keepdims=keepdims))

    def min(self, a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.min(host_of(a), axis, target, keepdims=keepdims))

    def mean(
        self, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.mean(host_of(a), axis, dtype, target, keepdims=keepdims))

    def any(self, a: Any, axis: Any = None, out: Any = None) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.any(host_of(a), axis, target))

    def all(self, a: Any, axis: Any = None, out: Any = None) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.all(host_of(a), axis, target))

    def where(self, condition: Any, x: Any, y: Any) -> GuardArray:
        return wrapped(np.where(host_of(condition), host_of(x), host_of(y)))

    def clip(self, a: Any, a_min: Any, a_max: Any, out: Any = None) -> GuardArray:
        low, high = (None if bound is None else host_of(bound) for bound in (a_min, a_max))
        target = None if out is None else _target(out)
        return wrapped(np.clip(host_of(a), low, high, out=target))

    def concatenate(self, arrays: Any, axis: int = 0, out: Any = None) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.concatenate([host_of(array) for array in arrays], axis, target))

    def stack(self, arrays: Any, axis: int = 0, out: Any = None) -> GuardArray:
        target = None if out is None else _target(out)
        return wrapped(np.stack([host_of(array) for array in arrays], axis, target))

    def swapaxes(self, a: Any, axis1: int, axis2: int) -> Any:
        return a.swapaxes(axis1, axis2)

    def broadcast_to(self, array: Any, shape: Any) -> GuardArray:
        return wrapped(np.broadcast_to(host_of(array), shape))


def _target(out: Any) -> Any:
    if not isinstance(out, GuardArray):
        raise TypeError("return arrays must be arrays of the device")
    return host_of(out)
